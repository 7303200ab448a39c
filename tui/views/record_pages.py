"""Pages of records put together: what was read, which way it goes, and where to read on at either end. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from console.records.browse import Cursor, Page
from console.records.model import ConsumedRecord, record_bytes

RECORDS_KEPT_MAX = 5_000
BYTES_KEPT_MAX = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Part:
    """One page as it is shown."""

    records: tuple[ConsumedRecord, ...]
    size_bytes: int
    above: Cursor | None
    """Reads on before the first record shown here; None: nothing is there."""
    below: Cursor | None


class RecordPages:
    """What is held, from the top of the screen to the bottom. What is scrolled far away is let go, and can be read again."""

    def __init__(self, *, newest_first: bool) -> None:
        self.newest_first = newest_first
        self._parts: deque[_Part] = deque()
        self.looked_at = 0
        """Offsets gone by."""
        self.undecodable = 0

    @property
    def records(self) -> list[ConsumedRecord]:
        return [record for part in self._parts for record in part.records]

    @property
    def above(self) -> Cursor | None:
        """Where to read on at the top."""
        return self._parts[0].above if self._parts else None

    @property
    def below(self) -> Cursor | None:
        return self._parts[-1].below if self._parts else None

    def add(self, page: Page, *, at_top: bool = False) -> int:
        """Takes a page that was read from `above` or `below` (or the first); says how many records it has."""
        records = page.records if page.newest_first == self.newest_first else page.records[::-1]
        above, below = (page.newer, page.older) if self.newest_first else (page.older, page.newer)
        part = _Part(tuple(records), sum(map(record_bytes, records)), above, below)
        self.looked_at += page.counts.scanned
        self.undecodable += page.counts.undecodable
        if not records and self._parts:
            # Nothing was found, but further on is elsewhere now.
            index = 0 if at_top else -1
            old = self._parts[index]
            self._parts[index] = (
                _Part(old.records, old.size_bytes, above, old.below)
                if at_top
                else _Part(old.records, old.size_bytes, old.above, below)
            )
            return 0
        if at_top:
            self._parts.appendleft(part)
        else:
            self._parts.append(part)
        while len(self._parts) > 1 and (
            sum(len(each.records) for each in self._parts) > RECORDS_KEPT_MAX
            or sum(each.size_bytes for each in self._parts) > BYTES_KEPT_MAX
        ):
            if at_top:
                self._parts.pop()
            else:
                self._parts.popleft()
        return len(records)
