"""Names of topics, groups and clusters as one part of an address, whatever characters they have.

A name is written with letters, digits, `_`, `-` and `.` as they are and every other byte of its UTF-8 as `~XX`. So a
slash stays within its part, no browser takes `..` for a folder, and a topic called `orders.json` (`orders~2Ejson`) is not
taken for the JSON of `orders`. (After Datasette's tilde encoding.)
"""

from __future__ import annotations

import re

from starlette.convertors import Convertor, register_url_convertor

SUFFIXES = ("json", "csv")
"""What an address may end with to get something else than the page."""

_PLAIN = re.compile(rb"[A-Za-z0-9_.-]")
_ESCAPE = re.compile(rb"~([0-9A-Fa-f]{2})")
_ENDING = re.compile(r"\.(?=(?:" + "|".join(SUFFIXES) + r")\Z)")


def part_of(name: str) -> str:
    """`name` as one part of an address."""
    data = name.encode("utf-8", "surrogatepass")
    text = "".join(chr(byte) if _PLAIN.match(bytes((byte,))) else f"~{byte:02X}" for byte in data)
    if not text.strip("."):
        return "".join(f"~{byte:02X}" for byte in data)
    return _ENDING.sub("~2E", text)


def name_of(part: str) -> str:
    """The name that a part of an address stands for. What is no escape stays as it is."""
    data = part.encode("utf-8", "surrogatepass")
    return _ESCAPE.sub(lambda match: bytes((int(match[1], 16),)), data).decode("utf-8", "replace")


class _Part(Convertor[str]):
    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return name_of(value)

    def to_string(self, value: str) -> str:
        return part_of(value)


register_url_convertor("part", _Part())
