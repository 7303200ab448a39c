"""How far something is, as parts of a bar line. Pure."""

from __future__ import annotations

from tui.widgets.bars import Part

WIDTH = 16
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def progress_parts(done_so_far: int, of: int, *, done: bool = False) -> list[Part]:
    """A bar and a percentage. 100 % only when it is done."""
    share = 1.0 if done else 0.0 if of <= 0 else min(0.99, done_so_far / of)
    eighths = round(share * WIDTH * 8)
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (_EIGHTHS[rest] if rest else "")
    return [
        (" ", ""),
        (bar, "good" if done else "key"),
        ("░" * (WIDTH - len(bar)), "faint"),
        (f" {int(share * 100):>3}% ", "strong"),
    ]
