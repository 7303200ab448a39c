"""From one state to the next, and what each change entails (Kafka: QuorumState, KafkaRaftClient.onBecome*)."""

import math
import random
from collections.abc import Sequence

from engine.errors import InvariantViolation
from engine.protocol.buffers import Buffer
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import FetchRequest, LeaderChangeMessage
from engine.raft.effects import Effect, FlushLog, Handle, LeaderChanged, PersistElectionState, Respond
from engine.raft.leader import CHECK_QUORUM_FACTOR, Leader, ReplicaProgress
from engine.raft.log import MetadataLog
from engine.raft.messages import fetch_response
from engine.raft.requests import RequestManager
from engine.raft.states import Candidate, Follower, Prospective, Resigned, State, Unattached, Votes
from engine.raft.types import NO_LEADER, UNKNOWN_OFFSET, ElectionState, RaftConfig, ReplicaKey
from engine.types import Endpoint, LeaderAndEpoch, OffsetAndEpoch


class ParkedFetch:
    """A replica's fetch that waits for something to tell it."""

    __slots__ = ("deadline_ms", "handle", "key", "max_bytes", "partition")

    def __init__(
        self,
        handle: Handle,
        key: ReplicaKey,
        partition: FetchRequest.FetchPartition,
        max_bytes: int,
        deadline_ms: float,
    ) -> None:
        self.handle = handle
        self.key = key
        self.partition = partition
        self.max_bytes = max_bytes
        self.deadline_ms = deadline_ms


class Transitions:
    """The state of a replica and the ways between states. The first layer of `RaftReplica`; not used alone."""

    def __init__(
        self,
        config: RaftConfig,
        log: MetadataLog,
        election_state: ElectionState | None,
        random_source: random.Random,
        now_ms: float,
    ) -> None:
        """`election_state` is what `quorum-state` holds, None when there is no such file yet."""
        self.config = config
        self.log = log
        self.is_voter = config.is_voter
        self.high_watermark = UNKNOWN_OFFSET
        """The largest offset known to be committed (exclusive); -1 while unknown."""
        self._random = random_source
        self._effects: list[Effect] = []
        self._requests = RequestManager(
            retry_backoff_ms=config.retry_backoff_ms,
            request_timeout_ms=config.request_timeout_ms,
            random_source=random_source,
        )
        self._parked: list[ParkedFetch] = []
        self._shutting_down = False
        self._flushed_offset = 0
        self._log_generation = 0
        self._freezing: OffsetAndEpoch | None = None
        self._persisted = election_state
        self._announced: tuple[LeaderAndEpoch, Endpoint | None] = (LeaderAndEpoch(NO_LEADER, 0), None)
        self.state: State = self._initial_state(election_state, now_ms)

    # --- what others ask

    @property
    def epoch(self) -> int:
        return self.state.epoch

    @property
    def leader_id(self) -> int:
        """-1 while nobody is known to lead. A resigned leader still names itself: the epoch was its own."""
        return NO_LEADER if isinstance(self.state, Candidate) else self.state.leader_id

    @property
    def is_leader(self) -> bool:
        return isinstance(self.state, Leader)

    @property
    def leader_endpoint(self) -> Endpoint | None:
        if isinstance(self.state, Follower | Prospective) and self.state.leader_endpoint is not None:
            return self.state.leader_endpoint
        return self.config.endpoints.get(self.leader_id)

    @property
    def end(self) -> OffsetAndEpoch:
        """The end of our log, as it is compared in elections."""
        return OffsetAndEpoch(self.log.end_offset, self.log.last_epoch)

    # --- starting

    def _initial_state(self, stored: ElectionState | None, now_ms: float) -> State:
        """Kafka: QuorumState.initialize, except that who had voted for itself waits for an election timeout instead of
        standing again in the same epoch: it may have led that epoch and lost the records it wrote."""
        log_epoch = self.log.last_epoch
        timeout_ms = self._election_timeout_ms()
        deadline_ms = now_ms + timeout_ms if self.is_voter else math.inf
        if stored is None and self.is_voter and self.end == (0, 0):
            return Unattached(0, now_ms + self.first_election_delay_ms())
        stored = stored or ElectionState(0)
        if stored.epoch < log_epoch:
            return Unattached(log_epoch, deadline_ms)  # quorum-state was lost; whom we voted for is not known
        if self.is_voter and stored.leader_id == self.config.node_id:
            # We led this epoch, and may have lost unsynced records of it: never write in this epoch again, nor vote.
            return Resigned(
                epoch=stored.epoch,
                election_deadline_ms=deadline_ms,
                unacknowledged=self._other_voter_ids(),
                preferred_successors=[],
                leader_id=self.config.node_id,
                voted=stored.voted,
            )
        if self._can_reach(stored.leader_id, None):
            return Follower(
                epoch=stored.epoch,
                leader_id=stored.leader_id,
                fetch_deadline_ms=now_ms + self.config.fetch_timeout_ms,
                leader_endpoint=self.config.endpoints.get(stored.leader_id),
                voted=stored.voted,
            )
        return Unattached(stored.epoch, deadline_ms, stored.leader_id, stored.voted)

    def first_election_delay_ms(self) -> float:
        """How long a voter with an empty log and no `quorum-state` waits before it stands.

        Nobody can lead yet, so there is nobody to wait for; only collisions are to be avoided. Voters therefore start
        in order of their ids, one short step apart: the first is usually elected before the second wakes up. This is
        safe as any timeout is (safety never rests on time), and harmless where the guess is wrong, say when a voter
        lost its disk while the others run: it first asks by pre-vote, which disturbs no leader (KIP-996).
        """
        return self._staggered_ms(self.config.voter_ids)

    # --- transitions

    def _become_unattached(self, epoch: int, now_ms: float, leader_id: int = NO_LEADER) -> None:
        """A newer epoch exists, or our pre-vote failed and we know no way to a leader."""
        old = self.state
        if epoch < old.epoch or (epoch == old.epoch and not isinstance(old, Prospective)):
            raise InvariantViolation(f"{self._name}: to Unattached in epoch {epoch} from {old}")
        if not self.is_voter:
            deadline_ms = math.inf
        elif isinstance(old, Candidate | Unattached | Resigned) or (
            isinstance(old, Prospective) and not old.votes.is_lost
        ):
            # A voter that is outbid keeps its clock, or a replica that cannot win could keep all others from standing.
            deadline_ms = old.election_deadline_ms
        else:
            deadline_ms = now_ms + self._election_timeout_ms()
        voted = old.voted if epoch == old.epoch else None
        self._enter(Unattached(epoch, deadline_ms, leader_id, voted))

    def _become_follower(self, epoch: int, leader_id: int, endpoint: Endpoint | None, now_ms: float) -> None:
        """Somebody else leads `epoch`, which is newer than ours or had no leader that we knew of."""
        old = self.state
        if (
            leader_id == self.config.node_id
            or epoch < old.epoch
            or (epoch == old.epoch and (isinstance(old, Leader | Resigned) or self.leader_id not in (-1, leader_id)))
        ):
            raise InvariantViolation(f"{self._name}: to follow {leader_id} in epoch {epoch} from {old}")
        self._enter(
            Follower(
                epoch=epoch,
                leader_id=leader_id,
                fetch_deadline_ms=now_ms + self.config.fetch_timeout_ms,
                leader_endpoint=endpoint or self.config.endpoints.get(leader_id),
                voted=old.voted if epoch == old.epoch else None,
            )
        )

    def _become_prospective(self, now_ms: float) -> None:
        """Time to ask whether an election could be won. The epoch stays, so nobody is disturbed (KIP-996)."""
        old = self.state
        if not self.is_voter or isinstance(old, Leader | Prospective):
            raise InvariantViolation(f"{self._name}: to Prospective from {old}")
        votes = Votes(self.config.voter_ids)
        votes.record(self.config.node_id, True)
        state = Prospective(
            epoch=old.epoch,
            election_deadline_ms=now_ms + self._election_timeout_ms(),
            votes=votes,
            leader_id=NO_LEADER if isinstance(old, Resigned) else self.leader_id,
            leader_endpoint=old.leader_endpoint if isinstance(old, Follower) else None,
            voted=old.voted,
        )
        self._enter(state)
        if votes.is_won:
            self._become_candidate(now_ms)

    def _become_candidate(self, now_ms: float) -> None:
        """Begin a new epoch and vote for ourselves."""
        old = self.state
        if not isinstance(old, Prospective) or not old.votes.is_won:
            raise InvariantViolation(f"{self._name}: to Candidate from {old}")
        votes = Votes(self.config.voter_ids)
        votes.record(self.config.node_id, True)
        self._enter(Candidate(old.epoch + 1, now_ms + self._election_timeout_ms(), votes, self.config.key))
        if votes.is_won:
            self._become_leader(now_ms)

    def _become_leader(self, now_ms: float) -> None:
        """A majority voted for us in this epoch."""
        old = self.state
        if not isinstance(old, Candidate) or not old.votes.is_won:
            raise InvariantViolation(f"{self._name}: to Leader from {old}")
        single = len(self.config.voters) == 1
        check_quorum_ms = self.config.fetch_timeout_ms * CHECK_QUORUM_FACTOR
        state = Leader(
            epoch=old.epoch,
            local_id=self.config.node_id,
            epoch_start_offset=self.log.end_offset,
            voters={voter.id: ReplicaProgress(voter) for voter in self.config.voters},
            check_quorum_timeout_ms=check_quorum_ms,
            check_quorum_deadline_ms=math.inf if single else now_ms + check_quorum_ms,
            begin_quorum_deadline_ms=math.inf if single else now_ms,
            voted=old.voted,
        )
        self._enter(state)
        # Only a record of our own epoch can commit what earlier leaders left behind (raft §5.4.2), so it is written at
        # once (Kafka: LeaderState.appendStartOfEpochControlRecords).
        message = LeaderChangeMessage(
            version=0,
            leader_id=self.config.node_id,
            voters=[LeaderChangeMessage.Voter(voter_id=voter_id) for voter_id in self.config.voter_ids],
            granting_voters=[LeaderChangeMessage.Voter(voter_id=voter_id) for voter_id in old.votes.granting],
        )
        self.log.append_leader_change(message, old.epoch)
        self._request_flush()

    def _become_resigned(self, now_ms: float) -> None:
        """Stop leading, without a newer epoch: shutdown, a lost quorum, or the state machine's wish."""
        old = self.state
        if not isinstance(old, Leader):
            raise InvariantViolation(f"{self._name}: to Resigned from {old}")
        self._enter(
            Resigned(
                epoch=old.epoch,
                election_deadline_ms=now_ms + self._election_timeout_ms(),
                unacknowledged=self._other_voter_ids(),
                preferred_successors=old.successors(),
                leader_id=self.config.node_id,
                voted=old.voted,
            )
        )

    def _vote_for(self, candidate: ReplicaKey, now_ms: float) -> None:
        """Give our vote of this epoch. It restarts our own election timeout (raft §5.2)."""
        state = self.state
        if not isinstance(state, Unattached | Prospective) or state.voted is not None:
            raise InvariantViolation(f"{self._name}: to vote for {candidate} from {state}")
        state.voted = candidate
        if self.is_voter:
            state.election_deadline_ms = max(state.election_deadline_ms, now_ms + self._election_timeout_ms())
        self._persist()

    def _enter(self, state: State) -> None:
        left_leadership = isinstance(self.state, Leader)
        self.state = state
        self._requests.reset_all()
        self._persist()
        if left_leadership:
            self._release_parked(ErrorCode.NOT_LEADER_OR_FOLLOWER)
        self._announce()

    def _announce(self) -> None:
        state = self.state
        # A resigned leader, also one that was just restarted, leads no more: nobody should turn to it.
        leader_id = NO_LEADER if isinstance(state, Resigned) else self.leader_id
        announcement = (LeaderAndEpoch(leader_id, state.epoch), self.leader_endpoint if leader_id >= 0 else None)
        if announcement != self._announced:
            self._announced = announcement
            start = state.epoch_start_offset if isinstance(state, Leader) else -1
            self._effects.append(LeaderChanged(leader_id, state.epoch, announcement[1], start))

    def _persist(self) -> None:
        leader_id = self.leader_id
        election_state = ElectionState(self.state.epoch, leader_id, self.state.voted)
        if election_state == (self._persisted or ElectionState(0)):
            return
        self._persisted = election_state
        if self._effects and isinstance(self._effects[-1], PersistElectionState):
            self._effects.pop()  # nothing depends on the older one alone
        self._effects.append(PersistElectionState(election_state))

    # --- small things

    def _staggered_ms(self, contenders: Sequence[int]) -> float:
        """A short wait that no two of the contenders share."""
        return self.config.election_spacing_ms * (contenders.index(self.config.node_id) + self._random.random() / 3)

    def _respond(self, handle: Handle, message: object) -> None:
        self._effects.append(Respond(handle, message))  # type: ignore[arg-type]

    def _request_flush(self) -> None:
        self._effects.append(FlushLog(self.log.end_offset, self._log_generation))

    def _release_parked(self, error: ErrorCode) -> None:
        parked, self._parked = self._parked, []
        for fetch in parked:
            self._respond(fetch.handle, self._empty_fetch_response(error))

    def _empty_fetch_response(self, error: ErrorCode, records: Buffer = b"") -> object:
        return fetch_response(
            error,
            leader_id=self.leader_id,
            epoch=self.epoch,
            leader=self.leader_endpoint,
            log_start_offset=self.log.start_offset,
            records=records,
        )

    def _election_timeout_ms(self) -> float:
        return self.config.election_timeout_ms * (1 + self._random.random())

    def _other_voter_ids(self) -> list[int]:
        return [voter_id for voter_id in self.config.voter_ids if voter_id != self.config.node_id]

    def _can_reach(self, leader_id: int, endpoint: Endpoint | None) -> bool:
        """Whether a request to that leader would have somewhere to go: an address was learnt, or it is a voter."""
        return leader_id != self.config.node_id and (endpoint is not None or leader_id in self.config.voter_ids)

    @property
    def _name(self) -> str:
        return f"replica {self.config.node_id}"
