"""The leader's view of one partition (Kafka: PartitionTest; KIP-497, KIP-966)."""

import pytest

from engine.replication.leader import FollowerSession, PartitionLeader
from engine.replication.state import CommittedPartitionState, PendingExpandIsr, PendingShrinkIsr
from engine.runtime import safeguards

LAG_MAX_MS = 30_000


def leader_of(
    isr=(1, 2, 3), *, log_end_offset=0, high_watermark=0, min_isr=1, epoch_start_offset=None, ineligible=(), now_ms=0
):
    return PartitionLeader(
        node_id=1,
        leader_epoch=5,
        partition_epoch=7,
        replicas=(1, 2, 3),
        isr=isr,
        epoch_start_offset=log_end_offset if epoch_start_offset is None else epoch_start_offset,
        log_end_offset=log_end_offset,
        high_watermark=high_watermark,
        min_isr=min_isr,
        lag_max_ms=LAG_MAX_MS,
        eligible=lambda broker_id, epoch: broker_id not in ineligible,
        now_ms=now_ms,
    )


def fetch(leader, broker_id, offset, now_ms=1, session=None):
    return leader.on_follower_fetch(broker_id, offset, 0, 100 + broker_id, now_ms, session)


def test_high_watermark_is_the_smallest_log_end_offset_of_the_isr():
    """Kafka: Partition.maybeIncrementLeaderHW."""
    leader = leader_of()
    leader.on_append(10, 0)
    assert fetch(leader, 2, 10) == (False, None)
    assert leader.high_watermark == 0
    assert fetch(leader, 3, 6) == (True, None)
    assert leader.high_watermark == 6


def test_a_lone_leader_commits_what_it_appends():
    leader = leader_of(isr=(1,), now_ms=100_000)
    assert leader.on_append(4, 100_000)
    assert leader.high_watermark == 4


def test_high_watermark_stands_still_under_min_isr():
    """KAFKA-15583, KIP-966."""
    leader = leader_of(isr=(1,), min_isr=2)
    assert not leader.on_append(4, 100_000)
    assert leader.high_watermark == 0
    with safeguards.without("high_watermark_respects_min_isr"):
        assert leader.on_append(5, 100_000)


def test_min_isr_never_asks_for_more_than_there_are_replicas():
    leader = leader_of(min_isr=5)
    assert leader.effective_min_isr == 3
    assert not leader.is_under_min_isr


def test_who_is_in_sync_by_chance_is_not_enough():
    """Kafka 0.8 beta: acks=all meant all that were left."""
    assert leader_of(isr=(1,), min_isr=2).is_under_min_isr
    with safeguards.without("min_insync_replicas"):
        assert not leader_of(isr=(1,), min_isr=2).is_under_min_isr


def test_follower_outside_isr_rejoins_only_at_high_watermark():
    """Kafka: Partition.isFollowerInSync."""
    leader = leader_of(isr=(1, 2), log_end_offset=0)
    leader.on_append(10, 0)
    fetch(leader, 2, 10)
    assert leader.high_watermark == 10
    assert fetch(leader, 3, 9)[1] is None
    _, expand = fetch(leader, 3, 10)
    assert expand == PendingExpandIsr(3, CommittedPartitionState((1, 2)))
    assert expand.proposed_isr == (1, 2, 3)


def test_follower_rejoins_only_at_the_start_of_the_leaders_epoch():
    """KAFKA-7128: the high watermark may lag behind what is committed right after an election."""
    leader = leader_of(isr=(1, 2), log_end_offset=20, high_watermark=5)
    assert fetch(leader, 3, 10)[1] is None
    with safeguards.without("isr_join_at_leader_epoch_start"):
        assert fetch(leader, 3, 10)[1] is not None


def test_fenced_or_restarted_follower_does_not_join():
    """KAFKA-15221, KIP-903."""
    leader = leader_of(isr=(1, 2), ineligible=(3,))
    assert fetch(leader, 3, 0)[1] is None


def test_a_replica_being_added_holds_the_high_watermark_back_already():
    """KIP-497: the controller may have added it without our knowing."""
    leader = leader_of(isr=(1, 2))
    fetch(leader, 2, 0)
    _, expand = fetch(leader, 3, 0)
    assert leader.state is expand
    leader.on_append(5, 1)
    fetch(leader, 2, 5)
    assert leader.high_watermark == 0
    assert fetch(leader, 3, 5)[0]
    assert leader.high_watermark == 5


def test_a_replica_being_removed_holds_the_high_watermark_back_still():
    """KIP-497: until the controller answers, it may be elected."""
    leader = leader_of(now_ms=0)
    leader.on_append(5, 0)
    fetch(leader, 2, 5, now_ms=40_000)
    shrink = leader.propose_shrink(40_000)
    assert shrink == PendingShrinkIsr((3,), CommittedPartitionState((1, 2, 3)))
    assert leader.high_watermark == 0
    assert leader.on_isr_committed((1, 2), 8, 40_001, shrink)
    assert leader.high_watermark == 5
    assert leader.isr == (1, 2)


def test_a_follower_at_the_log_end_never_lags_however_long_it_is_silent():
    """Kafka: ReplicaState.isCaughtUp."""
    leader = leader_of()
    fetch(leader, 2, 0, now_ms=1)
    fetch(leader, 3, 0, now_ms=1)
    assert leader.propose_shrink(10**9) is None


def test_an_append_after_a_quiet_hour_does_not_shrink_the_isr_at_once():
    """Incremental fetches do not name quiet partitions; the session's life counts as theirs (KIP-227)."""
    session = FollowerSession(1)
    leader = leader_of()
    fetch(leader, 2, 0, 1, session)
    fetch(leader, 3, 0, 1, session)
    session.last_fetch_ms = 3_600_000
    leader.on_append(1, 3_600_100)
    assert leader.propose_shrink(3_600_200) is None
    assert leader.propose_shrink(3_600_000 + LAG_MAX_MS + 1) is not None


def test_only_one_proposal_is_under_way():
    leader = leader_of(isr=(1,))
    assert fetch(leader, 2, 0)[1] is not None
    assert fetch(leader, 3, 0)[1] is None


def test_an_answer_older_than_the_metadata_is_ignored():
    """KIP-497: partition epochs only grow."""
    leader = leader_of(isr=(1, 2))
    _, expand = fetch(leader, 3, 0)
    leader.on_isr_committed((1, 2, 3), 9, 1)
    assert not leader.on_isr_committed((1, 2), 8, 1, expand)
    assert leader.isr == (1, 2, 3)


def test_metadata_as_old_as_ours_does_not_drop_a_proposal():
    leader = leader_of(isr=(1, 2))
    _, expand = fetch(leader, 3, 0)
    leader.on_isr_committed((1, 2), 7, 1)
    assert leader.state is expand


def test_a_rejected_proposal_falls_back_to_what_was_committed():
    leader = leader_of(isr=(1, 2))
    _, expand = fetch(leader, 3, 0)
    leader.on_isr_rejected(expand)
    assert leader.state == CommittedPartitionState((1, 2))


def test_a_fetch_of_a_stranger_is_the_callers_error():
    with pytest.raises(KeyError):
        fetch(leader_of(), 9, 0)


def test_a_follower_refused_when_it_caught_up_joins_without_fetching_anew():
    """A quiet partition is not named by incremental fetches; below min ISR the next record may never come."""
    ineligible = {3}
    leader = PartitionLeader(
        node_id=1,
        leader_epoch=5,
        partition_epoch=7,
        replicas=(1, 2, 3),
        isr=(1, 2),
        epoch_start_offset=0,
        log_end_offset=0,
        high_watermark=0,
        min_isr=1,
        lag_max_ms=LAG_MAX_MS,
        eligible=lambda broker_id, epoch: broker_id not in ineligible,
        now_ms=0,
    )
    session = FollowerSession(1)
    assert fetch(leader, 3, 0, 1, session)[1] is None
    assert leader.propose_expand(2) is None
    ineligible.clear()
    assert leader.propose_expand(LAG_MAX_MS + 2) is None, "a follower that fetches no longer stays out"
    session.last_fetch_ms = LAG_MAX_MS + 2
    assert leader.propose_expand(LAG_MAX_MS + 3) == PendingExpandIsr(3, CommittedPartitionState((1, 2)))
