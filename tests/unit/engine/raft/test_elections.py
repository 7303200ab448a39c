"""How leaders come and go: raft §5.2 and §5.4.1, KIP-595, KIP-996."""

from itertools import pairwise

import pytest

from engine.errors import InvariantViolation
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import BeginQuorumEpochRequest, EndQuorumEpochRequest, VoteRequest
from engine.raft.effects import PersistElectionState, Respond, SendRequest
from engine.raft.messages import (
    begin_quorum_epoch_response,
    end_quorum_epoch_response,
    fetch_response,
    vote_request,
    vote_response,
)
from engine.raft.states import TRANSITIONS, Follower, Resigned, Unattached
from engine.raft.types import ElectionState, ReplicaKey
from engine.types import OffsetAndEpoch
from tests.unit.engine.raft.memory_log import LEADER_CHANGE
from tests.unit.engine.raft.one_replica import (
    ME,
    OBSERVER,
    OTHER,
    THIRD,
    OneReplica,
    asks_vote,
    begins,
    ends,
    fetched,
    fetches,
    log_of,
    partition_of,
    vote_of,
)

NONE = ErrorCode.NONE


def granted(epoch: int, *, granted: bool = True, leader: int = -1) -> object:
    return vote_response(NONE, leader, epoch, granted, None)


# --- standing


def test_a_voter_that_hears_of_no_leader_first_asks_by_pre_vote_in_its_own_epoch() -> None:
    """KIP-996: a pre-vote begins no epoch."""
    replica = OneReplica(stored=ElectionState(4))
    replica.advance(2_000)
    asked = replica.requests(VoteRequest)
    assert sorted(asked) == [OTHER, THIRD]
    partition = asked[OTHER].topics[0].partitions[0]
    assert (partition.pre_vote, partition.replica_epoch) == (True, 4)
    assert replica.replica.epoch == 4


def test_a_majority_of_pre_votes_makes_a_candidate_in_a_new_epoch_that_votes_for_itself() -> None:
    """Raft §5.2; Kafka: CandidateState."""
    replica = OneReplica(stored=ElectionState(4)).becomes_candidate()
    assert replica.persisted == ElectionState(5, -1, ReplicaKey(ME))
    assert not replica.requests(VoteRequest)[THIRD].topics[0].partitions[0].pre_vote


def test_a_request_for_votes_leaves_only_after_the_own_vote_was_persisted() -> None:
    """Raft: persistent state is updated on stable storage before responding to RPCs. Effects are performed in order."""
    replica = OneReplica().becomes_candidate()
    kinds = [type(effect) for effect in replica.latest]
    assert kinds.index(PersistElectionState) < kinds.index(SendRequest)


def test_a_majority_of_votes_makes_a_leader_which_writes_a_leader_change_record_at_once() -> None:
    """Kafka: LeaderState.appendStartOfEpochControlRecords."""
    replica = OneReplica().becomes_leader()
    last = replica.log.batches[-1]
    assert (last.kind, last.epoch, last.payload) == (LEADER_CHANGE, 1, b"1")
    assert replica.persisted == ElectionState(1, ME, ReplicaKey(ME))


def test_a_new_leader_tells_the_other_voters() -> None:
    """KIP-595: BeginQuorumEpoch."""
    replica = OneReplica().becomes_leader()
    assert sorted(replica.requests(BeginQuorumEpochRequest)) == [OTHER, THIRD]
    replica.answers(OTHER, begin_quorum_epoch_response(NONE, ME, 1, None))
    assert OTHER in replica.replica.state.acknowledged


def test_a_rejected_pre_vote_leaves_the_epoch_alone() -> None:
    """KIP-996: that is what it is for."""
    replica = OneReplica(stored=ElectionState(4))
    replica.advance(2_000)
    for node_id in (OTHER, THIRD):
        replica.answers(node_id, granted(4, granted=False))
    assert (replica.state, replica.replica.epoch) == ("Unattached", 4)


def test_a_candidate_that_lost_waits_out_its_timeout_and_asks_by_pre_vote_again() -> None:
    """Kafka: maybeHandleElectionLoss."""
    replica = OneReplica().becomes_candidate()
    for node_id in (OTHER, THIRD):
        replica.answers(node_id, granted(1, granted=False))
    assert replica.state == "Candidate"
    replica.advance(2_000)
    assert (replica.state, replica.replica.epoch) == ("Prospective", 1)


def test_votes_of_an_earlier_election_do_not_count() -> None:
    """Raft §5.2: answers to requests of an earlier state are stale."""
    replica = OneReplica().becomes_candidate()
    old = [effect for effect in replica.effects if isinstance(effect, SendRequest) and effect.node_id == THIRD][-1]
    replica.advance(2_000)
    assert replica.state == "Prospective"
    replica.replica.on_response(THIRD, old.correlation_id, granted(1), replica.now)
    assert replica.state == "Prospective"


def test_who_is_told_of_a_newer_epoch_gives_up() -> None:
    """Raft §5.1."""
    replica = OneReplica().becomes_candidate()
    replica.answers(OTHER, vote_response(ErrorCode.FENCED_LEADER_EPOCH, THIRD, 7, False, None))
    assert isinstance(replica.replica.state, Follower)
    assert (replica.replica.epoch, replica.replica.leader_id) == (7, THIRD)


def test_the_only_voter_leads_at_once() -> None:
    """Kafka: KafkaRaftClient.initialize. No election is waited for."""
    replica = OneReplica(voters=(ME,))
    assert replica.state == "Leader"
    replica.flushes()
    assert replica.replica.high_watermark == 1


def test_on_the_very_first_start_voters_stand_one_after_the_other_within_a_fifth_of_a_second() -> None:
    """Nobody can lead yet, so nobody is waited for; only collisions are avoided."""
    wakes = [OneReplica(node_id=node_id).replica.state.election_deadline_ms for node_id in (1, 2, 3)]
    assert wakes == sorted(wakes)
    assert all(later - earlier > 40 for earlier, later in pairwise(wakes))
    assert wakes[-1] < 200


def test_a_restarted_voter_with_a_history_waits_for_a_whole_election_timeout() -> None:
    """Kafka: QuorumState.randomElectionTimeoutMs."""
    replica = OneReplica(stored=ElectionState(3, -1, ReplicaKey(OTHER)))
    assert 1_000 <= replica.replica.state.election_deadline_ms <= 2_000


# --- voting


def test_a_vote_is_persisted_before_it_is_given() -> None:
    """Raft §5.2: at most one vote per epoch, also across a crash."""
    replica = OneReplica()
    assert vote_of(replica.receives(asks_vote(1))) == (NONE, True)
    kinds = [type(effect) for effect in replica.latest]
    assert kinds.index(PersistElectionState) < kinds.index(Respond)
    assert replica.persisted == ElectionState(1, -1, ReplicaKey(OTHER))


def test_only_one_vote_is_given_in_an_epoch_and_the_same_candidate_gets_it_again() -> None:
    """Raft §5.2."""
    replica = OneReplica()
    assert vote_of(replica.receives(asks_vote(1, candidate=OTHER))) == (NONE, True)
    assert vote_of(replica.receives(asks_vote(1, candidate=THIRD))) == (NONE, False)
    assert vote_of(replica.receives(asks_vote(1, candidate=OTHER))) == (NONE, True)


def test_a_vote_is_remembered_over_a_restart() -> None:
    """Kafka: QuorumState.initialize."""
    replica = OneReplica(stored=ElectionState(1, -1, ReplicaKey(OTHER)))
    assert vote_of(replica.receives(asks_vote(1, candidate=THIRD))) == (NONE, False)


@pytest.mark.parametrize("pre_vote", [False, True])
@pytest.mark.parametrize(
    ("end", "expected"),
    [((3, 2), True), ((4, 2), True), ((1, 3), True), ((2, 2), False), ((9, 1), False)],
)
def test_a_vote_goes_only_to_a_log_that_is_at_least_as_new(
    end: tuple[int, int], expected: bool, pre_vote: bool
) -> None:
    """Raft §5.4.1: the later last epoch wins, then the longer log. Ours ends at offset 3 in epoch 2."""
    replica = OneReplica(log=log_of(1, 1, 2), stored=ElectionState(3))
    assert vote_of(replica.receives(asks_vote(4, end=end, pre_vote=pre_vote))) == (NONE, expected)


def test_a_pre_vote_binds_nobody() -> None:
    """KIP-996."""
    replica = OneReplica(stored=ElectionState(1))
    assert vote_of(replica.receives(asks_vote(1, pre_vote=True, candidate=OTHER))) == (NONE, True)
    assert vote_of(replica.receives(asks_vote(1, pre_vote=True, candidate=THIRD))) == (NONE, True)
    assert replica.replica.state.voted is None


def test_a_follower_whose_leader_answers_refuses_pre_votes() -> None:
    """KIP-996: a replica that is cut off cannot unseat a leader others hear from."""
    replica = OneReplica().follows(OTHER, 1)
    assert vote_of(replica.receives(asks_vote(1, pre_vote=True, candidate=THIRD))) == (NONE, True)
    replica.answers(OTHER, fetched(OTHER, 1))
    assert vote_of(replica.receives(asks_vote(1, pre_vote=True, candidate=THIRD))) == (NONE, False)


def test_a_leader_refuses_pre_votes_and_says_that_it_leads() -> None:
    """KIP-996."""
    replica = OneReplica().becomes_leader()
    response = replica.receives(asks_vote(1, pre_vote=True, end=(9, 1)))
    assert vote_of(response) == (NONE, False)
    assert response.topics[0].partitions[0].leader_id == ME


def test_a_pre_vote_in_an_older_epoch_learns_the_newer_one() -> None:
    """Kafka: validateVoterOnlyRequest."""
    replica = OneReplica(stored=ElectionState(5))
    assert vote_of(replica.receives(asks_vote(3, pre_vote=True))) == (ErrorCode.FENCED_LEADER_EPOCH, False)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (asks_vote(2, end=(-1, 0)), ErrorCode.INVALID_REQUEST),
        (asks_vote(2, end=(1, 2)), ErrorCode.INVALID_REQUEST),
        (asks_vote(2, end=(1, 3), pre_vote=True), ErrorCode.INVALID_REQUEST),
        (asks_vote(2, candidate=-1), ErrorCode.INVALID_REQUEST),
        (asks_vote(2, voter=THIRD), ErrorCode.INVALID_VOTER_KEY),
        (asks_vote(0, end=(0, -1)), ErrorCode.INVALID_REQUEST),
    ],
)
def test_nonsense_gets_no_vote(request_: VoteRequest, error: ErrorCode) -> None:
    """Kafka: handleVoteRequest. A candidate's epoch is new, so no record of it can exist."""
    assert vote_of(OneReplica().receives(request_)) == (error, False)


def test_another_cluster_or_partition_is_refused() -> None:
    """Kafka: hasValidClusterId, hasValidTopicPartition."""
    replica = OneReplica()
    request = asks_vote(1)
    request.cluster_id = "another"
    assert replica.receives(request).error_code == ErrorCode.INCONSISTENT_CLUSTER_ID
    request = asks_vote(1)
    request.topics[0].topic_name = "orders"
    assert replica.receives(request).error_code == ErrorCode.INVALID_REQUEST
    assert replica.replica.epoch == 0


def test_a_vote_for_another_directory_of_ours_is_refused() -> None:
    """KIP-853: the disk was replaced, so whoever was asked is gone."""
    replica = OneReplica(directory_id=b"a" * 16)
    request = vote_request(
        cluster_id="c",
        epoch=1,
        replica=ReplicaKey(OTHER),
        voter=ReplicaKey(ME, b"b" * 16),
        end=OffsetAndEpoch(0, 0),
        pre_vote=False,
    )
    assert vote_of(replica.receives(request)) == (ErrorCode.INVALID_VOTER_KEY, False)


# --- following, and losing the leader


def test_who_hears_of_a_leader_follows_it_and_fetches() -> None:
    """KIP-595."""
    replica = OneReplica().follows(OTHER, 3)
    assert replica.persisted == ElectionState(3, OTHER)
    assert [effect.node_id for effect in replica.latest_of(SendRequest)] == [OTHER]


def test_only_a_voter_is_believed_to_lead() -> None:
    """The voters are static."""
    replica = OneReplica()
    for request in (begins(OBSERVER, 3), ends(OBSERVER, 3, []), begins(-1, 3)):
        assert replica.receives(request).topics[0].partitions[0].error_code == ErrorCode.INVALID_REQUEST
    assert replica.replica.epoch == 0


def test_two_leaders_in_one_epoch_stop_the_node() -> None:
    """Raft §5.2, election safety. Kafka: hasConsistentLeader."""
    replica = OneReplica().follows(OTHER, 3)
    with pytest.raises(InvariantViolation, match="two leaders in epoch 3"):
        replica.receives(begins(THIRD, 3))


def test_a_follower_that_hears_nothing_for_the_fetch_timeout_asks_by_pre_vote() -> None:
    """controller.quorum.fetch.timeout.ms."""
    replica = OneReplica(stored=ElectionState(2)).follows(OTHER, 3)
    replica.advance(1_900)
    assert replica.state == "Follower"
    replica.advance(200)
    assert replica.state == "Prospective"
    assert replica.replica.epoch == 3


def test_a_follower_whose_pre_vote_is_refused_goes_back_to_its_leader() -> None:
    """Kafka: prospectiveTransitionAfterElectionLoss."""
    replica = OneReplica(stored=ElectionState(2)).follows(OTHER, 3)
    replica.advance(2_100)
    for node_id in (OTHER, THIRD):
        replica.answers(node_id, granted(3, granted=False, leader=OTHER))
    assert (replica.state, replica.replica.leader_id) == ("Follower", OTHER)


def test_a_leader_that_refuses_connections_is_not_waited_for() -> None:
    """Beyond Kafka: its process is gone. Pre-vote keeps a wrong guess harmless."""
    replica = OneReplica().follows(OTHER, 1)
    replica.answers(OTHER, fetched(OTHER, 1))
    while replica.state == "Follower":
        for sent in replica.latest_of(SendRequest):
            knows_no_better = fetch_response(ErrorCode.NOT_LEADER_OR_FOLLOWER, leader_id=OTHER, epoch=1, leader=None)
            replica.answers(sent.node_id, None if sent.node_id == OTHER else knows_no_better)
            replica.latest = [effect for effect in replica.latest if effect is not sent]
        if not replica.latest_of(SendRequest):
            replica.advance(5)
    assert replica.now < 600
    assert vote_of(replica.receives(asks_vote(1, pre_vote=True, candidate=THIRD))) == (NONE, True)


def test_an_observer_follows_but_never_stands() -> None:
    """KIP-595: observers."""
    replica = OneReplica(node_id=OBSERVER)
    replica.advance(60_000)
    assert replica.state == "Unattached"
    asked = {effect.node_id for effect in replica.effects if isinstance(effect, SendRequest)}
    assert asked <= {1, 2, 3}
    replica.answers(replica.latest_of(SendRequest)[-1].node_id, fetched(THIRD, 2))
    assert (replica.state, replica.replica.leader_id) == ("Follower", THIRD)
    replica.advance(60_000)
    assert replica.state == "Follower"


# --- resigning


def test_a_leader_that_a_majority_does_not_fetch_from_resigns() -> None:
    """KAFKA-15489: within 1.5 fetch timeouts."""
    replica = OneReplica().becomes_leader()
    replica.advance(2_900)
    assert replica.state == "Leader"
    replica.receives(fetches(OTHER, 1, (0, 0), wait_ms=0))
    replica.advance(2_900)
    assert replica.state == "Leader"
    replica.advance(200)
    assert replica.state == "Resigned"
    assert replica.replica.epoch == 1


def test_observers_do_not_keep_a_leader_in_office() -> None:
    """KAFKA-15489: only voters count."""
    replica = OneReplica().becomes_leader()
    replica.advance(2_900)
    replica.receives(fetches(OBSERVER, 1, (0, 0), wait_ms=0))
    replica.advance(200)
    assert replica.state == "Resigned"


def test_a_leader_that_stops_names_the_most_advanced_voter_as_its_successor() -> None:
    """KIP-595: EndQuorumEpoch."""
    replica = OneReplica().becomes_leader()
    replica.receives(fetches(THIRD, 1, (1, 1), wait_ms=0))
    replica.receives(fetches(OTHER, 1, (0, 0), wait_ms=0))
    replica._take(replica.replica.shutdown(replica.now))
    requests = replica.requests(EndQuorumEpochRequest)
    assert sorted(requests) == [OTHER, THIRD]
    assert requests[OTHER].topics[0].partitions[0].preferred_successors == [THIRD, OTHER]
    assert not replica.replica.is_stopped
    replica.answers(OTHER, end_quorum_epoch_response(NONE, ME, 1, None))
    replica.answers(THIRD, None)
    assert replica.replica.is_stopped


def test_fetches_that_wait_are_answered_when_leadership_ends() -> None:
    """Kafka: transitionToResigned completes the purgatory exceptionally."""
    replica = OneReplica().becomes_leader()
    assert replica.receives(fetches(OTHER, 1, (1, 1))) is None
    replica._take(replica.replica.resign(1, replica.now))
    answers = [partition_of(effect.message).error_code for effect in replica.latest_of(Respond)]
    assert answers == [ErrorCode.NOT_LEADER_OR_FOLLOWER]


def test_the_preferred_successor_stands_at_once_and_the_others_later() -> None:
    """Kafka: strictExponentialElectionBackoffMs."""
    first = OneReplica(stored=ElectionState(1)).follows(OTHER, 2)
    first.receives(ends(OTHER, 2, [ME, THIRD]))
    assert first.state == "Prospective"
    second = OneReplica(stored=ElectionState(1)).follows(OTHER, 2)
    second.receives(ends(OTHER, 2, [THIRD, ME]))
    assert second.state == "Follower"
    second.advance(501)
    assert second.state == "Prospective"


def test_a_leader_that_restarts_neither_writes_nor_votes_in_its_old_epoch() -> None:
    """Kafka: QuorumState.initialize. It may have lost records of that epoch it had not synced."""
    replica = OneReplica(stored=ElectionState(4, ME), log=log_of(4))
    assert isinstance(replica.replica.state, Resigned)
    assert vote_of(replica.receives(asks_vote(4, end=(9, 3), candidate=THIRD))) == (NONE, False)
    assert sorted(replica.requests(EndQuorumEpochRequest) or {2: 0, 3: 0}) == [OTHER, THIRD]
    replica.advance(2_000)
    assert replica.replica.epoch == 5


def test_a_candidate_that_restarts_does_not_stand_again_in_the_same_epoch() -> None:
    """It may have won that epoch and written records of it that it has lost."""
    replica = OneReplica(stored=ElectionState(4, -1, ReplicaKey(ME)))
    assert replica.state == "Unattached"
    assert vote_of(replica.receives(asks_vote(4, end=(9, 3)))) == (NONE, False)
    replica.becomes_candidate()
    assert replica.replica.epoch == 5


def test_who_forgot_that_it_led_an_epoch_gives_no_vote_in_it() -> None:
    """Its quorum-state is gone; another vote in that epoch could make a second leader."""
    replica = OneReplica()
    replica.advance(30)
    replica.answers(OTHER, vote_response(ErrorCode.FENCED_LEADER_EPOCH, ME, 5, False, None))
    assert isinstance(replica.replica.state, Unattached | Resigned) or replica.state == "Prospective"
    assert replica.replica.epoch == 5
    assert vote_of(replica.receives(asks_vote(5, end=(9, 4), candidate=THIRD))) == (NONE, False)


def test_a_lost_quorum_state_does_not_lower_the_epoch_below_the_log() -> None:
    """Kafka: QuorumState.initialize."""
    replica = OneReplica(log=log_of(1, 6))
    assert replica.replica.epoch == 6


def test_the_table_of_transitions_names_every_state() -> None:
    """The table is what documentation is drawn from."""
    assert sorted(TRANSITIONS) == ["Candidate", "Follower", "Leader", "Prospective", "Resigned", "Unattached"]
    assert {target for targets in TRANSITIONS.values() for target in targets} == set(TRANSITIONS)
