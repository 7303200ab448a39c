"""A file for one reader: for libraries that take secrets only by path."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def private_file(text: str) -> Iterator[str]:
    """A path at which `text` can be read for the length of the block: in memory where the system can do that, else a file
    that only this user may read."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("stoker-tls", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    descriptor, path = tempfile.mkstemp()  # for us alone: mode 0600
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        yield path
    finally:
        os.unlink(path)
