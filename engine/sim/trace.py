"""What happened, as one running hash: two runs are the same run when their hashes are equal.

Every event of network, disk, processes and faults is one line of text with its virtual time. The hash covers all of
them; the last few stay readable, and a trace that keeps everything can be compared with another to name the first
event in which two runs of one seed differ.
"""

import hashlib
from collections import deque
from collections.abc import Sequence


class Trace:
    """A running SHA-256 over the lines of a run. `keep` is how many last lines stay readable (None: all)."""

    def __init__(self, keep: int | None = 200) -> None:
        self._digest = hashlib.sha256()
        self._recent: deque[str] = deque(maxlen=keep)
        self.events = 0

    def record(self, now_ns: int, line: str) -> None:
        """Add one event. `line` must be a function of the seed: no addresses, no wall time, no order of a set."""
        self.events += 1
        line = f"{now_ns} {line}"
        self._digest.update(line.encode())
        self._digest.update(b"\n")
        self._recent.append(line)

    @property
    def hash(self) -> str:
        """The hash of everything so far, in hex."""
        return self._digest.hexdigest()

    def recent(self) -> list[str]:
        """The last lines, oldest first."""
        return list(self._recent)


def first_divergence(left: Sequence[str], right: Sequence[str]) -> tuple[int, str | None, str | None] | None:
    """Where two runs part: the index of the first event that differs and both lines (None past the end of one).

    None when they are equal. Needs traces that kept everything.
    """
    for index, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return index, one, other
    if len(left) == len(right):
        return None
    index = min(len(left), len(right))
    return index, left[index] if index < len(left) else None, right[index] if index < len(right) else None
