"""A progress line on stderr: only on a terminal, redrawn at most ten times a second, gone when done."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from console.output.text import duration, fit, size

_REDRAW_SECONDS = 0.1
_APPEAR_SECONDS = 0.4
"""What is done sooner shows nothing."""
_BAR = 24


class Progress:
    """Use as a context manager, and call `update` as often as you like."""

    def __init__(self, noun: str, total: int | None = None) -> None:
        self._noun = noun
        self.total = total
        self._on = sys.stderr.isatty()
        self._began = time.monotonic()
        self._drawn_at = self._began + _APPEAR_SECONDS - _REDRAW_SECONDS
        self._drawn = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def update(self, done: int, done_bytes: int = 0, note: str = "") -> None:
        """Shows how far it is, with rate and time left where the total is known."""
        if not self._on:
            return
        now = time.monotonic()
        if now - self._drawn_at < _REDRAW_SECONDS:
            return
        self._drawn_at = now
        seconds = max(now - self._began, 1e-6)
        rate = done / seconds
        parts = [f"{done:,} {self._noun}", f"{rate:,.0f}/s"]
        if done_bytes:
            parts.append(f"{size(round(done_bytes / seconds))}/s")
        bar = ""
        if self.total:
            share = min(done / self.total, 1.0)
            filled = round(share * _BAR)
            bar = f"[{'#' * filled}{'.' * (_BAR - filled)}] {share:4.0%}  "
            if rate > 0 and done < self.total:
                parts.append(f"{duration(round((self.total - done) / rate * 1000))} left")
        if note:
            parts.append(note)
        import shutil

        line = fit(bar + "  ".join(parts), shutil.get_terminal_size((80, 24)).columns - 1)
        sys.stderr.write(f"\r\x1b[2K{line}")
        sys.stderr.flush()
        self._drawn = True

    def clear(self) -> None:
        """Takes the line away, so that something else can be written."""
        if self._drawn:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._drawn = False
