"""Where requests come from: under which name of this host (DNS rebinding), and from which page (CSRF)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from web.security.access import AUTHENTICATED, is_loopback
from web.security.refusal import refuse

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def host_name(header: str) -> str | None:
    """The name in a Host header, in lower case and without port; None when it is no host."""
    if not header or any(character in header for character in "/\\@?# \t"):
        return None
    try:
        parts = urlsplit(f"//{header}")
        _ = parts.port
        return parts.hostname
    except ValueError:
        return None


class Hosts:
    """Lets only requests in that were made to a name that is ours. A page that has its own name lead to this machine's
    loopback address (DNS rebinding) sends that name."""

    def __init__(self, app: ASGIApp, names: Iterable[str], *, any_address: bool = False) -> None:
        """`any_address`: addresses are allowed too, names only as listed. A name is what rebinding needs."""
        self._app = app
        self.names = frozenset(name.lower().strip("[]") for name in names)
        self._any_address = any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            header = Headers(scope=scope).getlist("host")
            name = host_name(header[0]) if len(header) == 1 else None
            if name is None or not self._allows(name):
                text = "This console does not answer to that name. Allow it with --allowed-host NAME."
                await refuse(scope, receive, send, 421, "Unknown host", text)
                return
        await self._app(scope, receive, send)

    def _allows(self, name: str) -> bool:
        if name in self.names:
            return True
        if not self._any_address:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def allowed_names(host: str, more: Iterable[str]) -> tuple[list[str], bool]:
    """What a console that listens on `host` answers to, and whether any address will do."""
    names = [*more]
    if is_loopback(host) or host in ("0.0.0.0", "::", ""):
        names += LOOPBACK_NAMES
    if host not in ("0.0.0.0", "::", ""):
        names.append(host)
    return names, not is_loopback(host)


class Origins:
    """Refuses what other pages have browsers send: every change, and everything they could read or embed.

    Browsers say where a request comes from in Sec-Fetch-Site and, whenever it changes something, in Origin. Other ports
    of localhost are the same *site* but not the same *origin*, so cookies alone would not keep them out. With a cookie, a
    change that says neither is refused; programs without a cookie need say nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await refuse(scope, receive, send, 403, "Refused", "There are no WebSockets here.")
            return
        why = self._why_not(scope)
        if why:
            await refuse(scope, receive, send, 403, "Refused", why)
            return
        await self._app(scope, receive, send)

    def _why_not(self, scope: Scope) -> str:
        headers = Headers(scope=scope)
        site = headers.get("sec-fetch-site")
        if scope["method"] in SAFE_METHODS:
            embedded = site in ("cross-site", "same-site") and headers.get("sec-fetch-mode") != "navigate"
            framed = headers.get("sec-fetch-dest") in ("iframe", "frame", "object", "embed")
            return "Other pages cannot read or embed the console." if embedded or framed else ""
        origin = headers.get("origin")
        if origin == "null" and site == "same-origin":
            # What Chromium sends with a form from a page whose referrer policy is no-referrer, as ours is. No page can
            # write Sec-Fetch-Site itself.
            origin = None
        if origin is not None and not _is_own(origin, scope, headers):
            return "That came from another page; only the console's own pages change things."
        if site is not None and site != "same-origin":
            return "That came from another page; only the console's own pages change things."
        if origin is None and site is None and scope.get(AUTHENTICATED) == "cookie":
            return "The browser does not say which page that came from."
        return ""


def _is_own(origin: str, scope: Scope, headers: Headers) -> bool:
    """Whether that page is of this host. Where TLS is spoken, a page without it may be anybody's on the way; a proxy that
    speaks TLS and does not say so (X-Forwarded-Proto) leaves it open which it is."""
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    is_secure_enough = page.scheme == "https" or (page.scheme == "http" and scope["scheme"] == "http")
    return is_secure_enough and page.netloc.lower() == headers.get("host", "").lower()
