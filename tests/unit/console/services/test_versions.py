"""Every request of the console can be written in every version that brokers from Kafka 2.1 on offer."""

import asyncio

import pytest

from console.records.fetching import FetchLimits, fetch_request
from console.services import (
    configs,
    group_changes,
    group_members,
    group_offsets,
    groups,
    log_dirs,
    offsets,
    partition_changes,
    topic_changes,
)
from engine.net import coordinators
from engine.net.cluster_client import ClusterClient, PartialAnswer, Versioned
from engine.net.cluster_view import BrokerView, ClusterView, PartitionView, TopicView
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition

ORDERS = TopicPartition("orders", 0)
VIEW = ClusterView(
    "c",
    1,
    {1: BrokerView(1, "h", 1)},
    {
        "orders": TopicView(
            "orders", b"1" * 16, False, ErrorCode.NONE, (PartitionView(0, 1, 3, (1,), (1,), (), ErrorCode.NONE),)
        )
    },
)


class Written(Exception):
    """The request was written in all of its versions."""


class Recorder(ClusterClient):
    """Writes what it is to send in every version of it, and sends nothing."""

    def __init__(self, version=None):
        super().__init__([])
        self.view = VIEW
        self.coordinator_cache = {(coordinators.GROUP, "found"): 1}
        self.names = []
        self.version = version

    async def request_to(self, node_id, request, **options):
        return await self.request_to_any(request)

    async def request_to_controller(self, request, **options):
        return await self.request_to_any(request)

    async def request_to_all(self, request, **options):
        await self.request_to_any(request)
        return PartialAnswer({}, {})

    async def gather(self, calls):
        for call in calls.values():
            await call()
        return PartialAnswer({}, {})

    async def version_for(self, node_id, request):
        return request.MAX_VERSION if self.version is None else self.version

    async def request_to_any(self, request, **options):
        if isinstance(request, Versioned):
            cls, build = request.request_class, request.build
            low, high = max(cls.MIN_VERSION, request.floor), min(cls.MAX_VERSION, request.ceiling)
        else:
            cls, low, high = type(request), request.MIN_VERSION, request.MAX_VERSION

            def build(version):
                return request

        assert low <= high
        for version in range(low, high + 1):
            build(version).encode(version)
        self.names.append((cls.__name__, low, high))
        raise Written


OFFSET = group_offsets.CommittedOffset(5, 3, None)
PREFERRED, UNCLEAN = partition_changes.ElectionType
TOPIC = configs.Resource(configs.ResourceType.TOPIC, "orders")


@pytest.mark.parametrize(
    ("ask", "name", "lowest"),
    [
        (lambda c: c.metadata(None), "MetadataRequest", 1),
        (lambda c: c.metadata(["orders"], auto_create=False), "MetadataRequest", 1),
        (lambda c: offsets.list_offsets(c, {ORDERS: -1}), "ListOffsetsRequest", 1),
        (lambda c: offsets.list_offsets(c, {ORDERS: -1}, isolation=1), "ListOffsetsRequest", 2),
        (lambda c: log_dirs.sizes(c, {"orders": [0]}), "DescribeLogDirsRequest", 1),
        (lambda c: configs.describe_configs(c, [TOPIC], documentation=True), "DescribeConfigsRequest", 1),
        (lambda c: configs.alter_config(c, TOPIC, {"a": "b", "c": None}), "IncrementalAlterConfigsRequest", 0),
        (lambda c: topic_changes.create_topic(c, topic_changes.NewTopic("t", 1, 1)), "CreateTopicsRequest", 2),
        (lambda c: topic_changes.create_topic(c, topic_changes.NewTopic("t")), "CreateTopicsRequest", 4),
        (lambda c: topic_changes.add_partitions(c, "t", 3), "CreatePartitionsRequest", 0),
        (lambda c: topic_changes.delete_topic(c, "t"), "DeleteTopicsRequest", 1),
        (lambda c: groups.list_group_ids(c), "ListGroupsRequest", 0),
        (lambda c: group_changes.commit_offsets(c, "found", {ORDERS: OFFSET}), "OffsetCommitRequest", 2),
        (lambda c: group_changes.delete_offsets(c, "found", [ORDERS]), "OffsetDeleteRequest", 0),
        (lambda c: group_changes.delete_group(c, "found"), "DeleteGroupsRequest", 0),
        (lambda c: partition_changes.delete_records(c, {ORDERS: 5}), "DeleteRecordsRequest", 0),
        (lambda c: partition_changes.elect_leaders(c, [ORDERS], PREFERRED), "ElectLeadersRequest", 0),
        (lambda c: partition_changes.elect_leaders(c, [ORDERS], UNCLEAN), "ElectLeadersRequest", 1),
        (lambda c: group_members.describe_memberships(c, {"g": (1, "classic")}), "DescribeGroupsRequest", 0),
        (lambda c: group_members.describe_memberships(c, {"g": (1, "consumer")}), "ConsumerGroupDescribeRequest", 0),
        (lambda c: group_offsets.committed_offsets(c, {1: ["g"]}), "OffsetFetchRequest", 8),
        (lambda c: coordinators.find_coordinators(c, ["g"]), "FindCoordinatorRequest", 4),
    ],
)
def test_a_request_can_be_written_in_all_of_its_versions(ask, name, lowest):
    async def run():
        client = Recorder()
        with pytest.raises(Written):
            await ask(client)
        return client.names

    ((got, low, _),) = asyncio.run(run())
    assert (got, low) == (name, lowest)


def test_committed_offsets_are_asked_one_group_at_a_time_from_old_brokers():
    """KIP-709 is OffsetFetch v8, Kafka 3.0."""

    async def run():
        client = Recorder(version=7)
        with pytest.raises(Written):
            await group_offsets.committed_offsets(client, {1: ["g"]})
        return client.names

    assert asyncio.run(run()) == [("OffsetFetchRequest", 2, 7)]


def test_a_fetch_can_be_written_in_all_of_its_versions():
    for isolation in (0, 1):
        request = fetch_request(VIEW.topics, {ORDERS: 5}, FetchLimits(), isolation=isolation)
        for version in range(4, request.request_class.MAX_VERSION + 1):
            message = request.build(version)
            message.encode(version)
            (topic,) = message.topics
            assert (topic.topic, topic.topic_id) == (("orders", bytes(16)) if version < 13 else ("", b"1" * 16))
            assert topic.partitions[0].current_leader_epoch == 3
