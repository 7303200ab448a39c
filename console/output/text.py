"""Text for a terminal: how wide it is, what must not reach it raw, and numbers people can read."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_CONTROL = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def safe(text: str) -> str:
    """`text` with control characters and invisible direction marks written out, so that no record can move the cursor,
    recolour the screen or pretend to be another; bytes that are no UTF-8 (PEP 383) as \\xff."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(_written_out, text)


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return _NAMED.get(match[0]) or f"\\x{code:02x}"


def width(text: str) -> int:
    """Columns that `text` takes on a terminal: two for wide East Asian characters, none for combining ones."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def fit(text: str, columns: int) -> str:
    """`text` cut to `columns`, with "…" for what was cut."""
    if width(text) <= columns:
        return text
    if columns <= 1:
        return "…"[:columns]
    taken = ""
    used = 0
    for character in text:
        step = width(character)
        if used + step > columns - 1:
            break
        taken += character
        used += step
    return taken + "…"


def count(number: int | None) -> str:
    """1234567 as "1,234,567"; "-" for None."""
    return "-" if number is None else f"{number:,}"


def size(number_of_bytes: int | None) -> str:
    """Bytes in the largest fitting unit of 1024: "0 B", "532 KiB", "1.4 GiB"; "-" for None."""
    if number_of_bytes is None:
        return "-"
    value = float(number_of_bytes)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.0f} {unit}" if value >= 100 or unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError


def duration(milliseconds: int | None) -> str:
    """ "340 ms", "12 s", "4m 10s", "2h 5m", "3d 4h"; "-" for None."""
    if milliseconds is None:
        return "-"
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    seconds = milliseconds // 1000
    if seconds < 60:
        return f"{seconds} s"
    for unit, name, below, below_name in ((86_400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if seconds >= unit:
            rest = seconds % unit // below
            return f"{seconds // unit}{name} {rest}{below_name}" if rest else f"{seconds // unit}{name}"
    raise AssertionError


def moment(milliseconds: int | None) -> str:
    """A timestamp in local time with milliseconds; "-" for none."""
    if milliseconds is None or milliseconds < 0:
        return "-"
    try:
        return (
            datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
            + f".{milliseconds % 1000:03d}"
        )
    except (OverflowError, ValueError, OSError):
        return str(milliseconds)


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """ "1 topic", "2,000 topics"."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def numbers(values: tuple[int, ...] | list[int]) -> str:
    """Node ids as "1,2,3"; "-" for none."""
    return ",".join(map(str, values)) or "-"
