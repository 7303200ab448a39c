"""`RaftReplica`: one replica of the metadata quorum. Events and the time in, effects out; see `engine.raft`."""

import math

from engine.protocol.buffers import Buffer
from engine.protocol.message import Message
from engine.protocol.messages import (
    BeginQuorumEpochRequest,
    BeginQuorumEpochResponse,
    EndQuorumEpochRequest,
    EndQuorumEpochResponse,
    FetchRequest,
    FetchResponse,
    FetchSnapshotRequest,
    FetchSnapshotResponse,
    VoteRequest,
    VoteResponse,
)
from engine.raft.effects import Effect, Handle
from engine.raft.leader import Leader
from engine.raft.replication import Replication
from engine.raft.states import Candidate, Follower, Prospective, Resigned, Unattached
from engine.runtime import safeguards
from engine.types import OffsetAndEpoch


class RaftReplica(Replication):
    """One replica: its state, its share of elections, its log's place in the quorum. Does no I/O.

    Every method takes the time as `now_ms` (any monotonic clock) and returns the effects to perform, in order. After
    each, `wake_ms` says when to call `poll` at the latest if nothing else happens before.

    Safety, in the raft paper's terms: at most one leader per epoch (a vote is on disk before it is given); a leader's
    log holds everything committed (votes compare logs); what is below the high watermark is on the disks of a majority
    and is never truncated; the high watermark and the epoch never go back.
    """

    wake_ms: float = 0.0

    def start(self, now_ms: float) -> list[Effect]:
        """Take up work. What the log holds is flushed first, since a crash may have left it in the page cache alone."""
        self._persist()
        self._announce()
        snapshot_id = self.log.latest_snapshot_id
        if snapshot_id is not None:
            self._adopt_latest_snapshot()
            if snapshot_id.offset > 0:
                self._advance_high_watermark(snapshot_id.offset)
        if self.log.end_offset > self._flushed_offset:
            self._request_flush()
        if self.is_voter and len(self.config.voters) == 1:
            # Nobody to ask and nobody to wait for (Kafka: KafkaRaftClient.initialize).
            self._become_prospective(now_ms)
        return self.poll(now_ms)

    # --- events

    def on_request(self, handle: Handle, request: Message, now_ms: float) -> list[Effect]:
        """A request of another node. Exactly one `Respond` with `handle` follows, now or later."""
        match request:
            case FetchRequest():
                self._on_fetch_request(handle, request, now_ms)
            case VoteRequest():
                self._on_vote_request(handle, request, now_ms)
            case BeginQuorumEpochRequest():
                self._on_begin_quorum_epoch_request(handle, request, now_ms)
            case EndQuorumEpochRequest():
                self._on_end_quorum_epoch_request(handle, request, now_ms)
            case FetchSnapshotRequest():
                self._on_fetch_snapshot_request(handle, request, now_ms)
            case _:
                raise TypeError(f"{type(request).__name__} is no request of the quorum")
        return self.poll(now_ms)

    def on_response(self, node_id: int, correlation_id: int, response: Message | None, now_ms: float) -> list[Effect]:
        """The answer to a `SendRequest`; None when there is none: no connection, or it broke, or timed out."""
        if not self._requests.is_expected(node_id, correlation_id):
            return self.poll(now_ms)  # stale: the state has changed, or the request was given up
        success = False
        match response:
            case FetchResponse():
                success = self._on_fetch_response(node_id, response, now_ms)
            case VoteResponse():
                success = self._on_vote_response(node_id, response, now_ms)
            case BeginQuorumEpochResponse():
                success = self._on_begin_quorum_epoch_response(node_id, response, now_ms)
            case EndQuorumEpochResponse():
                success = self._on_end_quorum_epoch_response(node_id, response, now_ms)
            case FetchSnapshotResponse():
                success = self._on_fetch_snapshot_response(node_id, response, now_ms)
            case None:
                self._on_no_answer(node_id, now_ms)
            case _:
                raise TypeError(f"{type(response).__name__} is no answer of the quorum")
        self._requests.completed(node_id, correlation_id, success, now_ms)
        return self.poll(now_ms)

    def on_log_flushed(self, end_offset: int, generation: int, now_ms: float) -> list[Effect]:
        """A flush that was started for `FlushLog(end_offset, generation)`, or a later one, is complete."""
        self._log_flushed(end_offset, generation, now_ms)
        return self.poll(now_ms)

    def on_snapshot_frozen(self, snapshot_id: OffsetAndEpoch, now_ms: float) -> list[Effect]:
        """The downloaded snapshot has its name and is on disk."""
        self._snapshot_frozen(snapshot_id)
        return self.poll(now_ms)

    def append(self, records: Buffer, epoch: int, now_ms: float) -> list[Effect]:
        """Append batches as the leader of `epoch`.

        Raises KafkaError NOT_CONTROLLER, with nothing appended, when we are not.
        """
        self._append(records, epoch, now_ms)
        return self.poll(now_ms)

    def resign(self, epoch: int, now_ms: float) -> list[Effect]:
        """Give up leading `epoch`; nothing happens if it is over already (Kafka: RaftClient.resign)."""
        if isinstance(self.state, Leader) and self.state.epoch == epoch:
            self.state.resign_requested = True
        return self.poll(now_ms)

    def shutdown(self, now_ms: float) -> list[Effect]:
        """Begin to stop: a leader resigns and tells the voters; nobody stands any more. Poll until `is_stopped`."""
        self._shutting_down = True
        return self.poll(now_ms)

    @property
    def is_stopped(self) -> bool:
        """Whether, after `shutdown`, nobody waits for us any more."""
        state = self.state
        return (
            self._shutting_down
            and not isinstance(state, Leader)
            and not (isinstance(state, Resigned) and state.unacknowledged)
        )

    # --- time

    def poll(self, now_ms: float) -> list[Effect]:
        """Do what is due: timeouts, requests to send, waiting fetches to answer. Returns all effects so far."""
        self._expire_parked(now_ms)
        for _ in range(8):
            before = self.state
            wake_ms = self._poll_state(now_ms)
            if self.state is before:
                break
        parked_ms = min((fetch.deadline_ms for fetch in self._parked), default=math.inf)
        self.wake_ms = min(wake_ms, parked_ms, self._requests.next_change_ms(now_ms))
        effects, self._effects = self._effects, []
        return effects

    def _poll_state(self, now_ms: float) -> float:
        """Kafka: pollCurrentState. Returns the state's own deadline; it changes the state at most once."""
        match self.state:
            case Leader() as state:
                return self._poll_leader(state, now_ms)
            case Follower() as state:
                return self._poll_follower(state, now_ms)
            case Unattached() as state:
                if now_ms >= state.election_deadline_ms and not self._shutting_down:
                    self._become_prospective(now_ms)
                    return now_ms
                if not self._shutting_down:
                    self._send_fetch_to_anyone(now_ms)
                    return state.election_deadline_ms
            case Prospective() as state:
                if now_ms >= state.election_deadline_ms and not self._shutting_down:
                    self._lose_pre_vote(now_ms)
                    return now_ms
                if not self._shutting_down:
                    self._send_vote_requests(now_ms)
                    return state.election_deadline_ms
            case Candidate() as state:
                if now_ms >= state.election_deadline_ms and not self._shutting_down:
                    self._become_prospective(now_ms)
                    return now_ms
                if not self._shutting_down:
                    self._send_vote_requests(now_ms)
                    return state.election_deadline_ms
            case Resigned() as state:
                if now_ms >= state.election_deadline_ms and not self._shutting_down:
                    # A new epoch, or we would stay the leader of this one in everybody's eyes.
                    self._become_unattached(state.epoch + 1, now_ms)
                    return now_ms
                self._send_end_quorum_epoch_requests(state, now_ms)
                return math.inf if self._shutting_down else state.election_deadline_ms
        return math.inf

    def _poll_leader(self, state: Leader, now_ms: float) -> float:
        check_quorum_deadline_ms = state.check_quorum_deadline_ms if safeguards.check_quorum else math.inf
        if self._shutting_down or state.resign_requested or now_ms >= check_quorum_deadline_ms:
            # KAFKA-15489: a leader that a majority does not reach must not go on serving what may be stale.
            self._become_resigned(now_ms)
            return now_ms
        if now_ms >= state.begin_quorum_deadline_ms:
            self._send_begin_quorum_epoch_requests(state, now_ms)
        return min(check_quorum_deadline_ms, state.begin_quorum_deadline_ms)

    def _poll_follower(self, state: Follower, now_ms: float) -> float:
        if self._shutting_down:
            return math.inf
        if now_ms < state.fetch_deadline_ms:
            self._send_fetch_to_leader(state, now_ms)
            return state.fetch_deadline_ms
        if self.is_voter:
            self._become_prospective(now_ms)
            return now_ms
        self._send_fetch_to_anyone(now_ms)  # an observer only looks for whoever leads now
        return math.inf
