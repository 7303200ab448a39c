"""A broker: what it owns, put together.

`Broker` is what handlers get. It has no behaviour of its own beyond starting and stopping its parts in the right order
and applying each metadata image to them (Kafka: BrokerServer, BrokerMetadataPublisher).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

from engine.broker.controller_channel import ControllerChannel
from engine.broker.delayed import TimeoutWheel
from engine.broker.directory_assignments import DirectoryAssignments
from engine.broker.fetch_purgatory import FetchAnswerer
from engine.broker.fetch_session import FetchSessionCache
from engine.broker.group_coordinator import GroupCoordinator
from engine.broker.lifecycle import Lifecycle
from engine.broker.metadata_cache import MetadataCache
from engine.broker.producer_ids import ProducerIdManager
from engine.broker.replica_manager import ReplicaManager
from engine.config import BrokerConfig
from engine.log import LogManager
from engine.metadata.features import SUPPORTED_FEATURES
from engine.metadata.image import CLUSTER_DEFAULT, RESOURCE_BROKER, MetadataImage
from engine.runtime import Runtime
from engine.types import Endpoint

if TYPE_CHECKING:
    from engine.controller.raft_driver import RaftDriver
    from engine.metadata.delta import MetadataDelta

logger = logging.getLogger(__name__)

_RACK_AWARE_SELECTOR = "org.apache.kafka.common.replica.RackAwareReplicaSelector"


class Broker:
    """See the module's docstring."""

    def __init__(
        self, config: BrokerConfig, runtime: Runtime, raft: RaftDriver, logs: LogManager, cluster_id: str
    ) -> None:
        self.config = config
        self.static_config = config
        self.runtime = runtime
        self.raft = raft
        self.logs = logs
        self.cluster_id = cluster_id
        self.node_id = config.node_id
        self.rack = config.rack
        self.inter_broker_listener = config.inter_broker_listener
        self.advertised_endpoints: tuple[Endpoint, ...] = ()
        """Set by the node once its listeners have their ports."""
        self.previous_broker_epoch = -1
        """The epoch of the earlier life that stopped cleanly, -1 after a crash (KIP-966)."""
        self.supported_features: Mapping[str, tuple[int, int]] = SUPPORTED_FEATURES
        self.on_dynamic_configs: Callable[[BrokerConfig], None] | None = None
        """Told of each new configuration, for what is the node's own."""
        self.metadata = MetadataCache()
        self.timeouts = TimeoutWheel()
        self.fetch_max_bytes = config.get_int("fetch.max.bytes")
        self.rack_aware_reads = config.get_str("replica.selector.class") == _RACK_AWARE_SELECTOR
        self.fetch_sessions = FetchSessionCache(
            config.get_int("max.incremental.fetch.session.cache.slots"), 120_000, runtime.randomness.stream("ids")
        )
        self.controller = ControllerChannel(raft, f"broker-{self.node_id}")
        self.replicas = ReplicaManager(self, logs)
        self.fetch_answerer = FetchAnswerer(self.replicas)
        self.lifecycle = Lifecycle(self)
        self.directory_assignments = DirectoryAssignments(self)
        self.producer_ids = ProducerIdManager(self)
        self.groups = GroupCoordinator(self)

    @property
    def broker_epoch(self) -> int:
        """Epoch of our registration, -1 before it."""
        return self.lifecycle.broker_epoch

    @property
    def log_directory_ids(self) -> list[bytes]:
        """Ids of the log directories that are online."""
        return list(self.logs.directory_ids.values())

    def leader_hints(self, node_ids: Iterable[int], listener: str) -> list[tuple[int, Endpoint, str | None]]:
        """Where those nodes can be reached on that listener: the leaders a client is pointed to (KIP-951)."""
        hints = []
        for node_id in node_ids:
            registration = self.metadata.image.brokers.get(node_id)
            endpoint = None if registration is None else registration.endpoint(listener)
            if registration is not None and endpoint is not None:
                hints.append((node_id, endpoint, registration.rack))
        return hints

    def on_image(self, delta: MetadataDelta, image: MetadataImage) -> None:
        """A new image was committed: apply what changed, then show it to clients."""
        if (RESOURCE_BROKER, CLUSTER_DEFAULT) in delta.configs or (RESOURCE_BROKER, str(self.node_id)) in delta.configs:
            self._apply_dynamic_configs(image)
        self.metadata.image = image  # fetchers and coordinators look addresses up in it while they are told
        self.replicas.apply(delta, image)
        self.groups.on_image(delta, image)
        self.metadata.publish(image)

    def _apply_dynamic_configs(self, image: MetadataImage) -> None:
        self.config = self.static_config.with_dynamic(
            image.config(RESOURCE_BROKER, str(self.node_id)), image.config(RESOURCE_BROKER, CLUSTER_DEFAULT)
        )
        for warning in self.config.warnings[len(self.static_config.warnings) :]:
            logger.warning("node %d: %s", self.node_id, warning)
        self.fetch_max_bytes = self.config.get_int("fetch.max.bytes")
        self.replicas.update_all_configs()
        if self.on_dynamic_configs is not None:
            self.on_dynamic_configs(self.config)

    async def start(self) -> None:
        """Register with the controller and start what runs by itself. Returns before the broker is unfenced."""
        self.replicas.start()
        await self.groups.start()
        await self.lifecycle.start()

    def kill(self) -> None:
        """Stop everything that runs by itself, at once, telling nobody."""
        self.lifecycle.kill()
        self.directory_assignments.stop()
        self.groups.kill()
        self.producer_ids.stop()
        self.replicas.kill()
        self.controller.close()
        self.timeouts.stop()

    async def stop(self) -> None:
        """Stop what runs by itself; the logs are the node's to close."""
        await self.lifecycle.stop()
        self.directory_assignments.stop()
        await self.groups.stop()
        self.producer_ids.stop()
        await self.replicas.stop()
        self.controller.close()
        self.timeouts.stop()
