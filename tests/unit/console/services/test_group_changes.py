"""Offsets of groups from outside, with coordinators that are elsewhere, not ready, or say no."""

import random

import pytest

from console.errors import OperatorError
from console.services.group_changes import commit_offsets, delete_group, delete_offsets, group_standing
from console.services.group_offsets import CommittedOffset
from engine.net.cluster_client import ClusterClient
from engine.net.deadlines import Backoff
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    DeleteGroupsResponse,
    FindCoordinatorResponse,
    ListGroupsResponse,
    OffsetCommitResponse,
    OffsetDeleteResponse,
)
from engine.types import TopicPartition
from tests.unit.engine.net.stub_cluster import StubCluster

pytestmark = pytest.mark.anyio

ZERO, ONE = TopicPartition("orders", 0), TopicPartition("orders", 1)
TEN = CommittedOffset(10, -1, None)


@pytest.fixture
def anyio_backend():
    return "asyncio"


class Groups:
    """What the stub brokers know and say."""

    def __init__(self):
        self.coordinator = 1
        self.errors = {}
        """Partition to the code that commits and deletions of its offset get."""
        self.top_level = 0
        self.listing = []
        """Error codes for the next ListGroups; none after that."""
        self.behind = 0
        """So many commits and deletions more does the coordinator not know partition 1."""


@pytest.fixture
def groups():
    return Groups()


@pytest.fixture
async def cluster(anyio_backend, groups):
    stub = StubCluster(2)

    def find(broker, request, version):
        answer = FindCoordinatorResponse.Coordinator
        return FindCoordinatorResponse(
            coordinators=[answer(key=key, node_id=groups.coordinator) for key in request.coordinator_keys]
        )

    def list_groups(broker, request, version):
        return ListGroupsResponse(error_code=groups.listing.pop(0) if groups.listing else 0)

    def answers(response, request):
        if groups.behind:
            groups.behind -= 1
            groups.errors[ONE] = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        elif groups.errors.get(ONE) == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
            del groups.errors[ONE]
        topic_class = getattr(response, f"{response.__name__}Topic")
        row_class = getattr(response, f"{response.__name__}Partition")
        return [
            topic_class(
                name=topic.name,
                partitions=[
                    row_class(
                        partition_index=each.partition_index,
                        error_code=groups.errors.get(TopicPartition(topic.name, each.partition_index), 0),
                    )
                    for each in topic.partitions
                ],
            )
            for topic in request.topics
        ]

    def commit(broker, request, version):
        moved = broker.node_id != groups.coordinator
        if moved:
            groups.errors = {}
        topics = answers(OffsetCommitResponse, request)
        if moved:
            for topic in topics:
                for each in topic.partitions:
                    each.error_code = ErrorCode.NOT_COORDINATOR
        return OffsetCommitResponse(topics=topics)

    def forget(broker, request, version):
        topics = [] if groups.top_level else answers(OffsetDeleteResponse, request)
        return OffsetDeleteResponse(error_code=groups.top_level, topics=topics)

    def delete(broker, request, version):
        result = DeleteGroupsResponse.DeletableGroupResult
        return DeleteGroupsResponse(
            results=[result(group_id=name, error_code=groups.top_level) for name in request.groups_names]
        )

    stub.answers |= {
        ApiKey.FIND_COORDINATOR: find,
        ApiKey.LIST_GROUPS: list_groups,
        ApiKey.OFFSET_COMMIT: commit,
        ApiKey.OFFSET_DELETE: forget,
        ApiKey.DELETE_GROUPS: delete,
    }
    async with stub:
        yield stub


@pytest.fixture
async def client(cluster):
    async with ClusterClient(
        [cluster.brokers[1].address],
        backoff=Backoff(1, 5),
        retry_timeout_ms=2_000,
        randomness=random.Random(1),
    ) as connected:
        yield connected


async def test_a_group_is_looked_for_where_its_coordinator_is_now(client, cluster, groups):
    await group_standing(client, "billing")
    groups.coordinator = 2

    await group_standing(client, "billing")

    assert len(cluster.brokers[2].questions(ApiKey.LIST_GROUPS)) == 1


async def test_a_coordinator_that_still_reads_its_log_is_waited_for(client, cluster, groups):
    groups.listing = [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]

    assert not (await group_standing(client, "billing")).exists
    assert len(cluster.brokers[1].questions(ApiKey.LIST_GROUPS)) == 3


async def test_a_coordinator_that_refuses_is_not_taken_for_a_group_that_is_not_there(client, groups):
    groups.listing = [ErrorCode.CLUSTER_AUTHORIZATION_FAILED]

    with pytest.raises(OperatorError, match="CLUSTER_AUTHORIZATION_FAILED"):
        await group_standing(client, "billing")


async def test_a_commit_follows_the_coordinator(client, cluster, groups):
    await commit_offsets(client, "billing", {ZERO: TEN})
    groups.coordinator = 2

    await commit_offsets(client, "billing", {ZERO: TEN})

    (request,) = cluster.brokers[2].questions(ApiKey.OFFSET_COMMIT)
    assert (request.generation_id_or_member_epoch, request.member_id) == (-1, "")
    assert request.topics[0].partitions[0].committed_offset == 10


async def test_a_commit_that_only_members_may_make_is_explained(client, groups):
    """Kafka: ClassicGroup.validateOffsetCommit answers UNKNOWN_MEMBER_ID."""
    groups.errors = {ZERO: ErrorCode.UNKNOWN_MEMBER_ID, ONE: ErrorCode.UNKNOWN_MEMBER_ID}

    with pytest.raises(OperatorError) as raised:
        await commit_offsets(client, "billing", {ZERO: TEN, ONE: TEN})

    assert raised.value.title == "group billing: NON_EMPTY_GROUP"
    assert "Stop its consumers" in raised.value.hint


async def test_partitions_whose_commit_was_refused_are_named(client, groups):
    groups.errors = {ONE: ErrorCode.OFFSET_METADATA_TOO_LARGE}

    with pytest.raises(OperatorError) as raised:
        await commit_offsets(client, "billing", {ZERO: TEN, ONE: TEN})

    assert raised.value.code is ErrorCode.OFFSET_METADATA_TOO_LARGE
    assert raised.value.detail.startswith("orders-1: ")


@pytest.mark.parametrize(("change", "api"), [("commit", ApiKey.OFFSET_COMMIT), ("forget", ApiKey.OFFSET_DELETE)])
async def test_a_coordinator_that_has_not_heard_of_the_topic_is_asked_again(client, cluster, groups, change, api):
    """Kafka: ConsumerCoordinator.OffsetCommitResponseHandler tries UNKNOWN_TOPIC_OR_PARTITION again."""
    cluster.leaders["orders"] = [1, 1]
    groups.behind = 2
    if change == "commit":
        await commit_offsets(client, "billing", {ZERO: TEN, ONE: TEN})
    else:
        await delete_offsets(client, "billing", [ZERO, ONE])
    asked = [
        [each.partition_index for topic in question.topics for each in topic.partitions]
        for question in cluster.brokers[1].questions(api)
    ]
    assert asked == [[0, 1], [1], [1]]


async def test_a_topic_that_nobody_knows_is_refused_at_once(client, cluster, groups):
    cluster.leaders["orders"] = [1]
    groups.behind = 9

    with pytest.raises(OperatorError, match="UNKNOWN_TOPIC_OR_PARTITION"):
        await commit_offsets(client, "billing", {ZERO: TEN, ONE: TEN})
    assert len(cluster.brokers[1].questions(ApiKey.OFFSET_COMMIT)) == 1


async def test_offsets_of_a_topic_that_is_read_are_not_deleted(client, groups):
    """KIP-496."""
    groups.errors = {ZERO: ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC}

    with pytest.raises(OperatorError, match="GROUP_SUBSCRIBED_TO_TOPIC"):
        await delete_offsets(client, "billing", [ZERO])


async def test_refusals_of_the_whole_request_are_refusals(client, groups):
    groups.top_level = ErrorCode.NON_EMPTY_GROUP

    with pytest.raises(OperatorError, match="NON_EMPTY_GROUP"):
        await delete_offsets(client, "billing", [ZERO])
    with pytest.raises(OperatorError, match="NON_EMPTY_GROUP"):
        await delete_group(client, "billing")
