"""Text for people out of what may be hostile: harmless, and no longer than asked for."""

from __future__ import annotations

from console.output.text import safe

_MOSTLY = 0.5


def shown(text: str, characters_max: int | None) -> tuple[str, bool]:
    """`text` made harmless, and whether something was cut off; None cuts nothing."""
    if characters_max is None or len(text) <= characters_max:
        whole = safe(text)
        # What is written out is longer than what it stands for.
        if characters_max is None or len(whole) <= characters_max:
            return whole, False
        return whole[:characters_max] + "…", True
    return safe(text[:characters_max])[:characters_max] + "…", True


def bytes_shown(data: bytes, characters_max: int | None) -> tuple[str, bool]:
    """Bytes as text with \\xff for what is none, or in hexadecimal when most of them are none."""
    head = data if characters_max is None else data[: characters_max + 4]
    if len(head) < len(data):
        # A character that was cut in the middle is not a broken one.
        for cut in range(1, 4):
            if head[-cut] & 0xC0 == 0xC0:
                head = head[:-cut]
                break
    text = head.decode(errors="surrogateescape")
    printable = sum(map(str.isprintable, text[:512]))
    if text and printable < _MOSTLY * len(text[:512]):
        whole = data if characters_max is None else data[: characters_max // 2]
        ends = len(whole) < len(data)
        return whole.hex() + ("…" if ends else ""), ends
    result, is_cut = shown(text, characters_max)
    if len(head) < len(data) and not is_cut:
        return result + "…", True
    return result, is_cut
