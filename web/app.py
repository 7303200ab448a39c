"""The console as an ASGI application: pages, API, live streams and static files behind the layers that keep others out."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from console.errors import OperatorError
from web import api
from web.assets import Assets
from web.changes import Pending
from web.clusters import Clusters
from web.failures import http_error, operator_error, unforeseen
from web.history import Past
from web.live.broadcast import Live, live
from web.navigation import navigation
from web.page import page_routes
from web.pages import PAGES
from web.pages.context_changes import ContextChanges
from web.security.access import Tickets
from web.security.layers import guarded


class Console(Starlette):
    """The application. `state.clusters`, `state.live` and `state.assets` are what pages share; `state.tickets` lets who
    starts a browser in."""

    def __init__(self, routes: list[BaseRoute], clusters: Clusters, assets: Assets, guard: dict[str, object]) -> None:
        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            try:
                yield
            finally:
                self.state.live.close()
                if self.state.laboratory is not None:
                    await self.state.laboratory.close()
                await api.close()
                await clusters.close()

        self._guard = guard
        super().__init__(
            routes=routes,
            lifespan=lifespan,
            exception_handlers={
                OperatorError: operator_error,  # type: ignore[dict-item]
                HTTPException: http_error,  # type: ignore[dict-item]
                Exception: unforeseen,
            },
        )
        self.state.clusters = clusters
        self.state.assets = assets
        self.state.live = Live()
        self.state.pending = Pending()
        self.state.past = Past()
        self.state.context_changes = ContextChanges()
        self.state.laboratory = None

    def build_middleware_stack(self) -> ASGIApp:
        # Around Starlette's own layers, so that errors are guarded, too.
        return guarded(super().build_middleware_stack(), **self._guard)  # type: ignore[arg-type]


def create_app(
    clusters: Clusters,
    *,
    token: str | None,
    host: str = "127.0.0.1",
    allowed_hosts: Iterable[str] = (),
) -> Console:
    """The console over `clusters`, which stay their owner's (those it opens itself are closed at the end).

    `token`: what lets one in; None lets everybody in (`--auth none`, see `security.access.check_auth`). `host` is where
    it will listen, and with `allowed_hosts` the names it answers to.
    """
    assets = Assets()
    tickets = Tickets()
    guard: dict[str, object] = {
        "token": token,
        "tickets": tickets,
        "host": host,
        "allowed_hosts": tuple(allowed_hosts),
        "stylesheet": assets.url("css/console.css"),
    }
    routes: list[BaseRoute] = [
        assets.route(),
        Route("/favicon.ico", favicon),
        Route("/live", live),
        Route("/clusters/{cluster:part}/live", live),
        *api.routes(),
        *page_routes(PAGES),
    ]
    app = Console(routes, clusters, assets, guard)
    app.state.navigation = navigation(PAGES)
    app.state.tickets = tickets
    return app


async def favicon(request: Request) -> Response:
    assets: Assets = request.app.state.assets
    return Response(status_code=308, headers={"Location": assets.url("icon.svg")})
