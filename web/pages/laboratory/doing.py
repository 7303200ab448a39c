"""What the page asks of its world: `POST /lab/ask` with JSON, and `GET /lab/export` for what is taken along.

`{"ask": "run", "line": "kill 2"}` does what may be typed, to the world or to time; `task` is the session's, and the
rest is a question of `console.laboratory.room`. The answer has `said`, `result`, or `error` with `hint` and status 422.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from console.errors import OperatorError
from console.laboratory.session import Session
from console.laboratory.situations import situation_of
from web.ask import Ask
from web.page import PageRoute, json_response
from web.pages.laboratory.sessions import session_of

QUESTIONS = frozenset({"open", "look", "do", "complete", "names", "predict", "situation"})


async def asked(ask: Ask) -> Response:
    """One question."""
    question = _question(await ask.request.body())
    session = await session_of(ask.request)
    session.said = ""
    try:
        result = await put(session, question)
    except OperatorError as error:
        return json_response({"error": error.title, "detail": error.detail, "hint": error.hint}, 422)
    return json_response({"said": session.said, "result": result})


def _question(body: bytes) -> dict[str, Any]:
    try:
        question = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        raise HTTPException(400, "Send a JSON object with `ask`.") from None
    return question


async def put(session: Session, question: dict[str, Any]) -> Any:
    """Asks the session or its room. Raises OperatorError."""
    name = question.pop("ask", None)
    if name == "run":
        return await session.run(str(question.get("line", "")))
    if name == "task":
        return await session.take_step(question.get("number", -1))
    if name not in QUESTIONS:
        raise OperatorError.words(f"there is no question {name!r:.40}")
    if name in ("open", "look"):
        await session.pause()
    if "situation" in question:
        question |= situation_of(str(question.pop("situation")))
    return await session.ask(name, **question)


async def export(ask: Ask) -> Response:
    """The timeline (`kind=json`, `html`), the situation, or a test (`pytest`) as a file."""
    session = await session_of(ask.request)
    found = await session.ask("export", kind=ask.get("kind", "situation"))
    headers = {
        "Content-Disposition": f'attachment; filename="{found["name"]}"',
        "Cache-Control": "no-store",
        # It is for the disk. Were it shown, it would be another page than ours.
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    }
    return Response(found["text"], 200, headers, f"{found['type']}; charset=utf-8")


PAGES = (
    PageRoute("/lab/ask", asked, methods=("POST",), suffixes=()),
    PageRoute("/lab/export", export, suffixes=()),
)
