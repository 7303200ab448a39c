"""Committed offsets: who may commit, what is fetched, what expires, what is deleted."""

import pytest

from engine.groups.offset_operations import DeletedTopic
from engine.groups.records import OffsetKey, OffsetRecord, decode_record, encode_record
from engine.groups.settings import GroupSettings
from engine.groups.states import GroupState
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import OffsetCommitValue
from engine.runtime import safeguards

RETENTION_MS = GroupSettings().offsets_retention_ms
ID_A, ID_B = b"a" * 16, b"b" * 16


def test_anybody_may_commit_to_a_group_without_members_and_so_creates_it(world):
    """Kafka: OffsetMetadataManagerTest.testSimpleGroupOffsetCommit."""
    commit = world.commit_offset(42, metadata="note", leader_epoch=3)
    assert world.commit_code(commit) is ErrorCode.NONE
    fetched = world.fetch_offset()
    assert (fetched.committed_offset, fetched.metadata, fetched.committed_leader_epoch) == (42, "note", 3)
    assert world.shard.list_groups([], [])[0].protocol_type == ""


@pytest.mark.parametrize(("version", "code"), [(8, ErrorCode.ILLEGAL_GENERATION), (9, ErrorCode.GROUP_ID_NOT_FOUND)])
def test_a_commit_with_a_generation_needs_the_group(world, version, code):
    """Kafka: testOffsetCommitWithUnknownGroup."""
    commit = world.commit_offset(member_id="member", generation_id=10, version=version)
    assert world.commit_code(commit) is code
    assert world.shard.groups == {}


def test_members_commit_with_their_generation(world):
    """Kafka: testGenericGroupOffsetCommit*, ClassicGroupTest.testValidateOffsetCommit."""
    (joined,) = world.stable_group(1)
    member_id = joined.response.member_id
    codes = [
        world.commit_code(world.commit_offset(member_id=member_id, generation_id=1)),
        world.commit_code(world.commit_offset(member_id=member_id, generation_id=2)),
        world.commit_code(world.commit_offset(member_id="someone", generation_id=1)),
        world.commit_code(world.commit_offset()),
    ]
    assert codes == [
        ErrorCode.NONE,
        ErrorCode.ILLEGAL_GENERATION,
        ErrorCode.UNKNOWN_MEMBER_ID,
        ErrorCode.UNKNOWN_MEMBER_ID,
    ]


def test_members_may_commit_while_the_group_prepares_but_not_while_it_completes_a_rebalance(world):
    """Kafka: testGenericGroupOffsetCommitWhileInCompletingRebalanceState; PREPARING_REBALANCE is allowed."""
    leader, follower = world.stable_group(2)
    joins = [world.join(leader.response.member_id)]
    commit = world.commit_offset(member_id=follower.response.member_id, generation_id=1)
    assert world.commit_code(commit) is ErrorCode.NONE
    joins.append(world.join(follower.response.member_id))
    assert world.group().state is GroupState.COMPLETING_REBALANCE
    commit = world.commit_offset(member_id=follower.response.member_id, generation_id=2)
    assert world.commit_code(commit) is ErrorCode.REBALANCE_IN_PROGRESS


def test_an_offset_is_seen_once_it_is_replicated(world):
    """Kafka: fetchOffsets reads at the last committed offset."""
    world.auto_commit = False
    commit = world.commit_offset(1)
    assert commit.response is None
    assert world.fetch_offset().committed_offset == -1
    world.commit()
    assert world.commit_code(commit) is ErrorCode.NONE
    assert world.fetch_offset().committed_offset == 1


def test_the_first_commit_of_a_group_that_fails_leaves_no_group(world):
    """Kafka: the timeline is reverted."""
    world.auto_commit = False
    commit = world.commit_offset(1)
    world.fail(ErrorCode.NOT_LEADER_OR_FOLLOWER)
    assert world.commit_code(commit) is ErrorCode.NOT_COORDINATOR
    assert world.shard.groups == {}


def test_metadata_that_is_too_long_is_refused_for_its_partition(world):
    """Kafka: testOffsetCommitWithOffsetMetadataSize."""
    commit = world.commit_offset(metadata="x" * 4097)
    assert world.commit_code(commit) is ErrorCode.OFFSET_METADATA_TOO_LARGE
    assert world.commit_code(world.commit_offset(metadata="x" * 4096)) is ErrorCode.NONE
    assert world.commit_code(world.commit_offset(metadata=None)) is ErrorCode.NONE
    assert world.fetch_offset().metadata == ""


def test_offsets_of_unknown_groups_topics_and_partitions_are_minus_one(world):
    """Kafka: testFetchOffsetsWithUnknownGroup."""
    world.commit_offset()
    assert world.fetch_offset(group_id="other").committed_offset == -1
    assert world.fetch_offset("payments").committed_offset == -1
    assert world.fetch_offset(partition=1).committed_offset == -1
    assert world.fetch_offset(partition=1).error_code == ErrorCode.NONE
    assert world.shard.fetch_all("other", require_stable=False) == []


def test_an_offset_committed_for_one_topic_is_not_given_to_its_namesake(world):
    """Kafka 4.3: OffsetMetadataManager.isMismatchedTopicId."""
    world.commit_offset(7, topic_id=ID_A)
    assert world.fetch_offset(topic_id=ID_B).committed_offset == -1
    assert world.fetch_offset(topic_id=ID_A).committed_offset == 7
    assert world.fetch_offset().committed_offset == 7


# --- records ---


def test_records_have_kafkas_bytes():
    """Hand-made from OffsetCommitKey.json, OffsetCommitValue.json and CoordinatorRecordSerde."""
    value = OffsetCommitValue(offset=5, leader_epoch=2, metadata="m", commit_timestamp=9, topic_id=ID_A)
    key, data = encode_record(OffsetRecord(OffsetKey("g", "t", 3), value))
    assert key == b"\0\1" + b"\0\1g" + b"\0\1t" + b"\0\0\0\3"
    expected = b"\0\4" + (5).to_bytes(8, "big") + (2).to_bytes(4, "big") + b"\2m" + (9).to_bytes(8, "big")
    assert data == expected + b"\1\0\x10" + ID_A
    assert decode_record(key, data) == OffsetRecord(OffsetKey("g", "t", 3), value)


def test_a_retention_of_its_own_is_kept_in_a_version_1_value():
    """Kafka: GroupCoordinatorRecordHelpers.offsetCommitValueVersion."""
    value = OffsetCommitValue(offset=5, metadata="", commit_timestamp=9, expire_timestamp=99)
    _, data = encode_record(OffsetRecord(OffsetKey("g", "t", 3), value))
    assert data is not None
    assert data[:2] == b"\0\1"
    assert data.endswith((99).to_bytes(8, "big"))


def test_offsets_from_before_leader_epochs_are_read():
    """Key type 0, value version 0 (Kafka: GroupCoordinatorRecordSerde)."""
    record = decode_record(
        b"\0\0\0\1g\0\1t\0\0\0\3", b"\0\0" + (5).to_bytes(8, "big") + b"\0\1m" + (9).to_bytes(8, "big")
    )
    assert record == OffsetRecord(OffsetKey("g", "t", 3), OffsetCommitValue(offset=5, metadata="m", commit_timestamp=9))


@pytest.mark.parametrize("key", [b"\0\3\0\1g", b"\x7f\xff"])
def test_records_of_other_kinds_of_groups_are_passed_over(key):
    """Kafka: GroupCoordinatorRecordSerde, UnknownRecordTypeException."""
    assert decode_record(key, None) is None


# --- expiry ---


def test_offsets_of_a_simple_group_expire_after_their_commit_and_the_group_with_the_last(world):
    """KIP-211; Kafka: ClassicGroupTest.testOffsetExpirationCondition, testCleanupExpiredOffsetsGroupDoesNotExist."""
    world.commit_offset(1)
    world.sleep(1000)
    world.commit_offset(2, partition=1)
    world.sleep(RETENTION_MS - 1001)
    world.perform(world.shard.expire(world.now_ms))
    assert world.fetch_offset().committed_offset == 1
    world.sleep(1)
    world.perform(world.shard.expire(world.now_ms))
    assert world.fetch_offset().committed_offset == -1
    assert world.fetch_offset(partition=1).committed_offset == 2
    world.sleep(1000)
    world.perform(world.shard.expire(world.now_ms))
    assert world.shard.groups == {}
    assert world.replayed().groups == {}
    assert len(world.replayed().offsets) == 0


def test_offsets_of_a_group_without_members_expire_after_the_last_member_left(world):
    """KIP-211; Kafka: testOffsetExpirationConditionSimpleGroup et al.: the state timestamp counts."""
    (joined,) = world.stable_group(1)
    world.commit_offset(1, member_id=joined.response.member_id, generation_id=1)
    world.sleep(RETENTION_MS)  # the session ends early on
    world.perform(world.shard.expire(world.now_ms))
    assert world.fetch_offset().committed_offset == 1
    world.sleep(10_000)
    world.perform(world.shard.expire(world.now_ms))
    assert world.shard.groups == {}


def test_a_stable_group_keeps_the_offsets_of_topics_it_subscribes_to(world):
    """KIP-211; Kafka: testIsSubscribedToTopic, cleanupExpiredOffsets."""
    (joined,) = world.stable_group(1, topics=["orders"], session_timeout_ms=2 * RETENTION_MS)
    for topic in ("orders", "payments"):
        world.commit_offset(1, topic=topic, member_id=joined.response.member_id, generation_id=1)
    world.sleep(RETENTION_MS)
    world.perform(world.shard.expire(world.now_ms))
    assert world.fetch_offset("orders").committed_offset == 1
    assert world.fetch_offset("payments").committed_offset == -1
    assert world.group().state is GroupState.STABLE
    with safeguards.without("offsets_of_living_groups_stay"):
        world.perform(world.shard.expire(world.now_ms))
    assert world.fetch_offset("orders").committed_offset == -1


def test_nothing_expires_while_a_group_rebalances(world):
    """KAFKA-13636: until the next generation nobody knows what it subscribes to."""
    (joined,) = world.stable_group(1, topics=["orders"], session_timeout_ms=2 * RETENTION_MS)
    world.commit_offset(1, topic="orders", member_id=joined.response.member_id, generation_id=1)
    world.sleep(RETENTION_MS)
    world.leave(joined.response.member_id)
    world.join_dynamic(topics=["orders"], session_timeout_ms=2 * RETENTION_MS)
    assert world.group().state is GroupState.PREPARING_REBALANCE
    world.perform(world.shard.expire(world.now_ms))
    assert world.fetch_offset("orders").committed_offset == 1
    with safeguards.without("offsets_stay_during_rebalance"):
        world.perform(world.shard.expire(world.now_ms))
    assert world.fetch_offset("orders").committed_offset == -1


def test_nothing_expires_while_nobody_knows_what_a_group_subscribes_to(world):
    """Kafka: offsetExpirationCondition is empty for other protocol types and rebalancing groups."""
    (joined,) = world.stable_group(1, protocol_type="connect", session_timeout_ms=2 * RETENTION_MS)
    world.commit_offset(1, member_id=joined.response.member_id, generation_id=1)
    world.sleep(RETENTION_MS)
    world.perform(world.shard.expire(world.now_ms))
    assert world.fetch_offset().committed_offset == 1


def test_a_retention_a_client_asked_for_counts_instead(world):
    """OffsetCommit 2-4; Kafka: OffsetExpirationConditionImpl."""
    world.commit_offset(1, retention_time_ms=500, version=4)
    world.sleep(499)
    world.perform(world.shard.expire(world.now_ms))
    assert world.fetch_offset().committed_offset == 1
    world.sleep(1)
    world.perform(world.shard.expire(world.now_ms))
    assert world.shard.groups == {}


def test_an_offset_that_is_being_committed_does_not_expire(world):
    """Ours: the decision is made before the commit is replicated."""
    world.commit_offset(1)
    world.sleep(RETENTION_MS)
    world.auto_commit = False
    world.commit_offset(2)
    world.perform(world.shard.expire(world.now_ms))
    world.commit()
    assert world.fetch_offset().committed_offset == 2
    world.sleep(RETENTION_MS)
    world.commit_offset(3)
    with safeguards.without("pending_commits_do_not_expire"):
        world.perform(world.shard.expire(world.now_ms))
    world.commit()
    assert world.fetch_offset().committed_offset == -1


def test_a_group_with_members_is_not_deleted_for_want_of_offsets(world):
    """Kafka: GroupMetadataManager.maybeDeleteGroup."""
    world.stable_group(1)
    world.perform(world.shard.expire(world.now_ms))
    assert world.group().state is GroupState.STABLE


def test_an_empty_group_with_a_pending_member_is_not_deleted(world):
    """Ours: it is about to join."""
    world.join()
    world.perform(world.shard.expire(world.now_ms))
    assert "group" in world.shard.groups


# --- deletion ---


def test_a_deleted_group_is_gone_with_its_offsets(world):
    """Kafka: GroupCoordinatorShardTest.testDeleteGroups."""
    world.commit_offset(1)
    (result,) = world.delete_groups("group").response
    assert result.error_code == ErrorCode.NONE
    assert world.replayed().groups == world.shard.groups == {}
    assert len(world.replayed().offsets) == len(world.shard.offsets) == 0


def test_a_group_with_members_cannot_be_deleted(world):
    """Kafka: ClassicGroupTest.testValidateDeleteGroup."""
    world.stable_group(1)
    codes = [result.error_code for result in world.delete_groups("group", "other").response]
    assert codes == [ErrorCode.NON_EMPTY_GROUP, ErrorCode.GROUP_ID_NOT_FOUND]


def test_deleting_a_group_takes_along_a_commit_on_its_way(world):
    """Records are written in the order of the requests."""
    world.auto_commit = False
    commit = world.commit_offset(1)
    deletion = world.delete_groups("group")
    assert deletion.response is None
    world.commit()
    assert world.commit_code(commit) is ErrorCode.NONE
    assert deletion.response[0].error_code == ErrorCode.NONE
    assert len(world.shard.offsets) == len(world.replayed().offsets) == 0
    assert world.replayed().groups == {}


def test_a_group_that_could_not_be_deleted_is_still_there(world):
    """Kafka: the timeline is reverted."""
    world.commit_offset(1)
    world.auto_commit = False
    deletion = world.delete_groups("group")
    assert world.shard.groups == {}
    world.fail(ErrorCode.NOT_ENOUGH_REPLICAS)
    assert deletion.response[0].error_code == ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert world.fetch_offset().committed_offset == 1


def test_a_group_that_could_not_be_deleted_waits_for_nobody_it_forgot(world):
    """Its pending member was told nothing, but has no session any more either."""
    world.join()
    world.auto_commit = False
    world.delete_groups("group")
    world.fail(ErrorCode.NOT_ENOUGH_REPLICAS)
    world.auto_commit = True
    (joined,) = world.stable_group(1)
    assert world.join(joined.response.member_id).response is not None, "no pending member holds the rebalance up"


def test_a_group_founded_while_its_namesake_is_deleted_lives(world):
    """Kafka: the new group's record follows the tombstone."""
    world.commit_offset(1)
    world.auto_commit = False
    world.delete_groups("group")
    world.commit_offset(2, partition=1)
    world.commit()
    assert world.fetch_offset().committed_offset == -1
    assert world.fetch_offset(partition=1).committed_offset == 2
    assert list(world.replayed().groups) == ["group"]


def test_offsets_of_topics_a_running_group_left_may_be_deleted(world):
    """KIP-496; Kafka: testConsumerGroupOffsetDelete, ClassicGroupTest.testValidateOffsetDelete."""
    (joined,) = world.stable_group(1, topics=["orders"])
    for topic in ("orders", "payments"):
        world.commit_offset(1, topic=topic, member_id=joined.response.member_id, generation_id=1)
    kept = world.delete_offset("orders").response.topics[0].partitions[0]
    gone = world.delete_offset("payments").response.topics[0].partitions[0]
    assert (kept.error_code, gone.error_code) == (ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, ErrorCode.NONE)
    assert world.fetch_offset("orders").committed_offset == 1
    assert world.fetch_offset("payments").committed_offset == -1


def test_offsets_of_other_groups_may_be_deleted_when_they_are_empty(world):
    """Kafka: ClassicGroup.validateOffsetDelete."""
    assert world.delete_offset(group_id="other").error is ErrorCode.GROUP_ID_NOT_FOUND
    world.stable_group(1, protocol_type="connect")
    assert world.delete_offset().error is ErrorCode.NON_EMPTY_GROUP


def test_offsets_of_a_deleted_topic_go_but_not_those_of_its_namesake(world):
    """Kafka 4.3: OffsetMetadataManager.onTopicsDeleted."""
    world.commit_offset(1, topic_id=ID_A)
    world.commit_offset(2, partition=1, topic_id=ID_B)
    world.commit_offset(3, partition=2)
    world.commit_offset(4, topic="payments", topic_id=ID_A)
    world.perform(world.shard.topics_deleted([DeletedTopic("orders", ID_A)]))
    assert [world.fetch_offset(partition=index).committed_offset for index in range(3)] == [-1, 2, -1]
    assert world.fetch_offset("payments").committed_offset == 4


# --- transactions that others wrote ---


def test_offsets_of_a_transaction_count_when_it_commits(world):
    """Kafka: OffsetMetadataManagerTest.testReplayTransactionEndMarkerWithCommit; KIP-447."""
    shard, key = world.shard, OffsetKey("group", "orders", 0)
    shard.replay(OffsetRecord(key, OffsetCommitValue(offset=1)), 0, world.now_ms)
    shard.replay(OffsetRecord(key, OffsetCommitValue(offset=2)), 1, world.now_ms, producer_id=9)
    assert world.fetch_offset().committed_offset == 1
    assert world.fetch_offset(require_stable=True).error_code == ErrorCode.UNSTABLE_OFFSET_COMMIT
    shard.replay_end_transaction(9, committed=True)
    assert world.fetch_offset(require_stable=True).committed_offset == 2


def test_offsets_of_an_aborted_transaction_do_not_count(world):
    """Kafka: testReplayTransactionEndMarkerWithAbort."""
    shard, key = world.shard, OffsetKey("group", "orders", 0)
    shard.replay(OffsetRecord(key, OffsetCommitValue(offset=2)), 1, world.now_ms, producer_id=9)
    shard.replay_end_transaction(9, committed=False)
    assert world.fetch_offset(require_stable=True).committed_offset == -1


def test_a_later_plain_commit_is_not_overwritten_by_a_transaction_that_ends_after_it(world):
    """Kafka: testReplayTransactionEndMarkerKeepsTheMostRecentCommittedOffset."""
    shard, key = world.shard, OffsetKey("group", "orders", 0)
    shard.replay(OffsetRecord(key, OffsetCommitValue(offset=2)), 1, world.now_ms, producer_id=9)
    shard.replay(OffsetRecord(key, OffsetCommitValue(offset=3)), 2, world.now_ms)
    shard.replay_end_transaction(9, committed=True)
    assert world.fetch_offset().committed_offset == 3
