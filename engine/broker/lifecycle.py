"""A broker's standing with the controller: registration, heartbeats, fencing, controlled shutdown.

    NOT_RUNNING -> STARTING -> RECOVERY -> RUNNING -> PENDING_CONTROLLED_SHUTDOWN -> SHUTTING_DOWN

STARTING: registering, and catching up with the metadata up to the registration. RECOVERY: asks to be unfenced.
RUNNING: unfenced; heartbeats keep it so. PENDING_CONTROLLED_SHUTDOWN: the controller moves leaders away until it says
we may stop. Kafka: BrokerLifecycleManager (KIP-631).
"""

from __future__ import annotations

import asyncio
import logging
from enum import IntEnum
from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import BrokerHeartbeatRequest, BrokerRegistrationRequest
from engine.runtime import points

if TYPE_CHECKING:
    from engine.broker.broker import Broker

logger = logging.getLogger(__name__)


_CHECK_S = 0.1
_LEADERLESS_CHECKS_MAX = 10


class BrokerState(IntEnum):
    """Kafka: BrokerState; the numbers are what its metric shows."""

    NOT_RUNNING = 0
    STARTING = 1
    RECOVERY = 2
    RUNNING = 3
    PENDING_CONTROLLED_SHUTDOWN = 6
    SHUTTING_DOWN = 7


class RegistrationRefused(Exception):
    """The controller will not have this broker; says why."""


class Lifecycle:
    """See the module's docstring."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        config = broker.config
        self._interval_ms = config.get_int("broker.heartbeat.interval.ms")
        self._session_ms = config.get_int("broker.session.timeout.ms")
        self._registration_timeout_ms = config.get_int("initial.broker.registration.timeout.ms")
        self.state = BrokerState.NOT_RUNNING
        self.broker_epoch = -1
        self.fenced = True
        self._loop = asyncio.get_running_loop()
        self._unfenced: asyncio.Future[None] = self._loop.create_future()
        self._may_stop: asyncio.Future[None] = self._loop.create_future()
        self._task: asyncio.Task[None] | None = None
        self._incarnation_id = broker.runtime.randomness.uuid()
        self._wake = asyncio.Event()
        self._offline_directories: list[bytes] = []

    async def start(self) -> None:
        """Register, and start the heartbeats. Raises RegistrationRefused."""
        self.state = BrokerState.STARTING
        await self._register()
        self.state = BrokerState.RECOVERY
        self._task = self._loop.create_task(self._heartbeats(), name=f"heartbeats-{self._broker.node_id}")

    async def unfenced(self) -> None:
        """Returns when the controller counts us in."""
        await asyncio.shield(self._unfenced)

    async def _register(self) -> None:
        broker = self._broker
        deadline = self._loop.time() + self._registration_timeout_ms / 1000
        while True:
            request = BrokerRegistrationRequest(
                broker_id=broker.node_id,
                cluster_id=broker.cluster_id,
                incarnation_id=self._incarnation_id,
                listeners=[
                    BrokerRegistrationRequest.Listener(
                        name=endpoint.listener, host=endpoint.host, port=endpoint.port, security_protocol=0
                    )
                    for endpoint in broker.advertised_endpoints
                ],
                features=[
                    BrokerRegistrationRequest.Feature(
                        name=name, min_supported_version=lowest, max_supported_version=highest
                    )
                    for name, (lowest, highest) in sorted(broker.supported_features.items())
                ],
                rack=broker.rack,
                log_dirs=sorted(broker.log_directory_ids),
                previous_broker_epoch=broker.previous_broker_epoch,
            )
            try:
                response = await broker.controller.send(request, timeout_ms=10_000)
            except KafkaError as error:
                code, message = error.code, error.message
            else:
                code, message = ErrorCode.of(response.error_code), ErrorCode.of(response.error_code).text
                if code is ErrorCode.NONE:
                    self.broker_epoch = response.broker_epoch
                    logger.info("node %d: registered with epoch %d", broker.node_id, self.broker_epoch)
                    return
            if code in (
                ErrorCode.INCONSISTENT_CLUSTER_ID,
                ErrorCode.INVALID_REGISTRATION,
                ErrorCode.UNSUPPORTED_VERSION,
            ):
                raise RegistrationRefused(f"node {broker.node_id}: the controller refuses us: {code.name}: {message}")
            if self._loop.time() > deadline:
                raise RegistrationRefused(
                    f"node {broker.node_id}: not registered within {self._registration_timeout_ms} ms: {code.name}: {message}"
                )
            # DUPLICATE_BROKER_REGISTRATION: our earlier life's session has not run out yet.
            logger.debug("node %d: registration: %s", broker.node_id, message)
            await asyncio.sleep(0.1)

    async def _heartbeats(self) -> None:
        while True:
            self._wake.clear()
            delay_ms = self._interval_ms
            try:
                await points.passing("broker.before_heartbeat")
                if not points.rare("broker.heartbeat_lost"):
                    delay_ms = await self._heartbeat()
            except KafkaError as error:
                logger.info("node %d: heartbeat: %s", self._broker.node_id, error.message)
                delay_ms = min(self._interval_ms, 200)
            try:
                async with asyncio.timeout(delay_ms / 1000):
                    await self._wake.wait()
            except TimeoutError:
                pass

    async def _heartbeat(self) -> int:
        """One heartbeat; returns the milliseconds until the next."""
        broker = self._broker
        wants_shutdown = self.state is BrokerState.PENDING_CONTROLLED_SHUTDOWN
        request = BrokerHeartbeatRequest(
            broker_id=broker.node_id,
            broker_epoch=self.broker_epoch,
            current_metadata_offset=broker.metadata.image.offset,
            want_fence=False,
            want_shut_down=wants_shutdown,
            offline_log_dirs=list(self._offline_directories),
        )
        response = await broker.controller.send(request, timeout_ms=self._session_ms)
        code = ErrorCode.of(response.error_code)
        if code in (ErrorCode.STALE_BROKER_EPOCH, ErrorCode.BROKER_ID_NOT_REGISTERED):
            # The controller has forgotten or replaced us: this process' life as a broker is over unless it registers anew.
            logger.warning("node %d: %s; registering again", broker.node_id, code.name)
            self.fenced = True
            self._incarnation_id = broker.runtime.randomness.uuid()
            await self._register()
            return 0
        if code is not ErrorCode.NONE:
            raise KafkaError(code)
        if self.fenced != response.is_fenced:
            logger.info("node %d: %s", broker.node_id, "fenced" if response.is_fenced else "unfenced")
        self.fenced = response.is_fenced
        if not self.fenced and not self._unfenced.done():
            self.state = BrokerState.RUNNING
            self._unfenced.set_result(None)
        if wants_shutdown and response.should_shut_down and not self._may_stop.done():
            self._may_stop.set_result(None)
        if self.state is BrokerState.RECOVERY or self.fenced:
            return 20 if not response.is_caught_up else 10
        if wants_shutdown:
            return 50
        return self._interval_ms

    async def controlled_shutdown(self, timeout_ms: int) -> bool:
        """Let the controller move our leaders away; False when that took longer than `timeout_ms`, or when nobody has
        led the quorum for a second: the last nodes of a cluster that goes down have nobody to ask."""
        if self.state is not BrokerState.RUNNING:
            return False
        self.state = BrokerState.PENDING_CONTROLLED_SHUTDOWN
        self._wake.set()
        deadline = self._loop.time() + timeout_ms / 1000
        leaderless = 0
        while self._loop.time() < deadline and leaderless < _LEADERLESS_CHECKS_MAX:
            leaderless = leaderless + 1 if self._broker.raft.leader.leader_id < 0 else 0
            try:
                async with asyncio.timeout(min(_CHECK_S, timeout_ms / 1000)):
                    await asyncio.shield(self._may_stop)
            except TimeoutError:
                continue
            return True
        return False

    def directory_failed(self, directory_id: bytes) -> None:
        """Tell the controller with the next heartbeat, which is sent now (KIP-858)."""
        self._offline_directories.append(directory_id)
        self._wake.set()

    def kill(self) -> None:
        self.state = BrokerState.SHUTTING_DOWN
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        self.kill()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
