"""Writes `index.py`: where every message is written down, and what there is to know of the API keys without reading it.

`python -m engine.protocol.stubs` (`./dev stubs`) runs it with the type stubs; a test holds that the index agrees.
"""

import os

from engine.protocol.schema import MessageSchema, message_texts, parse_message_head, schema_files, texts_in

INDEX_PATH = os.path.join(os.path.dirname(__file__), "index.py")

_HEAD = '''\
"""What the files in `schemas/` hold, so that a start reads only those it needs. Written by `./dev stubs`."""

# fmt: off
'''
_ROWS_HEAD = """
API_ROWS: dict[int, tuple[int, int, bool, tuple[str, ...], int | None, str, str]] = {
    # lowest and highest stable version, whether a newer one is unstable, listeners, first flexible version, messages
"""


def index_text() -> str:
    """The index as it should be."""
    files = [f'    "{name}": "{stem}",' for stem in schema_files() for name in texts_in(stem)]
    rows = [f"    {key}: {_row(*pair)}," for key, pair in sorted(_pairs().items())]
    parts = [_HEAD, "MESSAGE_FILES: dict[str, str] = {\n", *(f"{line}\n" for line in files), "}\n"]
    return "".join([*parts, _ROWS_HEAD, *(f"{line}\n" for line in rows), "}\n"])


def write_index() -> None:
    with open(INDEX_PATH, "w", encoding="ascii") as file:
        file.write(index_text())


def _pairs() -> dict[int, tuple[MessageSchema, MessageSchema]]:
    """Request and response of every API key."""
    requests: dict[int, MessageSchema] = {}
    responses: dict[int, MessageSchema] = {}
    for text in message_texts().values():
        head = parse_message_head(text.partition("\n")[0])
        assert head is not None
        if head.kind in ("request", "response"):
            assert head.key is not None
            (requests if head.kind == "request" else responses)[head.key] = head
    return {key: (request, responses[key]) for key, request in requests.items()}


def _row(request: MessageSchema, response: MessageSchema) -> tuple[object, ...]:
    return (
        request.versions.lowest,
        request.versions.highest - request.latest_unstable,
        request.latest_unstable,
        request.listeners,
        request.flexible_from,
        request.name,
        response.name,
    )
