"""Frames out of a byte stream: `length: int32 | that many bytes`, received with as few copies as can be.

FrameReceiver is an asyncio.BufferedProtocol: the loop reads straight into one buffer per connection, and every
whole frame is handed on as a memoryview INTO that buffer, valid only during the call. A frame larger than the
buffer makes it grow step by step with the bytes that have really arrived, never by the claimed length (a 1 KiB
frame that claims 100 MiB costs 1 KiB); the buffer shrinks back afterwards.
"""

from __future__ import annotations

import asyncio
import struct

INITIAL_BUFFER_BYTES = 32 * 1024
KEPT_BUFFER_BYTES_MAX = 2 * 1024 * 1024
"""A buffer that grew beyond this is let go as soon as it is empty."""


_unpack_size = struct.Struct(">i").unpack_from


class FrameTooLarge(Exception):
    """The length in front of a frame is negative or above the bound. Says what the bytes look like, where known."""


class FrameReceiver(asyncio.BufferedProtocol):
    """Base of both ends of a connection. Subclasses implement `frame_received` and `frame_refused`.

    `hold()` stops handing on frames (what has arrived stays in the buffer), `resume()` goes on.
    """

    def __init__(self, frame_bytes_max: int) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._buffer = bytearray(INITIAL_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0
        self._held = False
        self._draining = False
        self._refused = False

    def frame_received(self, frame: memoryview) -> None:
        """One whole frame without its length; the view is valid only during the call."""
        raise NotImplementedError

    def frame_refused(self, error: FrameTooLarge) -> None:
        """A frame that cannot be; nothing more will be handed on."""
        raise NotImplementedError

    def get_buffer(self, sizehint: int) -> memoryview:
        if self._end == len(self._buffer):
            self._make_room()
        return self._view[self._end :]

    def buffer_updated(self, nbytes: int) -> None:
        self._end += nbytes
        if not self._held:
            self._drain()

    def hold(self) -> None:
        self._held = True

    def resume(self) -> None:
        if self._held:
            self._held = False
            if not self._draining:
                self._drain()

    @property
    def buffered_bytes(self) -> int:
        """Bytes received and not yet handed on."""
        return self._end - self._start

    def _drain(self) -> None:
        self._draining = True
        view = self._view
        unpack_size = _unpack_size
        start = self._start
        end = self._end
        try:
            while end - start >= 4 and not self._held and not self._refused:
                (size,) = unpack_size(view, start)
                if size < 0 or size > self._frame_bytes_max:
                    self._refused = True
                    self.frame_refused(
                        FrameTooLarge(_describe(bytes(view[start : start + 4]), size, self._frame_bytes_max))
                    )
                    return
                stop = start + 4 + size
                if stop > end:
                    break
                frame = view[start + 4 : stop]
                self._start = start = stop
                self.frame_received(frame)
        finally:
            self._draining = False
        if start == end:
            self._start = self._end = 0
            if len(self._buffer) > KEPT_BUFFER_BYTES_MAX:
                self._replace(INITIAL_BUFFER_BYTES)

    def _make_room(self) -> None:
        """The buffer is full to its end: move what is left to the front, or grow by doubling."""
        held = self._end - self._start
        if self._start > len(self._buffer) // 2 or (self._start and held < len(self._buffer) // 2):
            # memmove; overlapping slices of one bytearray are copied correctly
            self._buffer[:held] = self._buffer[self._start : self._end]
            self._start, self._end = 0, held
        else:
            self._replace(len(self._buffer) * 2)

    def _replace(self, size: int) -> None:
        held = self._end - self._start
        buffer = bytearray(size)
        buffer[:held] = self._view[self._start : self._end]
        self._buffer = buffer
        self._view = memoryview(buffer)
        self._start, self._end = 0, held


def _describe(prefix: bytes, size: int, limit: int) -> str:
    """Say what a nonsensical length probably is, since the usual cause is another protocol on the port."""
    if prefix in (b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI"):
        return f"an HTTP request ({prefix.decode('ascii').strip()}) came in where Kafka's protocol is spoken"
    if prefix[:2] == b"\x16\x03":
        return "a TLS handshake came in on a listener without TLS"
    if prefix[:2] == b"\x15\x03":
        return "the peer speaks TLS there"
    return f"a frame of {size} bytes is outside 0..{limit} (socket.request.max.bytes)"
