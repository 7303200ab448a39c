"""How records spread, commit and are cut back: raft §5.3 and §5.4.2, KIP-595, KIP-630, KIP-1166."""

import pytest

from engine.errors import InvariantViolation, KafkaError
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeQuorumRequest, FetchRequest, FetchSnapshotRequest
from engine.raft.describe import describe_quorum
from engine.raft.effects import FlushLog, FreezeSnapshot, HighWatermarkAdvanced, LeaderChanged, Respond, SendRequest
from engine.raft.messages import fetch_snapshot_request, fetch_snapshot_response
from engine.raft.types import ElectionState, ReplicaKey
from engine.runtime import safeguards
from engine.types import OffsetAndEpoch
from tests.unit.engine.raft.memory_log import DATA, Batch, data, encode
from tests.unit.engine.raft.one_replica import (
    ME,
    OBSERVER,
    OTHER,
    THIRD,
    OneReplica,
    begins,
    fetched,
    fetches,
    log_of,
    partition_of,
)


def committed(replica: OneReplica) -> list[int]:
    return [effect.high_watermark for effect in replica.effects if isinstance(effect, HighWatermarkAdvanced)]


# --- committing


def test_a_record_is_committed_once_a_majority_has_it_on_disk() -> None:
    """Raft §5.3. The leader counts itself only up to what is flushed."""
    leader = OneReplica().becomes_leader()
    leader.appends(data(b"a"))
    leader.receives(fetches(OTHER, 1, (2, 1)))
    assert committed(leader) == []
    leader.flushes()
    assert committed(leader) == [2]


def test_two_followers_commit_what_the_leader_has_not_flushed_yet() -> None:
    """A majority is a majority."""
    leader = OneReplica().becomes_leader()
    leader.receives(fetches(OTHER, 1, (1, 1)))
    assert committed(leader) == []
    leader.receives(fetches(THIRD, 1, (1, 1)))
    assert committed(leader) == [1]


def test_observers_do_not_commit() -> None:
    """KIP-595."""
    leader = OneReplica().becomes_leader()
    leader.flushes()
    leader.receives(fetches(OBSERVER, 1, (1, 1)))
    leader.receives(fetches(-1, 1, (1, 1)))
    assert committed(leader) == []


def test_records_of_an_earlier_epoch_are_not_committed_by_counting_replicas() -> None:
    """Raft §5.4.2, figure 8: only with a record of the leader's own epoch."""
    leader = OneReplica(stored=ElectionState(2), log=log_of(1, 2)).becomes_leader()
    leader.flushes()
    assert leader.replica.epoch == 3
    leader.receives(fetches(OTHER, 3, (2, 2), wait_ms=0))
    assert committed(leader) == []
    leader.receives(fetches(OTHER, 3, (3, 3), wait_ms=0))
    assert committed(leader) == [3]


def test_a_flush_from_before_a_truncation_says_nothing_about_what_came_after() -> None:
    """The bytes at those offsets are others now."""
    follower = OneReplica(stored=ElectionState(1), log=log_of(1, 1, 1)).follows(OTHER, 2)
    old = [effect for effect in follower.effects if isinstance(effect, FlushLog)][-1]
    follower.flushes()
    follower.answers(OTHER, fetched(OTHER, 2, diverging=OffsetAndEpoch(1, 1)))
    assert follower.log.end_offset == 1
    new = encode([Batch(1, 2, DATA, b"n"), Batch(2, 2, DATA, b"n")])
    follower.answers(OTHER, fetched(OTHER, 2, records=new))
    follower._take(follower.replica.on_log_flushed(old.end_offset, old.generation, follower.now))
    assert not follower.requests(FetchRequest)
    follower.flushes()
    assert follower.requests(FetchRequest)[OTHER].topics[0].partitions[0].fetch_offset == 3


def test_only_the_leader_of_that_epoch_appends() -> None:
    """NOT_CONTROLLER, and nothing is written."""
    leader = OneReplica().becomes_leader()
    with pytest.raises(KafkaError) as caught:
        leader.replica.append(data(b"a"), 2, leader.now)
    assert caught.value.code is ErrorCode.NOT_CONTROLLER
    leader.receives(begins(OTHER, 2))
    with pytest.raises(KafkaError):
        leader.replica.append(data(b"a"), 2, leader.now)
    assert leader.log.end_offset == 1


def test_who_leads_is_announced_with_the_offset_at_which_its_epoch_starts() -> None:
    """A state machine may act only after it applied everything before."""
    leader = OneReplica(stored=ElectionState(1), log=log_of(1, 1)).becomes_leader()
    assert leader.latest_of(LeaderChanged) == [LeaderChanged(ME, 2, None, 2)]


# --- the leader's answers


def test_a_fetch_at_the_end_waits_and_is_answered_when_a_record_comes() -> None:
    """Kafka: KafkaRaftClient's fetch purgatory."""
    leader = OneReplica().becomes_leader()
    assert leader.receives(fetches(OTHER, 1, (1, 1))) is None
    leader.appends(data(b"a"))
    partition = partition_of(leader.latest_of(Respond)[0].message)
    assert partition.records == encode([Batch(1, 1, DATA, b"a")])


def test_a_fetch_that_waits_is_answered_when_the_high_watermark_advances() -> None:
    """KIP-1166."""
    leader = OneReplica().becomes_leader()
    assert leader.receives(fetches(THIRD, 1, (1, 1))) is None
    leader.flushes()
    partition = partition_of(leader.latest_of(Respond)[0].message)
    assert (partition.high_watermark, bytes(partition.records)) == (1, b"")


def test_a_fetch_that_waits_long_enough_is_answered_with_nothing() -> None:
    """max_wait_ms."""
    leader = OneReplica().becomes_leader()
    leader.flushes()
    assert leader.receives(fetches(OTHER, 1, (1, 1), high_watermark=1, wait_ms=500)) is None
    leader.advance(499)
    assert not leader.latest_of(Respond)
    leader.advance(2)
    assert bytes(partition_of(leader.latest_of(Respond)[0].message).records) == b""


@pytest.mark.parametrize(
    ("epoch", "error"),
    [(0, ErrorCode.FENCED_LEADER_EPOCH), (2, ErrorCode.UNKNOWN_LEADER_EPOCH)],
)
def test_a_fetch_of_another_epoch_is_refused(epoch: int, error: ErrorCode) -> None:
    """Kafka: validateLeaderOnlyRequest."""
    leader = OneReplica().becomes_leader()
    partition = partition_of(leader.receives(fetches(OTHER, epoch, (0, 0))))
    assert partition.error_code == error
    assert (partition.current_leader.leader_id, partition.current_leader.leader_epoch) == (ME, 1)


def test_a_follower_says_where_the_leader_is() -> None:
    """Observers find the leader by asking anybody."""
    follower = OneReplica().follows(OTHER, 3)
    partition = partition_of(follower.receives(fetches(OBSERVER, 3, (0, 0))))
    assert partition.error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
    assert partition.current_leader.leader_id == OTHER


@pytest.mark.parametrize(
    "request_",
    [fetches(OTHER, 1, (-1, 0)), fetches(OTHER, 1, (1, 2)), fetches(OTHER, 1, (1, -1)), fetches(ME, 1, (0, 0))],
)
def test_nonsense_is_refused(request_: FetchRequest) -> None:
    """Kafka: handleFetchRequest; another node with our id is a mistake, too."""
    leader = OneReplica().becomes_leader()
    assert partition_of(leader.receives(request_)).error_code == ErrorCode.INVALID_REQUEST


# --- truncation


@pytest.mark.parametrize(
    ("end", "diverging"),
    [
        ((5, 1), (2, 1)),  # the leader's epoch 1 ends at 2
        ((3, 2), (2, 1)),  # the leader has no epoch 2; the one below ends at 2
        ((9, 3), (5, 3)),  # longer than the leader's
        ((1, 0), (0, 0)),  # older than all the leader has
    ],
)
def test_a_follower_with_another_history_is_told_where_to_cut(end: tuple[int, int], diverging: tuple[int, int]) -> None:
    """KIP-595, KIP-279. The leader's log: epochs 1 1 3 3, and its own LeaderChange in epoch 4 at offset 4."""
    leader = OneReplica(stored=ElectionState(3), log=log_of(1, 1, 3, 3)).becomes_leader()
    assert leader.log.end_offset == 5
    if diverging == (5, 3):
        diverging = (4, 3)
    partition = partition_of(leader.receives(fetches(OTHER, 4, end)))
    assert (partition.diverging_epoch.end_offset, partition.diverging_epoch.epoch) == diverging
    assert bytes(partition.records) == b""


def test_a_diverging_fetch_does_not_count_as_progress() -> None:
    """What it holds is not ours."""
    leader = OneReplica(stored=ElectionState(3), log=log_of(1, 1)).becomes_leader()
    leader.flushes()
    leader.receives(fetches(OTHER, 4, (3, 2)))
    assert committed(leader) == []


def test_a_follower_cuts_its_log_and_fetches_from_there() -> None:
    """Kafka: truncateToEndOffset."""
    follower = OneReplica(stored=ElectionState(2), log=log_of(1, 2, 2)).follows(OTHER, 3)
    follower.flushes()
    follower.answers(OTHER, fetched(OTHER, 3, diverging=OffsetAndEpoch(1, 1)))
    assert follower.log.end_offset == 1
    assert follower.requests(FetchRequest)[OTHER].topics[0].partitions[0].fetch_offset == 1


def test_nothing_is_cut_below_the_high_watermark() -> None:
    """KAFKA-12460: the node stops instead."""
    follower = OneReplica(stored=ElectionState(2), log=log_of(1, 2, 2)).follows(OTHER, 3)
    follower.flushes()
    follower.answers(OTHER, fetched(OTHER, 3, high_watermark=3))
    with pytest.raises(InvariantViolation, match="below the high watermark 3"):
        follower.answers(OTHER, fetched(OTHER, 3, diverging=OffsetAndEpoch(1, 1)))
    assert follower.log.end_offset == 3


def test_without_that_committed_metadata_goes() -> None:
    follower = OneReplica(stored=ElectionState(2), log=log_of(1, 2, 2)).follows(OTHER, 3)
    follower.flushes()
    follower.answers(OTHER, fetched(OTHER, 3, high_watermark=3))
    with safeguards.without("committed_metadata_is_never_cut"):
        follower.answers(OTHER, fetched(OTHER, 3, diverging=OffsetAndEpoch(1, 1)))
    assert follower.log.end_offset == 1


# --- following


def test_a_voter_fetches_on_only_after_what_it_got_is_on_disk() -> None:
    """Its fetch offset is its word that it has everything before."""
    follower = OneReplica().follows(OTHER, 1)
    follower.answers(OTHER, fetched(OTHER, 1, records=encode([Batch(0, 1, DATA, b"a")])))
    assert follower.latest_of(FlushLog)
    assert not follower.requests(FetchRequest)
    follower.flushes()
    assert follower.requests(FetchRequest)[OTHER].topics[0].partitions[0].fetch_offset == 1
    with safeguards.without("voters_sync_before_acknowledging"):
        follower.answers(OTHER, fetched(OTHER, 1, records=encode([Batch(1, 1, DATA, b"b")])))
        assert follower.requests(FetchRequest)[OTHER].topics[0].partitions[0].fetch_offset == 2


def test_a_restarted_voter_flushes_before_it_fetches() -> None:
    """What a crash left in the page cache alone must not be vouched for."""
    follower = OneReplica(stored=ElectionState(1, OTHER), log=log_of(1, 1))
    assert follower.latest_of(FlushLog) == [FlushLog(2, 0)]
    assert not follower.requests(FetchRequest)
    follower.flushes()
    assert follower.requests(FetchRequest)[OTHER]


def test_an_observer_does_not_wait_for_its_disk() -> None:
    """Nobody counts on it."""
    observer = OneReplica(node_id=OBSERVER).follows(OTHER, 1)
    observer.answers(OTHER, fetched(OTHER, 1, records=encode([Batch(0, 1, DATA, b"a")])))
    assert observer.requests(FetchRequest)


def test_a_follower_knows_no_more_committed_than_it_has() -> None:
    """The leader's high watermark may be ahead."""
    follower = OneReplica().follows(OTHER, 1)
    follower.answers(OTHER, fetched(OTHER, 1, records=encode([Batch(0, 1, DATA, b"a")]), high_watermark=9))
    assert committed(follower) == [1]


def test_a_late_answer_to_a_fetch_that_was_given_up_is_ignored() -> None:
    """Or its records would be appended twice."""
    follower = OneReplica(request_timeout_ms=100, bootstrap_node_ids=(OTHER,)).follows(OTHER, 1)
    (first,) = follower.latest_of(SendRequest)
    follower.advance(101)
    (second,) = follower.latest_of(SendRequest)
    answer = fetched(OTHER, 1, records=encode([Batch(0, 1, DATA, b"a")]))
    follower.replica.on_response(OTHER, first.correlation_id, answer, follower.now)
    assert follower.log.end_offset == 0
    follower.replica.on_response(OTHER, second.correlation_id, answer, follower.now)
    assert follower.log.end_offset == 1


# --- snapshots


def test_a_new_follower_is_sent_to_the_latest_snapshot() -> None:
    """KIP-630; Kafka: tryCompleteFetchRequest."""
    log = log_of(1, 1, 1, 1)
    log.add_snapshot(OffsetAndEpoch(3, 1), b"s" * 10)
    leader = OneReplica(stored=ElectionState(1), log=log).becomes_leader()
    for end in ((0, 0), (2, 1)):
        partition = partition_of(leader.receives(fetches(OTHER, 2, end)))
        assert (partition.snapshot_id.end_offset, partition.snapshot_id.epoch) == (3, 1)


def test_the_bootstrap_snapshot_is_not_replicated() -> None:
    """Kafka: the first leader writes its content into the log."""
    leader = OneReplica().becomes_leader()
    leader.log.snapshots[OffsetAndEpoch(0, 0)] = b"b"
    assert partition_of(leader.receives(fetches(OTHER, 1, (0, 0)))).snapshot_id.end_offset == -1


def test_a_snapshot_is_downloaded_piece_by_piece_and_adopted_once_it_is_on_disk() -> None:
    """KIP-630."""
    snapshot_id = OffsetAndEpoch(7, 2)
    follower = OneReplica(fetch_bytes_max=4).follows(OTHER, 3)
    follower.answers(OTHER, fetched(OTHER, 3, snapshot_id=snapshot_id, high_watermark=9))
    content = b"0123456789"
    while not follower.latest_of(FreezeSnapshot):
        asked = follower.requests(FetchSnapshotRequest)[OTHER].topics[0].partitions[0]
        piece = content[asked.position : asked.position + 4]
        follower.answers(
            OTHER,
            fetch_snapshot_response(
                ErrorCode.NONE,
                leader_id=OTHER,
                epoch=3,
                leader=None,
                snapshot_id=snapshot_id,
                size=len(content),
                position=asked.position,
                data=piece,
            ),
        )
    assert follower.log.end_offset == 0
    follower.log.freeze_download()
    follower._take(follower.replica.on_snapshot_frozen(snapshot_id, follower.now))
    assert follower.log.snapshots == {snapshot_id: content}
    assert (follower.log.start_offset, follower.log.end_offset) == (7, 7)
    assert committed(follower) == [7]
    asked = follower.requests(FetchRequest)[OTHER].topics[0].partitions[0]
    assert (asked.fetch_offset, asked.last_fetched_epoch) == (7, 2)


def test_a_snapshot_the_leader_no_longer_has_is_given_up() -> None:
    """Kafka: handleFetchSnapshotResponse."""
    follower = OneReplica().follows(OTHER, 3)
    follower.answers(OTHER, fetched(OTHER, 3, snapshot_id=OffsetAndEpoch(7, 2)))
    error = fetch_snapshot_response(ErrorCode.SNAPSHOT_NOT_FOUND, leader_id=OTHER, epoch=3, leader=None)
    follower.answers(OTHER, error)
    assert follower.requests(FetchRequest)


@pytest.mark.parametrize(
    ("snapshot_id", "position", "error"),
    [
        ((3, 1), 4, ErrorCode.NONE),
        ((3, 1), 10, ErrorCode.POSITION_OUT_OF_RANGE),
        ((3, 1), -1, ErrorCode.POSITION_OUT_OF_RANGE),
        ((2, 1), 0, ErrorCode.SNAPSHOT_NOT_FOUND),
        ((0, 0), 0, ErrorCode.SNAPSHOT_NOT_FOUND),
    ],
)
def test_what_fetch_snapshot_answers(snapshot_id: tuple[int, int], position: int, error: ErrorCode) -> None:
    """Kafka: handleFetchSnapshotRequest."""
    log = log_of(1, 1, 1, 1)
    log.add_snapshot(OffsetAndEpoch(3, 1), b"0123456789")
    log.snapshots[OffsetAndEpoch(0, 0)] = b"bootstrap"
    leader = OneReplica(stored=ElectionState(1), log=log).becomes_leader()
    request = fetch_snapshot_request(
        cluster_id="c",
        replica=ReplicaKey(OTHER),
        epoch=2,
        snapshot_id=OffsetAndEpoch(*snapshot_id),
        position=position,
        max_bytes=4,
    )
    partition = partition_of(leader.receives(request))
    assert partition.error_code == error
    if error is ErrorCode.NONE:
        assert (partition.size, partition.position, partition.unaligned_records) == (10, 4, b"4567")


def test_a_download_keeps_the_leader_in_office() -> None:
    """KAFKA-15489: FetchSnapshot counts as a fetch."""
    log = log_of(1, 1, 1)
    log.add_snapshot(OffsetAndEpoch(3, 1), b"0123456789")
    leader = OneReplica(stored=ElectionState(1), log=log).becomes_leader()
    leader.advance(2_900)
    leader.receives(
        fetch_snapshot_request(
            cluster_id="c",
            replica=ReplicaKey(OTHER),
            epoch=2,
            snapshot_id=OffsetAndEpoch(3, 1),
            position=0,
            max_bytes=4,
        )
    )
    leader.advance(2_900)
    assert leader.state == "Leader"


def test_a_restart_takes_what_the_snapshot_says_as_committed() -> None:
    """Kafka: KafkaMetadataLog.apply."""
    log = log_of(1, 1, 1, 1)
    log.add_snapshot(OffsetAndEpoch(3, 1), b"s")
    replica = OneReplica(stored=ElectionState(1), log=log)
    assert replica.replica.high_watermark == 3


# --- DescribeQuorum


def describe(replica: OneReplica, topic: str = "__cluster_metadata") -> object:
    request = DescribeQuorumRequest(
        topics=[
            DescribeQuorumRequest.TopicData(
                topic_name=topic, partitions=[DescribeQuorumRequest.PartitionData(partition_index=0)]
            )
        ]
    )
    response = describe_quorum(replica.replica, request, now_ms=replica.now, wall_ms=1_000_000)
    return response.topics[0].partitions[0]


def test_the_leader_describes_how_far_everybody_is() -> None:
    """KIP-836: last fetch and last time caught up, in wall time."""
    leader = OneReplica().becomes_leader()
    leader.flushes()
    leader.receives(fetches(OTHER, 1, (1, 1), wait_ms=0))
    leader.receives(fetches(OBSERVER, 1, (0, 0), wait_ms=0))
    leader.advance(100)
    partition = describe(leader)
    assert (partition.leader_id, partition.leader_epoch, partition.high_watermark) == (ME, 1, 1)
    voters = {voter.replica_id: voter for voter in partition.current_voters}
    assert [voters[node_id].log_end_offset for node_id in (ME, OTHER, THIRD)] == [1, 1, -1]
    assert [voters[node_id].last_caught_up_timestamp for node_id in (ME, OTHER, THIRD)] == [1_000_000, 999_900, -1]
    (observer,) = partition.observers
    assert (observer.replica_id, observer.last_fetch_timestamp, observer.last_caught_up_timestamp) == (9, 999_900, -1)


def test_observers_that_went_away_are_forgotten() -> None:
    """Kafka: OBSERVER_SESSION_TIMEOUT_MS."""
    leader = OneReplica().becomes_leader()
    leader.receives(fetches(OBSERVER, 1, (0, 0), wait_ms=0))
    for _ in range(301):
        leader.receives(fetches(OTHER, 1, (1, 1), wait_ms=0))
        leader.advance(1_000)
    assert describe(leader).observers == []


def test_only_the_leader_describes() -> None:
    """Kafka: handleDescribeQuorumRequest."""
    follower = OneReplica().follows(OTHER, 1)
    assert describe(follower).error_code == ErrorCode.NOT_LEADER_OR_FOLLOWER
    assert describe(follower, "orders").error_code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
