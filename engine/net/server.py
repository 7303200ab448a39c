"""The server's side of a connection: frames in, handlers called, answers out in order.

How a request travels: `frame_received` decodes the header, finds the handler and calls it with the body decoded.
- A request whose API key has a `direct` way (Produce) is offered to that first, undecoded; see `engine.net.dispatch`.
- A handler that returns a response is answered at once.
- A handler that returns a `Pending` (Produce, Fetch) will complete it later by a callback; meanwhile the next requests
  of the connection are handled, and their answers wait behind it (Kafka answers in order).
- A coroutine handler gets a task, and the connection is muted until it ends, as Kafka mutes a channel while a request
  is under way: what it does must be visible to the next request.

Bounds: frame size (`socket.request.max.bytes`), answers waiting in order per connection (`pending_max`), bytes not yet
read by the peer (the transport's high-water mark pauses reading), connections in all and per address, idle time.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from engine.errors import KafkaError
from engine.net.context import RequestContext
from engine.net.dispatch import Handler, HandlerTable
from engine.net.frames import FrameReceiver, FrameTooLarge
from engine.net.request_figures import RequestCounter, RequestCounters
from engine.protocol.api import API_VERSIONS, ApiKey
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.headers import RequestHeader, decode_request_header, encode_response
from engine.runtime.runtime import no_stopwatch

logger = logging.getLogger(__name__)

WRITE_HIGH_WATER_BYTES = 4 * 1024 * 1024

_JOINED_PARTS_MIN = 4
_JOINED_BYTES_MAX = 128 * 1024
"""Many small answers are cheaper to copy together than to hand on as a buffer each."""


class Pending:
    """An answer that comes later. The handler keeps it and calls `complete(response)` exactly once.

    `complete(None)` says nothing to the peer (Produce with acks=0). `abandoned` is true once the connection is gone.
    `counter`, `began` and `request_bytes` are the connection's: where the request is counted once it is answered.
    """

    __slots__ = ("_connection", "_header", "abandoned", "began", "counter", "on_abandon", "parts", "request_bytes")

    counter: RequestCounter
    began: float
    request_bytes: int

    def __init__(self) -> None:
        self.parts: Sequence[Any] | None = None
        self.abandoned = False
        self.on_abandon: Callable[[], None] | None = None
        self._connection: ServerConnection | None = None
        self._header: RequestHeader | None = None

    def complete(self, response: Any) -> None:
        """Answer with `response` (a message of the request's response class)."""
        connection = self._connection
        if connection is None:  # completed before the handler returned it
            self.parts = [response]
            return
        if self.abandoned:
            return
        header = self._header
        assert header is not None
        self.parts = connection.encode(header, response)
        connection.answer_ready()

    def abandon(self) -> None:
        """The connection is gone; nobody will read the answer."""
        self.abandoned = True
        if self.on_abandon is not None:
            self.on_abandon()


class ServerLimits:
    """Bounds of one listener."""

    __slots__ = (
        "backlog",
        "connections_max",
        "connections_per_ip_max",
        "connections_per_ip_overrides",
        "frame_bytes_max",
        "idle_ms_max",
        "pending_max",
        "receive_buffer_bytes",
        "send_buffer_bytes",
    )

    def __init__(
        self,
        frame_bytes_max: int = 100 * 1024 * 1024,
        pending_max: int = 500,
        connections_max: int = 10_000,
        connections_per_ip_max: int = 10_000,
        idle_ms_max: int = 600_000,
        connections_per_ip_overrides: Mapping[str, int] | None = None,
        backlog: int = 1024,
        receive_buffer_bytes: int = -1,
        send_buffer_bytes: int = -1,
    ) -> None:
        """`connections_per_ip_overrides` goes by address. Buffers of -1 are the operating system's."""
        self.frame_bytes_max = frame_bytes_max
        self.pending_max = pending_max
        self.connections_max = connections_max
        self.connections_per_ip_max = connections_per_ip_max
        self.idle_ms_max = idle_ms_max
        self.connections_per_ip_overrides = dict(connections_per_ip_overrides or {})
        self.backlog = backlog
        self.receive_buffer_bytes = receive_buffer_bytes
        self.send_buffer_bytes = send_buffer_bytes

    def of_address(self, ip: str) -> tuple[int, str]:
        """How many connections that address may have, and the config that says so."""
        most = self.connections_per_ip_overrides.get(ip)
        if most is not None:
            return most, "max.connections.per.ip.overrides"
        return self.connections_per_ip_max, "max.connections.per.ip"


class ServerConnection(FrameReceiver):
    """One client. See the module's docstring."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.limits.frame_bytes_max)
        self._server = server
        self._table = server.table
        self._owner = server.owner
        self._stopwatch = server.stopwatch
        self._counters = server.counters
        self._counter = server.counters.produce
        """Where the request that is being handled is counted; with `_began` and `_request_bytes`. A coroutine has them
        to itself: the connection is muted while it runs."""
        self._began = 0.0
        self._request_bytes = 0
        self._transport: asyncio.Transport | None = None
        self._answers: deque[Pending] = deque()
        self._out: list[Any] = []
        self._in_callback = False
        self._is_answer_ready = False
        self.memory: Any = None
        """For the direct way of handling: what it learned of this client's requests."""
        self._task: asyncio.Task[None] | None = None
        self._writing_paused = False
        self.peer_host = "?"
        self.connection_id = ""
        self.last_active = 0.0
        self.client_software: tuple[str, str] | None = None

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio.Transport, only shaped like them.
        transport = cast(asyncio.Transport, transport)
        self._transport = transport
        transport.set_write_buffer_limits(high=WRITE_HIGH_WATER_BYTES)
        peer = transport.get_extra_info("peername") or ("?", 0)
        self.peer_host = str(peer[0])
        self.last_active = self._server.loop.time()
        refusal = self._server.admit(self)
        if refusal is not None:
            logger.warning("listener %s: %s refused: %s", self._server.listener, self.peer_host, refusal)
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._server.forget(self)
        self.hold()
        if self._task is not None:
            self._task.cancel()
        answers, self._answers = self._answers, deque()
        for answer in answers:
            answer.abandon()

    def pause_writing(self) -> None:
        self._writing_paused = True
        self._mute()

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._unmute_if_free()

    def buffer_updated(self, nbytes: int) -> None:
        self.last_active = self._server.loop.time()
        self._in_callback = True
        try:
            super().buffer_updated(nbytes)
        finally:
            self._in_callback = False
            if self._is_answer_ready:
                self.flush_in_order()
            if self._out:
                self._write_out()

    # frames

    def frame_refused(self, error: FrameTooLarge) -> None:
        self._close_for(str(error))

    def frame_received(self, frame: memoryview) -> None:
        self._began = began = self._stopwatch()
        self._request_bytes = size = len(frame)
        if size >= 10:
            direct = self._table.direct.get(frame[0] << 8 | frame[1])
            if direct is not None:
                try:
                    answer = direct(self._owner, self, frame)
                except Exception:
                    logger.exception("the direct way of API key %d failed", frame[1])
                    self._close_for("internal error")
                    return
                if answer is not NotImplemented:
                    # Only Produce has a direct way.
                    counter = self._counter = self._counters.produce
                    if type(answer) is bytes and not self._answers:
                        counter.add(size, len(answer), self._stopwatch() - began)
                        self._out.append(answer)
                        if not self._in_callback:
                            self._server.write_soon(self)
                    elif answer is not None:
                        self._queue(answer)
                    else:
                        counter.add(size, 0, self._stopwatch() - began)
                    return
        try:
            header, position = decode_request_header(frame)
        except ProtocolError as error:
            self._close_for(f"unreadable request header: {error}")
            return
        api_key, version = header.api_key, header.api_version
        handler = self._table.get(api_key)
        if handler is None or not handler.min_version <= version <= handler.max_version:
            if api_key == ApiKey.API_VERSIONS and handler is not None:
                # KIP-511: an unknown version of ApiVersions is answered in version 0 with error 35 and our ranges.
                header = RequestHeader(api_key, 0, header.correlation_id, header.client_id)
                context = self._context(header)
                self._counter = self._counters.of(api_key, version, None)
                response = self._table.answer_unsupported_api_versions(self._owner, context)
                self._answer_now(header, response)
                return
            self._close_for(_unsupported(api_key, version, handler))
            return
        if handler.keeps_body:
            frame_body: Any = memoryview(bytes(frame[position:]))
        else:
            frame_body = frame[position:]
        try:
            # Bytes after the message are let pass, as Kafka does: librdkafka 2.x sends three after Metadata v13.
            request, _ = handler.request_class.decode_from(frame_body, 0, version)
        except ProtocolError as error:
            self._close_for(f"unreadable {ApiKey(api_key).name} request: {error}")
            return
        self._counter = self._counters.of(api_key, version, request)
        self._handle(handler, header, request)

    def _handle(self, handler: Handler, header: RequestHeader, request: Any) -> None:
        context = self._context(header)
        try:
            result = handler.function(self._owner, context, request)
        except KafkaError as error:
            self._answer_error(header, handler, error)
            return
        except Exception:
            logger.exception("%s failed", ApiKey(header.api_key).name)
            self._answer_error(header, handler, KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR))
            return
        if isinstance(result, Pending):
            if result.parts is not None:  # completed already
                response = result.parts[0]
                if response is not None:
                    self._answer_now(header, response)
                else:
                    self._count_silent()
                return
            result._connection = self
            result._header = header
            self._queue(result)
        elif inspect.iscoroutine(result):
            self._mute()
            self._task = self._server.loop.create_task(self._run(handler, header, result))
        elif result is not None:
            self._answer_now(header, result)
        else:
            self._count_silent()

    async def _run(self, handler: Handler, header: RequestHeader, coroutine: Any) -> None:
        """Await a coroutine handler, answer, and let the connection go on."""
        try:
            response = await coroutine
        except KafkaError as error:
            self._task = None
            self._answer_error(header, handler, error)
        except asyncio.CancelledError:
            self._task = None
            raise
        except Exception:
            self._task = None
            logger.exception("%s failed", ApiKey(header.api_key).name)
            self._answer_error(header, handler, KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR))
        else:
            self._task = None
            if response is not None:
                self._answer_now(header, response)
        self._unmute_if_free()

    def _context(self, header: RequestHeader) -> RequestContext:
        return RequestContext(
            header.api_key,
            header.api_version,
            header.correlation_id,
            header.client_id,
            self._server.listener,
            self.peer_host,
            "User:ANONYMOUS",
            self.connection_id,
        )

    # answers

    def encode(self, header: RequestHeader, response: Any) -> list[Any]:
        if response is None:
            return []
        return encode_response(ApiKey(header.api_key), header.api_version, header.correlation_id, response)

    def _queue(self, answer: bytes | Pending) -> None:
        """Put an answer behind those that wait."""
        if type(answer) is bytes:
            slot = Pending()
            slot.parts = (answer,)
        else:
            slot = cast(Pending, answer)
        self._append(slot)
        if slot is answer and len(self._answers) >= self._server.limits.pending_max:
            self._mute()

    def _append(self, slot: Pending) -> None:
        slot.counter = self._counter
        slot.began = self._began
        slot.request_bytes = self._request_bytes
        self._answers.append(slot)

    def _count_silent(self) -> None:
        """The request is done, and nothing is said (Produce with acks=0)."""
        self._counter.add(self._request_bytes, 0, self._stopwatch() - self._began)

    def _answer_now(self, header: RequestHeader, response: Any) -> None:
        if self._transport is None:
            return
        try:
            parts = encode_response(ApiKey(header.api_key), header.api_version, header.correlation_id, response)
        except ProtocolError:
            logger.exception("%s v%d: the answer cannot be encoded", ApiKey(header.api_key).name, header.api_version)
            self._close_for("internal error")
            return
        if self._answers:
            slot = Pending()
            slot.parts = parts
            self._append(slot)
            return
        self._counter.add(self._request_bytes, sum(map(len, parts)), self._stopwatch() - self._began)
        self._out += parts
        if not self._in_callback:
            self._write_out()

    def _answer_error(self, header: RequestHeader, handler: Handler, error: KafkaError) -> None:
        response = handler.error_response(error)
        if response is None:
            self._close_for(f"{ApiKey(header.api_key).name}: {error.code.name} {error.message}")
        else:
            self._answer_now(header, response)

    def answer_ready(self) -> None:
        """An answer that was waited for is complete. All that become complete in this iteration of the loop are written
        at its end, in one go."""
        if not self._is_answer_ready:
            self._is_answer_ready = True
            if not self._in_callback:
                self._server.write_soon(self)

    def flush_in_order(self) -> None:
        """Take every answer at the head of the queue that is complete; `_write_out` writes them."""
        self._is_answer_ready = False
        answers = self._answers
        out = self._out
        now = self._stopwatch()
        while answers:
            answer = answers[0]
            parts = answer.parts
            if parts is None:
                break
            answers.popleft()
            out += parts
            answer.counter.add(answer.request_bytes, sum(map(len, parts)), now - answer.began)
        if self._held and len(answers) < self._server.limits.pending_max:
            self._unmute_if_free()

    def _write_out(self) -> None:
        if self._out:
            out, self._out = self._out, []
            transport = self._transport
            if transport is None:
                return
            if len(out) > _JOINED_PARTS_MIN and sum(map(len, out)) <= _JOINED_BYTES_MAX:
                transport.write(b"".join(out))
            else:
                transport.writelines(out)

    def write_now(self) -> None:
        """Write what is answered, in order."""
        if self._is_answer_ready:
            self.flush_in_order()
        self._write_out()

    # muting and closing

    def _mute(self) -> None:
        if not self._held:
            self.hold()
            if self._transport is not None:
                self._transport.pause_reading()

    def _unmute_if_free(self) -> None:
        if (
            self._held
            and self._task is None
            and not self._writing_paused
            and self._transport is not None
            and len(self._answers) < self._server.limits.pending_max
        ):
            self._transport.resume_reading()
            self.resume()

    def _close_for(self, reason: str) -> None:
        logger.warning("listener %s: closing %s: %s", self._server.listener, self.peer_host, reason)
        self.close()

    def close(self) -> None:
        """Close; what was answered is written first."""
        self.hold()
        self.write_now()
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def busy(self) -> bool:
        """A request is under way or an answer waits."""
        return self._task is not None or bool(self._answers)


def _unsupported(api_key: int, version: int, handler: Handler | None) -> str:
    if handler is None:
        name = ApiKey(api_key).name if api_key in API_VERSIONS else f"API key {api_key}"
        return f"{name} is not served on this listener"
    return (
        f"{ApiKey(api_key).name} version {version} is not supported "
        f"(this broker speaks {handler.min_version}-{handler.max_version})"
    )


class Server:
    """One listener: accepts connections and keeps their number bounded."""

    def __init__(
        self,
        listener: str,
        table: HandlerTable,
        owner: Any,
        limits: ServerLimits | None = None,
        stopwatch: Callable[[], float] = no_stopwatch,
    ) -> None:
        """`stopwatch`: what requests are timed by, see `engine.runtime.Runtime`."""
        self.listener = listener
        self.table = table
        self.owner = owner
        self.limits = limits or ServerLimits()
        self.connections: dict[ServerConnection, None] = {}
        self.stopwatch = stopwatch
        self.counters = RequestCounters()
        self.loop = asyncio.get_running_loop()
        self._per_ip: dict[str, int] = {}
        self._server: asyncio.Server | None = None
        self._dirty: dict[ServerConnection, None] = {}
        self._write_scheduled = False
        self._sequence = 0
        self._stopped = False
        self._reaper: asyncio.TimerHandle | None = None
        self.host = ""
        self.port = 0

    async def bind(self, host: str, port: int) -> None:
        """Take the port (0: a free one; `port` says which) without serving yet. Raises OSError."""
        self._server = await self.loop.create_server(
            lambda: ServerConnection(self), host or None, port, start_serving=False, backlog=self.limits.backlog
        )
        self._set_buffers(self._server.sockets)
        self.host = host
        self.port = port or self._server.sockets[0].getsockname()[1]

    def _set_buffers(self, sockets: Iterable[Any]) -> None:
        """Sizes of the listening sockets; accepted ones inherit them (the window of TCP is settled that early)."""
        for option, size_bytes in (
            (socket.SO_RCVBUF, self.limits.receive_buffer_bytes),
            (socket.SO_SNDBUF, self.limits.send_buffer_bytes),
        ):
            if size_bytes > 0:
                for listening in sockets:
                    listening.setsockopt(socket.SOL_SOCKET, option, size_bytes)

    async def start(self) -> None:
        """Accept connections."""
        assert self._server is not None, "bind first"
        await self._server.start_serving()
        self._reap()

    def admit(self, connection: ServerConnection) -> str | None:
        """Count a new connection in; the reason when it is not wanted: there are too many, or nobody serves any more."""
        ip = connection.peer_host
        count = self._per_ip.get(ip, 0)
        self._per_ip[ip] = count + 1
        self.connections[connection] = None
        self._sequence += 1
        connection.connection_id = f"{self.listener}-{self._sequence}"
        if self._stopped:
            return "it was accepted while the listener closed"
        if len(self.connections) > self.limits.connections_max:
            return f"more than max.connections={self.limits.connections_max}"
        most, config_name = self.limits.of_address(ip)
        if count >= most:
            return f"more than {config_name}={most}"
        return None

    def forget(self, connection: ServerConnection) -> None:
        if connection in self.connections:
            del self.connections[connection]
            ip = connection.peer_host
            left = self._per_ip.get(ip, 1) - 1
            if left:
                self._per_ip[ip] = left
            else:
                self._per_ip.pop(ip, None)

    def write_soon(self, connection: ServerConnection) -> None:
        """Write that connection's answers at the end of this loop iteration, together with others that complete in it."""
        self._dirty[connection] = None
        if not self._write_scheduled:
            self._write_scheduled = True
            self.loop.call_soon(self._write_dirty)

    def _write_dirty(self) -> None:
        self._write_scheduled = False
        dirty, self._dirty = self._dirty, {}
        for connection in dirty:
            connection.write_now()

    def _reap(self) -> None:
        """Close connections idle for longer than connections.max.idle.ms."""
        idle_s = self.limits.idle_ms_max / 1000
        now = self.loop.time()
        for connection in list(self.connections):
            if now - connection.last_active > idle_s and not connection.busy:
                connection.close()
        self._reaper = self.loop.call_later(max(idle_s / 4, 1.0), self._reap)

    async def stop(self, drain_ms: int = 0) -> None:
        """Stop accepting, let requests under way end for up to `drain_ms`, close every connection."""
        self._stopped = True
        if self._reaper is not None:
            self._reaper.cancel()
        if self._server is not None:
            self._server.close()
        deadline = self.loop.time() + drain_ms / 1000
        while any(connection.busy for connection in self.connections) and self.loop.time() < deadline:  # noqa: ASYNC110 - every connection would need an event
            await asyncio.sleep(0.005)
        for connection in list(self.connections):
            connection.close()
        await asyncio.sleep(0)
        for connection in list(self.connections):
            connection.abort()

    def kill(self) -> None:
        """Drop everything at once, as a crash would."""
        self._stopped = True
        if self._reaper is not None:
            self._reaper.cancel()
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.abort()
