"""A visitor for the tests of the console: asks an ASGI application directly, with no sockets, and reads the answer."""

import asyncio
import json
from dataclasses import dataclass, field
from urllib.parse import urlencode


@dataclass
class Answer:
    status: int = 0
    headers: list = field(default_factory=list)
    body: bytes = b""

    def header(self, name):
        found = [value.decode() for key, value in self.headers if key.decode().lower() == name.lower()]
        return found[0] if found else None

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class Visitor:
    """Asks `app`. `headers` go with every request; unless it says otherwise it is a browser's own navigation."""

    def __init__(self, app, *, host="127.0.0.1:8080", headers=None):
        self.app = app
        self.host = host
        self.client = "127.0.0.1"
        """Where it comes from."""
        self.headers = {"accept": "text/html", **(headers or {})}

    async def ask(self, method, path, *, headers=None, body=b"", chunks=None, host=None):
        raw_path, _, query = path.partition("?")
        from urllib.parse import unquote

        sent = {"host": host or self.host, **self.headers, **(headers or {})}
        pairs = [(name.lower().encode(), value.encode()) for name, value in sent.items() if value is not None]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(raw_path),
            "raw_path": raw_path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": pairs,
            "client": (self.client, 50_000),
            "server": ("127.0.0.1", 8080),
        }
        pieces = list(chunks) if chunks is not None else [body]
        answer = Answer()
        gone = asyncio.Event()

        async def receive():
            if pieces:
                piece = pieces.pop(0)
                return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message["headers"])
            else:
                answer.body += message.get("body", b"")

        await asyncio.wait_for(self.app(scope, receive, send), 20)
        return answer

    async def get(self, path, **options):
        return await self.ask("GET", path, **options)

    async def post(self, path, form=None, *, data=None, headers=None, **options):
        """A form, or with `data` JSON, as the console's own page sends it unless `headers` say otherwise."""
        own = {"origin": f"http://{self.host}", "sec-fetch-site": "same-origin"}
        if data is not None:
            body, kind = json.dumps(data).encode(), "application/json"
        else:
            body, kind = urlencode(form or {}).encode(), "application/x-www-form-urlencoded"
        return await self.ask(
            "POST", path, headers={**own, "content-type": kind, **(headers or {})}, body=body, **options
        )
