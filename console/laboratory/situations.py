"""Situations as people hand them on: an address, the text in it, or JSON."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit


def situation_of(text: str) -> dict[str, Any]:
    """What to ask the room to `open` for a text that somebody sent; {} for none, which is a new world. What is wrong
    with the situation itself the room says."""
    text = text.strip()
    if not text:
        return {}
    if text.startswith("{"):
        return {"json": text}
    query = parse_qs(urlsplit(text).query)
    if "s" in query:
        return {"text": query["s"][0]}
    if "lesson" in query:
        return {"lesson": query["lesson"][0], "variant": query.get("variant", ["0"])[0] == "1"}
    return {"text": text}
