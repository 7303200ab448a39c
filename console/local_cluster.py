"""How commands find the cluster that `stoker up` started on this machine: one small JSON file per data directory.

`stoker up` holds a lock on its file for as long as it runs. Whoever reads the file and gets the lock knows that the
cluster is gone, however it went: no process id that might be another process's by now is trusted.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import IO, Any

import msgspec

from console.errors import OperatorError
from console.platform_dirs import data_dir, runtime_dir

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]


class LocalCluster(msgspec.Struct, frozen=True):
    """A cluster that `stoker up` runs. Process ids by node id (as text: JSON has no other keys)."""

    bootstrap_servers: str
    web_url: str | None
    data_dir: str
    pids: dict[str, int]
    pid: int
    """Of `stoker up` itself."""
    started_at_ms: int = 0
    ephemeral: bool = False
    extra: dict[str, Any] = msgspec.field(default_factory=dict)


def default_data_dir() -> Path:
    """Where `stoker up` keeps topics unless told otherwise."""
    return data_dir() / "cluster"


def runtime_file(directory: str | os.PathLike[str]) -> Path:
    """The file of the cluster with that data directory."""
    name = hashlib.sha256(os.path.realpath(directory).encode()).hexdigest()[:16]
    return runtime_dir() / f"{name}.json"


class LocalClusterRegistration:
    """The announcement of a running cluster. Made before it starts, filled in when it serves, released at the end."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path = path
        self._file = file

    @classmethod
    def claim(cls, directory: str | os.PathLike[str]) -> LocalClusterRegistration:
        """Claims the data directory. Raises OperatorError, saying who holds it, when another `stoker up` does."""
        path = runtime_file(directory)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise OperatorError(f"cannot write {path}", error.strerror or str(error)) from error
        if not _lock(file):
            holder = _parse(file.read())
            file.close()
            raise _held(directory, holder)
        file.truncate(0)
        return cls(path, file)

    def announce(self, cluster: LocalCluster) -> None:
        """Writes what others need to find it."""
        self._file.seek(0)
        self._file.truncate(0)
        json.dump(msgspec.structs.asdict(cluster), self._file)
        self._file.flush()

    def release(self) -> None:
        """Takes the announcement away. Idempotent."""
        if not self._file.closed:
            self._path.unlink(missing_ok=True)
            self._file.close()


def _held(directory: str | os.PathLike[str], holder: LocalCluster | None) -> OperatorError:
    if holder is None:
        return OperatorError(
            f"{os.fspath(directory)} is in use",
            "another `stoker up` is starting on it",
            "Wait for it, or use another --data-dir.",
        )
    return OperatorError(
        f"{os.fspath(directory)} is in use",
        f"`stoker up` runs on it already: process {holder.pid}, bootstrap servers {holder.bootstrap_servers}",
        "Use that cluster (commands find it by themselves), stop it with Ctrl-C, or give another --data-dir or --ephemeral.",
    )


def find_local_cluster() -> tuple[LocalCluster | None, list[str]]:
    """The cluster that `stoker up` runs, and notes about stale files that were found (and removed).

    When several run, the one on the default data directory, else the one started last.
    """
    running: list[LocalCluster] = []
    notes: list[str] = []
    try:
        paths = sorted(runtime_dir().glob("*.json"))
    except OSError:
        return None, notes
    for path in paths:
        cluster, is_alive = _look(path)
        if cluster is None:
            continue
        if is_alive:
            running.append(cluster)
        else:
            notes.append(f"the cluster on {cluster.data_dir} (process {cluster.pid}) is gone without having stopped")
            path.unlink(missing_ok=True)
    default = os.path.realpath(default_data_dir())
    running.sort(key=lambda each: (os.path.realpath(each.data_dir) == default, each.started_at_ms))
    return (running[-1] if running else None), notes


def _look(path: Path) -> tuple[LocalCluster | None, bool]:
    """The cluster announced in that file, and whether it still runs."""
    try:
        with path.open("r+", encoding="utf-8") as file:
            is_alive = not _lock(file)
            cluster = _parse(file.read())
            if cluster is not None and fcntl is None:  # pragma: no cover - Windows
                is_alive = _process_exists(cluster.pid)
            return cluster, is_alive
    except OSError:
        return None, False


def _lock(file: IO[str]) -> bool:
    """Whether the lock could be had; it goes with the file."""
    if fcntl is None:  # pragma: no cover - Windows
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _process_exists(pid: int) -> bool:  # pragma: no cover - Windows
    import psutil

    return bool(psutil.pid_exists(pid))


def _parse(text: str) -> LocalCluster | None:
    try:
        data = json.loads(text)
        return LocalCluster(**{name: data[name] for name in LocalCluster.__struct_fields__ if name in data})
    except (ValueError, TypeError, AttributeError):
        return None
