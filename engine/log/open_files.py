"""A budget of open files, so that ten thousand partitions do not need ten thousand descriptors.

Holders open their file when they need it and register here; when there are too many, the one that has rested longest is
asked to close (second chance: whoever was used since the last round is spared once). A closed file is opened again on
its next use. Closing never syncs and never loses anything: the page cache keeps what was written.
"""

from collections import deque
from contextlib import suppress
from typing import Protocol

DEFAULT_OPEN_FILES_MAX = 512


class FileHolder(Protocol):
    """Something with an open file that can be closed and opened again."""

    recently_used: bool

    def release_file(self) -> None:
        """Close the file, when there is one."""
        ...


class OpenFiles:
    """At most `open_files_max` holders have an open file at any time."""

    __slots__ = ("_holders", "open_files_max")

    def __init__(self, open_files_max: int = DEFAULT_OPEN_FILES_MAX) -> None:
        self.open_files_max = open_files_max
        self._holders: deque[FileHolder] = deque()

    def __len__(self) -> int:
        return len(self._holders)

    def opened(self, holder: FileHolder) -> None:
        """`holder` has just opened its file; others may lose theirs."""
        holders = self._holders
        while len(holders) >= self.open_files_max:
            candidate = holders.popleft()
            if candidate.recently_used:
                candidate.recently_used = False
                holders.append(candidate)
            else:
                candidate.release_file()
        holders.append(holder)

    def closed(self, holder: FileHolder) -> None:
        """`holder` has closed its file for good."""
        with suppress(ValueError):
            self._holders.remove(holder)
