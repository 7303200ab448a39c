"""One connection to a Kafka node, as a client.

Requests are pipelined: each is written at once, answers are matched by correlation id in the order they were sent
(Kafka answers in order). ApiVersions is negotiated when the connection opens, so `request` always speaks the newest
version both sides know. A connection that breaks fails every request under way with `ConnectionLost`; it is not
reopened (who owns it decides about that).

TLS and SASL are done before the connection is handed out. Where the broker bounds a SASL session (KIP-368), the first
request after most of it is over signs in again; it and those after it wait for that, those before are not touched.

Bounds: answers larger than `response_bytes_max` close the connection; `requests_in_flight_max` requests may wait. Until
versions are known and SASL is through, an answer may have `OPENING_RESPONSE_BYTES_MAX`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Protocol, TypeVar, cast

from engine.net.connection_security import PLAINTEXT, ConnectionSecurity
from engine.net.frames import FrameReceiver, FrameTooLarge
from engine.protocol.api import API_VERSIONS, ApiKey, response_class
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.headers import decode_response_header, encode_request
from engine.protocol.messages import ApiVersionsRequest, ApiVersionsResponse

CLIENT_SOFTWARE_NAME = "stoker"
CLIENT_SOFTWARE_VERSION = "0.1.0"

OPENING_RESPONSE_BYTES_MAX = 1024 * 1024
"""Of whoever has not proved anything yet."""

SESSION_RENEWAL_TIMEOUT_MS = 30_000

_SESSION_PART = 0.85
"""Of a SASL session's lifetime, after which it is renewed (Kafka: SaslClientAuthenticator takes 85 to 95 %)."""
_SESSION_SECONDS_MIN = 1.05
"""Brokers take no new sign-in within a second (Kafka: KafkaChannel.MIN_REAUTH_INTERVAL_ONE_SECOND_NANOS)."""


class ConnectionLost(ConnectionError):
    """The connection broke, or the peer broke the protocol. Names the peer and the reason."""


class AuthenticationFailed(ConnectionLost):
    """The broker does not accept our credentials, or has not proved itself."""


class RequestTimedOut(TimeoutError):
    """No answer within the request's time. The connection is closed, since later answers could not be trusted to match."""


class UnsupportedVersion(Exception):
    """The peer and we share no version of that API."""


class Message(Protocol):
    """Any request or response class of `engine.protocol.messages`."""

    API_KEY: int | None

    def encode_parts(self, version: int) -> list[Any]: ...


Response = TypeVar("Response")


class _Pending:
    __slots__ = ("api_key", "correlation_id", "deadline", "future", "version")

    def __init__(self, api_key: int, version: int, correlation_id: int, future: asyncio.Future[Any]) -> None:
        self.api_key = api_key
        self.version = version
        self.correlation_id = correlation_id
        self.future = future


class ClientConnection(FrameReceiver):
    """See the module's docstring. Made by `ClientConnection.open`."""

    def __init__(
        self,
        name: str,
        client_id: str | None,
        response_bytes_max: int,
        requests_in_flight_max: int,
        security: ConnectionSecurity = PLAINTEXT,
    ) -> None:
        super().__init__(response_bytes_max)
        self.name = name
        """`host:port` of the peer, for messages."""
        self.client_id = client_id
        self.versions: dict[int, tuple[int, int]] = {}
        """api key -> (lowest, highest) version the peer advertised."""
        self.finalized_features: dict[str, int] = {}
        """Feature -> finalized level, as the peer advertised (KIP-584)."""
        self.closed = False
        self._requests_in_flight_max = requests_in_flight_max
        self._transport: asyncio.Transport | None = None
        self._pending: deque[_Pending] = deque()
        self._correlation_id = 0
        self._security = security
        self._renew_at: float | None = None
        """When to sign in again, in the loop's time; None: never."""
        self._renewal: asyncio.Task[None] | None = None
        self._held_requests: deque[tuple[Any, int | None, bool, asyncio.Future[Any]]] = deque()
        """Those that wait for the renewal."""

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        *,
        client_id: str | None = "stoker",
        timeout_ms: int = 10_000,
        response_bytes_max: int = 256 * 1024 * 1024,
        requests_in_flight_max: int = 1_000,
        negotiate: bool = True,
        security: ConnectionSecurity = PLAINTEXT,
    ) -> ClientConnection:
        """Connect, negotiate versions and sign in. Raises ConnectionLost (refused, reset, TLS), AuthenticationFailed or
        RequestTimedOut."""
        loop = asyncio.get_running_loop()
        name = f"{host}:{port}"
        deadline = loop.time() + timeout_ms / 1000
        opening_bytes_max = min(response_bytes_max, OPENING_RESPONSE_BYTES_MAX) if negotiate else response_bytes_max
        options: dict[str, Any] = {} if security.tls is None else {"ssl": security.tls, "server_hostname": host}
        try:
            async with asyncio.timeout_at(deadline):
                _, connection = await loop.create_connection(
                    lambda: cls(name, client_id, opening_bytes_max, requests_in_flight_max, security),
                    host,
                    port,
                    **options,
                )
        except TimeoutError as error:
            raise RequestTimedOut(f"{name}: no connection within {timeout_ms} ms") from error
        except (OSError, ValueError) as error:
            # ValueError: a name that cannot be one of a host.
            words = _words(error, security)
            if security.tls is not None and isinstance(error, ConnectionResetError | ConnectionAbortedError):
                words = "the broker closed the connection during the TLS handshake: is it a listener with TLS?"
            raise ConnectionLost(f"{name}: {words}") from error
        if not negotiate and security.sasl is None:
            return connection
        try:
            async with asyncio.timeout_at(deadline):
                await connection._negotiate(timeout_ms)
                if security.sasl is not None:
                    await connection._sign_in(timeout_ms)
        except RequestTimedOut:
            connection.close()
            raise
        except TimeoutError as error:
            connection.close()
            raise RequestTimedOut(f"{name}: the connection was not ready within {timeout_ms} ms") from error
        except BaseException:
            connection.close()
            raise
        connection._frame_bytes_max = response_bytes_max
        return connection

    async def _negotiate(self, timeout_ms: int) -> None:
        request = ApiVersionsRequest(
            client_software_name=CLIENT_SOFTWARE_NAME, client_software_version=CLIENT_SOFTWARE_VERSION
        )
        # KIP-511: a broker that does not know our version answers in version 0, with error 35 and its range.
        response: ApiVersionsResponse = await self.request(request, version=4, timeout_ms=timeout_ms)
        if response.error_code == ErrorCode.UNSUPPORTED_VERSION:
            highest = 0
            for api in response.api_keys:
                if api.api_key == ApiKey.API_VERSIONS:
                    highest = min(api.max_version, 3)
            response = await self.request(request, version=highest, timeout_ms=timeout_ms)
        if response.error_code != ErrorCode.NONE:
            raise ConnectionLost(f"{self.name}: ApiVersions answered {ErrorCode.of(response.error_code).name}")
        self.versions = {api.api_key: (api.min_version, api.max_version) for api in response.api_keys}
        self.finalized_features = {feature.name: feature.max_version_level for feature in response.finalized_features}

    async def _sign_in(self, timeout_ms: int) -> None:
        """SASL, at the start and again later. Raises AuthenticationFailed."""
        from engine.net.sasl import SaslFailed, authenticate

        credentials = self._security.sasl
        assert credentials is not None
        loop = asyncio.get_running_loop()
        started = loop.time()

        async def ask(message: Any, version: int) -> Any:
            future: asyncio.Future[Any] = loop.create_future()
            self._send(message, version, True, future)
            async with asyncio.timeout(timeout_ms / 1000):
                return await future

        try:
            lifetime_ms = await authenticate(ask, self.versions, credentials)
        except SaslFailed as error:
            raise AuthenticationFailed(f"{self.name}: {error}") from error
        seconds = max(lifetime_ms / 1000 * _SESSION_PART, _SESSION_SECONDS_MIN)
        self._renew_at = started + seconds if lifetime_ms else None

    async def _renew(self) -> None:
        try:
            await self._sign_in(SESSION_RENEWAL_TIMEOUT_MS)
        except ConnectionLost as error:
            self._fail(error)
            return
        except Exception as error:
            words = "signing in again took too long" if isinstance(error, TimeoutError) else str(error)
            self._fail(ConnectionLost(f"{self.name}: {words}"))
            return
        self._renewal = None
        while self._held_requests and not self.closed:
            message, version, expect_response, future = self._held_requests.popleft()
            if future.done():
                continue  # whoever asked has given up
            try:
                self._send(message, version, expect_response, future)
            except (UnsupportedVersion, ProtocolError) as error:
                future.set_exception(error)

    def version_for(self, api_key: int) -> int:
        """The newest version of that API both sides know. Raises UnsupportedVersion."""
        ours = API_VERSIONS[ApiKey(api_key)]
        theirs = self.versions.get(api_key)
        if theirs is None:
            raise UnsupportedVersion(f"{self.name} does not know {ApiKey(api_key).name}")
        version = min(ours.max_version, theirs[1])
        if version < max(ours.min_version, theirs[0]):
            raise UnsupportedVersion(
                f"{self.name} speaks {ApiKey(api_key).name} {theirs[0]}-{theirs[1]}, we {ours.min_version}-{ours.max_version}"
            )
        return version

    def start_request(
        self, message: Any, *, version: int | None = None, expect_response: bool = True
    ) -> asyncio.Future[Any]:
        """Write the request now; the future has the decoded response. No timeout: `request` is the call with one."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        if self.closed or self._transport is None:
            future.set_exception(ConnectionLost(f"{self.name}: the connection is closed"))
            return future
        if len(self._pending) + len(self._held_requests) >= self._requests_in_flight_max:
            future.set_exception(
                ConnectionLost(f"{self.name}: more than {self._requests_in_flight_max} requests are waiting")
            )
            return future
        if self._renew_at is not None and (self._renewal is not None or loop.time() >= self._renew_at):
            self._held_requests.append((message, version, expect_response, future))
            if self._renewal is None:
                self._renewal = loop.create_task(self._renew())
            return future
        self._send(message, version, expect_response, future)
        return future

    def _send(self, message: Any, version: int | None, expect_response: bool, future: asyncio.Future[Any]) -> None:
        if self._transport is None:
            future.set_exception(ConnectionLost(f"{self.name}: the connection is closed"))
            return
        api_key: int = message.API_KEY
        if version is None:
            version = self.version_for(api_key)
        self._correlation_id = correlation_id = (self._correlation_id + 1) & 0x7FFFFFFF
        parts = encode_request(ApiKey(api_key), version, correlation_id, self.client_id, message)
        if expect_response:
            self._pending.append(_Pending(api_key, version, correlation_id, future))
        else:
            future.set_result(None)
        self._transport.writelines(parts)

    async def request(
        self,
        message: Any,
        *,
        timeout_ms: int = 30_000,
        version: int | None = None,
        expect_response: bool = True,
    ) -> Any:
        """Send and wait for the answer (the message's response class).

        `expect_response=False` is for Produce with acks=0. Raises ConnectionLost, RequestTimedOut,
        UnsupportedVersion, ProtocolError (the message cannot be encoded in that version).
        """
        future = self.start_request(message, version=version, expect_response=expect_response)
        if future.done():
            return future.result()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                return await future
        except TimeoutError as error:
            self._fail(RequestTimedOut(f"{self.name}: no answer to {type(message).__name__} within {timeout_ms} ms"))
            raise RequestTimedOut(
                f"{self.name}: no answer to {type(message).__name__} within {timeout_ms} ms"
            ) from error

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are not subclasses of asyncio.Transport, only shaped like them.
        transport = cast(asyncio.Transport, transport)
        self._transport = transport

    def frame_received(self, frame: memoryview) -> None:
        """An answer: decoded here, from a copy, since records in it outlive the receive buffer."""
        if not self._pending:
            self._fail(ConnectionLost(f"{self.name}: an answer nobody waits for"))
            return
        pending = self._pending.popleft()
        data = bytes(frame)
        try:
            correlation_id, position = decode_response_header(data, ApiKey(pending.api_key), pending.version)
            if correlation_id != pending.correlation_id:
                raise ConnectionLost(f"{self.name}: answer {correlation_id} where {pending.correlation_id} was due")
            version = pending.version
            if pending.api_key == ApiKey.API_VERSIONS and data[position : position + 2] == b"\x00\x23":
                version = 0  # KIP-511: error 35 comes in version 0, whatever was asked
            response = response_class(ApiKey(pending.api_key)).decode(memoryview(data)[position:], version)
        except (ProtocolError, ConnectionLost) as error:
            lost = error if isinstance(error, ConnectionLost) else ConnectionLost(f"{self.name}: {error}")
            if not pending.future.done():
                pending.future.set_exception(lost)
            self._fail(lost)
            return
        if not pending.future.done():
            pending.future.set_result(response)

    def frame_refused(self, error: FrameTooLarge) -> None:
        self._fail(ConnectionLost(f"{self.name}: {error}"))

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        words = "the peer closed the connection" if exc is None else _words(exc, self._security)
        if exc is None and self._security.tls is not None and not self.versions:
            # With TLS 1.3 our handshake is over before the broker has looked at our certificate.
            words += " right after the TLS handshake: it may want a certificate from us (ssl.keystore.*), or another"
        self._fail(ConnectionLost(f"{self.name}: {words}"))

    def _fail(self, error: Exception) -> None:
        self.closed = True
        pending, self._pending = self._pending, deque()
        for each in pending:
            if not each.future.done():
                each.future.set_exception(error)
                each.future.exception()  # whoever awaits sees it; nobody awaiting is not worth a log line
        held, self._held_requests = self._held_requests, deque()
        for _, _, _, future in held:
            if not future.done():
                future.set_exception(error)
                future.exception()
        if self._renewal is not None and self._renewal is not asyncio.current_task():
            self._renewal.cancel()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def close(self) -> None:
        """Close; requests under way fail with ConnectionLost. Idempotent."""
        if not self.closed:
            self._fail(ConnectionLost(f"{self.name}: closed"))


def _words(error: Exception, security: ConnectionSecurity) -> str:
    """What broke a connection, for people."""
    if security.tls is not None:
        from engine.net.tls import tls_words

        found = tls_words(error)
        if found is not None:
            return found
    return getattr(error, "strerror", None) or str(error)
