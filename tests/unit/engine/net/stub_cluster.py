"""Brokers that answer what a test tells them to, over real sockets: for clients of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from engine.net.dispatch import Handler, HandlerTable
from engine.net.server import Server
from engine.protocol.api import ApiKey, request_class
from engine.protocol.messages import ApiVersionsResponse, MetadataResponse

Answer = Callable[["StubBroker", Any, int], Any]
"""`(broker, request, version) -> response`, plain or async."""


class StubBroker:
    """One broker: its answers by API key, the versions it offers, and what it was asked."""

    def __init__(self, cluster: StubCluster, node_id: int) -> None:
        self.cluster = cluster
        self.node_id = node_id
        self.asked: list[tuple[ApiKey, int, Any]] = []
        """API key, version and request of everything but ApiVersions, in order."""
        self.server: Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        assert self.server is not None
        return "127.0.0.1", self.server.port

    def questions(self, api_key: ApiKey) -> list[Any]:
        return [request for key, _, request in self.asked if key == api_key]

    async def start(self) -> None:
        table = {ApiKey.API_VERSIONS: Handler(ApiKey.API_VERSIONS, (0, 4), self._versions)}
        for api_key in self.cluster.answers:
            cls = request_class(api_key)
            table[api_key] = Handler(api_key, (cls.MIN_VERSION, cls.MAX_VERSION), self._answer(api_key))
        self.server = Server("PLAINTEXT", HandlerTable(table, self._versions), self)
        await self.server.bind("127.0.0.1", 0)
        await self.server.start()

    def kill(self) -> None:
        assert self.server is not None
        self.server.kill()

    def _versions(self, *_: Any) -> ApiVersionsResponse:
        offered = {ApiKey.API_VERSIONS: (0, 4)}
        for api_key in self.cluster.answers:
            cls = request_class(api_key)
            offered[api_key] = self.cluster.versions.get(api_key, (cls.MIN_VERSION, cls.MAX_VERSION))
        return ApiVersionsResponse(
            api_keys=[
                ApiVersionsResponse.ApiVersion(api_key=int(key), min_version=low, max_version=high)
                for key, (low, high) in offered.items()
            ]
        )

    def _answer(self, api_key: ApiKey) -> Callable[..., Any]:
        async def handle(_: Any, context: Any, request: Any) -> Any:
            self.asked.append((api_key, context.api_version, request))
            response = self.cluster.answers[api_key](self, request, context.api_version)
            return await response if asyncio.iscoroutine(response) else response

        return handle


class StubCluster:
    """Brokers 1 to N with metadata that tests may change while they run."""

    def __init__(self, brokers: int = 3) -> None:
        self.answers: dict[ApiKey, Answer] = {ApiKey.METADATA: self._metadata}
        self.versions: dict[ApiKey, tuple[int, int]] = {}
        """Offered by every broker, where not all of ours."""
        self.brokers = {node_id: StubBroker(self, node_id) for node_id in range(1, brokers + 1)}
        self.leaders: dict[str, list[int]] = {}
        """Topic to the leader of each partition, -1 for none."""
        self.leader_epoch = 0
        self.controller_id = 1
        self.live = set(self.brokers)
        """Who the metadata says is alive."""

    def bootstrap(self, *node_ids: int) -> list[tuple[str, int]]:
        return [self.brokers[node_id].address for node_id in node_ids or self.brokers]

    async def __aenter__(self) -> StubCluster:
        for broker in self.brokers.values():
            await broker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for broker in self.brokers.values():
            broker.kill()

    def topic_id(self, name: str) -> bytes:
        return name.encode().ljust(16, b".")

    def _metadata(self, _: StubBroker, request: Any, version: int) -> MetadataResponse:
        names = list(self.leaders) if request.topics is None else [topic.name for topic in request.topics]
        return MetadataResponse(
            brokers=[
                MetadataResponse.MetadataResponseBroker(node_id=node_id, host=host, port=port)
                for node_id in sorted(self.live)
                for host, port in [self.brokers[node_id].address]
            ],
            cluster_id="stub",
            controller_id=self.controller_id,
            topics=[self._topic(name, version) for name in names],
        )

    def _topic(self, name: str, version: int) -> Any:
        leaders = self.leaders.get(name)
        if leaders is None:
            return MetadataResponse.MetadataResponseTopic(error_code=3, name=name)
        return MetadataResponse.MetadataResponseTopic(
            name=name,
            topic_id=self.topic_id(name) if version >= 10 else bytes(16),
            partitions=[
                MetadataResponse.MetadataResponsePartition(
                    partition_index=index,
                    leader_id=leader,
                    leader_epoch=self.leader_epoch,
                    replica_nodes=sorted(self.brokers),
                    isr_nodes=sorted(self.live),
                )
                for index, leader in enumerate(leaders)
            ],
        )
