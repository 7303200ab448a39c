"""Metadata, DescribeCluster, DescribeTopicPartitions and ListPartitionReassignments on a broker (Kafka: KafkaApisTest,
KRaftMetadataCacheTest, DescribeTopicPartitionsRequestHandlerTest)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from engine.config import BrokerConfig
from engine.errors import KafkaError
from engine.handlers import (
    api_03_metadata,
    api_46_list_partition_reassignments,
    api_60_describe_cluster,
    api_75_describe_topic_partitions,
)
from engine.metadata.apply import apply_records
from engine.metadata.config_schema import controller_settings
from engine.metadata.image import MetadataImage
from engine.metadata.topics import create_topics
from engine.net.context import RequestContext
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    BrokerRegistrationChangeRecord,
    CreateTopicsRequest,
    DescribeClusterRequest,
    DescribeTopicPartitionsRequest,
    ListPartitionReassignmentsRequest,
    MetadataRequest,
    MetadataResponse,
    PartitionChangeRecord,
    PartitionRecord,
    RegisterBrokerRecord,
    RegisterControllerRecord,
    TopicRecord,
)
from engine.runtime.randomness import random_uuid

NONE = -(1 << 31)


def context(key: int, version: int, listener: str = "PLAINTEXT") -> RequestContext:
    return RequestContext(key, version, 1, "test", listener, "127.0.0.1")


class FakeBroker:
    """Broker 1 of a cluster whose metadata the test writes; its controller channel decides on the spot."""

    def __init__(self, **properties: str) -> None:
        self.config = BrokerConfig.combined(1, {name.replace("_", "."): value for name, value in properties.items()})
        self.node_id = 1
        self.metadata = SimpleNamespace(image=MetadataImage(cluster_id="cluster"))
        self.controller = self
        self.sent: list[Any] = []
        self.propagates = True
        self.failure: KafkaError | None = None

    def write(self, *records: Any) -> None:
        image = self.metadata.image
        self.metadata.image, _ = apply_records(image, records, image.offset + len(records), 1)

    def broker(self, broker_id: int, *, fenced: bool = False, listeners: Iterable[str] = ("PLAINTEXT",)) -> None:
        self.write(
            RegisterBrokerRecord(
                broker_id=broker_id,
                broker_epoch=broker_id,
                fenced=fenced,
                rack=f"rack-{broker_id}",
                end_points=[
                    RegisterBrokerRecord.BrokerEndpoint(name=name, host=f"{name.lower()}-{broker_id}", port=9092)
                    for name in listeners
                ],
                log_dirs=[bytes([broker_id] * 16)],
            )
        )

    def topic(self, name: str, *assignments: list[int], **fields: Any) -> bytes:
        topic_id = name.encode().ljust(16, b"\0")
        self.write(TopicRecord(name=name, topic_id=topic_id))
        for index, replicas in enumerate(assignments):
            values = {
                "isr": replicas,
                "leader": replicas[0],
                "leader_epoch": 5,
                "directories": [bytes([replica] * 16) for replica in replicas],
                **fields,
            }
            self.write(PartitionRecord(topic_id=topic_id, partition_id=index, replicas=replicas, **values))
        return topic_id

    async def send(self, request: Any, *, timeout_ms: int | None = None) -> Any:
        self.sent.append(request)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        assert isinstance(request, CreateTopicsRequest)
        source = random.Random(1)
        decision = create_topics(
            self.metadata.image,
            controller_settings(self.config, "cluster"),
            request,
            placement=source,
            new_uuid=lambda: random_uuid(source),
        )
        if self.propagates:
            self.write(*decision.records)
        return decision.response


def metadata(broker: Any, request: MetadataRequest, version: int = 13, listener: str = "PLAINTEXT") -> MetadataResponse:
    response = asyncio.run(api_03_metadata.handle(broker, context(3, version, listener), request))
    return MetadataResponse.decode(response.encode(version), version)  # it fits the version, whatever that is


def asking(*names: str, **fields: Any) -> MetadataRequest:
    return MetadataRequest(topics=[MetadataRequest.MetadataRequestTopic(name=name) for name in names], **fields)


@pytest.fixture
def broker() -> FakeBroker:
    made = FakeBroker()
    for broker_id in (1, 2, 3):
        made.broker(broker_id)
    made.topic("orders", [1, 2, 3], [2, 3, 1])
    made.topic("payments", [3])
    return made


def test_brokers_topics_and_partitions_are_those_of_the_image(broker: FakeBroker) -> None:
    response = metadata(broker, asking("orders"))
    assert [(b.node_id, b.host, b.port, b.rack) for b in response.brokers] == [
        (id_, f"plaintext-{id_}", 9092, f"rack-{id_}") for id_ in (1, 2, 3)
    ]
    assert (response.cluster_id, response.controller_id) == ("cluster", 1)
    topic = response.topics[0]
    assert (topic.name, topic.topic_id, topic.error_code) == ("orders", b"orders".ljust(16, b"\0"), 0)
    second = topic.partitions[1]
    assert (second.leader_id, second.leader_epoch) == (2, 5)
    assert (second.replica_nodes, second.isr_nodes, second.offline_replicas) == ([2, 3, 1], [2, 3, 1], [])


@pytest.mark.parametrize("version", range(14))
def test_all_topics_are_what_naming_none_means(broker: FakeBroker, version: int) -> None:
    request = MetadataRequest(topics=[] if version == 0 else None)
    assert [topic.name for topic in metadata(broker, request, version).topics] == ["orders", "payments"]
    if version > 0:
        assert metadata(broker, MetadataRequest(topics=[]), version).topics == []


def test_a_fenced_broker_is_neither_shown_nor_counted_on(broker: FakeBroker) -> None:
    broker.write(BrokerRegistrationChangeRecord(broker_id=2, broker_epoch=2, fenced=1))
    response = metadata(broker, asking("orders"))
    assert [b.node_id for b in response.brokers] == [1, 3]
    assert response.topics[0].partitions[0].offline_replicas == [2]


def test_another_live_broker_stands_in_as_controller(broker: FakeBroker) -> None:
    broker.write(BrokerRegistrationChangeRecord(broker_id=1, broker_epoch=1, fenced=1))
    assert metadata(broker, asking("orders")).controller_id == 2


def test_replicas_in_failed_directories_are_offline(broker: FakeBroker) -> None:
    topic_id = broker.metadata.image.topic_ids["payments"]
    broker.write(PartitionChangeRecord(topic_id=topic_id, partition_id=0, directories=[b"\0" * 15 + b"\2"]))
    assert metadata(broker, asking("payments")).topics[0].partitions[0].offline_replicas == [3]


@pytest.mark.parametrize(("version", "code"), [(5, ErrorCode.LEADER_NOT_AVAILABLE), (6, ErrorCode.LISTENER_NOT_FOUND)])
def test_a_leader_without_the_clients_listener(version: int, code: ErrorCode) -> None:
    broker = FakeBroker()
    broker.broker(1, listeners=("PLAINTEXT", "OUTSIDE"))
    broker.broker(2)
    broker.topic("orders", [2, 1])
    response = metadata(broker, asking("orders"), version, "OUTSIDE")
    assert [(b.node_id, b.host) for b in response.brokers] == [(1, "outside-1")]
    partition = response.topics[0].partitions[0]
    assert (partition.error_code, partition.leader_id) == (code, -1)


def test_a_partition_without_a_leader_keeps_its_epoch(broker: FakeBroker) -> None:
    broker.topic("lost", [2], leader=-1, leader_epoch=8)
    partition = metadata(broker, asking("lost")).topics[0].partitions[0]
    assert (partition.error_code, partition.leader_id, partition.leader_epoch) == (
        ErrorCode.LEADER_NOT_AVAILABLE,
        -1,
        8,
    )


def test_version_0_leaves_out_replicas_it_cannot_reach_and_says_so(broker: FakeBroker) -> None:
    broker.write(BrokerRegistrationChangeRecord(broker_id=3, broker_epoch=3, fenced=1))
    partition = metadata(broker, asking("orders"), 0).topics[0].partitions[0]
    assert (partition.replica_nodes, partition.isr_nodes) == ([1, 2], [1, 2])
    assert partition.error_code == ErrorCode.REPLICA_NOT_AVAILABLE


def test_topics_are_found_by_id(broker: FakeBroker) -> None:
    known, unknown = broker.metadata.image.topic_ids["payments"], b"?" * 16
    request = MetadataRequest(
        topics=[MetadataRequest.MetadataRequestTopic(name=None, topic_id=id_) for id_ in (unknown, known)]
    )
    topics = metadata(broker, request, 12).topics
    assert [(t.name, t.topic_id, t.error_code) for t in topics] == [
        (None, unknown, ErrorCode.UNKNOWN_TOPIC_ID),
        ("payments", known, 0),
    ]


@pytest.mark.parametrize("version", [10, 11])
def test_ids_are_not_allowed_before_version_12(broker: FakeBroker, version: int) -> None:
    request = MetadataRequest(topics=[MetadataRequest.MetadataRequestTopic(name=None, topic_id=b"?" * 16)])
    assert metadata(broker, request, version).topics[0].error_code == ErrorCode.INVALID_REQUEST


def test_authorized_operations_come_only_when_asked_for(broker: FakeBroker) -> None:
    """KIP-430; without ACLs everything is allowed."""
    plain = metadata(broker, asking("orders"), 10)
    assert (plain.cluster_authorized_operations, plain.topics[0].topic_authorized_operations) == (NONE, NONE)
    request = asking("orders", include_cluster_authorized_operations=True, include_topic_authorized_operations=True)
    asked = metadata(broker, request, 10)
    assert asked.cluster_authorized_operations == 0b1111110100000
    assert asked.topics[0].topic_authorized_operations == 0b110111111000


def test_an_unknown_topic_is_created_when_client_and_broker_allow_it(broker: FakeBroker) -> None:
    topic = metadata(broker, asking("new")).topics[0]
    assert (topic.name, topic.error_code, len(topic.partitions)) == ("new", 0, 1)
    assert metadata(broker, asking("newer", allow_auto_topic_creation=False)).topics[0].error_code == (
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    )
    assert len(broker.sent) == 1
    strict = FakeBroker(auto_create_topics_enable="false")
    strict.broker(1)
    assert metadata(strict, asking("new")).topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert strict.sent == []


def test_asking_for_all_topics_or_by_id_creates_nothing(broker: FakeBroker) -> None:
    metadata(broker, MetadataRequest(topics=None))
    metadata(broker, MetadataRequest(topics=[MetadataRequest.MetadataRequestTopic(name=None, topic_id=b"?" * 16)]))
    assert broker.sent == []


def test_a_name_that_is_not_allowed_never_reaches_the_controller(broker: FakeBroker) -> None:
    topic = metadata(broker, asking("not/allowed")).topics[0]
    assert (topic.error_code, broker.sent) == (ErrorCode.INVALID_TOPIC_EXCEPTION, [])


def test_the_topics_of_coordinators_are_created_their_own_way(broker: FakeBroker) -> None:
    metadata(broker, asking("__consumer_offsets"))
    topic = broker.sent[0].topics[0]
    assert (topic.num_partitions, topic.replication_factor) == (50, 3)
    assert {config.name: config.value for config in topic.configs}["cleanup.policy"] == "compact"


def test_a_created_topic_that_is_not_here_yet_is_to_be_asked_for_again(broker: FakeBroker) -> None:
    broker.propagates = False
    assert metadata(broker, asking("new")).topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


def test_what_cannot_be_created_says_why(broker: FakeBroker) -> None:
    broker.config = BrokerConfig.combined(1, {"default.replication.factor": "5"})
    assert metadata(broker, asking("new")).topics[0].error_code == ErrorCode.INVALID_REPLICATION_FACTOR
    broker.failure = KafkaError(ErrorCode.REQUEST_TIMED_OUT)
    assert metadata(broker, asking("new")).topics[0].error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION


# DescribeCluster


def test_a_broker_describes_brokers(broker: FakeBroker) -> None:
    broker.broker(4, fenced=True)
    plain = api_60_describe_cluster.handle(broker, context(60, 2), DescribeClusterRequest())  # type: ignore[arg-type]
    assert [(b.broker_id, b.host, b.rack) for b in plain.brokers] == [
        (id_, f"plaintext-{id_}", f"rack-{id_}") for id_ in (1, 2, 3)
    ]
    assert (plain.cluster_id, plain.controller_id, plain.cluster_authorized_operations) == ("cluster", 1, NONE)
    request = DescribeClusterRequest(include_fenced_brokers=True, include_cluster_authorized_operations=True)
    more = api_60_describe_cluster.handle(broker, context(60, 2), request)  # type: ignore[arg-type]
    assert [(b.broker_id, b.is_fenced) for b in more.brokers][-1] == (4, True)
    assert more.cluster_authorized_operations == 0b1111110100000


@pytest.mark.parametrize(
    ("kind", "code"), [(2, ErrorCode.MISMATCHED_ENDPOINT_TYPE), (7, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE)]
)
def test_a_broker_does_not_describe_controllers(broker: FakeBroker, kind: int, code: ErrorCode) -> None:
    """KIP-919."""
    request = DescribeClusterRequest(endpoint_type=kind)
    assert api_60_describe_cluster.handle(broker, context(60, 1), request).error_code == code  # type: ignore[arg-type]


def test_a_controller_describes_controllers(broker: FakeBroker) -> None:
    endpoint = RegisterControllerRecord.ControllerEndpoint(name="CONTROLLER", host="c", port=9093)
    broker.write(RegisterControllerRecord(controller_id=7, end_points=[endpoint]))
    controller: Any = SimpleNamespace(
        image=broker.metadata.image, leader_id=7, settings=SimpleNamespace(cluster_id="cluster")
    )
    request = DescribeClusterRequest(endpoint_type=2)
    response = api_60_describe_cluster.handle_on_controller(controller, context(60, 1, "CONTROLLER"), request)
    assert [(b.broker_id, b.host, b.port) for b in response.brokers] == [(7, "c", 9093)]
    assert (response.controller_id, response.endpoint_type) == (7, 2)
    mismatch = api_60_describe_cluster.handle_on_controller(controller, context(60, 1), DescribeClusterRequest())
    assert mismatch.error_code == ErrorCode.MISMATCHED_ENDPOINT_TYPE


# DescribeTopicPartitions


def describe(broker: FakeBroker, *names: str, cursor: tuple[str, int] | None = None, limit: int = 2000) -> Any:
    request = DescribeTopicPartitionsRequest(
        topics=[DescribeTopicPartitionsRequest.TopicRequest(name=name) for name in names],
        response_partition_limit=limit,
        cursor=None
        if cursor is None
        else DescribeTopicPartitionsRequest.Cursor(topic_name=cursor[0], partition_index=cursor[1]),
    )
    return api_75_describe_topic_partitions.handle(broker, context(75, 0), request)  # type: ignore[arg-type]


def test_pages_of_partitions_follow_each_other(broker: FakeBroker) -> None:
    """KIP-966."""
    broker.topic("a", [1], [2], [3])
    seen, cursor = [], None
    for _ in range(10):
        page = describe(broker, cursor=cursor, limit=2)
        seen += [(topic.name, p.partition_index) for topic in page.topics for p in topic.partitions]
        if page.next_cursor is None:
            break
        cursor = (page.next_cursor.topic_name, page.next_cursor.partition_index)
    assert seen == [("a", 0), ("a", 1), ("a", 2), ("orders", 0), ("orders", 1), ("payments", 0)]


def test_eligible_leader_replicas_are_shown(broker: FakeBroker) -> None:
    broker.topic("low", [1, 2], isr=[], leader=-1, eligible_leader_replicas=[2], last_known_elr=[1])
    partition = describe(broker, "low").topics[0].partitions[0]
    assert (partition.leader_id, partition.isr_nodes) == (-1, [])
    assert (partition.eligible_leader_replicas, partition.last_known_elr) == ([2], [1])
    assert partition.error_code == 0


def test_unknown_topics_have_errors_of_their_own(broker: FakeBroker) -> None:
    topics = describe(broker, "zzz", "orders", "b/d").topics
    assert [(topic.name, topic.error_code) for topic in topics] == [
        ("b/d", ErrorCode.INVALID_TOPIC_EXCEPTION),
        ("orders", 0),
        ("zzz", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
    ]


@pytest.mark.parametrize("cursor", [("elsewhere", 0), ("orders", -1)])
def test_cursors_that_make_no_sense(broker: FakeBroker, cursor: tuple[str, int]) -> None:
    assert describe(broker, "orders", cursor=cursor).topics[0].error_code == ErrorCode.INVALID_REQUEST


# ListPartitionReassignments


def test_partitions_on_the_move_are_listed(broker: FakeBroker) -> None:
    request = ListPartitionReassignmentsRequest(topics=None)
    none = api_46_list_partition_reassignments.handle(broker, context(46, 0), request)  # type: ignore[arg-type]
    assert (none.error_code, none.topics) == (0, [])
    broker.topic("moving", [1, 2], adding_replicas=[2])
    wanted = ListPartitionReassignmentsRequest.ListPartitionReassignmentsTopics(name="moving", partition_indexes=[0, 9])
    for topics in (None, [wanted]):
        request = ListPartitionReassignmentsRequest(topics=topics)
        some = api_46_list_partition_reassignments.handle(broker, context(46, 0), request)  # type: ignore[arg-type]
        partition = some.topics[0].partitions[0]
        assert (partition.replicas, partition.adding_replicas, partition.removing_replicas) == ([1, 2], [2], [])
