"""What the page asks of its world: `POST /lab/ask` with JSON, and `GET /lab/export` for what is taken along.

`{"ask": "do", "line": "kill 2"}` and every other question of `console.laboratory.room`; `play`, `pause`, `speed`,
`stops_at_bad` and `task` are the session's. The answer has `said`, `result`, or `error` with `hint` and status 422.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response

from console.errors import OperatorError
from console.laboratory.session import SPEEDS, Session
from web.ask import Ask
from web.page import PageRoute, json_response
from web.pages.laboratory.sessions import session_of

QUESTIONS = frozenset({"open", "fork", "advance", "step", "look", "do", "complete", "names", "predict", "situation"})


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
    if name == "play":
        session.play()
    elif name == "pause":
        await session.pause()
    elif name == "speed":
        speed = question.get("speed")
        if speed not in SPEEDS:
            raise OperatorError.words(f"there is no speed {speed!r:.20}")
        session.speed = speed
    elif name == "faster":
        session.faster(1 if question.get("by") == 1 else -1)
    elif name == "stops_at_bad":
        session.stops_at_bad = bool(question.get("on"))
    elif name == "task":
        await session.take_step(question.get("number", -1))
    elif name in QUESTIONS:
        if name in ("open", "fork", "step", "look"):
            await session.pause()
        return await session.ask(name, **question)
    else:
        raise OperatorError.words(f"there is no question {name!r:.40}")
    return None


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
