"""A controller without a log: decisions are made on an image and their records applied to it at once."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import pytest

from engine.config import BrokerConfig
from engine.metadata.alter_partition import alter_partition
from engine.metadata.apply import apply_records
from engine.metadata.brokers import broker_heartbeat, fence_one_expired, register_broker, unregister_broker
from engine.metadata.config_schema import TableConfigSchema
from engine.metadata.configs import incremental_alter_configs
from engine.metadata.decision import Decision
from engine.metadata.elections import balance_leaders, elect_leaders, elect_unclean_leaders
from engine.metadata.features import SUPPORTED_FEATURES, bootstrap_records
from engine.metadata.heartbeats import BrokerHeartbeats
from engine.metadata.image import MetadataImage, PartitionImage
from engine.metadata.settings import ControllerSettings
from engine.metadata.topic_deletion import delete_topics
from engine.metadata.topics import create_partitions, create_topics
from engine.protocol.messages import (
    AlterPartitionRequest,
    AlterPartitionResponse,
    BrokerHeartbeatRequest,
    BrokerHeartbeatResponse,
    BrokerRegistrationRequest,
    CreatePartitionsRequest,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteTopicsRequest,
    ElectLeadersRequest,
    IncrementalAlterConfigsRequest,
)
from engine.runtime.randomness import random_uuid

CLUSTER_ID = "stoker-test-cluster-id"


class Cluster:
    """Says what happens to a cluster in the words of its operators."""

    def __init__(self, *, elr: bool = False, seed: int = 7, **properties: str) -> None:
        config = BrokerConfig.combined(1, {name.replace("_", "."): value for name, value in properties.items()})
        features = {"metadata.version": 30, **({"eligible.leader.replicas.version": 1} if elr else {})}
        self.settings = ControllerSettings(
            node_id=3000,
            cluster_id=CLUSTER_ID,
            schema=TableConfigSchema(config),
            voter_ids=(3000,),
            bootstrap_features=features,
        )
        self.random = random.Random(seed)
        self.now_ms = 1_000
        self.heartbeats = BrokerHeartbeats(self.settings.session_timeout_ms)
        self.image = MetadataImage(cluster_id=CLUSTER_ID)
        self.log: list[Any] = []
        self.apply(bootstrap_records(self.settings))

    def apply(self, records: list[Any]) -> None:
        if records:
            self.log.extend(records)
            self.image, _ = apply_records(self.image, records, len(self.log) - 1, 1)

    def decide(self, decision: Decision[Any]) -> Any:
        self.apply(decision.records)
        return decision.response

    # Brokers

    def register(
        self,
        broker_id: int,
        *,
        incarnation: int = 1,
        previous_epoch: int = -1,
        rack: str | None = None,
        directories: list[bytes] | None = None,
        cluster_id: str = CLUSTER_ID,
        features: Mapping[str, tuple[int, int]] = SUPPORTED_FEATURES,
        version: int = 4,
    ) -> int:
        request = BrokerRegistrationRequest(
            broker_id=broker_id,
            cluster_id=cluster_id,
            incarnation_id=bytes([broker_id, incarnation] * 8),
            listeners=[
                BrokerRegistrationRequest.Listener(name="PLAINTEXT", host=f"broker-{broker_id}", port=9092),
            ],
            features=[
                BrokerRegistrationRequest.Feature(name=name, min_supported_version=low, max_supported_version=high)
                for name, (low, high) in features.items()
            ],
            rack=rack,
            log_dirs=directories if directories is not None else [bytes([200, broker_id] * 8)],
            previous_broker_epoch=previous_epoch,
        )
        known = broker_id in self.image.brokers
        decision = register_broker(
            self.image,
            self.settings,
            self.heartbeats,
            request,
            api_version=version,
            next_offset=len(self.log),
            now_ms=self.now_ms,
        )
        response = self.decide(decision)
        before = self.image.brokers[broker_id]
        if not known or before.epoch == response.broker_epoch:
            self.heartbeats.registered(broker_id, before.fenced)
        return int(response.broker_epoch)

    def heartbeat(
        self,
        broker_id: int,
        *,
        want_fence: bool = False,
        want_shut_down: bool = False,
        offset: int | None = None,
        offline_directories: list[bytes] | None = None,
    ) -> BrokerHeartbeatResponse:
        broker = self.image.brokers[broker_id]
        self.heartbeats.contact(broker_id, broker.epoch, self.now_ms)
        request = BrokerHeartbeatRequest(
            broker_id=broker_id,
            broker_epoch=broker.epoch,
            current_metadata_offset=self.image.offset if offset is None else offset,
            want_fence=want_fence,
            want_shut_down=want_shut_down,
            offline_log_dirs=offline_directories or [],
        )
        response: BrokerHeartbeatResponse = self.decide(
            broker_heartbeat(self.image, self.settings, self.heartbeats, request)
        )
        if self.heartbeats_in_shutdown(response, broker_id):
            self.heartbeats.shutting_down(broker_id, self.image.offset)
        return response

    def heartbeats_in_shutdown(self, response: BrokerHeartbeatResponse, broker_id: int) -> bool:
        return (
            not response.is_fenced
            and not response.should_shut_down
            and self.image.brokers[broker_id].in_controlled_shutdown
        )

    def start(self, *broker_ids: int, racks: Mapping[int, str] | None = None) -> None:
        """Register and unfence."""
        for broker_id in broker_ids:
            self.register(broker_id, rack=(racks or {}).get(broker_id))
            self.heartbeat(broker_id)

    def fence(self, *broker_ids: int) -> None:
        for broker_id in broker_ids:
            self.heartbeat(broker_id, want_fence=True)

    def unfence(self, *broker_ids: int) -> None:
        for broker_id in broker_ids:
            self.heartbeat(broker_id)

    def pass_time(self, milliseconds: int) -> None:
        """Let time go by, and the controller fence whoever's session runs out."""
        self.now_ms += milliseconds
        while self.decide(fence_one_expired(self.image, self.settings, self.heartbeats, self.now_ms)):
            pass

    def unregister(self, broker_id: int) -> None:
        self.decide(unregister_broker(self.image, self.settings, broker_id))
        self.heartbeats.unregistered(broker_id)

    # Topics

    def create(
        self,
        name: str,
        partitions: int = -1,
        replication_factor: int = -1,
        *,
        assignments: list[list[int]] | None = None,
        configs: Mapping[str, str | None] | None = None,
        validate_only: bool = False,
    ) -> CreateTopicsResponse.CreatableTopicResult:
        request = CreateTopicsRequest(
            topics=[creatable(name, partitions, replication_factor, assignments=assignments, configs=configs)],
            validate_only=validate_only,
        )
        return self.create_many(request).topics[0]

    def create_many(self, request: CreateTopicsRequest) -> CreateTopicsResponse:
        response: CreateTopicsResponse = self.decide(
            create_topics(
                self.image,
                self.settings,
                request,
                placement=self.random,
                new_uuid=lambda: random_uuid(self.random),
            )
        )
        return response

    def create_partitions(self, name: str, count: int, assignments: list[list[int]] | None = None) -> Any:
        request = CreatePartitionsRequest(
            topics=[
                CreatePartitionsRequest.CreatePartitionsTopic(
                    name=name,
                    count=count,
                    assignments=None
                    if assignments is None
                    else [CreatePartitionsRequest.CreatePartitionsAssignment(broker_ids=ids) for ids in assignments],
                )
            ]
        )
        return self.decide(create_partitions(self.image, self.settings, request, placement=self.random)).results[0]

    def delete(self, *names: str) -> Any:
        request = DeleteTopicsRequest(topics=[DeleteTopicsRequest.DeleteTopicState(name=name) for name in names])
        return self.decide(delete_topics(self.image, self.settings, request, 6)).responses

    def partition(self, topic: str, index: int = 0) -> PartitionImage:
        found = self.image.partition(topic, index)
        assert found is not None
        return found

    def alter_isr(
        self,
        topic: str,
        isr: list[int],
        *,
        index: int = 0,
        leader: int | None = None,
        leader_epoch: int | None = None,
        partition_epoch: int | None = None,
        broker_epochs: Mapping[int, int] | None = None,
        recovery_state: int | None = None,
        version: int = 3,
    ) -> AlterPartitionResponse.PartitionData:
        partition = self.partition(topic, index)
        broker_id = partition.leader if leader is None else leader
        epochs = {
            replica: self.image.brokers[replica].epoch if replica in self.image.brokers else -1 for replica in isr
        }
        epochs.update(broker_epochs or {})
        request = AlterPartitionRequest(
            broker_id=broker_id,
            broker_epoch=self.image.brokers[broker_id].epoch,
            topics=[
                AlterPartitionRequest.TopicData(
                    topic_id=self.image.topic_ids[topic],
                    partitions=[
                        AlterPartitionRequest.PartitionData(
                            partition_index=index,
                            leader_epoch=partition.leader_epoch if leader_epoch is None else leader_epoch,
                            partition_epoch=partition.partition_epoch if partition_epoch is None else partition_epoch,
                            new_isr=isr if version < 3 else [],
                            new_isr_with_epochs=[]
                            if version < 3
                            else [AlterPartitionRequest.BrokerState(broker_id=r, broker_epoch=epochs[r]) for r in isr],
                            leader_recovery_state=0 if recovery_state is None else recovery_state,
                        )
                    ],
                )
            ],
        )
        response: AlterPartitionResponse = self.decide(alter_partition(self.image, self.settings, request, version))
        return response.topics[0].partitions[0]

    def elect(self, topic: str | None, index: int = 0, *, unclean: bool = False) -> Any:
        request = ElectLeadersRequest(
            election_type=int(unclean),
            topic_partitions=None
            if topic is None
            else [ElectLeadersRequest.TopicPartitions(topic=topic, partitions=[index])],
        )
        return self.decide(elect_leaders(self.image, self.settings, request)).replica_election_results

    def balance(self) -> None:
        self.decide(balance_leaders(self.image, self.settings))

    def elect_unclean_where_allowed(self) -> None:
        self.decide(elect_unclean_leaders(self.image, self.settings))

    def alter_configs(self, resource_type: int, name: str, **changes: str | None) -> Any:
        configs = [
            IncrementalAlterConfigsRequest.AlterableConfig(
                name=config.replace("_", "."), config_operation=1 if value is None else 0, value=value
            )
            for config, value in changes.items()
        ]
        request = IncrementalAlterConfigsRequest(
            resources=[
                IncrementalAlterConfigsRequest.AlterConfigsResource(
                    resource_type=resource_type, resource_name=name, configs=configs
                )
            ]
        )
        return self.decide(incremental_alter_configs(self.image, self.settings, request)).responses[0]


def creatable(
    name: str,
    partitions: int = -1,
    replication_factor: int = -1,
    *,
    assignments: list[list[int]] | None = None,
    configs: Mapping[str, str | None] | None = None,
) -> CreateTopicsRequest.CreatableTopic:
    return CreateTopicsRequest.CreatableTopic(
        name=name,
        num_partitions=partitions,
        replication_factor=replication_factor,
        assignments=[
            CreateTopicsRequest.CreatableReplicaAssignment(partition_index=index, broker_ids=ids)
            for index, ids in enumerate(assignments or [])
        ],
        configs=[
            CreateTopicsRequest.CreatableTopicConfig(name=key, value=value) for key, value in (configs or {}).items()
        ],
    )


@pytest.fixture
def cluster() -> Cluster:
    """Three brokers, 1 to 3, without eligible leader replicas."""
    made = Cluster()
    made.start(1, 2, 3)
    return made


@pytest.fixture
def make_cluster() -> type[Cluster]:
    return Cluster


@pytest.fixture
def make_topic() -> Any:
    return creatable
