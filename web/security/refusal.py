"""How a layer says no: a small page to a browser, JSON to a program."""

from __future__ import annotations

import html

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title} - Stoker</title>
<meta name="viewport" content="width=device-width, initial-scale=1">{head}</head>
<body class="refusal"><main><h1>{title}</h1><p>{text}</p>{form}</main></body></html>"""

_TOKEN_FORM = """<form method="get" action="/"><label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="off" required autofocus>
<button type="submit" class="primary">Open</button></form>"""


def wants_page(scope: Scope) -> bool:
    return "text/html" in Headers(scope=scope).get("accept", "")


async def refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    title: str,
    text: str,
    *,
    stylesheet: str = "",
    ask_for_token: bool = False,
    headers: dict[str, str] | None = None,
) -> None:
    """Answers with `status`. A WebSocket is closed: the console has none."""
    if scope["type"] != "http":
        await send({"type": "websocket.close", "code": 1008})
        return
    response: Response
    if wants_page(scope):
        head = f'<link rel="stylesheet" href="{html.escape(stylesheet)}">' if stylesheet else ""
        body = _PAGE.format(
            title=html.escape(title), text=html.escape(text), head=head, form=_TOKEN_FORM if ask_for_token else ""
        )
        response = HTMLResponse(body, status, headers)
    else:
        response = JSONResponse({"error_code": status, "message": f"{title}: {text}"}, status, headers)
    response.headers["Cache-Control"] = "no-store"
    await response(scope, receive, send)
