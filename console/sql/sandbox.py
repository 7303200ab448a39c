"""What a SQL worker may not do: open files, speak to networks, start processes, grow, or change how DuckDB is locked.

Two walls. DuckDB's own: no external access, no extensions, no file systems, settings locked (SECURITY.md has what was
measured). And the system's, for whatever gets through: no new file descriptors at all, so nothing can be opened, connected
or spawned; no writes; bounded address space and processor time. Where the system has no such limits (Windows), the first
wall stands alone.
"""

from __future__ import annotations

import contextlib
import sys

import duckdb

DUCKDB_MEMORY_BYTES = 512 * 1024 * 1024
THREADS = 2


def lock_process(memory_bytes: int, processor_seconds: int) -> None:
    """Gives up what the worker does not need. Everything must be imported and opened by now, the database too: making one
    looks into files of the system. `memory_bytes` is what may come on top of what is mapped already."""
    try:
        import resource
    except ImportError:  # pragma: no cover - Windows
        return
    limits = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, processor_seconds),
    ]
    if sys.platform.startswith("linux"):
        # macOS does not take a limit of the address space.
        limits.append((resource.RLIMIT_AS, _address_space() + memory_bytes))
    for which, value in limits:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(which, (value, value))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))


def _address_space() -> int:
    """Bytes that are mapped now: two gigabytes of libraries, stacks and reserves that nothing was written to."""
    import resource

    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def connect(memory_bytes: int = DUCKDB_MEMORY_BYTES) -> duckdb.DuckDBPyConnection:
    """A database in memory, locked. Each query gets a cursor of it, whose tables go with it."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "allow_persistent_secrets": "false",
            "python_enable_replacements": "false",
            "enable_external_access": "false",
            "max_temp_directory_size": "0B",
            "temp_directory": "",
            "threads": str(THREADS),
            "memory_limit": f"{memory_bytes}B",
        },
    )
    connection.execute("SET disabled_filesystems = 'LocalFileSystem'")  # not taken by connect
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    # DuckDB's own fails the query at the first record that is no JSON; this is NULL there.
    connection.execute('CREATE MACRO "->>"(json, path) AS try(json_extract_string(json, path))')
    connection.execute("SET lock_configuration = true")
    return connection
