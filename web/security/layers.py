"""All layers around the application, the outermost last."""

from __future__ import annotations

import time
from collections.abc import Iterable

from starlette.types import ASGIApp

from web.security.access import Access, Tickets
from web.security.bounds import Bounds, Rates
from web.security.headers import SecurityHeaders
from web.security.origin import Hosts, Origins, allowed_names
from web.security.plain_requests import PlainRequests


def guarded(
    app: ASGIApp,
    *,
    token: str | None,
    host: str,
    allowed_hosts: Iterable[str],
    stylesheet: str,
    tickets: Tickets | None = None,
) -> ASGIApp:
    """`app`, for those who have the `token` (None: anybody) or one of the `tickets`, under names of `host` and
    `allowed_hosts` only."""
    names, any_address = allowed_names(host, allowed_hosts)
    app = Bounds(app)
    app = Origins(app)
    app = Access(app, token, stylesheet, tickets)
    app = Rates(app, time.monotonic)
    app = Hosts(app, names, any_address=any_address)
    app = PlainRequests(app)
    return SecurityHeaders(app)
