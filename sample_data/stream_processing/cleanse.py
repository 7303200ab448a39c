"""The processing step between the two topics: from an article as it came in to one that readers can be shown."""

from __future__ import annotations

import html
import re
from typing import Any

_TAG = re.compile(r"<[^>]*>")
_BLANKS = re.compile(r"\s+")


def cleanse(article: dict[str, Any]) -> dict[str, Any] | None:
    """The article without markup and superfluous blanks, with its language and topics in one spelling; None for spam and
    for articles without text."""
    title, body = _text(article["title"]), _text(article["body"])
    if not body or "buy now" in body.lower():
        return None
    return {
        "id": article["id"],
        "title": title,
        "body": body,
        "language": str(article["language"]).strip().lower()[:2],
        "topics": sorted({str(topic).strip().lower() for topic in article["topics"]}),
        "words": len(body.split()),
    }


def _text(markup: str) -> str:
    return _BLANKS.sub(" ", html.unescape(_TAG.sub(" ", markup))).strip()
