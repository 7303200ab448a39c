"""The worker's end of the two pipes: frames out, frames in, and the chunks of several scans told apart."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from console.sql.frames import LENGTHS, head_bytes, parse_head, parse_lengths


class Closed(Exception):
    """The console is gone."""


class Cancelled(Exception):
    """The console does not want the rest."""


Frame = tuple[dict[str, Any], bytearray]


class Link:
    """Used from several threads of DuckDB, one question and answer at a time."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd = read_fd
        self._write_fd = write_fd
        self._reading = threading.Lock()
        self._writing = threading.Lock()
        self._inbox: dict[int, deque[Frame]] = {}
        self._numbers = count(1)

    def send(self, head: dict[str, Any], payload: Any = b"") -> None:
        """Writes one frame; waits while the console has no room."""
        with self._writing:
            for part in (head_bytes(head, len(payload)), payload):
                view = memoryview(part).cast("B")
                while view:
                    view = view[os.write(self._write_fd, view) :]

    def receive(self) -> Frame:
        """The next frame that belongs to no scan. Raises Closed."""
        return self._receive(0)

    def _receive(self, scan: int) -> Frame:
        with self._reading:
            mine = self._inbox.setdefault(scan, deque())
            while not mine:
                head, payload = self._read_frame()
                if head.get("do") == "cancel":
                    raise Cancelled
                owner = head.get("scan", 0)
                if owner == 0 or owner in self._inbox:  # else it was closed, and this was on its way
                    self._inbox.setdefault(owner, deque()).append((head, payload))
            return mine.popleft()

    def _read_frame(self) -> Frame:
        head, payload = parse_lengths(bytes(self._read(LENGTHS.size)))
        return parse_head(self._read(head)), self._read(payload)

    def _read(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            got = os.readv(self._read_fd, [view])
            if not got:
                raise Closed
            view = view[got:]
        return data

    def ask(self, head: dict[str, Any]) -> Frame:
        """A question with one answer."""
        number = next(self._numbers)
        self._inbox[number] = deque()
        try:
            self.send({**head, "scan": number})
            return self._receive(number)
        finally:
            self._inbox.pop(number, None)

    @contextmanager
    def scan(self, head: dict[str, Any]) -> Iterator[Iterator[Frame]]:
        """A question with many answers; leaving the block early tells the console to stop. Raises RuntimeError with
        the console's reason when it cannot go on."""
        number = next(self._numbers)
        self._inbox[number] = deque()
        self.send({**head, "scan": number})
        try:
            yield self._frames(number)
        finally:
            self._inbox.pop(number, None)
            self.send({"ask": "close", "scan": number})

    def _frames(self, number: int) -> Iterator[Frame]:
        # One question ahead: the next chunk comes while this one is decoded.
        self.send({"ask": "next", "scan": number})
        while True:
            head, payload = self._receive(number)
            if "error" in head:
                raise RuntimeError(str(head["error"]))
            if head.get("done"):
                return
            self.send({"ask": "next", "scan": number})
            yield head, payload
