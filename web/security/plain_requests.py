"""Requests that mean one thing only. What two readers could take differently (where a body ends, which host or page it is
from) is refused: a proxy before the console, or a layer within, could be the other reader (request smuggling)."""

from __future__ import annotations

from collections import Counter
from urllib.parse import unquote, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from web.security.refusal import refuse

ONCE = frozenset(
    {
        b"host", b"origin", b"authorization", b"content-type", b"content-length", b"content-encoding", b"transfer-encoding",
        b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest", b"x-forwarded-proto",
    }
)  # fmt: skip
"""Headers that say what a request is. Any of them twice, and it is not known."""


class PlainRequests:
    """Refuses doubtful requests, and closes their connection: what follows on it may not be what it seems.

    An address in full (`GET http://host/path`, RFC 9112, 3.2.2) becomes its path. A proxy that speaks TLS says so in
    X-Forwarded-Proto: it only makes the console's own addresses https and its cookie one that is never sent without TLS,
    so that it harms nobody but whoever lies.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        why = _doubt(scope)
        if why:
            await refuse(scope, receive, send, 400, "Doubtful request", why, headers={"Connection": "close"})
            return
        await self._app(_plain(scope), receive, send)


def _doubt(scope: Scope) -> str:
    """Why nobody can be sure of what the request says; "" when all is clear."""
    names = Counter(name for name, _ in scope["headers"])
    twice = next((name for name in ONCE if names[name] > 1), None)
    if twice is not None:
        return f"The header {twice.decode()} came twice."
    if names[b"content-length"] and names[b"transfer-encoding"]:
        # RFC 9112, 6.1: an attempt at request smuggling.
        return "It has both Content-Length and Transfer-Encoding."
    path: str = scope["path"]
    if path.startswith("/") or (path == "*" and scope.get("method") == "OPTIONS"):
        return ""
    parts = urlsplit(scope.get("raw_path", b"").decode("latin-1"))
    host = Headers(scope=scope).get("host", "")
    if parts.scheme.lower() not in ("http", "https") or parts.netloc.lower() != host.lower():
        return "Its address is neither a path of this host nor an address in full with that host."
    return ""


def _plain(scope: Scope) -> Scope:
    changes: dict[str, str | bytes] = {}
    if Headers(scope=scope).get("x-forwarded-proto", "").strip().lower() == "https":
        changes["scheme"] = "https"
    if not scope["path"].startswith(("/", "*")):
        path = urlsplit(scope["raw_path"].decode("latin-1")).path or "/"
        changes |= {"path": unquote(path), "raw_path": path.encode("latin-1")}
    return {**scope, **changes} if changes else scope
