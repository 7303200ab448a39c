"""The group coordinator and its handlers over a partition log in memory, in virtual time."""

import asyncio
import inspect
import logging
from types import SimpleNamespace

import pytest

from engine.broker.delayed import TimeoutWheel
from engine.broker.group_coordinator import GroupCoordinator
from engine.broker.producer_ids import ProducerIdManager
from engine.config import BrokerConfig
from engine.errors import KafkaError
from engine.groups.partitioning import java_string_hash, partition_for
from engine.handlers.registry import ListenerKind, handlers
from engine.log.values import ReadResult
from engine.metadata.image import BrokerRegistration, MetadataImage, PartitionImage, TopicImage
from engine.net.context import RequestContext
from engine.net.server import Pending
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    AllocateProducerIdsRequest,
    AllocateProducerIdsResponse,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteGroupsRequest,
    DescribeGroupsRequest,
    FindCoordinatorRequest,
    HeartbeatRequest,
    InitProducerIdRequest,
    JoinGroupRequest,
    LeaveGroupRequest,
    ListGroupsRequest,
    OffsetCommitRequest,
    OffsetDeleteRequest,
    OffsetFetchRequest,
    SyncGroupRequest,
)
from engine.protocol.records.batch import parse_batch_header, stamp
from engine.runtime import SystemRandomness
from engine.sim.loop import SimLoop
from engine.types import CONSUMER_OFFSETS_TOPIC, Endpoint, TopicPartition

ORDERS_ID = b"orders".ljust(16, b"\1")
START_MS = 1_700_000_000_000


class MemoryLog:
    """Batches of one partition."""

    def __init__(self):
        self.log_start_offset = 0
        self.log_end_offset = 0
        self.batches = []

    def append(self, batch):
        base_offset = self.log_end_offset
        data = bytearray(batch)
        stamp(data, 0, base_offset, 0)
        self.batches.append((base_offset, bytes(data)))
        self.log_end_offset += parse_batch_header(data).records_count
        return base_offset

    def read(self, offset, max_bytes, *, max_offset, min_one_batch=True):
        for base_offset, data in self.batches:
            next_offset = base_offset + parse_batch_header(data).records_count
            if offset < next_offset <= max_offset:
                return ReadResult(data, next_offset)
        return ReadResult(b"", offset)


class Replicas:
    """Replicates at once, or when the test says so."""

    def __init__(self):
        self.logs = {}
        self.refusal = None
        self.batch_bytes_max = 1_000_000
        self.holds = False
        self.waiting = []

    def add_leadership_listener(self, topic, on_leader, on_follower):
        assert topic == CONSUMER_OFFSETS_TOPIC
        self.on_leader, self.on_follower = on_leader, on_follower

    def partition(self, topic_partition):
        return SimpleNamespace(log=self.logs.setdefault(topic_partition.partition, MemoryLog()))

    def start_append(self, topic_partition, batch, *, required_acks, origin):
        assert required_acks == -1
        if self.refusal is not None:
            raise KafkaError(self.refusal)
        if len(batch) > self.batch_bytes_max:
            raise KafkaError(ErrorCode.MESSAGE_TOO_LARGE)
        base_offset = self.partition(topic_partition).log.append(batch)
        if not self.holds:
            return base_offset, None
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        return base_offset, future

    def replicate(self):
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            future.set_result(None)

    @property
    def batch_count(self):
        return sum(len(log.batches) for log in self.logs.values())


class Controller:
    def __init__(self):
        self.requests = []
        self.next_id = 5000

    async def send(self, request, **_options):
        self.requests.append(request)
        await asyncio.sleep(0.01)
        if isinstance(request, CreateTopicsRequest):
            return CreateTopicsResponse()
        assert isinstance(request, AllocateProducerIdsRequest)
        start, self.next_id = self.next_id, self.next_id + 1000
        return AllocateProducerIdsResponse(producer_id_start=start, producer_id_len=1000)


class World:
    """A broker with node id 1 that leads every partition of `__consumer_offsets`, and one topic, orders, of three."""

    def __init__(self, *, with_offsets_topic=True, **overrides):
        loop = asyncio.get_running_loop()
        clock = SimpleNamespace(now_ms=lambda: START_MS + int(loop.time() * 1000))
        self.config = BrokerConfig.combined(
            overrides={
                "group.initial.rebalance.delay.ms": "0",
                **{k.replace("_", "."): v for k, v in overrides.items()},
            }
        )
        self.runtime = SimpleNamespace(clock=clock, randomness=SystemRandomness())
        self.node_id, self.broker_epoch = 1, 7
        self.timeouts = TimeoutWheel()
        self.replicas = Replicas()
        self.controller = Controller()
        topics = {ORDERS_ID: topic("orders", ORDERS_ID, 3)}
        if with_offsets_topic:
            offsets_id = b"offsets".ljust(16, b"\1")
            topics[offsets_id] = topic(CONSUMER_OFFSETS_TOPIC, offsets_id, 50)
        broker = BrokerRegistration(
            1, 7, bytes(16), (Endpoint("PLAINTEXT", "127.0.0.1", 9092),), (0,), (), None, False, False
        )
        image = MetadataImage(
            brokers={1: broker},
            topics_by_id=topics,
            topic_ids={each.name: each.id for each in topics.values()},
        )
        self.metadata = SimpleNamespace(image=image)
        self.groups = GroupCoordinator(self)
        self.producer_ids = ProducerIdManager(self)

    async def start(self):
        await self.groups.start()
        for partition in range(50):
            self.replicas.on_leader(partition, 0)
        await asyncio.sleep(0.1)
        return self

    def begin(self, key, version, request):
        """Hand in the request; a Pending, a coroutine or a response."""
        context = RequestContext(key, version, 1, "client", "PLAINTEXT", "127.0.0.1")
        request_type = type(request)
        decoded = request_type.decode(request.encode(version), version)
        return handlers(ListenerKind.BROKER)[key].function(self, context, decoded)

    async def ask(self, key, version, request):
        """The answer, having gone over the wire."""
        result = self.begin(key, version, request)
        if inspect.iscoroutine(result):
            result = await result
        if isinstance(result, Pending):
            result = await answer_of(result)
        return type(result).decode(result.encode(version), version)


def topic(name, topic_id, partitions):
    image = PartitionImage((1,), (bytes(16),), (1,), 1, 0, 0)
    return TopicImage(name, topic_id, dict.fromkeys(range(partitions), image))


async def answer_of(pending):
    for _ in range(100_000):
        if pending.parts is not None:
            return pending.parts[0]
        await asyncio.sleep(0.01)
    raise AssertionError("no answer")


def run(scenario):
    loop = SimLoop()
    try:
        loop.run_until_complete(scenario)
    finally:
        loop.close()


def commit_request(group_id="group", offset=10, *, name="orders", topic_id=bytes(16), partitions=(0,)):
    return OffsetCommitRequest(
        group_id=group_id,
        topics=[
            OffsetCommitRequest.OffsetCommitRequestTopic(
                name=name,
                topic_id=topic_id,
                partitions=[
                    OffsetCommitRequest.OffsetCommitRequestPartition(
                        partition_index=index, committed_offset=offset, committed_metadata="m"
                    )
                    for index in partitions
                ],
            )
        ],
    )


def fetch_request(version, group_id="group", *, everything=False, require_stable=False):
    if version < 8:
        topics = [OffsetFetchRequest.OffsetFetchRequestTopic(name="orders", partition_indexes=[0, 1])]
        return OffsetFetchRequest(group_id=group_id, topics=None if everything else topics)
    wanted = OffsetFetchRequest.OffsetFetchRequestTopics(
        name="orders" if version < 10 else "",
        topic_id=bytes(16) if version < 10 else ORDERS_ID,
        partition_indexes=[0, 1],
    )
    return OffsetFetchRequest(
        groups=[OffsetFetchRequest.OffsetFetchRequestGroup(group_id=group_id, topics=None if everything else [wanted])],
        require_stable=require_stable,
    )


def codes(response):
    return [ErrorCode.of(partition.error_code) for topic in response.topics for partition in topic.partitions]


@pytest.mark.parametrize(
    ("group_id", "number"),
    [
        ("", 0),
        ("group", 98629247),
        ("my-group", -1906497762),
        ("größe", 98762257),
        ("\N{GRINNING FACE}", 1772899),
        ("polygenelubricants", -(2**31)),
    ],
)
def test_a_group_hashes_as_a_java_string_does(group_id, number):
    """Numbers from a JVM's String.hashCode; the last one is the famous string whose hash has no absolute value (Utils.abs makes it 0)."""
    assert java_string_hash(group_id) == number
    assert partition_for(group_id, 50) == (0 if number == -(2**31) else abs(number) % 50)


@pytest.mark.parametrize("version", range(2, 11))
def test_offsets_are_committed_and_fetched_in_every_version(version):
    """OffsetCommit 2-10, OffsetFetch 1-10."""

    async def scenario():
        world = await World().start()
        request = commit_request(
            name="orders" if version < 10 else "", topic_id=ORDERS_ID if version >= 10 else bytes(16)
        )
        assert codes(await world.ask(ApiKey.OFFSET_COMMIT, version, request)) == [ErrorCode.NONE]
        for fetch_version in range(1, 11):
            fetched = await world.ask(ApiKey.OFFSET_FETCH, fetch_version, fetch_request(fetch_version))
            found = (fetched if fetch_version < 8 else fetched.groups[0]).topics[0]
            assert [each.committed_offset for each in found.partitions] == [10, -1]
            assert found.partitions[0].metadata == "m"
            if fetch_version == 1:
                continue
            fetched = await world.ask(ApiKey.OFFSET_FETCH, fetch_version, fetch_request(fetch_version, everything=True))
            (found,) = (fetched if fetch_version < 8 else fetched.groups[0]).topics
            assert [each.committed_offset for each in found.partitions] == [10]
            assert (found.topic_id == ORDERS_ID) if fetch_version >= 10 else (found.name == "orders")

    run(scenario())


def test_what_does_not_exist_is_refused_and_the_rest_committed():
    """KafkaApis.handleOffsetCommitRequest."""

    async def scenario():
        world = await World().start()
        response = await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request(partitions=(7, 1)))
        assert sorted((each.partition_index, each.error_code) for each in response.topics[0].partitions) == [
            (1, 0),
            (7, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ]
        response = await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request(name="nothing"))
        assert codes(response) == [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]
        response = await world.ask(ApiKey.OFFSET_COMMIT, 10, commit_request(topic_id=b"x" * 16))
        assert codes(response) == [ErrorCode.UNKNOWN_TOPIC_ID]

    run(scenario())


def test_commits_of_one_turn_of_the_loop_share_a_batch():
    """Ours; as group.coordinator.append.linger.ms does in Kafka."""

    async def scenario():
        world = await World().start()
        pendings = [world.begin(ApiKey.OFFSET_COMMIT, 8, commit_request(offset=offset)) for offset in range(100)]
        for pending in pendings:
            assert codes(await answer_of(pending)) == [ErrorCode.NONE]
        assert world.replicas.batch_count == 1
        fetched = await world.ask(ApiKey.OFFSET_FETCH, 7, fetch_request(7))
        assert fetched.topics[0].partitions[0].committed_offset == 99

    run(scenario())


@pytest.mark.parametrize(
    ("refusal", "answer"),
    [
        (ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.COORDINATOR_NOT_AVAILABLE),
        (ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_COORDINATOR),
        (ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_COORDINATOR),
        (ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.UNKNOWN_SERVER_ERROR),
    ],
)
def test_an_append_that_is_refused_fails_the_commit_and_leaves_no_offset(refusal, answer):
    """CoordinatorOperationExceptionHelper.handleOperationException."""

    async def scenario():
        world = await World().start()
        world.replicas.refusal = refusal
        assert codes(await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request())) == [answer]
        fetched = await world.ask(ApiKey.OFFSET_FETCH, 7, fetch_request(7))
        assert [each.committed_offset for each in fetched.topics[0].partitions] == [-1, -1]
        assert (await world.ask(ApiKey.LIST_GROUPS, 4, ListGroupsRequest())).groups == []

    run(scenario())


def test_a_commit_that_is_not_replicated_in_time_fails_but_counts_once_it_is():
    """offsets.commit.timeout.ms; CoordinatorRuntime keeps what it wrote."""

    async def scenario():
        world = await World().start()
        world.replicas.holds = True
        pending = world.begin(ApiKey.OFFSET_COMMIT, 8, commit_request())
        refusal = await answer_of(pending)
        assert codes(refusal) == [ErrorCode.COORDINATOR_NOT_AVAILABLE]
        fetched = await world.ask(ApiKey.OFFSET_FETCH, 7, fetch_request(7))
        assert fetched.topics[0].partitions[0].committed_offset == -1
        world.replicas.replicate()
        await asyncio.sleep(0)
        fetched = await world.ask(ApiKey.OFFSET_FETCH, 7, fetch_request(7))
        assert fetched.topics[0].partitions[0].committed_offset == 10
        assert pending.parts == [refusal], "answered once"

    run(scenario())


def test_a_commit_that_is_too_large_does_not_fail_those_it_shares_a_batch_with():
    """Ours: the operations of a batch that is refused for its size are tried one by one."""

    async def scenario():
        world = await World().start()
        world.replicas.batch_bytes_max = 400
        pendings = [
            world.begin(ApiKey.OFFSET_COMMIT, 8, commit_request(partitions=indexes)) for indexes in ((0,), (1,))
        ]
        pendings.append(world.begin(ApiKey.OFFSET_COMMIT, 8, commit_request(partitions=(0, 1, 2) * 5)))
        answers = [codes(await answer_of(pending)) for pending in pendings]
        assert answers == [[ErrorCode.NONE], [ErrorCode.NONE], [ErrorCode.UNKNOWN_SERVER_ERROR] * 15]

    run(scenario())


def test_an_answer_that_fails_does_not_keep_others_from_theirs(caplog):
    """One client's broken connection is its own trouble."""
    caplog.set_level(logging.CRITICAL)

    async def scenario():
        world = await World().start()

        def broken(_response):
            raise RuntimeError("no way to answer")

        world.groups.commit(8, commit_request(), broken)
        pending = world.begin(ApiKey.OFFSET_COMMIT, 8, commit_request())
        assert codes(await answer_of(pending)) == [ErrorCode.NONE]

    run(scenario())


def test_records_before_the_log_start_offset_are_not_loaded():
    """A log may start in the middle of a batch (DeleteRecords)."""

    async def scenario():
        world = await World().start()
        await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request(partitions=(0, 1)))
        partition = partition_for("group", 50)
        world.replicas.logs[partition].log_start_offset = 1
        world.replicas.on_follower(partition)
        world.replicas.on_leader(partition, 1)
        await asyncio.sleep(0.1)
        fetched = await world.ask(ApiKey.OFFSET_FETCH, 7, fetch_request(7))
        assert [each.committed_offset for each in fetched.topics[0].partitions] == [-1, 10]

    run(scenario())


def test_a_fetch_waits_for_the_commit_before_it():
    """What a client committed it reads, also when it does not wait for the answer."""

    async def scenario():
        world = await World().start()
        world.replicas.holds = True
        world.begin(ApiKey.OFFSET_COMMIT, 8, commit_request())
        asyncio.get_running_loop().call_later(1, lambda: world.replicas.replicate())
        fetched = await world.ask(ApiKey.OFFSET_FETCH, 8, fetch_request(8))
        assert fetched.groups[0].topics[0].partitions[0].committed_offset == 10

    run(scenario())


def test_a_stable_fetch_that_waits_too_long_sends_the_client_to_look_for_the_coordinator():
    """GroupCoordinatorService.handleOffsetFetchException."""

    async def scenario():
        world = await World().start()
        world.replicas.holds = True
        world.begin(ApiKey.OFFSET_COMMIT, 8, commit_request())
        fetched = await world.ask(ApiKey.OFFSET_FETCH, 8, fetch_request(8, require_stable=True))
        assert fetched.groups[0].error_code == ErrorCode.NOT_COORDINATOR

    run(scenario())


def join_request(member_id="", group_id="group"):
    return JoinGroupRequest(
        group_id=group_id,
        session_timeout_ms=10_000,
        rebalance_timeout_ms=60_000,
        member_id=member_id,
        protocol_type="consumer",
        protocols=[JoinGroupRequest.JoinGroupRequestProtocol(name="range", metadata=b"\0\0\0\0\0\0\0\0\0\0")],
    )


async def stable_group(world):
    first = await world.ask(ApiKey.JOIN_GROUP, 9, join_request())
    assert first.error_code == ErrorCode.MEMBER_ID_REQUIRED
    joined = await world.ask(ApiKey.JOIN_GROUP, 9, join_request(first.member_id))
    sync = SyncGroupRequest(
        group_id="group",
        generation_id=joined.generation_id,
        member_id=joined.member_id,
        protocol_type="consumer",
        protocol_name="range",
        assignments=[SyncGroupRequest.SyncGroupRequestAssignment(member_id=joined.member_id, assignment=b"mine")],
    )
    synced = await world.ask(ApiKey.SYNC_GROUP, 5, sync)
    assert synced.assignment == b"mine"
    return joined


@pytest.mark.parametrize("version", range(10))
def test_a_member_joins_in_every_version(version):
    """JoinGroup 0-9."""

    async def scenario():
        world = await World().start()
        joined = await world.ask(ApiKey.JOIN_GROUP, version, join_request())
        if version >= 4:
            assert joined.error_code == ErrorCode.MEMBER_ID_REQUIRED
            joined = await world.ask(ApiKey.JOIN_GROUP, version, join_request(joined.member_id))
        assert joined.error_code == 0
        assert joined.generation_id == 1
        assert joined.protocol_name == "range"
        for heartbeat in range(5):
            beat = HeartbeatRequest(group_id="group", generation_id=1, member_id=joined.member_id)
            assert (await world.ask(ApiKey.HEARTBEAT, heartbeat, beat)).error_code == 0

    run(scenario())


def test_a_group_survives_a_change_of_coordinator():
    """GroupCoordinatorService.onElection, onResignation; the log is read again."""

    async def scenario():
        world = await World().start()
        joined = await stable_group(world)
        partition = partition_for("group", 50)
        await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request(group_id="simple"))

        world.replicas.on_follower(partition)
        beat = HeartbeatRequest(group_id="group", generation_id=1, member_id=joined.member_id)
        assert (await world.ask(ApiKey.HEARTBEAT, 4, beat)).error_code == ErrorCode.NOT_COORDINATOR

        world.replicas.on_leader(partition, 2)
        assert (await world.ask(ApiKey.HEARTBEAT, 4, beat)).error_code == 0, "believed while loading"
        commit = await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request())
        assert codes(commit) == [ErrorCode.COORDINATOR_LOAD_IN_PROGRESS]
        listed = await world.ask(ApiKey.LIST_GROUPS, 5, ListGroupsRequest())
        assert listed.error_code == ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
        await asyncio.sleep(0.1)

        assert (await world.ask(ApiKey.HEARTBEAT, 4, beat)).error_code == 0
        described = await world.ask(ApiKey.DESCRIBE_GROUPS, 6, DescribeGroupsRequest(groups=["group"]))
        (group,) = described.groups
        assert (group.group_state, group.protocol_data) == ("Stable", "range")
        assert [(member.member_id, member.client_id, member.client_host) for member in group.members] == [
            (joined.member_id, "client", "/127.0.0.1")
        ]
        assert group.members[0].member_assignment == b"mine"

    run(scenario())


def test_everybody_who_waits_is_told_when_the_coordinator_moves():
    """GroupMetadataManager.onUnloaded."""

    async def scenario():
        world = await World().start()
        first = await world.ask(ApiKey.JOIN_GROUP, 9, join_request())
        joining = world.begin(ApiKey.JOIN_GROUP, 9, join_request(first.member_id))
        await asyncio.sleep(0)
        world.replicas.holds = True
        committing = world.begin(ApiKey.OFFSET_COMMIT, 8, commit_request(group_id="other"))
        await asyncio.sleep(0)
        queued = world.begin(ApiKey.OFFSET_COMMIT, 8, commit_request(group_id="other"))
        for partition in (partition_for("group", 50), partition_for("other", 50)):
            world.replicas.on_follower(partition)
        assert (await answer_of(joining)).error_code == ErrorCode.NOT_COORDINATOR
        assert codes(await answer_of(committing)) == [ErrorCode.NOT_COORDINATOR]
        assert codes(await answer_of(queued)) == [ErrorCode.NOT_COORDINATOR]

    run(scenario())


def test_a_silent_member_is_dropped_after_its_session_timeout():
    """The timers of the shell."""

    async def scenario():
        world = await World().start()
        joined = await stable_group(world)
        await asyncio.sleep(9.9)
        beat = HeartbeatRequest(group_id="group", generation_id=1, member_id=joined.member_id)
        assert (await world.ask(ApiKey.HEARTBEAT, 4, beat)).error_code == 0
        await asyncio.sleep(9.9)
        assert (await world.ask(ApiKey.HEARTBEAT, 4, beat)).error_code == 0
        await asyncio.sleep(10.1)
        assert (await world.ask(ApiKey.HEARTBEAT, 4, beat)).error_code == ErrorCode.UNKNOWN_MEMBER_ID
        listed = await world.ask(ApiKey.LIST_GROUPS, 4, ListGroupsRequest(states_filter=["empty"]))
        assert [group.group_id for group in listed.groups] == ["group"]

    run(scenario())


@pytest.mark.parametrize("version", range(6))
def test_a_member_leaves_in_every_version(version):
    """LeaveGroup 0-5."""

    async def scenario():
        world = await World().start()
        joined = await stable_group(world)
        if version < 3:
            request = LeaveGroupRequest(group_id="group", member_id=joined.member_id)
        else:
            identity = LeaveGroupRequest.MemberIdentity(member_id=joined.member_id)
            request = LeaveGroupRequest(group_id="group", members=[identity])
        left = await world.ask(ApiKey.LEAVE_GROUP, version, request)
        assert (left.error_code, [member.error_code for member in left.members]) == (0, [0] * (version >= 3))
        again = await world.ask(ApiKey.LEAVE_GROUP, version, request)
        code = again.error_code if version < 3 else again.members[0].error_code
        assert code == ErrorCode.UNKNOWN_MEMBER_ID

    run(scenario())


def test_requests_without_a_group_name_or_with_a_bad_session_timeout_are_refused():
    """GroupCoordinatorService.isGroupIdNotEmpty, group.min.session.timeout.ms."""

    async def scenario():
        world = await World().start()
        assert (await world.ask(ApiKey.JOIN_GROUP, 5, join_request(group_id=""))).error_code == 24
        request = join_request()
        for timeout_ms in (5999, 1_800_001):
            request.session_timeout_ms = timeout_ms
            joined = await world.ask(ApiKey.JOIN_GROUP, 5, request)
            assert joined.error_code == ErrorCode.INVALID_SESSION_TIMEOUT
        assert codes(await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request(group_id=""))) == [ErrorCode.NONE]

    run(scenario())


def test_groups_are_deleted_with_their_offsets():
    """DeleteGroups; GroupCoordinatorShard.deleteGroups."""

    async def scenario():
        world = await World().start()
        await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request(group_id="simple"))
        await stable_group(world)
        request = DeleteGroupsRequest(groups_names=["group", "nobody", "simple"])
        deleted = await world.ask(ApiKey.DELETE_GROUPS, 2, request)
        assert [(result.group_id, ErrorCode.of(result.error_code)) for result in deleted.results] == [
            ("group", ErrorCode.NON_EMPTY_GROUP),
            ("nobody", ErrorCode.GROUP_ID_NOT_FOUND),
            ("simple", ErrorCode.NONE),
        ]
        fetched = await world.ask(ApiKey.OFFSET_FETCH, 7, fetch_request(7, group_id="simple"))
        assert [each.committed_offset for each in fetched.topics[0].partitions] == [-1, -1]

    run(scenario())


def test_offsets_are_deleted_one_by_one():
    """OffsetDelete (KIP-496)."""

    async def scenario():
        world = await World().start()
        await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request(partitions=(0, 1)))
        request = OffsetDeleteRequest(
            group_id="group",
            topics=[
                OffsetDeleteRequest.OffsetDeleteRequestTopic(
                    name="orders",
                    partitions=[
                        OffsetDeleteRequest.OffsetDeleteRequestPartition(partition_index=index) for index in (0, 9)
                    ],
                )
            ],
        )
        deleted = await world.ask(ApiKey.OFFSET_DELETE, 0, request)
        assert sorted((each.partition_index, each.error_code) for each in deleted.topics[0].partitions) == [
            (0, 0),
            (9, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        ]
        fetched = await world.ask(ApiKey.OFFSET_FETCH, 7, fetch_request(7))
        assert [each.committed_offset for each in fetched.topics[0].partitions] == [-1, 10]

    run(scenario())


def test_offsets_of_a_deleted_topic_are_forgotten():
    """GroupCoordinatorShard.onTopicsDeleted."""

    async def scenario():
        world = await World().start()
        await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request())
        delta = SimpleNamespace(removed_topics={ORDERS_ID: world.metadata.image.topic("orders")})
        world.groups.on_image(delta, world.metadata.image)
        fetched = await world.ask(ApiKey.OFFSET_FETCH, 7, fetch_request(7, everything=True))
        assert fetched.topics == []

    run(scenario())


def test_offsets_expire_with_time():
    """offsets.retention.minutes, offsets.retention.check.interval.ms."""

    async def scenario():
        world = await World(offsets_retention_minutes="1").start()
        await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request())
        await asyncio.sleep(599)
        assert (await world.ask(ApiKey.LIST_GROUPS, 4, ListGroupsRequest())).groups
        await asyncio.sleep(2)
        assert (await world.ask(ApiKey.LIST_GROUPS, 4, ListGroupsRequest())).groups == []

    run(scenario())


def test_a_log_that_cannot_be_read_leaves_the_group_without_coordinator(caplog):
    """CoordinatorRuntime: FAILED."""
    caplog.set_level(logging.CRITICAL)

    async def scenario():
        world = await World().start()
        partition = partition_for("group", 50)
        world.replicas.on_follower(partition)
        world.replicas.partition(TopicPartition(CONSUMER_OFFSETS_TOPIC, partition)).log.append(broken_batch())
        world.replicas.on_leader(partition, 1)
        await asyncio.sleep(0.1)
        assert codes(await world.ask(ApiKey.OFFSET_COMMIT, 8, commit_request())) == [ErrorCode.NOT_COORDINATOR]

    run(scenario())


def broken_batch():
    from engine.protocol.records.record import Record, build_batch

    return build_batch([Record(0, 0, b"\0\1", b"\0\4", [])])


@pytest.mark.parametrize("version", range(7))
def test_the_coordinator_of_a_group_is_found_in_every_version(version):
    """FindCoordinator 0-6."""

    async def scenario():
        world = await World().start()
        if version >= 4:
            found = await world.ask(
                ApiKey.FIND_COORDINATOR, version, FindCoordinatorRequest(coordinator_keys=["group", "other"])
            )
            assert [each.key for each in found.coordinators] == ["group", "other"]
            found = found.coordinators[0]
        else:
            found = await world.ask(ApiKey.FIND_COORDINATOR, version, FindCoordinatorRequest(key="group"))
        assert (found.error_code, found.node_id, found.host, found.port) == (0, 1, "127.0.0.1", 9092)

    run(scenario())


def test_the_first_search_for_a_coordinator_creates_the_offsets_topic_once():
    """AutoTopicCreationManager; GroupCoordinatorService.groupMetadataTopicConfigs."""

    async def scenario():
        world = await World(with_offsets_topic=False).start()
        for _ in range(3):
            found = await world.ask(ApiKey.FIND_COORDINATOR, 2, FindCoordinatorRequest(key="group"))
            assert found.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
        await asyncio.sleep(1)
        (request,) = world.controller.requests
        (wanted,) = request.topics
        assert (wanted.name, wanted.num_partitions, wanted.replication_factor) == (CONSUMER_OFFSETS_TOPIC, 50, 3)
        assert {config.name: config.value for config in wanted.configs} == {
            "cleanup.policy": "compact",
            "compression.type": "producer",
            "segment.bytes": "104857600",
        }

    run(scenario())


@pytest.mark.parametrize(
    ("version", "key_type", "code"),
    [
        (3, 1, ErrorCode.COORDINATOR_NOT_AVAILABLE),
        (6, 2, ErrorCode.COORDINATOR_NOT_AVAILABLE),
        (3, 2, ErrorCode.INVALID_REQUEST),
        (3, 9, ErrorCode.INVALID_REQUEST),
    ],
)
def test_other_coordinators_are_not_available(version, key_type, code):
    """See DEVIATIONS: transactions and share groups."""

    async def scenario():
        world = await World().start()
        request = FindCoordinatorRequest(key_type=key_type)
        if version >= 4:
            request.coordinator_keys = ["x"]
            (found,) = (await world.ask(ApiKey.FIND_COORDINATOR, version, request)).coordinators
        else:
            request.key = "x"
            found = await world.ask(ApiKey.FIND_COORDINATOR, version, request)
        assert found.error_code == code

    run(scenario())


@pytest.mark.parametrize("version", range(6))
def test_producer_ids_are_unique_and_come_in_blocks(version):
    """InitProducerId 0-5; RPCProducerIdManager."""

    async def scenario():
        world = await World().start()
        ids = []
        for _ in range(1500):
            answer = await world.ask(
                ApiKey.INIT_PRODUCER_ID, version, InitProducerIdRequest(transactional_id=None, transaction_timeout_ms=1)
            )
            assert (answer.error_code, answer.producer_epoch) == (0, 0)
            ids.append(answer.producer_id)
        assert ids == list(range(5000, 6500))
        (first, *_) = world.controller.requests
        assert (first.broker_id, first.broker_epoch) == (1, 7)
        assert len(world.controller.requests) == 2

    run(scenario())


def test_a_producer_that_asks_again_gets_another_id():
    """KIP-360 without a transactional id."""

    async def scenario():
        world = await World().start()
        request = InitProducerIdRequest(
            transactional_id=None, transaction_timeout_ms=1, producer_id=5, producer_epoch=3
        )
        answer = await world.ask(ApiKey.INIT_PRODUCER_ID, 4, request)
        assert (answer.producer_id, answer.producer_epoch) == (5000, 0)
        request.producer_epoch = -1
        assert (await world.ask(ApiKey.INIT_PRODUCER_ID, 4, request)).error_code == ErrorCode.INVALID_REQUEST
        request = InitProducerIdRequest(transactional_id="t", transaction_timeout_ms=1)
        answer = await world.ask(ApiKey.INIT_PRODUCER_ID, 4, request)
        assert answer.error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE

    run(scenario())
