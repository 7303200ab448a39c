"""A client of a whole cluster: bootstrap, routing, versions, partial answers, what happens when brokers go away."""

import asyncio
import random
import socket

import pytest

from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.cluster_errors import BrokerUnreachable, ClusterUnreachable, UnsupportedByBroker
from engine.net.cluster_view import ClusterView, PartitionView, TopicView
from engine.net.coordinators import find_coordinators, request_to_coordinator
from engine.net.deadlines import Backoff
from engine.net.partition_requests import ask_leaders
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    ListGroupsRequest,
    ListGroupsResponse,
    ListOffsetsRequest,
    ListOffsetsResponse,
)
from engine.types import TopicPartition
from tests.unit.engine.net.stub_cluster import StubCluster

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
async def cluster(anyio_backend):
    stub = StubCluster()
    stub.answers[ApiKey.LIST_GROUPS] = lambda broker, request, version: ListGroupsResponse(
        groups=[ListGroupsResponse.ListedGroup(group_id=f"group-{broker.node_id}")]
    )
    stub.answers[ApiKey.LIST_OFFSETS] = list_offsets
    stub.answers[ApiKey.DELETE_TOPICS] = delete_topics
    stub.answers[ApiKey.FIND_COORDINATOR] = find_coordinator
    stub.answers[ApiKey.HEARTBEAT] = lambda broker, request, version: HeartbeatResponse(
        error_code=0 if broker.node_id == broker.cluster.coordinator else ErrorCode.NOT_COORDINATOR
    )
    stub.coordinator = 2
    async with stub:
        yield stub


def client_of(cluster, *node_ids, **options):
    options.setdefault("backoff", Backoff(1, 5))
    options.setdefault("randomness", random.Random(1))
    return ClusterClient(cluster.bootstrap(*node_ids), **options)


def list_offsets(broker, request, version):
    """A leader answers 100 times its id; anyone else is no leader."""
    return ListOffsetsResponse(
        topics=[
            ListOffsetsResponse.ListOffsetsTopicResponse(
                name=topic.name,
                partitions=[
                    ListOffsetsResponse.ListOffsetsPartitionResponse(
                        partition_index=each.partition_index,
                        offset=100 * broker.node_id,
                        error_code=0
                        if broker.cluster.leaders[topic.name][each.partition_index] == broker.node_id
                        else ErrorCode.NOT_LEADER_OR_FOLLOWER,
                    )
                    for each in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )


def delete_topics(broker, request, version):
    moved = broker.node_id != broker.cluster.controller_id
    names = [topic.name for topic in request.topics] if version >= 6 else request.topic_names
    return DeleteTopicsResponse(
        responses=[
            DeleteTopicsResponse.DeletableTopicResult(
                name=name, error_code=ErrorCode.NOT_CONTROLLER if moved else ErrorCode.NONE
            )
            for name in names
        ]
    )


def find_coordinator(broker, request, version):
    coordinator = broker.cluster.coordinator
    if version < 4:
        return FindCoordinatorResponse(node_id=coordinator)
    return FindCoordinatorResponse(
        coordinators=[
            FindCoordinatorResponse.Coordinator(key=key, node_id=coordinator) for key in request.coordinator_keys
        ]
    )


def unused_address():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()


def ask_offsets(client, *partitions, **options):
    def build(node_id, wanted):
        return ListOffsetsRequest(
            replica_id=-1,
            topics=[
                ListOffsetsRequest.ListOffsetsTopic(
                    name=each.topic,
                    partitions=[ListOffsetsRequest.ListOffsetsPartition(partition_index=each.partition, timestamp=-1)],
                )
                for each in wanted
            ],
        )

    def read(response):
        for topic in response.topics:
            for each in topic.partitions:
                yield TopicPartition(topic.name, each.partition_index), each.error_code, each.offset

    return ask_leaders(client, partitions, build, read, **options)


async def test_the_first_bootstrap_address_that_answers_is_enough(cluster):
    dead = unused_address()
    async with ClusterClient([dead, *cluster.bootstrap(2)]) as client:
        view = await client.metadata(None)

    assert list(view.brokers) == [1, 2, 3]
    assert view.cluster_id == "stub"


async def test_when_no_address_answers_each_is_named_with_its_reason():
    first, second = unused_address(), unused_address()
    async with ClusterClient([first, second]) as client:
        with pytest.raises(ClusterUnreachable) as raised:
            await client.metadata(None)

    assert list(raised.value.reasons) == [f"127.0.0.1:{first[1]}", f"127.0.0.1:{second[1]}"]
    assert "connection refused" in str(raised.value)


async def test_asking_everyone_gives_every_answer_under_its_node(cluster):
    async with client_of(cluster) as client:
        answer = await client.request_to_all(ListGroupsRequest())

    assert {node: response.groups[0].group_id for node, response in answer.answers.items()} == {
        1: "group-1",
        2: "group-2",
        3: "group-3",
    }
    assert answer.missing == {}


async def test_a_dead_broker_makes_a_part_of_the_answer_missing_and_the_rest_stays(cluster):
    cluster.brokers[2].kill()
    async with client_of(cluster, 1) as client:
        answer = await client.request_to_all(ListGroupsRequest())

    assert list(answer.answers) == [1, 3]
    assert list(answer.missing) == [2]
    assert "connection refused" in answer.missing[2]


async def test_no_more_than_so_many_requests_are_under_way_at_once(cluster):
    busy = most = 0

    async def slow(broker, request, version):
        nonlocal busy, most
        busy += 1
        most = max(most, busy)
        await asyncio.sleep(0.01)
        busy -= 1
        return ListGroupsResponse()

    cluster.answers[ApiKey.LIST_GROUPS] = slow
    async with client_of(cluster, concurrency=2) as client:
        await client.request_to_all(ListGroupsRequest())

    assert most == 2


async def test_a_request_goes_out_in_the_highest_version_both_sides_know(cluster):
    cluster.versions[ApiKey.LIST_GROUPS] = (0, 2)
    async with client_of(cluster) as client:
        await client.request_to_any(ListGroupsRequest())

    versions = [version for key, version, _ in cluster.brokers[1].asked if key == ApiKey.LIST_GROUPS]
    assert versions == [2]


async def test_a_request_is_built_for_the_version_it_goes_out_in(cluster):
    """DeleteTopics by id and name from v6 on (KIP-516), by name before."""

    def build(version):
        if version >= 6:
            return DeleteTopicsRequest(topics=[DeleteTopicsRequest.DeleteTopicState(name="orders")])
        return DeleteTopicsRequest(topic_names=["orders"])

    for offered in ((1, 6), (1, 4)):
        cluster.versions[ApiKey.DELETE_TOPICS] = offered
        async with client_of(cluster) as client:
            await client.request_to_controller(Versioned(DeleteTopicsRequest, build))

    new, old = cluster.brokers[1].questions(ApiKey.DELETE_TOPICS)
    assert [topic.name for topic in new.topics] == ["orders"]
    assert old.topic_names == ["orders"]


async def test_a_broker_without_a_common_version_is_named_with_what_it_offers(cluster):
    cluster.versions[ApiKey.LIST_GROUPS] = (0, 2)
    async with client_of(cluster) as client:
        with pytest.raises(UnsupportedByBroker, match=r"ListGroupsRequest v4-5: broker .* offers versions 0 to 2"):
            await client.request_to_any(Versioned(ListGroupsRequest, lambda _: ListGroupsRequest(), floor=4))
        with pytest.raises(UnsupportedByBroker, match="does not know it"):
            await client.request_to_any(Versioned(_NeverOffered, lambda _: None))


class _NeverOffered:
    API_KEY = 60
    MIN_VERSION = 0
    MAX_VERSION = 2


async def test_brokers_of_kafka_2_1_are_understood(cluster):
    cluster.versions |= {
        ApiKey.METADATA: (0, 7),
        ApiKey.LIST_OFFSETS: (0, 4),
        ApiKey.FIND_COORDINATOR: (0, 2),
    }
    cluster.leaders = {"orders": [1, 3]}
    async with client_of(cluster) as client:
        view = await client.metadata(["orders"])
        answers = await ask_offsets(client, TopicPartition("orders", 0), TopicPartition("orders", 1))
        found, errors = await find_coordinators(client, ["a", "b"])

    assert view.topics["orders"].topic_id == bytes(16)
    assert sorted(answers.values.values()) == [100, 300]
    assert (found, errors) == ({"a": 2, "b": 2}, {})


async def test_a_connection_that_was_closed_is_opened_again(cluster):
    async with client_of(cluster) as client:
        await client.metadata()
        await client.request_to(2, ListGroupsRequest())
        for connection in list(cluster.brokers[2].server.connections):
            connection.close()
        await asyncio.sleep(0.05)

        answer = await client.request_to(2, ListGroupsRequest())

    assert answer.groups[0].group_id == "group-2"


async def test_an_answer_that_does_not_come_says_that_it_may_have_been_carried_out(cluster):
    async def never(broker, request, version):
        await asyncio.sleep(60)

    cluster.answers[ApiKey.LIST_GROUPS] = never
    async with client_of(cluster) as client:
        await client.metadata()
        with pytest.raises(BrokerUnreachable, match="no answer to ListGroupsRequest within 30 ms") as raised:
            await client.request_to(3, ListGroupsRequest(), timeout_ms=30)

    assert raised.value.timed_out
    assert raised.value.node_id == 3


async def test_a_node_nobody_knows_is_said(cluster):
    async with client_of(cluster) as client:
        with pytest.raises(BrokerUnreachable, match="broker 9: the cluster has no live broker of this id"):
            await client.request_to(9, ListGroupsRequest())


async def test_whoever_is_cancelled_leaves_the_connection_to_the_others(cluster):
    async with client_of(cluster) as client:
        await client.metadata()
        first = asyncio.create_task(client.request_to(2, ListGroupsRequest()))
        second = asyncio.create_task(client.request_to(2, ListGroupsRequest()))
        await asyncio.sleep(0)
        first.cancel()

        assert (await second).groups[0].group_id == "group-2"


async def test_the_controller_is_asked_for_again_when_it_has_moved(cluster):
    async with client_of(cluster) as client:
        await client.metadata()
        cluster.controller_id = 3
        request = DeleteTopicsRequest(topics=[DeleteTopicsRequest.DeleteTopicState(name="orders")])

        response = await client.request_to_controller(request)

    assert response.responses[0].error_code == ErrorCode.NONE
    assert len(cluster.brokers[1].questions(ApiKey.DELETE_TOPICS)) == 1
    assert len(cluster.brokers[3].questions(ApiKey.DELETE_TOPICS)) == 1


async def test_leaders_are_asked_once_each_for_all_of_their_partitions(cluster):
    cluster.leaders = {"orders": [1, 2, 1, 2], "users": [1]}
    partitions = [*(TopicPartition("orders", index) for index in range(4)), TopicPartition("users", 0)]
    async with client_of(cluster) as client:
        answers = await ask_offsets(client, *partitions)

    assert list(answers.values.values()).count(100) == 3
    assert [len(broker.questions(ApiKey.LIST_OFFSETS)) for broker in cluster.brokers.values()] == [1, 1, 0]


async def test_a_leader_that_moved_is_found_and_the_others_are_not_asked_again(cluster):
    cluster.leaders = {"orders": [1, 2]}
    async with client_of(cluster) as client:
        await client.metadata(["orders"])
        cluster.leaders = {"orders": [1, 3]}

        answers = await ask_offsets(client, TopicPartition("orders", 0), TopicPartition("orders", 1))

    assert answers.values == {TopicPartition("orders", 0): 100, TopicPartition("orders", 1): 300}
    assert answers.errors == {}
    assert [len(broker.questions(ApiKey.LIST_OFFSETS)) for broker in cluster.brokers.values()] == [1, 1, 1]


async def test_partitions_nobody_can_answer_for_are_missing_with_the_reason(cluster):
    cluster.leaders = {"orders": [1, 2, -1]}
    cluster.brokers[2].kill()
    async with client_of(cluster, 1) as client:
        answers = await ask_offsets(
            client, *(TopicPartition("orders", index) for index in range(4)), TopicPartition("nope", 0), patience_ms=0
        )

    assert answers.values == {TopicPartition("orders", 0): 100}
    assert "connection refused" in answers.missing[TopicPartition("orders", 1)]
    assert answers.missing[TopicPartition("orders", 2)] == "the partition has no leader"
    assert answers.errors[TopicPartition("orders", 3)] == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert answers.errors[TopicPartition("nope", 0)] == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    assert answers.why_not(TopicPartition("orders", 0)) is None


async def test_retrying_ends_when_patience_does(cluster):
    cluster.leaders = {"orders": [1]}
    cluster.answers[ApiKey.LIST_OFFSETS] = lambda broker, request, version: ListOffsetsResponse(
        topics=[
            ListOffsetsResponse.ListOffsetsTopicResponse(
                name="orders",
                partitions=[ListOffsetsResponse.ListOffsetsPartitionResponse(partition_index=0, error_code=6)],
            )
        ]
    )
    async with client_of(cluster) as client:
        answers = await ask_offsets(client, TopicPartition("orders", 0), patience_ms=30)

    assert answers.errors == {TopicPartition("orders", 0): ErrorCode.NOT_LEADER_OR_FOLLOWER}
    assert len(cluster.brokers[1].questions(ApiKey.LIST_OFFSETS)) > 1


async def test_coordinators_of_many_groups_are_one_question_and_are_remembered(cluster):
    async with client_of(cluster) as client:
        await find_coordinators(client, ["a", "b", "c"])
        found, _ = await find_coordinators(client, ["a", "c"])

    assert found == {"a": 2, "c": 2}
    asked = [request for broker in cluster.brokers.values() for request in broker.questions(ApiKey.FIND_COORDINATOR)]
    assert [request.coordinator_keys for request in asked] == [["a", "b", "c"]]


async def test_a_coordinator_that_moved_is_followed(cluster):
    async with client_of(cluster) as client:
        await find_coordinators(client, ["a"])
        cluster.coordinator = 3

        response = await request_to_coordinator(
            client, "a", HeartbeatRequest(group_id="a"), error_of=lambda response: response.error_code
        )

    assert response.error_code == ErrorCode.NONE
    assert len(cluster.brokers[2].questions(ApiKey.HEARTBEAT)) == 1
    assert len(cluster.brokers[3].questions(ApiKey.HEARTBEAT)) == 1


async def test_a_request_for_the_coordinator_needs_no_more_than_its_own_class(cluster):
    async with client_of(cluster) as client:
        assert await client.version_for((await client.metadata()).controller_id, FindCoordinatorRequest) == 6


def view_with(epoch, leader, topic_id=b"1" * 16):
    partition = PartitionView(0, leader, epoch, (1, 2), (1, 2), (), ErrorCode.NONE)
    return ClusterView("c", 1, {}, {"orders": TopicView("orders", topic_id, False, ErrorCode.NONE, (partition,))})


def test_metadata_of_an_older_leader_epoch_does_not_replace_newer():
    """KIP-320: a broker that lags behind must not send us back to the old leader."""
    known = view_with(epoch=5, leader=2)

    assert known.merged(view_with(epoch=4, leader=1), ["orders"]).leader("orders", 0) == 2
    assert known.merged(view_with(epoch=6, leader=1), ["orders"]).leader("orders", 0) == 1
    assert known.merged(view_with(epoch=0, leader=1, topic_id=b"2" * 16), None).leader("orders", 0) == 1


def test_a_topic_that_is_gone_from_an_answer_is_gone_from_the_view():
    known = view_with(epoch=1, leader=1)

    assert known.merged(ClusterView("c", 1), ["orders"]).topics == {}
    assert list(known.merged(ClusterView("c", 1), ["users"]).topics) == ["orders"]
    assert known.merged(ClusterView("c", 1), None).topics == {}
