"""Controllers make themselves known (KIP-919; Kafka: ControllerRegistrationManagerTest)."""

from __future__ import annotations

import asyncio
from typing import Any

from engine.controller.registration import ControllerRegistrar
from engine.errors import KafkaError
from engine.metadata.brokers import register_controller
from engine.metadata.listener import CommittedBatch
from engine.metadata.loader import MetadataLoader
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ControllerRegistrationResponse, FeatureLevelRecord
from engine.sim.loop import SimLoop
from engine.types import Endpoint


class Cluster:
    """Commits a registration when it is asked to, after failing as often as it was told."""

    def __init__(self, failures: int = 0) -> None:
        self.loader = MetadataLoader("cluster")
        self.requests = 0
        self.failures = failures
        self.closed = False

    def commit(self, *records: Any) -> None:
        base = self.loader.loaded_offset + 1
        self.loader.on_committed([CommittedBatch(base, base + len(records) - 1, 1, 0, 10, records)])

    async def send(self, request: Any, *, timeout_ms: int | None = None) -> ControllerRegistrationResponse:
        self.requests += 1
        if self.failures:
            self.failures -= 1
            if self.failures % 2:
                raise KafkaError(ErrorCode.REQUEST_TIMED_OUT)
            return ControllerRegistrationResponse(error_code=ErrorCode.NOT_CONTROLLER)
        decision = register_controller(request)
        asyncio.get_running_loop().call_later(0.05, self.commit, *decision.records)
        return decision.response

    def close(self) -> None:
        self.closed = True


def run(cluster: Cluster, incarnation: bytes = b"a" * 16) -> ControllerRegistrar:
    endpoint = Endpoint("CONTROLLER", "localhost", 9093)

    async def scenario() -> ControllerRegistrar:
        registrar = ControllerRegistrar(7, incarnation, [endpoint], cluster)
        cluster.loader.add_publisher(registrar)
        await asyncio.sleep(1)
        cluster.commit(FeatureLevelRecord(name="metadata.version", feature_level=30))
        await asyncio.sleep(60)
        registrar.stop()
        return registrar

    loop = SimLoop()
    try:
        return loop.run_until_complete(scenario())
    finally:
        loop.close()


def test_a_controller_registers_once_the_cluster_has_features() -> None:
    cluster = Cluster()
    assert run(cluster).is_registered
    assert cluster.requests == 1
    assert cluster.closed, "its connection is needed no more"
    registration = cluster.loader.image.controllers[7]
    assert registration.endpoint("CONTROLLER") == ("CONTROLLER", "localhost", 9093)
    assert ("metadata.version", 30, 30) in registration.features


def test_it_tries_again_until_it_succeeds() -> None:
    cluster = Cluster(failures=5)
    assert run(cluster).is_registered
    assert cluster.requests == 6


def test_another_life_registers_anew() -> None:
    cluster = Cluster()
    run(cluster)
    assert run(cluster, b"b" * 16).is_registered
    assert cluster.loader.image.controllers[7].incarnation_id == b"b" * 16
