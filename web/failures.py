"""What goes wrong, as a page or as JSON: in words, with the way out, without a traceback."""

from __future__ import annotations

import logging
import traceback
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from console.errors import Blame, OperatorError
from console.output.text import safe
from engine.protocol.errors import ErrorCode
from web.ask import Ask

_log = logging.getLogger(__name__)

_STATUS = {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: 404,
    ErrorCode.GROUP_ID_NOT_FOUND: 404,
    ErrorCode.BROKER_ID_NOT_REGISTERED: 404,
    ErrorCode.TOPIC_AUTHORIZATION_FAILED: 403,
    ErrorCode.GROUP_AUTHORIZATION_FAILED: 403,
    ErrorCode.CLUSTER_AUTHORIZATION_FAILED: 403,
    ErrorCode.TOPIC_ALREADY_EXISTS: 409,
}

_HTTP_WORDS = {
    400: ("That address makes no sense", ""),
    404: ("There is no such page", "The overview, or the palette (Ctrl-K), leads to all there are."),
    405: ("That is not done this way", "The address exists, but not for this kind of request."),
    415: ("That kind of content is not taken here", ""),
}


def status_of(error: OperatorError) -> int:
    """The HTTP status that says the same as the error."""
    if error.blame is Blame.UNREACHABLE:
        return 503
    if error.blame is Blame.WORDS:
        return 400
    return _STATUS.get(error.code, 409) if error.code is not None else 409


async def operator_error(request: Request, error: OperatorError) -> Response:
    code = None if error.code is None else error.code.name
    return failure_response(request, status_of(error), error.title, error.detail, error.hint, code=code)


async def http_error(request: Request, error: HTTPException) -> Response:
    title, hint = _HTTP_WORDS.get(error.status_code, (str(error.detail), ""))
    detail = str(error.detail)
    if error.status_code == 404 and detail == "Not Found":
        detail = request.url.path
    return failure_response(
        request, error.status_code, title, "" if detail == title else detail, hint, headers=dict(error.headers or {})
    )


async def unforeseen(request: Request, error: Exception) -> Response:
    """Logged with its place; the address is not, it may have a secret."""
    place = traceback.extract_tb(error.__traceback__)[-1:]
    where = f"{place[0].filename}:{place[0].lineno}" if place else "?"
    # What a stranger wrote must not look like lines of the log.
    path, words = safe(request.scope["path"][:500]), safe(str(error)[:1_000])
    _log.error("page %s failed at %s: %s: %s", path, where, type(error).__name__, words)
    text = f"{type(error).__name__}: the console's log has more."
    return failure_response(request, 500, "Something went wrong in the console", text, "It is not your fault.")


def _section(ask: Ask) -> tuple[str, str] | None:
    """The list that the page belongs to, as title and address; None where the page is none of one."""
    first, _, rest = ask.path().removeprefix(ask.base).lstrip("/").partition("/")
    for entry in ask.request.app.state.navigation:
        if rest and entry.path == f"/{first}":
            return entry.title, (ask.base if entry.per_cluster else "") + entry.path
    return None


def wants_json(request: Request) -> bool:
    path = request.url.path
    if path.endswith(".json") or path.startswith(("/v3", "/api")):
        return True
    return "text/html" not in request.headers.get("accept", "text/html" if request.method == "GET" else "")


def failure_response(
    request: Request,
    status: int,
    title: str,
    detail: str = "",
    hint: str = "",
    *,
    code: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The error as a page within the console's frame, or as JSON."""
    if wants_json(request):
        body: dict[str, Any] = {"error_code": status, "message": f"{title}: {detail}" if detail else title}
        body |= {"kafka_error": code} if code else {}
        body |= {"hint": hint} if hint else {}
        return JSONResponse(body, status, headers={**(headers or {}), "Cache-Control": "no-store"})
    from web.page import Page, html_response

    ask = Ask(request)
    try:
        _ = ask.cluster
    except OperatorError:
        # The cluster in the address is the one that is not there: the frame shows the default one.
        request.scope["path_params"] = {}
        ask = Ask(request)
    if code is not None and detail and title.endswith(f": {code}"):
        # What it means is the headline; how Kafka calls it stands below.
        title, detail = title.removesuffix(code) + detail, ""
    title = title[:1].upper() + title[1:]
    view = {"detail": detail, "hint": hint, "code": code, "section": _section(ask)}
    answer = html_response(ask, Page(title, "pages/error.html", view=view, status=status, live=False))
    answer.headers.update(headers or {})
    return answer
