"""One node: its roles put together, started, stopped, killed.

A node is a broker, a controller, or both (`process.roles`). Both share one raft driver: as a voter where the node is a
controller, as an observer where it is only a broker. Starting has two steps, because nodes of one process may listen on
free ports that the others must be told of first:

    await node.bind()     takes the directories and the ports
    await node.start()    joins the quorum, registers, catches up, serves

Stopping is the reverse: hand over leaders, stop serving, flush, leave a clean-shutdown file. `kill()` does nothing of
the kind: it is what a crash would leave (Kafka: KafkaRaftServer, BrokerServer, ControllerServer).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from engine.broker.broker import Broker
from engine.broker.controller_channel import ControllerChannel
from engine.broker.housekeeping import HouseKeeping
from engine.broker.listener_limits import listener_limits
from engine.config import BrokerConfig
from engine.controller.controller import Controller
from engine.controller.raft_driver import RaftDriver
from engine.controller.registration import ControllerRegistrar
from engine.errors import ConfigError
from engine.handlers.api_18_api_versions import unsupported_version
from engine.handlers.registry import ListenerKind, handlers
from engine.log import LogConfig, LogManager, read_meta_properties
from engine.log.log_directory import LogDirectory
from engine.metadata.loader import MetadataLoader
from engine.metadata.snapshot_schedule import SnapshotSchedule
from engine.net.dispatch import HandlerTable
from engine.net.request_figures import RequestFigure, summed
from engine.net.server import Server, ServerLimits
from engine.runtime import Runtime, StorageError
from engine.types import Endpoint

logger = logging.getLogger(__name__)


class Node:
    """See the module's docstring. All of it belongs to the loop it was started on."""

    def __init__(self, config: BrokerConfig, runtime: Runtime, *, voters: Mapping[int, Endpoint] | None = None) -> None:
        """`voters` (node id -> controller endpoint) stands in for controller.quorum.voters where ports are free ones."""
        self.config = config
        self.runtime = runtime
        self.node_id = config.node_id
        self.voters: dict[int, Endpoint] = dict(voters or {})
        self.logs: LogManager | None = None
        self.raft: RaftDriver | None = None
        self.controller: Controller | None = None
        self.broker: Broker | None = None
        self.servers: dict[str, Server] = {}
        self.cluster_id = ""
        self.failed: BaseException | None = None
        """Why the node stopped itself; None while it has not."""
        self._housekeeping: HouseKeeping | None = None
        self._loader: MetadataLoader | None = None
        self._metadata_directory: LogDirectory | None = None
        """metadata.log.dir, when it is none of log.dirs."""
        self._broker_stopped = False
        self._registrar: ControllerRegistrar | None = None
        self._relimiting: asyncio.Task[None] | None = None

    # addresses

    @property
    def controller_endpoint(self) -> Endpoint:
        """Where this node's controller listens; after `bind`."""
        endpoint = self.config.advertised_controller_listeners[0]
        return self._with_port(endpoint)

    @property
    def advertised_endpoints(self) -> tuple[Endpoint, ...]:
        """What clients and other brokers are told; after `bind`."""
        return tuple(self._with_port(endpoint) for endpoint in self.config.advertised_listeners)

    def _with_port(self, endpoint: Endpoint) -> Endpoint:
        server = self.servers.get(endpoint.listener)
        if endpoint.port == 0 and server is not None:
            return endpoint._replace(port=server.port)
        return endpoint

    @property
    def bootstrap_server(self) -> str:
        """host:port of the first client listener."""
        endpoint = self.advertised_endpoints[0]
        return f"{endpoint.host}:{endpoint.port}"

    @property
    def request_figures(self) -> list[RequestFigure]:
        """What its broker's listeners have answered since the node began, by kind; none of a controller alone."""
        servers = (self.servers.get(endpoint.listener) for endpoint in self.config.broker_listeners)
        return summed(each for server in servers if server is not None for each in server.counters.figures())

    # life

    async def bind(self) -> None:
        """Lock the directories, open the logs, take the ports.

        Raises ConfigError (directories of another cluster or node, in use, not formatted; a port in use) with nothing
        left open.
        """
        config, runtime = self.config, self.runtime
        try:
            self.cluster_id = self._read_cluster_id()
            self.logs = await LogManager.open(
                runtime.disk,
                runtime.clock,
                runtime.randomness,
                config.log_dirs,
                cluster_id=self.cluster_id,
                node_id=self.node_id,
                default_config=LogConfig.from_mapping(config.topic_config_texts({})),
                producer_id_expiration_ms=config.get_int("producer.id.expiration.ms"),
                on_directory_failure=self._directory_failed,
            )
            metadata_path = config.metadata_log_dir.rstrip("/") or "/"
            if metadata_path not in [path.rstrip("/") or "/" for path in config.log_dirs]:
                # It has a lock and an identity of its own (Kafka: KafkaRaftManager.dataDirLock).
                self._metadata_directory = await LogDirectory.open(
                    runtime.disk, metadata_path, self.cluster_id, self.node_id
                )
            limits = await listener_limits(config)
            if config.is_controller:
                for endpoint in config.controller_listeners:
                    await self._listen(endpoint, ListenerKind.CONTROLLER, limits)
            if config.is_broker:
                for endpoint in config.broker_listeners:
                    await self._listen(endpoint, ListenerKind.BROKER, limits)
        except BaseException:
            self.kill()
            raise

    async def _listen(self, endpoint: Endpoint, kind: ListenerKind, limits: ServerLimits) -> None:
        table = HandlerTable(handlers(kind), unsupported_version)
        server = Server(endpoint.listener, table, None, limits, self.runtime.stopwatch)
        try:
            await server.bind(endpoint.host, endpoint.port)
        except OSError as error:
            raise ConfigError(
                f"listeners: {endpoint.listener}://{endpoint.host}:{endpoint.port} cannot be taken: "
                f"{error.strerror or error}. Stop what uses the port, or choose another (0 takes a free one)."
            ) from error
        self.servers[endpoint.listener] = server

    async def start(self) -> None:
        """Join the quorum, register, catch up, serve; returns when the broker is unfenced (or the controller runs)."""
        assert self.logs is not None, "bind first"
        config, runtime, logs = self.config, self.runtime, self.logs
        if not self.voters:
            self.voters = {
                voter.node_id: Endpoint(config.controller_listener_names[0], voter.host, voter.port)
                for voter in config.quorum_voters
            }
        self.raft = raft = RaftDriver.from_config(runtime, config, self.voters, self, on_failure=self._raft_failed)
        if config.is_controller:
            self.controller = Controller(runtime, raft, config, self.cluster_id, snapshots=self._snapshots(raft))
            raft.register(self.controller)
            self._registrar = ControllerRegistrar(
                self.node_id,
                runtime.randomness.uuid(),
                [self._with_port(endpoint) for endpoint in config.advertised_controller_listeners],
                ControllerChannel(raft, f"controller-{self.node_id}"),
            )
            self.controller.loader.add_publisher(self._registrar)
        if config.is_broker:
            self.broker = broker = Broker(config, runtime, raft, logs, self.cluster_id)
            broker.advertised_endpoints = self.advertised_endpoints
            broker.previous_broker_epoch = logs.previous_broker_epoch
            broker.on_dynamic_configs = self._reconfigure
            if self.controller is None:
                self._loader = MetadataLoader(self.cluster_id, lambda: raft.high_watermark, self._snapshots(raft))
                raft.register(self._loader)
            else:
                self._loader = self.controller.loader
        for server in self.servers.values():
            server.owner = self.controller if server.listener in config.controller_listener_names else self.broker
        for name in config.controller_listener_names:
            if name in self.servers:
                await self.servers[name].start()
        await raft.start()
        if self.broker is not None:
            await self._start_broker(self.broker)
        self._housekeeping = HouseKeeping(self._current_config, logs, runtime)

    def _current_config(self) -> BrokerConfig:
        return self.config if self.broker is None else self.broker.config

    def _reconfigure(self, config: BrokerConfig) -> None:
        """Configs were changed by request: those that the node itself reads (Kafka: DynamicBrokerConfig)."""
        if self.logs is not None:
            self.logs.set_producer_id_expiration(config.get_int("producer.id.expiration.ms"))
        if self._relimiting is not None:
            self._relimiting.cancel()
        self._relimiting = asyncio.get_running_loop().create_task(self._relimit(config))

    async def _relimit(self, config: BrokerConfig) -> None:
        try:
            limits = await listener_limits(config)
        except ConfigError as error:
            logger.warning("node %d: the bounds of its connections stay as they were: %s", self.node_id, error)
            return
        for server in self.servers.values():
            server.limits = limits

    def _snapshots(self, raft: RaftDriver) -> SnapshotSchedule:
        loop = asyncio.get_running_loop()
        return SnapshotSchedule.from_config(self.config, raft.write_snapshot, lambda: int(loop.time() * 1_000))

    async def _start_broker(self, broker: Broker) -> None:
        await broker.start()
        # Only a registered broker hears of its partitions, and nothing older than its registration: what it fetches
        # carries its epoch from the first fetch on, so that leaders tell this life of it from the one before (KIP-903),
        # and it does not lead once more what its former life led, with a log that may have lost its end since
        # (Kafka: BrokerServer waits for initialCatchUpFuture before its publishers are installed).
        assert self._loader is not None
        self._loader.add_publisher(broker, from_offset=broker.broker_epoch)
        await broker.metadata.reached(broker.broker_epoch)
        broker.replicas.move_strays()
        await broker.lifecycle.unfenced()
        while not broker.metadata.image.is_active_broker(self.node_id):
            await broker.metadata.reached(broker.metadata.image.offset + 1)
        # Kafka serves a moment earlier, and so may tell a client, when all nodes restart together, that no broker is
        # alive; librdkafka then forgets every address it knows, for good.
        for endpoint in self.config.broker_listeners:
            await self.servers[endpoint.listener].start()

    def _read_cluster_id(self) -> str:
        for directory in self.config.log_dirs:
            properties = read_meta_properties(self.runtime.disk, directory.rstrip("/") or "/")
            if properties is not None:
                return properties.cluster_id
        raise ConfigError(
            f"log.dirs={','.join(self.config.log_dirs)}: not formatted. Run `stoker format` with this node's properties first."
        )

    # stopping

    async def stop_broker(self) -> None:
        """The first half of `stop`: hand over leaders and stop serving clients, while the quorum goes on.

        A cluster that stops as a whole does this on all nodes first, so that every broker finds a controller to ask.
        """
        config, broker = self.config, self.broker
        if broker is None or self._broker_stopped:
            return
        self._broker_stopped = True
        if self.raft is not None and config.get_bool("controlled.shutdown.enable"):
            await broker.lifecycle.controlled_shutdown(self.controlled_shutdown_timeout_ms)
        for endpoint in config.broker_listeners:
            if endpoint.listener in self.servers:
                await self.servers[endpoint.listener].stop(drain_ms=500)
        await broker.stop()

    async def stop(self) -> None:
        """Hand over leaders, stop serving, flush, leave the clean-shutdown file. Safe to call on a half-started node."""
        broker_epoch = -1 if self.broker is None else self.broker.broker_epoch
        await self.stop_broker()
        if self._housekeeping is not None:
            await self._housekeeping.stop()
        if self._relimiting is not None:
            self._relimiting.cancel()
        if self._registrar is not None:
            self._registrar.stop()
        if self.controller is not None:
            self.controller.stop()
        if self.raft is not None:
            await self.raft.stop()
        for server in self.servers.values():
            await server.stop()
        if self.logs is not None:
            await self.logs.close(broker_epoch)
        if self._metadata_directory is not None:
            self._metadata_directory.release()

    controlled_shutdown_timeout_ms = 5_000
    """How long `stop` waits for the controller to move our leaders away; where no other replica can lead it will not."""

    def kill(self) -> None:
        """What a crash leaves: connections reset, tasks gone, nothing flushed, nobody told."""
        for server in self.servers.values():
            server.kill()
        if self._housekeeping is not None:
            self._housekeeping.kill()
        if self._relimiting is not None:
            self._relimiting.cancel()
        if self.broker is not None:
            self.broker.kill()
        if self._registrar is not None:
            self._registrar.stop()
        if self.controller is not None:
            self.controller.stop()
        if self.raft is not None:
            self.raft.kill()
        if self.logs is not None:
            self.logs.abandon()
        if self._metadata_directory is not None:
            self._metadata_directory.release()

    def directory_id(self, directory: str) -> bytes:
        """The id of one of our log directories, or of metadata.log.dir."""
        assert self.logs is not None, "bind first"
        path = directory.rstrip("/") or "/"
        if self._metadata_directory is not None and path == self._metadata_directory.path:
            return self._metadata_directory.properties.directory_id
        return self.logs.directory_id(path)

    def _raft_failed(self, error: BaseException) -> None:
        """The quorum's log cannot be trusted or written any more: without it this node must not go on."""
        logger.critical("node %d: the metadata quorum failed here (%s); the node stops", self.node_id, error)
        self.failed = error
        asyncio.get_running_loop().call_soon(self.kill)

    def _directory_failed(self, directory: str, error: StorageError) -> None:
        """A log directory is offline: its partitions are, and the controller is told; with the last one the node ends."""
        broker = self.broker
        if broker is None or self.logs is None:
            return
        broker.replicas.directory_failed(directory)
        broker.lifecycle.directory_failed(self.logs.directory_id(directory))
        if not self.logs.online_directories:
            logger.critical("node %d: no log directory is left (%s); it stops", self.node_id, error)
            self.failed = error
            asyncio.get_running_loop().call_soon(self.kill)
