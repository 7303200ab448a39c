"""The audit log: who changed what, when, on which cluster, from what to what, and how it went.

JSON lines in `audit.jsonl` of the platform's state folder (Linux: ~/.local/state/stoker), readable by its owner only. A
change takes two lines: one before it is carried out, with all that is known by then, and one with its outcome; `id` ties
them together, so that one that never came back is seen as "started". When the file is over its size it becomes
`audit.1.jsonl` (that `audit.2.jsonl`, ...), and the oldest goes: at most `FILES_MAX` files of about `FILE_BYTES_MAX`.
"""

from __future__ import annotations

import errno
import getpass
import json
import os
import secrets
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from io import FileIO
from pathlib import Path
from typing import Any

from console.errors import OperatorError
from console.platform_dirs import state_dir

FILE_BYTES_MAX = 4 * 1024 * 1024
FILES_MAX = 4
ENTRY_BYTES_MAX = 1024 * 1024
"""A larger entry (a reset of some ten thousand partitions) loses its `before`, `after` and undo, and says so."""

STARTED = "started"
"""Its outcome is not known: it is under way, or was interrupted."""
DONE = "done"
FAILED = "failed"
UNKNOWN = "unknown"
"""The broker was lost before it answered: look before repeating it."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change. Values are JSON's."""

    id: str
    at_ms: int
    """Wall clock, ms since 1970."""
    user: str
    """Of the operating system."""
    host: str
    face: str
    """cli, web or tui."""
    cluster_id: str | None
    bootstrap_servers: str
    kind: str
    """As in `console.changes.kinds.KINDS`; "produce" for records that were sent."""
    subject: str
    command: str
    """The `stoker` command that does the same."""
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    result: str = STARTED
    error: str | None = None
    """Why it failed, or what could not be verified."""
    change: dict[str, Any] | None = None
    undo: dict[str, Any] | None = None
    """The change that takes it back, where there is one."""
    undo_note: str = ""
    undoes: str | None = None
    """The id of the entry that this one took back."""


@dataclass(frozen=True, slots=True)
class AuditTrail:
    """What the log says."""

    entries: tuple[AuditEntry, ...]
    """Oldest first."""
    damaged: int
    """Lines that cannot be read."""

    def get(self, entry_id: str) -> AuditEntry:
        """The entry of that id, or the newest ("last"). Raises OperatorError."""
        if entry_id == "last" and self.entries:
            return self.entries[-1]
        for entry in self.entries:
            if entry.id == entry_id:
                return entry
        raise OperatorError.words(f"the audit log has no change {entry_id!r}", "`stoker audit` lists them.")

    def undone_by(self) -> dict[str, str]:
        """Id of each change that is undone, and of the one that did it. One whose undo was itself undone is not."""
        undone: dict[str, str] = {}
        # An undo comes after what it undoes, so that from the end each is met before what it took back.
        for entry in reversed(self.entries):
            if entry.undoes is not None and entry.result == DONE and entry.id not in undone:
                undone.setdefault(entry.undoes, entry.id)
        return undone


def current_user() -> str:
    """Who runs this process, as the operating system has it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def new_id() -> str:
    """Short enough to type."""
    return secrets.token_hex(4)


class AuditLog:
    """The files. Safe for several processes that write at the same time."""

    def __init__(
        self, folder: Path | None = None, *, file_bytes_max: int = FILE_BYTES_MAX, files_max: int = FILES_MAX
    ) -> None:
        self.folder = state_dir() if folder is None else folder
        self.path = self.folder / "audit.jsonl"
        self._file_bytes_max = file_bytes_max
        self._files_max = files_max

    def begin(self, entry: AuditEntry) -> None:
        """Writes the first line of a change. Raises OperatorError: what cannot be written down must not be done."""
        data = asdict(entry)
        line = _line(data)
        if len(line) > ENTRY_BYTES_MAX:
            data |= {"before": None, "after": None, "change": None, "undo": None}
            data["undo_note"] = "too large to be kept, so it cannot be undone"
            line = _line(data)
        self._append(line)

    def end(self, entry_id: str, result: str, error: str | None = None, **known_now: Any) -> None:
        """Writes the outcome of a change; `known_now` replaces fields of the entry. Raises OperatorError."""
        line = _line({"id": entry_id, "result": result, "error": error, **known_now})
        self._append(
            line if len(line) <= ENTRY_BYTES_MAX else _line({"id": entry_id, "result": result, "error": error})
        )

    def read(self) -> AuditTrail:
        """All that is still kept. Raises OperatorError when a file cannot be read."""
        found: dict[str, AuditEntry] = {}
        damaged = 0
        for number in range(self._files_max - 1, -1, -1):
            try:
                lines = self._numbered(number).read_bytes().splitlines()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise OperatorError(
                    f"the audit log {self.path} cannot be read", error.strerror or str(error)
                ) from error
            for line in lines:
                try:
                    _merge(found, json.loads(line))
                except (ValueError, TypeError, KeyError, AttributeError):
                    damaged += 1
        return AuditTrail(tuple(found.values()), damaged)

    def _append(self, line: bytes) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._locked():
                if self.path.exists() and self.path.stat().st_size + len(line) > self._file_bytes_max:
                    self._rotate()
                descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
                with os.fdopen(descriptor, "r+b", buffering=0) as file:
                    _write_line(file, line)
        except OSError as error:
            raise OperatorError(
                f"the audit log {self.path} cannot be written",
                error.strerror or str(error),
                "Nothing is changed without it; XDG_STATE_HOME names another folder.",
            ) from error

    def _rotate(self) -> None:
        for number in range(self._files_max - 1, 0, -1):
            older = self._numbered(number - 1)
            if older.exists():
                os.replace(older, self._numbered(number))

    def _numbered(self, number: int) -> Path:
        return self.path if number == 0 else self.folder / f"audit.{number}.jsonl"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(self.folder / "audit.lock", "a+b") as lock:
            _lock(lock.fileno())
            # Closing releases it.
            yield


_FIELDS = frozenset(each.name for each in fields(AuditEntry))


def _merge(found: dict[str, AuditEntry], data: Mapping[str, Any]) -> None:
    # Fields of a later version are not ours to understand.
    known = {name: value for name, value in data.items() if name in _FIELDS}
    entry = found.get(known["id"])
    if entry is not None:
        found[entry.id] = replace(entry, **known)
    elif "at_ms" in known:
        found[known["id"]] = AuditEntry(**known)
    # else: the outcome of a change whose beginning was in a file that is gone.


def _line(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def _write_line(file: FileIO, line: bytes) -> None:
    """Appends a line; one that a full disk tore before it is ended first, so that only that one is lost."""
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            line = b"\n" + line
    if file.write(line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX)


def host_name() -> str:
    """Of this machine."""
    return socket.gethostname()


WallClock = Callable[[], int]
"""ms since 1970."""
