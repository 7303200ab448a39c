"""A whole cluster: N nodes in this process, or one process per node.

    async with Cluster(nodes=3) as cluster:
        producer = AIOKafkaProducer(bootstrap_servers=cluster.bootstrap_servers)

    with Cluster.running(nodes=3) as cluster:        # for code that is not async: it runs in a thread of its own
        Producer({"bootstrap.servers": cluster.bootstrap_servers})

Every node is broker and controller. `processes=True` gives each its own process. Single nodes can be stopped, killed and restarted by id. With `data_dir` the data
survives; without, it lives in a temporary directory that goes with the cluster. `properties` are Kafka's own, for all
nodes; `node_properties` for single ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from engine.config import BrokerConfig
from engine.errors import ConfigError, KafkaError
from engine.log import MetaProperties, format_directory, read_meta_properties
from engine.net.cluster_client import ClusterClient
from engine.net.request_figures import RequestFigure
from engine.node import Node
from engine.processes import NodeProcess, free_ports
from engine.processes import new_event_loop as new_event_loop
from engine.protocol.errors import ErrorCode
from engine.protocol.uuids import uuid_to_text
from engine.runtime import Runtime
from engine.types import Endpoint

NODES_MAX = 50


def default_properties(nodes: int) -> dict[str, str]:
    """What an embedded cluster sets otherwise than Apache Kafka's defaults, which are made for data centres.

    Replication as far as there are nodes, groups that do not wait 3 s for more members before their first rebalance
    (as in Kafka's quick start), and failures noticed within seconds.
    """
    return {
        "default.replication.factor": str(min(3, nodes)),
        "min.insync.replicas": str(min(2, nodes)),
        "offsets.topic.replication.factor": str(min(3, nodes)),
        "transaction.state.log.replication.factor": str(min(3, nodes)),
        "transaction.state.log.min.isr": str(min(2, nodes)),
        "share.coordinator.state.topic.replication.factor": str(min(3, nodes)),
        "share.coordinator.state.topic.min.isr": str(min(2, nodes)),
        "group.initial.rebalance.delay.ms": "0",
        "controller.quorum.append.linger.ms": "0",
        "broker.heartbeat.interval.ms": "500",
        "broker.session.timeout.ms": "3000",
    }


class Cluster:
    """See the module's docstring."""

    def __init__(
        self,
        nodes: int = 3,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        data_dir: str | None = None,
        properties: Mapping[str, str] | None = None,
        node_properties: Mapping[int, Mapping[str, str]] | None = None,
        runtimes: Mapping[int, Runtime] | None = None,
        processes: bool = False,
    ) -> None:
        """`port` is node 1's, node k gets `port` + k - 1; 0 takes free ones. `runtimes` are for the laboratory."""
        if not 1 <= nodes <= NODES_MAX:
            raise ConfigError(f"nodes={nodes}: a cluster has between 1 and {NODES_MAX} nodes")
        if port and port + nodes - 1 > 65535:
            raise ConfigError(f"port={port}: {nodes} nodes need ports up to {port + nodes - 1}, and 65535 is the last")
        self.node_ids = tuple(range(1, nodes + 1))
        self.host = host
        self.port = port
        self.nodes: dict[int, Node] = {}
        """Nodes that run in this process, by id."""
        self.processes: dict[int, NodeProcess] = {}
        """Nodes that run in processes of their own, by id."""
        self.in_processes = processes
        self.cluster_id = ""
        self._properties = dict(properties or {})
        self._node_properties = {node_id: dict(values) for node_id, values in (node_properties or {}).items()}
        self._runtimes = dict(runtimes or {})
        self._temporary = data_dir is None
        self.data_dir = data_dir or ""
        self._ports: dict[int, tuple[int, int]] = {}
        """node id -> (client port, controller port), kept over restarts."""

    # addresses

    @property
    def bootstrap_servers(self) -> str:
        """What a client is given: host:port of every node, by commas."""
        return ",".join(f"{self.host}:{self._ports[node_id][0]}" for node_id in self.node_ids if node_id in self._ports)

    @property
    def pids(self) -> dict[int, int]:
        """Node id -> process id, of the nodes that run."""
        return {**dict.fromkeys(self.nodes, os.getpid()), **{key: each.pid for key, each in self.processes.items()}}

    @property
    def failures(self) -> dict[int, BaseException]:
        """Node id -> why it stopped by itself, of those that did."""
        return {node.node_id: node.failed for node in self._running() if node.failed is not None}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was set and has no effect, once each."""
        return tuple(dict.fromkeys(warning for node in self._running() for warning in node.config.warnings))

    async def request_figures(self) -> dict[int, list[RequestFigure]]:
        """Node id -> what its broker has answered since it began, by kind; without those that do not tell."""
        processes = dict(self.processes)
        told = await asyncio.gather(*(process.request_figures() for process in processes.values()))
        found = {node_id: node.request_figures for node_id, node in self.nodes.items()}
        found |= {node_id: figures for node_id, figures in zip(processes, told, strict=True) if figures is not None}
        return found

    def _running(self) -> list[Node | NodeProcess]:
        return [*self.nodes.values(), *self.processes.values()]

    # life

    async def start(self) -> None:
        """Start every node; returns when all brokers are unfenced. ConfigError says what is in the way."""
        if not self.data_dir:
            self.data_dir = tempfile.mkdtemp(prefix="stoker-")
        try:
            await self._format()
            if not self._ports:
                self._choose_ports()
            if self.in_processes:
                await self._start_processes()
            else:
                await self._start_nodes()
        except BaseException:
            for node in self._running():
                node.kill()
            self.nodes, self.processes = {}, {}
            self._remove_temporary()
            raise

    def _choose_ports(self) -> None:
        count = len(self.node_ids)
        free = free_ports(self.host, 2 * count)
        clients = [self.port + index for index in range(count)] if self.port else free[:count]
        self._ports = dict(zip(self.node_ids, zip(clients, free[count:], strict=True), strict=True))

    async def _start_nodes(self) -> None:
        nodes = {node_id: self._make_node(node_id) for node_id in self.node_ids}
        bound: list[Node] = []
        try:
            for node in nodes.values():
                await node.bind()
                bound.append(node)
        except BaseException:
            for node in bound:
                node.kill()
            raise
        voters = self._voters()
        for node in nodes.values():
            node.voters = dict(voters)
        self.nodes = nodes
        await _together(*(node.start() for node in nodes.values()))

    async def _start_processes(self) -> None:
        self.processes = {node_id: self._make_process(node_id) for node_id in self.node_ids}
        await _together(*(process.start() for process in self.processes.values()))

    async def stop(self) -> None:
        """Stop every node cleanly; a temporary data directory is removed."""
        running = self._running()
        await asyncio.gather(*(node.stop_broker() for node in running))
        self.nodes, self.processes = {}, {}
        await asyncio.gather(*(node.stop() for node in running))
        self._remove_temporary()

    async def __aenter__(self) -> Cluster:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # single nodes

    async def stop_node(self, node_id: int) -> None:
        """Stop one node cleanly: it hands its leaders over first."""
        await self._pop(node_id).stop()

    def kill_node(self, node_id: int) -> None:
        """One node is gone at once: nothing is flushed, nobody is told. SIGKILL where it is a process."""
        self._pop(node_id).kill()

    def _pop(self, node_id: int) -> Node | NodeProcess:
        running: Mapping[int, object] = self.processes if self.in_processes else self.nodes
        if node_id not in running:
            raise ConfigError(f"node {node_id} does not run")
        return self.processes.pop(node_id) if self.in_processes else self.nodes.pop(node_id)

    async def start_node(self, node_id: int) -> None:
        """Start a node that was stopped or killed, on its old data and its old ports."""
        if node_id in self.pids:
            raise ConfigError(f"node {node_id} runs already")
        if node_id not in self.node_ids:
            raise ConfigError(f"there is no node {node_id}; the nodes are {', '.join(map(str, self.node_ids))}")
        if self.in_processes:
            process = self.processes[node_id] = self._make_process(node_id)
            try:
                await process.start()
            except BaseException:
                self.processes.pop(node_id, None)
                raise
            return
        node = self._make_node(node_id)
        node.voters = self._voters()
        await node.bind()
        self.nodes[node_id] = node
        try:
            await node.start()
        except BaseException:
            self.nodes.pop(node_id, None)
            node.kill()
            raise

    async def restart_node(self, node_id: int) -> None:
        """Stop it cleanly if it runs, and start it."""
        if node_id in self.pids:
            await self.stop_node(node_id)
        await self.start_node(node_id)

    # topics, for tests and examples

    async def create_topic(
        self,
        name: str,
        *,
        partitions: int = 1,
        replication_factor: int = -1,
        configs: Mapping[str, str] | None = None,
        timeout_ms: int = 30_000,
    ) -> None:
        """Create a topic and wait until every node that runs knows who leads its partitions. KafkaError as Kafka's."""
        from engine.protocol.messages import CreateTopicsRequest

        request = CreateTopicsRequest(
            topics=[
                CreateTopicsRequest.CreatableTopic(
                    name=name,
                    num_partitions=partitions,
                    replication_factor=replication_factor,
                    configs=[
                        CreateTopicsRequest.CreatableTopicConfig(name=key, value=value)
                        for key, value in (configs or {}).items()
                    ],
                )
            ],
            timeout_ms=timeout_ms,
        )
        response = await self._ask_controller(request, timeout_ms)
        _raise_for(response.topics[0])
        async with asyncio.timeout(timeout_ms / 1000):
            if self.in_processes:
                await self._known_everywhere(name)
            for node in self.nodes.values():
                broker = node.broker
                assert broker is not None
                while (topic := broker.metadata.image.topic(name)) is None or len(topic.partitions) < max(
                    partitions, 1
                ):
                    await broker.metadata.reached(broker.metadata.image.offset + 1)

    async def delete_topic(self, name: str, *, timeout_ms: int = 30_000) -> None:
        """Delete a topic. KafkaError UNKNOWN_TOPIC_OR_PARTITION when there is none."""
        from engine.protocol.messages import DeleteTopicsRequest

        request = DeleteTopicsRequest(topics=[DeleteTopicsRequest.DeleteTopicState(name=name)], timeout_ms=timeout_ms)
        response = await self._ask_controller(request, timeout_ms)
        _raise_for(response.responses[0])

    async def _ask_controller(self, request: Any, timeout_ms: int) -> Any:
        for node in self.nodes.values():
            if node.broker is not None:
                return await node.broker.controller.send(request, timeout_ms=timeout_ms)
        async with self._client(*self.processes) as client:
            return await client.request_to_controller(request, timeout_ms=timeout_ms)

    def _client(self, *node_ids: int) -> ClusterClient:
        """A client over the sockets, for nodes that run elsewhere."""
        if not node_ids:
            raise ConfigError("no node of this cluster runs")
        return ClusterClient([(self.host, self._ports[node_id][0]) for node_id in node_ids])

    async def _known_everywhere(self, topic: str) -> None:
        """Returns when every process says who leads the topic's partitions."""
        from engine.protocol.messages import MetadataRequest

        for node_id in self.processes:
            async with self._client(node_id) as client:
                request = MetadataRequest(topics=[MetadataRequest.MetadataRequestTopic(name=topic)])
                while True:
                    (answer,) = (await client.request_to_any(request)).topics
                    if not answer.error_code and all(each.leader_id >= 0 for each in answer.partitions):
                        break
                    await asyncio.sleep(0.01)

    # making

    def node_directory(self, node_id: int) -> str:
        """Where a node keeps its data."""
        return f"{self.data_dir}/node-{node_id}"

    def node_properties(self, node_id: int) -> dict[str, str]:
        """The properties of one node, as a properties file would have them."""
        client_port, controller_port = self._ports.get(node_id, (0, 0))
        if not client_port and self.port:
            client_port = self.port + node_id - 1
        return {
            "node.id": str(node_id),
            "process.roles": "broker,controller",
            "listeners": f"PLAINTEXT://{self.host}:{client_port},CONTROLLER://{self.host}:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "controller.quorum.voters": ",".join(
                f"{each}@{self.host}:{self._ports.get(each, (0, 0))[1]}" for each in self.node_ids
            ),
            "log.dirs": self.node_directory(node_id),
            **default_properties(len(self.node_ids)),
            **self._properties,
            **self._node_properties.get(node_id, {}),
        }

    def runtime(self, node_id: int) -> Runtime:
        runtime = self._runtimes.get(node_id)
        if runtime is None:
            runtime = self._runtimes[node_id] = Runtime.real()
        return runtime

    def _make_node(self, node_id: int) -> Node:
        return Node(BrokerConfig.from_properties(self.node_properties(node_id)), self.runtime(node_id))

    def _make_process(self, node_id: int) -> NodeProcess:
        return NodeProcess(node_id, self.node_properties(node_id), self.node_directory(node_id))

    def _voters(self) -> dict[int, Endpoint]:
        return {node_id: Endpoint("CONTROLLER", self.host, self._ports[node_id][1]) for node_id in self.node_ids}

    async def _format(self) -> None:
        """Give the directories of new nodes their identity; those of old ones must belong to one cluster."""
        for node_id in self.node_ids:
            runtime, directory = self.runtime(node_id), self.node_directory(node_id)
            existing = read_meta_properties(runtime.disk, directory)
            if existing is not None:
                if self.cluster_id and existing.cluster_id != self.cluster_id:
                    raise ConfigError(
                        f"{directory} belongs to cluster {existing.cluster_id}, the other nodes to {self.cluster_id}"
                    )
                self.cluster_id = existing.cluster_id
        if not self.cluster_id:
            self.cluster_id = uuid_to_text(self.runtime(1).randomness.uuid())
        for node_id in self.node_ids:
            runtime, directory = self.runtime(node_id), self.node_directory(node_id)
            if read_meta_properties(runtime.disk, directory) is None:
                await format_directory(
                    runtime.disk, directory, MetaProperties(self.cluster_id, node_id, runtime.randomness.uuid())
                )

    def _remove_temporary(self) -> None:
        if self._temporary and self.data_dir:
            shutil.rmtree(self.data_dir, ignore_errors=True)
            self.data_dir = ""

    # for code that is not async

    @staticmethod
    @contextlib.contextmanager
    def running(nodes: int = 3, **options: Any) -> Iterator[Cluster]:
        """A cluster in a thread of its own, for the length of a `with` block. Takes what `Cluster` takes."""
        loop = new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="stoker-cluster", daemon=True)
        thread.start()
        try:
            cluster = Cluster(nodes, **options)
            cluster._thread_loop = loop
            asyncio.run_coroutine_threadsafe(cluster.start(), loop).result()
            try:
                yield cluster
            finally:
                asyncio.run_coroutine_threadsafe(cluster.stop(), loop).result()
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    _thread_loop: asyncio.AbstractEventLoop | None = None

    def call(self, coroutine: Any) -> Any:
        """From another thread, under `running`: run `coroutine` (`cluster.stop_node(2)`) on the cluster's loop."""
        assert self._thread_loop is not None, "only under Cluster.running"
        return asyncio.run_coroutine_threadsafe(coroutine, self._thread_loop).result()

    def call_soon(self, function: Any, *arguments: Any) -> None:
        """From another thread, under `running`: call a plain function (`cluster.kill_node`, 2) on the cluster's loop."""

        async def run() -> None:
            function(*arguments)

        self.call(run())


def _raise_for(result: Any) -> None:
    if result.error_code:
        raise KafkaError(ErrorCode.of(result.error_code), result.error_message)


async def _together(*coroutines: Any) -> None:
    """Run all; when one fails the others are cancelled, and the first failure is raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
