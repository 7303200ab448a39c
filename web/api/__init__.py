"""The HTTP API: Confluent's REST Proxy v3 (`v3/`), what it lacks (`/api`), `/metrics`, `/healthz`, `/openapi.json`.

    Starlette(routes=[*web.api.routes(), ...])        # with app.state.clusters, a `web.clusters.Clusters`
    await web.api.close()                             # at the end, before the clusters are closed

One table (`operations`) has every operation with what it takes and gives; `router` serves it, `reading` checks requests
against it, `openapi` describes it, so that the three cannot disagree. What lives here: the table's machinery, and a module
for each noun. What may not: HTML, and anything about a cluster that a terminal would want too (that is `console`'s). Who
may ask at all is `web.security`'s.
"""

from __future__ import annotations

from starlette.routing import BaseRoute


def routes() -> list[BaseRoute]:
    """The routes of all operations."""
    from web.api import rooms
    from web.api.router import ApiRoutes

    rooms.load()
    return [ApiRoutes()]


async def close() -> None:
    """Ends what runs in the background: queries under way, results that are kept."""
    from web.api.state import close_all

    await close_all()
