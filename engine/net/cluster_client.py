"""A client of a whole cluster: finds the brokers, keeps one connection to each, and sends each request where it belongs.

It knows nothing of what requests mean beyond routing: metadata, controller, leaders (`partition_requests`) and group
coordinators (`coordinators`). It connects when first needed, and again after a connection is lost. Works with brokers
from Kafka 2.1 on: every request goes out in the highest version that both sides and the caller allow.

Runs under virtual time: it reads no clock but the loop's. No tasks outlive `close()`.
"""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from engine.errors import KafkaError
from engine.net.client import AuthenticationFailed, ClientConnection, ConnectionLost, RequestTimedOut
from engine.net.cluster_errors import BrokerUnreachable, ClusterUnreachable, NotAuthenticated, UnsupportedByBroker
from engine.net.cluster_view import BrokerView, ClusterView, address_text, view_of
from engine.net.connection_security import PLAINTEXT, ConnectionSecurity
from engine.net.deadlines import Backoff, Deadline
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.messages import MetadataRequest, MetadataResponse
from engine.runtime import SystemRandomness

T = TypeVar("T")

BOOTSTRAP_STAGGER_SECONDS = 0.3
"""The next bootstrap address is tried alongside when the one before has not answered for so long (as RFC 8305 does)."""


class Versioned(msgspec.Struct, frozen=True):
    """A request whose content depends on the version it goes out in.

    `build(version)` makes it; `floor` and `ceiling` (inclusive) narrow the versions of `request_class` down to those
    that `build` can make.
    """

    request_class: Any
    build: Callable[[int], Any]
    floor: int = 0
    ceiling: int = 32767


class PartialAnswer(msgspec.Struct, Generic[T], frozen=True):
    """What several brokers were asked, and which of them could not be."""

    answers: dict[int, T]
    """By node id, ascending."""
    missing: dict[int, str]
    """Node id to the reason in words."""

    def __bool__(self) -> bool:
        return bool(self.answers)


class ClusterClient:
    """Requests to a cluster. For use on one event loop; `close()` it, or use it as an async context manager.

    `request_timeout_ms` bounds one request, `connect_timeout_ms` one connection attempt, `retry_timeout_ms` how long
    errors that pass by themselves (leadership moving, a broker restarting) are retried. At most `concurrency` requests
    of one call are under way at the same time. Every connection is made with `security`.

    Every request may raise ClusterUnreachable (NotAuthenticated among them), BrokerUnreachable, UnsupportedByBroker and ProtocolError.
    """

    def __init__(
        self,
        bootstrap: Sequence[tuple[str, int]],
        *,
        client_id: str = "stoker",
        request_timeout_ms: int = 30_000,
        connect_timeout_ms: int = 10_000,
        retry_timeout_ms: int = 10_000,
        concurrency: int = 64,
        backoff: Backoff | None = None,
        randomness: random.Random | None = None,
        security: ConnectionSecurity = PLAINTEXT,
    ) -> None:
        self.bootstrap = tuple(bootstrap)
        self.client_id = client_id
        self.request_timeout_ms = request_timeout_ms
        self.connect_timeout_ms = connect_timeout_ms
        self.retry_timeout_ms = retry_timeout_ms
        self.security = security
        self.concurrency = concurrency
        self.backoff = backoff or Backoff()
        self.randomness = randomness or SystemRandomness().stream("network")
        self.view = ClusterView(None, -1)
        """What is known so far; `metadata` asks."""
        self.coordinator_cache: dict[tuple[int, str], int] = {}
        """(key type, key) to node id; owned by `coordinators`."""
        self._connections: dict[tuple[int, str], asyncio.Task[ClientConnection]] = {}
        self._bootstrap_connection: ClientConnection | None = None
        self._bootstrapping: asyncio.Task[ClientConnection] | None = None
        self._closed = False

    async def __aenter__(self) -> ClusterClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes every connection. Idempotent."""
        self._closed = True
        tasks = [*self._connections.values(), *([self._bootstrapping] if self._bootstrapping else [])]
        self._connections.clear()
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, ClientConnection):
                outcome.close()
        if self._bootstrap_connection is not None:
            self._bootstrap_connection.close()
            self._bootstrap_connection = None

    # Metadata

    async def metadata(self, topics: Collection[str] | None = (), *, auto_create: bool = False) -> ClusterView:
        """Asks for brokers, controller and `topics` (none by default; None: all), and returns all that is known by then.

        A topic that does not exist is in the view with its `error_code`. `auto_create` lets the brokers create it where
        `auto.create.topics.enable` is on.
        """
        names = None if topics is None else sorted(topics)

        def build(version: int) -> MetadataRequest:
            wanted = None if names is None else [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
            # Before v4 asking for a topic creates it where the broker allows that: nothing we could do about it.
            return MetadataRequest(topics=wanted, allow_auto_topic_creation=auto_create if version >= 4 else True)

        # v1 is the first with controller and racks, and the first that can ask for no topics at all.
        response: MetadataResponse = await self.request_to_any(Versioned(MetadataRequest, build, floor=1))
        if response.error_code:
            raise KafkaError(ErrorCode.of(response.error_code))
        self.view = self.view.merged(view_of(response), names)
        return self.view

    async def known_view(self, topics: Collection[str] | None = ()) -> ClusterView:
        """As `metadata`, but asks only when something about `topics` is not known yet."""
        known = self.view.brokers and (
            self.view.all_topics if topics is None else all(self._is_known(topic) for topic in topics)
        )
        return self.view if known else await self.metadata(topics)

    def _is_known(self, topic: str) -> bool:
        view = self.view.topics.get(topic)
        return view is not None and view.error_code == ErrorCode.NONE

    # Requests

    async def request_to(
        self,
        node_id: int,
        request: Any,
        *,
        timeout_ms: int | None = None,
        channel: str = "",
        expect_response: bool = True,
    ) -> Any:
        """Sends `request` (a message or a `Versioned`) to one broker and returns its response.

        Not retried, but for one thing: a connection that turns out to have been closed since it was last used is opened
        again. `channel` names a separate connection for requests that wait long, such as fetches: answers on one
        connection come in the order of the requests. `expect_response=False` is for Produce with acks=0: returns None
        when it was written.
        """
        timeout_ms = self.request_timeout_ms if timeout_ms is None else timeout_ms
        connection = await self._connection(node_id, channel)
        return await self._exchange(node_id, connection, request, timeout_ms, expect_response)

    async def request_to_any(self, request: Any, *, timeout_ms: int | None = None) -> Any:
        """Sends `request` to whichever broker answers: one that is connected, else any that is known, else bootstrap.

        Raises ClusterUnreachable, with what happened at each address, when none does.
        """
        timeout_ms = self.request_timeout_ms if timeout_ms is None else timeout_ms
        reasons: dict[str, str] = {}
        for node_id in self._brokers_by_readiness():
            try:
                return await self.request_to(node_id, request, timeout_ms=timeout_ms)
            except BrokerUnreachable as error:
                reasons[error.address] = error.reason
        try:
            connection = await self._bootstrap()
            return await self._exchange(-1, connection, request, timeout_ms)
        except NotAuthenticated:
            raise
        except ClusterUnreachable as error:
            raise ClusterUnreachable({**reasons, **error.reasons}) from error
        except BrokerUnreachable as error:
            self._bootstrap_connection = None
            raise ClusterUnreachable({**reasons, error.address: error.reason}) from error

    async def request_to_controller(self, request: Any, *, timeout_ms: int | None = None) -> Any:
        """Sends `request` to the controller as the metadata names it.

        With KRaft that is a live broker which forwards it; with ZooKeeper (Kafka before 4.0) the controller itself, and
        an answer of NOT_CONTROLLER, at the top or in every part, means it moved: asked for anew and tried again.
        """
        deadline = Deadline(self.retry_timeout_ms)
        tries = 0
        while True:
            tries += 1
            view = self.view if tries == 1 and self.view.controller_id in self.view.brokers else await self.metadata()
            node_id = view.controller_id
            if node_id not in view.brokers:
                if await self.backoff.wait(tries, self.randomness, deadline):
                    continue
                # No controller is known: any broker forwards, or says itself what is wrong.
                return await self.request_to_any(request, timeout_ms=timeout_ms)
            try:
                response = await self.request_to(node_id, request, timeout_ms=timeout_ms)
            except BrokerUnreachable as error:
                # Whether it was carried out is not known once it was sent, so only a refused connection is retried.
                if error.timed_out or not await self.backoff.wait(tries, self.randomness, deadline):
                    raise
                await self.metadata()
                continue
            moved = _says_not_controller(response)
            if not moved or not await self.backoff.wait(tries, self.randomness, deadline):
                return response
            await self.metadata()

    async def request_to_all(
        self, request: Any, *, nodes: Iterable[int] | None = None, timeout_ms: int | None = None
    ) -> PartialAnswer[Any]:
        """Asks every live broker (or `nodes`) side by side; whoever does not answer is missing, with the reason."""
        if nodes is None:
            nodes = (await self.known_view()).brokers

        def call(node_id: int) -> Callable[[], Awaitable[Any]]:
            return lambda: self.request_to(node_id, request, timeout_ms=timeout_ms)

        return await self.gather({node_id: call(node_id) for node_id in nodes})

    async def gather(self, calls: dict[int, Callable[[], Awaitable[T]]]) -> PartialAnswer[T]:
        """Runs one call per node side by side, at most `concurrency` at a time; unreachable nodes are missing."""
        gate = asyncio.Semaphore(self.concurrency)
        answers: dict[int, T] = {}
        missing: dict[int, str] = {}

        async def run(node_id: int, call: Callable[[], Awaitable[T]]) -> None:
            async with gate:
                try:
                    answers[node_id] = await call()
                except BrokerUnreachable as error:
                    missing[node_id] = f"{error.address}: {error.reason}" if error.address else error.reason
                except (UnsupportedByBroker, ProtocolError) as error:
                    missing[node_id] = str(error)

        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(run(node_id, calls[node_id])) for node_id in sorted(calls)]
        try:
            for task in tasks:
                await task
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return PartialAnswer(dict(sorted(answers.items())), dict(sorted(missing.items())))

    async def version_for(self, node_id: int, request: Any) -> int:
        """The version in which `request` (a message, a message class or a `Versioned`) would go to that broker."""
        return self._version(node_id, await self._connection(node_id, ""), request)

    # Connections

    async def _exchange(
        self, node_id: int, connection: ClientConnection, request: Any, timeout_ms: int, expect_response: bool = True
    ) -> Any:
        version = self._version(node_id, connection, request)
        message = request.build(version) if isinstance(request, Versioned) else request
        try:
            return await connection.request(
                message, timeout_ms=timeout_ms, version=version, expect_response=expect_response
            )
        except ProtocolError:
            raise
        except TimeoutError as error:
            raise BrokerUnreachable(node_id, self._address(node_id), _reason(error), timed_out=True) from error
        except (OSError, EOFError) as error:
            raise BrokerUnreachable(node_id, self._address(node_id), _reason(error), timed_out=True) from error

    def _version(self, node_id: int, connection: ClientConnection, request: Any) -> int:
        if isinstance(request, Versioned):
            cls, floor, ceiling = request.request_class, request.floor, request.ceiling
        else:
            cls, floor, ceiling = request if isinstance(request, type) else type(request), 0, 32767
        lowest = max(cls.MIN_VERSION, floor)
        highest = min(cls.MAX_VERSION, ceiling)
        offered = connection.versions.get(cls.API_KEY)
        if offered is None or min(offered[1], highest) < max(offered[0], lowest):
            raise UnsupportedByBroker(node_id, cls.__name__, offered, (lowest, highest))
        return int(min(offered[1], highest))

    def _address(self, node_id: int) -> str:
        broker = self.view.brokers.get(node_id)
        return broker.address if broker is not None else ""

    def _brokers_by_readiness(self) -> list[int]:
        def ready(node_id: int) -> bool:
            task = self._connections.get((node_id, ""))
            return task is not None and task.done() and _usable(task)

        known = list(self.view.brokers)
        return [node_id for node_id in known if ready(node_id)] + [node_id for node_id in known if not ready(node_id)]

    async def _connection(self, node_id: int, channel: str) -> ClientConnection:
        """The connection to a broker, opened when there is none. Raises BrokerUnreachable."""
        broker = self.view.brokers.get(node_id) or (await self.metadata()).brokers.get(node_id)
        if broker is None:
            raise BrokerUnreachable(node_id, "", "the cluster has no live broker of this id")
        task = self._connections.get((node_id, channel))
        if task is None or (task.done() and not _usable(task)):
            task = asyncio.get_running_loop().create_task(self._open(broker.host, broker.port, adopt=not channel))
            self._connections[node_id, channel] = task
        try:
            # Shielded: others may be waiting for the same connection when one of them is cancelled.
            return await asyncio.shield(task)
        except ProtocolError:
            raise
        except (OSError, EOFError) as error:
            raise BrokerUnreachable(node_id, broker.address, _reason(error)) from error

    async def _open(self, host: str, port: int, *, adopt: bool = False) -> ClientConnection:
        """A new connection, or with `adopt` the one of the bootstrap when it leads to the same address."""
        if self._closed:
            raise ConnectionLost(f"{host}:{port}: the client is closed")
        first = self._bootstrap_connection
        if adopt and first is not None and not first.closed and first.name == f"{host}:{port}":
            self._bootstrap_connection = None
            return first
        return await ClientConnection.open(
            host, port, client_id=self.client_id, timeout_ms=self.connect_timeout_ms, security=self.security
        )

    async def _bootstrap(self) -> ClientConnection:
        """A connection to one of the bootstrap addresses. Raises ClusterUnreachable."""
        if self._bootstrap_connection is not None and not self._bootstrap_connection.closed:
            return self._bootstrap_connection
        if self._bootstrapping is None or self._bootstrapping.done():
            self._bootstrapping = asyncio.get_running_loop().create_task(self._race())
        self._bootstrap_connection = await asyncio.shield(self._bootstrapping)
        return self._bootstrap_connection

    async def _race(self) -> ClientConnection:
        reasons: dict[str, str] = {}
        attempts: dict[asyncio.Task[ClientConnection], str] = {}
        waiting = list(self.bootstrap)
        try:
            while waiting or attempts:
                if waiting:
                    host, port = waiting.pop(0)
                    attempt = asyncio.get_running_loop().create_task(self._open(host, port))
                    attempts[attempt] = address_text(host, port)
                await asyncio.wait(
                    attempts,
                    timeout=BOOTSTRAP_STAGGER_SECONDS if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for attempt in [attempt for attempt in attempts if attempt.done()]:
                    address = attempts.pop(attempt)
                    error = attempt.exception()
                    if error is None:
                        return attempt.result()
                    if not isinstance(error, (OSError, EOFError, ProtocolError)):
                        raise error
                    reasons[address] = _reason(error)
                    if isinstance(error, AuthenticationFailed):
                        # The others would say the same: every broker has the same users.
                        raise NotAuthenticated({address: reasons[address]}) from error
            raise ClusterUnreachable(reasons)
        finally:
            for attempt in attempts:
                attempt.cancel()


def _usable(task: asyncio.Task[ClientConnection]) -> bool:
    return not task.cancelled() and task.exception() is None and not task.result().closed


def _reason(error: BaseException) -> str:
    """What happened, in a few words for people; without the address, which the caller says."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    text = str(error)
    if isinstance(cause, ConnectionRefusedError) or "Errno 111" in text or "Connection refused" in text:
        return "connection refused, nothing listens there"
    if isinstance(cause, socket.gaierror):
        return "no such host name"
    if isinstance(error, EOFError) or not text:
        return "the broker closed the connection"
    _, separator, rest = text.partition(": ")
    return rest if isinstance(error, ConnectionLost | RequestTimedOut) and separator else text


def _says_not_controller(response: Any) -> bool:
    """Whether the answer is NOT_CONTROLLER: at its top, or in each of its parts."""
    top = getattr(response, "error_code", 0)
    if top:
        return bool(top == ErrorCode.NOT_CONTROLLER)
    for name in ("topics", "responses", "results"):
        parts = getattr(response, name, None)
        if parts:
            return all(part.error_code == ErrorCode.NOT_CONTROLLER for part in parts)
    return False


__all__ = ["BrokerView", "ClusterClient", "PartialAnswer", "Versioned"]
