"""Who may come in: whoever knows the token.

The address that is printed has it (`?token=`). The first visit exchanges it for a cookie that no script can read and no
other site can send, and goes on to the address without it. Programs send `Authorization: Bearer TOKEN`.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import ipaddress
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from console.errors import OperatorError
from web.security.refusal import refuse

OPEN_PATHS = frozenset({"/healthz", "/favicon.ico"})
"""Tell nothing, and are for whoever asks. So are static files."""

AUTHENTICATED = "stoker.authenticated"
"""In the scope: how the caller showed who it is: "cookie", "bearer", "none" (nothing is asked for)."""


def new_token() -> str:
    """256 bits that nobody guesses."""
    return secrets.token_urlsafe(32)


TICKETS_MAX = 16
TICKET_S = 120.0


class Tickets:
    """Tokens for one visit each, soon. The address that a browser is started with is for everybody on this machine to see
    (`ps`): by the time somebody reads it, the browser has been there."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock()`: monotonic seconds."""
        self._clock = clock
        self._until: OrderedDict[bytes, float] = OrderedDict()
        """By the ticket's hash: looking for one takes as long as looking for another."""

    def issue(self) -> str:
        """A new one; the oldest goes when there are too many."""
        ticket = new_token()
        self._until[_hash(ticket)] = self._clock() + TICKET_S
        while len(self._until) > TICKETS_MAX:
            self._until.popitem(last=False)
        return ticket

    def take(self, text: str) -> bool:
        """Whether it is one; it is none from then on."""
        until = self._until.pop(_hash(text), None)
        return until is not None and self._clock() <= until


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def is_loopback(host: str) -> bool:
    """Whether what listens there is reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_auth(auth: str, host: str) -> None:
    """Raises OperatorError for `--auth none` where others could reach the console."""
    if auth == "none" and not is_loopback(host):
        raise OperatorError.words(
            f"--auth none with --host {host} would let anybody on the network operate the cluster",
            "Leave --auth out: whoever has the printed address gets in.",
        )


class Access:
    """The layer that asks for the token; None asks for nothing. One of the `tickets` in the address does as well."""

    def __init__(self, app: ASGIApp, token: str | None, stylesheet: str = "", tickets: Tickets | None = None) -> None:
        self._app = app
        self._tickets = tickets or Tickets()
        self._token = None if token is None else token.encode()
        self._stylesheet = stylesheet
        if token is not None:
            # Cookies are not kept apart by port: two consoles on one host need two names. The cookie is no token.
            self.cookie_name = "stoker-" + hashlib.sha256(b"name" + token.encode()).hexdigest()[:10]
            self._cookie = hmac.new(token.encode(), b"cookie", "sha256").hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if self._token is None:
            scope[AUTHENTICATED] = "none"
        elif path in OPEN_PATHS or path.startswith("/static/"):
            scope[AUTHENTICATED] = ""
        else:
            headers = Headers(scope=scope)
            if self._has_cookie(headers):
                scope[AUTHENTICATED] = "cookie"
            elif self._has_bearer(headers):
                scope[AUTHENTICATED] = "bearer"
            else:
                await self._ask(scope, receive, send)
                return
            if b"token=" in scope["query_string"] and scope["method"] in ("GET", "HEAD"):
                # Already in, with an address that still has the token: take it out of sight all the same.
                token, rest = _split_token(scope)
                if token is not None:
                    await RedirectResponse(rest, 303)(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    def _has_cookie(self, headers: Headers) -> bool:
        # As browsers write them, whatever else is there: all programs at this host's other ports set cookies of it, some
        # of which make the standard library's parser give up before it comes to ours.
        for line in headers.getlist("cookie"):
            for pair in line.split(";"):
                name, _, value = pair.partition("=")
                if name.strip() == self.cookie_name and hmac.compare_digest(
                    value.strip().encode(), self._cookie.encode()
                ):
                    return True
        return False

    def _has_bearer(self, headers: Headers) -> bool:
        scheme, _, value = headers.get("authorization", "").partition(" ")
        assert self._token is not None
        return scheme.lower() == "bearer" and hmac.compare_digest(value.strip().encode(), self._token)

    async def _ask(self, scope: Scope, receive: Receive, send: Send) -> None:
        token, rest = _split_token(scope) if scope["type"] == "http" and scope["method"] == "GET" else (None, "/")
        if token is not None and self._lets_in(token):
            await self._welcome(scope, rest)(scope, receive, send)
            return
        title = "This console needs its token" if token is None else "That is not the token"
        text = "Open the address that `stoker up` or `stoker web` printed when it started, or give its token here."
        await refuse(
            scope,
            receive,
            send,
            401,
            title,
            text,
            stylesheet=self._stylesheet,
            ask_for_token=True,
            headers={"WWW-Authenticate": "Bearer"},
        )

    def _lets_in(self, text: str) -> bool:
        assert self._token is not None
        return hmac.compare_digest(text.encode(), self._token) or self._tickets.take(text)

    def _welcome(self, scope: Scope, rest: str) -> Response:
        response: Response
        if Headers(scope=scope).get("sec-fetch-site") in ("cross-site", "same-site"):
            # Browsers do not send a strict cookie along a redirect that began on another site, but from our own page.
            address = html.escape(rest, quote=True)
            response = HTMLResponse(
                f'<!doctype html><title>Stoker</title><meta http-equiv="refresh" content="0;url={address}">'
                f'<a href="{address}">On to the console</a>'
            )
        else:
            response = RedirectResponse(rest, 303)
        response.set_cookie(
            self.cookie_name,
            self._cookie,
            httponly=True,
            samesite="strict",
            secure=scope["scheme"] == "https",
            path="/",
        )
        response.headers["Cache-Control"] = "no-store"
        return response


def _split_token(scope: Scope) -> tuple[str | None, str]:
    """The token in the address, and the address without it, as a path of this host."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    token = next((value for name, value in pairs if name == "token"), None)
    rest = urlencode([(name, value) for name, value in pairs if name != "token"])
    # A path of two slashes would lead to another host.
    path = "/" + scope.get("raw_path", b"/").decode("latin-1").partition("?")[0].lstrip("/").replace("\\", "%5C")
    return token, path + (f"?{rest}" if rest else "")
