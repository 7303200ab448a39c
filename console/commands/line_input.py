"""Lines from a file or the standard input, while the event loop goes on."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

from console.errors import Blame, OperatorError

_CHUNK_BYTES = 256 * 1024
_CHUNKS_AHEAD = 8


async def read_lines(path: str | None) -> AsyncIterator[list[bytes]]:
    """Lists of lines without their ends (LF or CR LF); `path` None or "-" is the standard input.

    A thread of its own reads, since reading a terminal or a pipe may block for as long as it likes. It is a daemon, so
    that Ctrl-C need not wait for a line that never comes. Raises OperatorError when the file cannot be opened.
    """
    descriptor, close = _open(path)
    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(_CHUNKS_AHEAD)

    def work() -> None:
        try:
            while True:
                room.acquire()
                try:
                    item: bytes | OSError = os.read(descriptor, _CHUNK_BYTES)
                except OSError as error:
                    item = error
                loop.call_soon_threadsafe(chunks.put_nowait, item)
                if not item or isinstance(item, OSError):
                    return
        except RuntimeError:
            return  # the loop is closed: nobody listens any more
        finally:
            if close:
                with suppress(OSError):
                    os.close(descriptor)

    threading.Thread(target=work, daemon=True, name="stoker-input").start()
    rest = b""
    while True:
        chunk = await chunks.get()
        room.release()
        if isinstance(chunk, OSError):
            raise OperatorError(f"cannot read {path or 'the standard input'}", chunk.strerror or str(chunk))
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield [line.removesuffix(b"\r") for line in lines]
    if rest:
        yield [rest.removesuffix(b"\r")]


def _open(path: str | None) -> tuple[int, bool]:
    """A file descriptor, and whether it is ours to close."""
    if path is None or path == "-":
        return sys.stdin.fileno(), False
    try:
        descriptor = os.open(path, os.O_RDONLY)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    except OSError as error:
        raise OperatorError(f"cannot read {path}", error.strerror or str(error), blame=Blame.WORDS) from error
    return descriptor, True
