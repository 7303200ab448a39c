"""In-memory TCP connections: asyncio transports whose bytes travel over links in virtual time.

A connection is two `SimTransport`s and two `Pipe`s. A pipe holds, in order: bytes in the sender's transport (bounded by
asyncio's own flow control), bytes under way (bounded by the window), bytes that arrived while the reader was paused.
The receiver's callbacks run in the context of the process that made the connection, so that a paused process stops
reading and a dead one never hears of anything again.
"""

from __future__ import annotations

import asyncio
import contextvars
import errno
import os
import socket
import zlib
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from engine.sim.links import Link

if TYPE_CHECKING:
    from engine.sim.loop import SimTimer
    from engine.sim.network import SimNetwork
    from engine.sim.process import Host, Process

Buffer = bytes | bytearray | memoryview
Address = tuple[str, int]


class _End:
    """A mark in the stream that is not bytes."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


FIN = _End("fin")
RESET = _End("reset")

Item = bytes | _End


def os_error(kind: type[OSError], number: int, text: str | None = None) -> OSError:
    """An OSError as the kernel would raise it."""
    return kind(number, text or os.strerror(number))


class SimSocket:
    """What `get_extra_info("socket")` gives: addresses are real, options are accepted and mean nothing here."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = 6

    def __init__(self, own: Address, peer: Address | None = None) -> None:
        self._own = own
        self._peer = peer

    def getsockname(self) -> Address:
        return self._own

    def getpeername(self) -> Address:
        if self._peer is None:
            raise os_error(OSError, errno.ENOTCONN)
        return self._peer

    def setsockopt(self, *_arguments: Any) -> None:
        """Accepted: the laboratory's network has its own latency and buffers."""

    def getsockopt(self, *_arguments: Any) -> int:
        return 0

    def fileno(self) -> int:
        return -1


class Pipe:
    """One direction of a connection."""

    __slots__ = (
        "_arrival_ns",
        "_flight",
        "_network",
        "_stalled",
        "_timeout",
        "_timer",
        "buffer",
        "buffered",
        "cut_next",
        "finishing",
        "label",
        "link",
        "outstanding",
        "port",
        "pump_due",
        "receiver",
        "sender",
    )

    def __init__(
        self, network: SimNetwork, link: Link, sender: SimTransport, receiver: SimTransport, port: int, label: str
    ) -> None:
        self._network = network
        self.link = link
        self.sender = sender
        self.receiver = receiver
        self.port = port
        """The server's port."""
        self.label = label
        self.buffer: deque[bytes] = deque()
        self.buffered = 0
        self.outstanding = 0
        self.finishing = False
        self.cut_next = False
        self.pump_due = False
        self._flight: deque[tuple[int, Item]] = deque()
        self._arrival_ns = 0
        self._stalled = False
        self._timer: SimTimer | None = None
        self._timeout: SimTimer | None = None

    def not_before(self, when_ns: int) -> None:
        """Nothing arrives earlier than that."""
        self._arrival_ns = max(self._arrival_ns, when_ns)

    # ---- the sender's side

    def pump(self) -> None:
        """Put buffered bytes under way as far as the window allows."""
        buffer = self.buffer
        profile = self._network.profile
        while buffer and self.outstanding < profile.window_bytes:
            limit = min(profile.window_bytes - self.outstanding, profile.chunk_bytes)
            data = buffer.popleft()
            if len(data) < limit and buffer:
                parts = [data]
                size = len(data)
                while buffer and size + len(buffer[0]) <= limit:
                    size += len(buffer[0])
                    parts.append(buffer.popleft())
                data = b"".join(parts)
            size = self.link.piece(min(len(data), limit))
            if size < len(data):
                buffer.appendleft(data[size:])
                data = data[:size]
            self.buffered -= size
            if self.cut_next and len(data) > 1:
                data = data[: self.link.random.randrange(1, len(data))]
                self.outstanding += len(data)
                self._launch(data)
                self.sender.break_off()
                return
            self.outstanding += size
            self._launch(data)
        if self.finishing and not buffer:
            self.finishing = False
            self._launch(FIN)

    def pump_later(self) -> None:
        """In the sender's context: the receiver has read, so the window is open again."""
        self.pump_due = False
        if self.buffer or self.finishing:
            self.pump()
            self.sender.drained()

    def finish(self) -> None:
        """End the stream after what is buffered."""
        self.finishing = True
        self.pump()

    def reset(self) -> None:
        """Tell the receiver, after what is under way, that the connection is gone."""
        self.buffer.clear()
        self.buffered = 0
        self.finishing = False
        self._launch(RESET)

    def drop(self) -> None:
        """Forget everything on the way."""
        self.buffer.clear()
        self.buffered = 0
        self.finishing = False
        self._flight.clear()
        self._cancel_timers()

    def _cancel_timers(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    # ---- under way

    def in_flight(self) -> list[tuple[int, Item]]:
        """(when it is due in ns, what) of everything under way, in order; what is overdue is stalled."""
        return list(self._flight)

    @property
    def is_stalled(self) -> bool:
        """Whether what is due waits for the link or for the receiver's machine."""
        return self._stalled

    def postpone(self, due_ns: int, until_ns: int) -> bool:
        """What is due at `due_ns` arrives at `until_ns`, and what follows it not before. False when it is not here.

        It may be made to come earlier, but never overtakes what is before it.
        """
        flight = list(self._flight)
        index = next((index for index, item in enumerate(flight) if item[0] == due_ns), None)
        if index is None:
            return False
        previous_ns = flight[index - 1][0] if index else self._network.loop.now_ns
        latest_ns = max(until_ns, previous_ns + 1)
        self._flight.clear()
        self._flight.extend(flight[:index])
        for position, (arrival_ns, item) in enumerate(flight[index:]):
            latest_ns = latest_ns if position == 0 else max(arrival_ns, latest_ns + 1)
            self._flight.append((latest_ns, item))
        self._arrival_ns = latest_ns
        if not self._stalled:
            if self._timer is not None:
                self._timer.cancel()
            self._schedule(self._flight[0][0])
        return True

    def _launch(self, item: Item) -> None:
        now_ns = self._network.loop.now_ns
        arrival_ns = self.link.arrival_ns(now_ns, 40 if isinstance(item, _End) else len(item))
        if arrival_ns <= self._arrival_ns:
            arrival_ns = self._arrival_ns + 1
        self._arrival_ns = arrival_ns
        self._flight.append((arrival_ns, item))
        if self._timer is None and not self._stalled:
            self._schedule(arrival_ns)

    def _schedule(self, when_ns: int) -> None:
        context = self.receiver.context if self.receiver.is_open else self._network.context
        self._timer = self._network.loop.call_at_ns(when_ns, self._arrive, context=context)

    def receiver_died(self) -> None:
        """The receiving process is gone: what is under way arrives at its kernel, or at a dark machine."""
        if self._timer is not None:
            when_ns = self._timer.when_ns
            self._timer.cancel()
            self._schedule(max(when_ns, self._network.loop.now_ns))

    def _arrive(self) -> None:
        self._timer = None
        receiver = self.receiver
        if self.link.blocks(self.port) or not receiver.host.up:
            self._stall()
            return
        now_ns = self._network.loop.now_ns
        flight = self._flight
        while flight and flight[0][0] <= now_ns:
            item = flight.popleft()[1]
            if receiver.is_open:
                receiver.arrived(item)
            elif item is not RESET:
                self._refuse()
        if flight and self._timer is None and not self._stalled:
            self._schedule(flight[0][0])

    def _refuse(self) -> None:
        """Bytes for a connection this kernel does not know: it answers with a reset."""
        self.drop()
        if self.sender.is_open:
            self.receiver.outgoing.reset()

    def _stall(self) -> None:
        network = self._network
        self._stalled = True
        if self.link.held:
            self.link.wait(self._resume)
            return
        self._timeout = network.loop.call_at_ns(
            network.loop.now_ns + network.profile.retransmission_timeout_ns,
            self._give_up,
            context=self.sender.context,
        )
        if self.receiver.host.up:
            self.link.wait(self._resume)
        else:
            network.wait_for_power(self.receiver.host, self._resume)

    def _resume(self, was_held: bool) -> None:
        self._stalled = False
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
        if self._flight and self._timer is None:
            delay_ns = 0 if was_held else self.link.random.randrange(self._network.profile.resume_ns + 1)
            self._schedule(self._network.loop.now_ns + delay_ns)

    def _give_up(self) -> None:
        self._timeout = None
        self.drop()
        self.sender.lost(os_error(TimeoutError, errno.ETIMEDOUT))


class SimTransport(asyncio.Transport):
    """One end of a connection. `is_open` until the operating system has let go of it."""

    def __init__(
        self,
        network: SimNetwork,
        host: Host,
        process: Process | None,
        context: contextvars.Context,
        own: Address,
        peer: Address,
        name: str,
    ) -> None:
        super().__init__({"peername": peer, "sockname": own, "socket": SimSocket(own, peer)})
        self._network = network
        self.host = host
        self.name = name
        self.process = process
        self.context = context
        self.is_open = True
        self.incoming: Pipe
        self.outgoing: Pipe
        self.failure: OSError | None = None
        """Why the connection was lost before anyone took it."""
        self._protocol: asyncio.BaseProtocol | None = None
        self._buffered_protocol: asyncio.BufferedProtocol | None = None
        self._paused = True  # until there is a protocol
        self._closing = False
        self._lost_scheduled = False
        self._eof_written = False
        self._unread: deque[Item] = deque()
        self._high = 64 * 1024
        self._low = 16 * 1024
        self._writing_paused = False
        if process is not None:
            process.resources[self] = None

    # ---- becoming a connection

    def start(self, protocol: asyncio.BaseProtocol) -> None:
        """Give it a protocol and let it read. In the context of the process."""
        self.set_protocol(protocol)
        protocol.connection_made(self)
        if not self._closing:
            self._paused = False
            self._read_on()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol
        self._buffered_protocol = protocol if isinstance(protocol, asyncio.BufferedProtocol) else None

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None
        return self._protocol

    # ---- reading

    def arrived(self, item: Item) -> None:
        """Bytes, end of stream or reset, from the network."""
        if item is RESET:
            self._network.record(f"reset {self.incoming.label}")
            self.lost(os_error(ConnectionResetError, errno.ECONNRESET))
        elif self._paused or self._unread:
            self._unread.append(item)
        else:
            self._deliver(item)

    def _deliver(self, item: Item) -> None:
        if self._closing:
            if not isinstance(item, _End):
                self._consumed(len(item))
            return
        protocol = self._protocol
        try:
            if isinstance(item, _End):
                self._network.record(f"eof {self.incoming.label}")
                if not isinstance(protocol, asyncio.Protocol | asyncio.BufferedProtocol) or not protocol.eof_received():
                    self.close()
                return
            self._network.record(f"recv {self.incoming.label} {len(item)} {zlib.crc32(item):08x}")
            buffered_protocol = self._buffered_protocol
            if buffered_protocol is None:
                self._consumed(len(item))
                protocol.data_received(item)  # type: ignore[union-attr]
                return
            view = memoryview(item)
            while view:
                buffer = memoryview(buffered_protocol.get_buffer(-1)).cast("B")
                size = min(len(buffer), len(view))
                if size == 0:
                    raise RuntimeError("get_buffer() returned an empty buffer")
                buffer[:size] = view[:size]
                view = view[size:]
                self._consumed(size)
                buffered_protocol.buffer_updated(size)
                if view and (self._paused or self._buffered_protocol is not buffered_protocol):
                    self._unread.appendleft(bytes(view))
                    return
                if self._closing:
                    return
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._network.loop.call_exception_handler(
                {"message": "Fatal error: the protocol failed on received data.", "exception": error}
            )
            self.lost(error)

    def _consumed(self, size: int) -> None:
        pipe = self.incoming
        pipe.outstanding -= size
        if (pipe.buffer or pipe.finishing) and not pipe.pump_due:
            pipe.pump_due = True
            loop = self._network.loop
            when_ns = self.outgoing.link.arrival_ns(loop.now_ns, 0)
            loop.call_at_ns(when_ns, pipe.pump_later, context=pipe.sender.context)

    def _read_on(self) -> None:
        while self._unread and not self._paused and self.is_open:
            self._deliver(self._unread.popleft())

    def pause_reading(self) -> None:
        if not self._closing:
            self._paused = True

    def resume_reading(self) -> None:
        if self._paused and not self._closing:
            self._paused = False
            if self._unread:
                self._network.loop.call_soon(self._read_on, context=self.context)

    def is_reading(self) -> bool:
        return not self._paused and not self._closing

    # ---- writing

    def write(self, data: Buffer) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._closing or not data:
            return
        pipe = self.outgoing
        data = bytes(data)
        pipe.buffer.append(data)
        pipe.buffered += len(data)
        pipe.pump()
        if pipe.buffered > self._high:
            self._pause_writing()

    def writelines(self, list_of_data: Iterable[Buffer]) -> None:
        self.write(b"".join(list_of_data))

    def _pause_writing(self) -> None:
        if not self._writing_paused and self._protocol is not None and not self._closing:
            self._writing_paused = True
            self._protocol.pause_writing()

    def drained(self) -> None:
        """The network took bytes from the buffer."""
        pipe = self.outgoing
        if self._writing_paused and pipe.buffered <= self._low and self.is_open:
            self._writing_paused = False
            if self._protocol is not None:
                self._protocol.resume_writing()
        if self._closing and not pipe.buffer and not self._lost_scheduled:
            self._finish_close()

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._closing and not self._eof_written:
            self._eof_written = True
            self.outgoing.finish()

    def get_write_buffer_size(self) -> int:
        return self.outgoing.buffered

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = 64 * 1024 if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self._high = high
        self._low = low

    # ---- ends

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        """Send what is buffered, then end the stream; the protocol hears `connection_lost(None)` after that."""
        if self._closing:
            return
        self._closing = True
        self._unread.clear()
        if not self.outgoing.buffer:
            self._finish_close()

    def _finish_close(self) -> None:
        self._lost_scheduled = True
        if not self._eof_written:
            self.outgoing.finish()
        self._let_go()
        self._network.loop.call_soon(self._connection_lost, None, context=self.context)

    def abort(self) -> None:
        """Reset the connection now."""
        if self.is_open:
            self.outgoing.reset()
            self.lost(None)

    def break_off(self) -> None:
        """A fault: the connection breaks here, in the middle of a frame; the peer gets the bytes sent so far."""
        if self.is_open:
            self.outgoing.buffer.clear()
            self.outgoing.buffered = 0
            self.outgoing.finish()
            self.lost(os_error(ConnectionResetError, errno.ECONNRESET))

    def lost(self, error: BaseException | None) -> None:
        """The connection is gone; the protocol hears it with `error`."""
        if not self.is_open:
            return
        self._closing = True
        self._unread.clear()
        self._let_go()
        if isinstance(error, OSError):
            self.failure = error
        if not self._lost_scheduled:
            self._lost_scheduled = True
            self._network.loop.call_soon(self._connection_lost, error, context=self.context)

    def process_died(self, *, silent: bool) -> None:
        """Kill -9 resets the connection; a power cut tells nobody."""
        if not self.is_open:
            return
        self.is_open = False
        self._closing = True
        self._protocol = None
        self._unread.clear()
        self._network.forget(self)
        if silent:
            self.outgoing.drop()
        else:
            self.outgoing.reset()
        self.incoming.receiver_died()

    def _let_go(self) -> None:
        self.is_open = False
        self._network.forget(self)
        if self.process is not None:
            self.process.resources.pop(self, None)
        self.incoming.receiver_died()

    def _connection_lost(self, error: BaseException | None) -> None:
        protocol, self._protocol = self._protocol, None
        self._buffered_protocol = None
        if protocol is not None:
            protocol.connection_lost(error if isinstance(error, Exception) else None)

    def __repr__(self) -> str:
        return f"<SimTransport {self.name}{'' if self.is_open else ' closed'}>"
