"""Vote, BeginQuorumEpoch and EndQuorumEpoch, both sides (Kafka: KafkaRaftClient)."""

from collections.abc import Callable

from engine.errors import InvariantViolation
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import (
    BeginQuorumEpochRequest,
    BeginQuorumEpochResponse,
    EndQuorumEpochRequest,
    EndQuorumEpochResponse,
    VoteRequest,
    VoteResponse,
)
from engine.raft.effects import Handle, SendRequest
from engine.raft.leader import Leader
from engine.raft.messages import (
    begin_quorum_epoch_request,
    begin_quorum_epoch_request_partition,
    begin_quorum_epoch_response,
    begin_quorum_epoch_response_partition,
    end_quorum_epoch_request,
    end_quorum_epoch_request_partition,
    end_quorum_epoch_response,
    end_quorum_epoch_response_partition,
    endpoint_of,
    preferred_candidates,
    vote_request,
    vote_request_partition,
    vote_response,
    vote_response_partition,
)
from engine.raft.states import Candidate, Follower, Prospective, Resigned, Unattached
from engine.raft.transitions import Transitions
from engine.raft.types import NO_LEADER, ReplicaKey
from engine.types import Endpoint, OffsetAndEpoch

RequestBuilder = Callable[[ReplicaKey], Message]
"""Makes the request to one voter."""


class Elections(Transitions):
    """How leaders come and go. The second layer of `RaftReplica`."""

    # --- Vote

    def _on_vote_request(self, handle: Handle, request: VoteRequest, now_ms: float) -> None:
        if not self._is_our_cluster(request.cluster_id):
            self._respond(handle, VoteResponse(error_code=ErrorCode.INCONSISTENT_CLUSTER_ID))
            return
        partition = vote_request_partition(request)
        if partition is None:
            self._respond(handle, VoteResponse(error_code=ErrorCode.INVALID_REQUEST))
            return
        error, granted = self._vote(request.voter_id, partition, now_ms)
        self._respond(handle, vote_response(error, self.leader_id, self.epoch, granted, self.leader_endpoint))

    def _vote(self, voter_id: int, partition: VoteRequest.PartitionData, now_ms: float) -> tuple[ErrorCode, bool]:
        epoch = partition.replica_epoch
        # A pre-vote names the epoch its replica is in, a vote the one it just began, which no record can have yet.
        newest_legal_epoch = epoch if partition.pre_vote else epoch - 1
        if partition.last_offset < 0 or not 0 <= partition.last_offset_epoch <= newest_legal_epoch:
            return ErrorCode.INVALID_REQUEST, False
        error = self._validate_voter_request(partition.replica_id, epoch)
        if error is not ErrorCode.NONE:
            return error, False
        if epoch > self.epoch:
            self._become_unattached(epoch, now_ms)
        if not self._is_for_us(ReplicaKey(voter_id, partition.voter_directory_id)):
            return ErrorCode.INVALID_VOTER_KEY, False
        asking = ReplicaKey(partition.replica_id, partition.replica_directory_id)
        theirs = OffsetAndEpoch(partition.last_offset, partition.last_offset_epoch)
        granted = self._can_grant(asking, theirs, partition.pre_vote)
        if granted and not partition.pre_vote and self.state.voted is None:
            self._vote_for(asking, now_ms)
        return ErrorCode.NONE, granted

    def _can_grant(self, asking: ReplicaKey, theirs: OffsetAndEpoch, pre_vote: bool) -> bool:
        """Kafka: EpochState.canGrantVote of each state. The log of who is elected must hold everything committed, so it
        must be at least as new as ours: the later last epoch wins, then the longer log (raft §5.4.1)."""
        ours = self.end
        up_to_date = (theirs.epoch, theirs.offset) >= (ours.epoch, ours.offset)
        state = self.state
        if pre_vote:
            if isinstance(state, Leader):
                return False
            if isinstance(state, Follower):
                return up_to_date and not state.has_fetched_from_leader
            return up_to_date
        if not isinstance(state, Unattached | Prospective):
            return False
        if state.voted is not None:
            return state.voted.matches(asking)
        return state.leader_id == NO_LEADER and up_to_date

    def _on_vote_response(self, node_id: int, response: VoteResponse, now_ms: float) -> bool:
        partition = vote_response_partition(response)
        if response.error_code != ErrorCode.NONE or partition is None:
            return False
        handled = self._handle_common(
            partition.error_code,
            partition.leader_id,
            partition.leader_epoch,
            endpoint_of(response.node_endpoints, partition.leader_id),
            now_ms,
        )
        if handled is not None:
            return handled
        if partition.error_code != ErrorCode.NONE:
            return False
        state = self.state
        # Answers to the requests of an earlier state never get here: their correlation ids are stale.
        if isinstance(state, Prospective):
            state.votes.record(node_id, partition.vote_granted)
            if state.votes.is_won:
                self._become_candidate(now_ms)
            elif state.votes.is_lost:
                self._lose_pre_vote(now_ms)
        elif isinstance(state, Candidate):
            state.votes.record(node_id, partition.vote_granted)
            if state.votes.is_won:
                self._become_leader(now_ms)
            # Lost: wait out the election timeout, so that others get their turn (Kafka: maybeHandleElectionLoss).
        return True

    def _lose_pre_vote(self, now_ms: float) -> None:
        """Kafka: prospectiveTransitionAfterElectionLoss."""
        state = self.state
        assert isinstance(state, Prospective)
        if state.leader_id >= 0 and self._can_reach(state.leader_id, state.leader_endpoint):
            self._become_follower(state.epoch, state.leader_id, state.leader_endpoint, now_ms)
        else:
            self._become_unattached(state.epoch, now_ms, state.leader_id)

    def _send_vote_requests(self, now_ms: float) -> None:
        state = self.state
        assert isinstance(state, Prospective | Candidate)
        if state.votes.is_lost:
            return
        for voter_id in state.votes.unrecorded:
            self._send_if_ready(
                voter_id,
                lambda voter: vote_request(
                    cluster_id=self.config.cluster_id,
                    epoch=self.epoch,
                    replica=self.config.key,
                    voter=voter,
                    end=self.end,
                    pre_vote=isinstance(self.state, Prospective),
                ),
                now_ms,
            )

    # --- BeginQuorumEpoch

    def _on_begin_quorum_epoch_request(self, handle: Handle, request: BeginQuorumEpochRequest, now_ms: float) -> None:
        if not self._is_our_cluster(request.cluster_id):
            self._respond(handle, BeginQuorumEpochResponse(error_code=ErrorCode.INCONSISTENT_CLUSTER_ID))
            return
        partition = begin_quorum_epoch_request_partition(request)
        if partition is None:
            self._respond(handle, BeginQuorumEpochResponse(error_code=ErrorCode.INVALID_REQUEST))
            return
        error = self._validate_leaders_request(partition.leader_id, partition.leader_epoch)
        if error is ErrorCode.NONE:
            endpoint = None
            if request.leader_endpoints:
                first = request.leader_endpoints[0]
                endpoint = Endpoint(first.name, first.host, first.port)
            self._maybe_transition(partition.leader_id, partition.leader_epoch, endpoint, now_ms)
            if not self._is_for_us(ReplicaKey(request.voter_id, partition.voter_directory_id)):
                error = ErrorCode.INVALID_VOTER_KEY
        response = begin_quorum_epoch_response(error, self.leader_id, self.epoch, self.leader_endpoint)
        self._respond(handle, response)

    def _on_begin_quorum_epoch_response(self, node_id: int, response: BeginQuorumEpochResponse, now_ms: float) -> bool:
        partition = begin_quorum_epoch_response_partition(response)
        if response.error_code != ErrorCode.NONE or partition is None:
            return False
        handled = self._handle_common(
            partition.error_code,
            partition.leader_id,
            partition.leader_epoch,
            endpoint_of(response.node_endpoints, partition.leader_id),
            now_ms,
        )
        if handled is not None:
            return handled
        if partition.error_code != ErrorCode.NONE:
            return False
        if isinstance(self.state, Leader):
            self.state.acknowledged.add(node_id)
        return True

    def _send_begin_quorum_epoch_requests(self, state: Leader, now_ms: float) -> None:
        interval_ms = self.config.fetch_timeout_ms / 2
        for voter_id in state.voters_to_greet(now_ms, interval_ms):
            self._send_if_ready(
                voter_id,
                lambda voter: begin_quorum_epoch_request(
                    cluster_id=self.config.cluster_id,
                    epoch=self.epoch,
                    leader_id=self.config.node_id,
                    voter=voter,
                    leader=self.leader_endpoint,
                ),
                now_ms,
            )
        state.begin_quorum_deadline_ms = now_ms + interval_ms

    # --- EndQuorumEpoch

    def _on_end_quorum_epoch_request(self, handle: Handle, request: EndQuorumEpochRequest, now_ms: float) -> None:
        if not self._is_our_cluster(request.cluster_id):
            self._respond(handle, EndQuorumEpochResponse(error_code=ErrorCode.INCONSISTENT_CLUSTER_ID))
            return
        partition = end_quorum_epoch_request_partition(request)
        if partition is None:
            self._respond(handle, EndQuorumEpochResponse(error_code=ErrorCode.INVALID_REQUEST))
            return
        error = self._validate_leaders_request(partition.leader_id, partition.leader_epoch)
        if error is ErrorCode.NONE:
            endpoint = None
            if request.leader_endpoints:
                first = request.leader_endpoints[0]
                endpoint = Endpoint(first.name, first.host, first.port)
            self._maybe_transition(partition.leader_id, partition.leader_epoch, endpoint, now_ms)
            state = self.state
            if isinstance(state, Follower) and state.leader_id == partition.leader_id:
                backoff_ms = self._succession_backoff_ms(preferred_candidates(partition))
                state.fetch_deadline_ms = now_ms + backoff_ms
                state.has_fetched_from_leader = False  # it said itself that it leads no more: pre-votes may succeed
        response = end_quorum_epoch_response(error, self.leader_id, self.epoch, self.leader_endpoint)
        self._respond(handle, response)

    def _succession_backoff_ms(self, candidates: list[ReplicaKey]) -> int:
        """The most preferred successor stands at once, the others each a step later
        (Kafka: strictExponentialElectionBackoffMs)."""
        position = next(
            (index for index, key in enumerate(candidates) if key.matches(self.config.key)), len(candidates)
        )
        if position == 0:
            return 0
        longest_ms = self.config.election_backoff_max_ms
        if position >= len(candidates):
            return longest_ms
        base_ms = longest_ms >> (len(candidates) - 1)
        return min(longest_ms, base_ms << (position - 1))

    def _on_end_quorum_epoch_response(self, node_id: int, response: EndQuorumEpochResponse, now_ms: float) -> bool:
        partition = end_quorum_epoch_response_partition(response)
        if response.error_code != ErrorCode.NONE or partition is None:
            return False
        handled = self._handle_common(
            partition.error_code,
            partition.leader_id,
            partition.leader_epoch,
            endpoint_of(response.node_endpoints, partition.leader_id),
            now_ms,
        )
        if handled is not None:
            return handled
        if partition.error_code != ErrorCode.NONE:
            return False
        if isinstance(self.state, Resigned) and node_id in self.state.unacknowledged:
            self.state.unacknowledged.remove(node_id)
        return True

    def _send_end_quorum_epoch_requests(self, state: Resigned, now_ms: float) -> None:
        for voter_id in list(state.unacknowledged):
            self._send_if_ready(
                voter_id,
                lambda _: end_quorum_epoch_request(
                    cluster_id=self.config.cluster_id,
                    epoch=state.epoch,
                    leader_id=self.config.node_id,
                    preferred_successors=state.preferred_successors,
                    leader=self.leader_endpoint,
                ),
                now_ms,
            )

    # --- no answer

    def _on_no_answer(self, node_id: int, now_ms: float) -> None:
        """A request could not be delivered, or its connection broke.

        Beyond Kafka: when nobody listens at the leader's address any more, again and again, its process is gone, and
        waiting for the rest of the fetch timeout gains nothing. Followers then stand one after the other, by pre-vote,
        so that a wrong guess costs the leader nothing: those that still reach it refuse. A leader that is cut off, or
        only slow, does not refuse connections, and is waited for as in Kafka.
        """
        state = self.state
        if isinstance(state, Resigned):
            if self._shutting_down and node_id in state.unacknowledged:
                state.unacknowledged.remove(node_id)  # it is gone as well: nobody to say good-bye to
        elif isinstance(state, Follower) and node_id == state.leader_id and self.is_voter:
            state.leader_failures += 1
            if state.leader_failures == self.config.leader_failures_max:
                contenders = [voter_id for voter_id in self.config.voter_ids if voter_id != state.leader_id]
                state.fetch_deadline_ms = min(state.fetch_deadline_ms, now_ms + self._staggered_ms(contenders))
                state.has_fetched_from_leader = False

    # --- common to all requests and answers

    def _is_our_cluster(self, cluster_id: str | None) -> bool:
        return cluster_id is None or self.config.cluster_id is None or cluster_id == self.config.cluster_id

    def _is_for_us(self, addressee: ReplicaKey) -> bool:
        """Whether a request that names its addressee means us (KIP-853); v0 names none."""
        return addressee.id < 0 or addressee.matches(self.config.key)

    def _validate_voter_request(self, sender_id: int, epoch: int) -> ErrorCode:
        """Kafka: validateVoterOnlyRequest."""
        if epoch < self.epoch:
            return ErrorCode.FENCED_LEADER_EPOCH
        if sender_id < 0:
            return ErrorCode.INVALID_REQUEST
        return ErrorCode.NONE

    def _validate_leaders_request(self, leader_id: int, epoch: int) -> ErrorCode:
        """As above; and only a voter can lead (Kafka fails on a leader whose endpoint it cannot find)."""
        error = self._validate_voter_request(leader_id, epoch)
        if error is ErrorCode.NONE and self.config.voters and leader_id not in self.config.voter_ids:
            return ErrorCode.INVALID_REQUEST
        return error

    def _handle_common(
        self, error_code: int, leader_id: int, epoch: int, endpoint: Endpoint | None, now_ms: float
    ) -> bool | None:
        """What every answer may tell us: an epoch, a leader (Kafka: maybeHandleCommonResponse).

        None: the answer is for its own handler. True: done, the node may be sent to again. False: done, back off.
        """
        if epoch < self.epoch or error_code == ErrorCode.UNKNOWN_LEADER_EPOCH:
            return error_code == ErrorCode.NONE
        if epoch > self.epoch or error_code in (ErrorCode.FENCED_LEADER_EPOCH, ErrorCode.NOT_LEADER_OR_FOLLOWER):
            before = self.state
            self._maybe_transition(leader_id, epoch, endpoint, now_ms)
            # Unlike Kafka: an answer that taught us nothing is a failure, or we would ask again at once, for ever.
            return self.state is not before
        if leader_id >= 0 and leader_id != self.config.node_id and self._lacks_leader:
            self._become_follower(epoch, leader_id, endpoint, now_ms)
            # An observer may find the leader and append its records from one and the same answer.
            return None if error_code == ErrorCode.NONE else True
        if error_code in (ErrorCode.BROKER_NOT_AVAILABLE, ErrorCode.INVALID_VOTER_KEY, ErrorCode.INVALID_REQUEST):
            return False
        return None

    def _maybe_transition(self, leader_id: int, epoch: int, endpoint: Endpoint | None, now_ms: float) -> None:
        """Believe a message that says who leads `epoch` (Kafka: maybeTransition)."""
        if leader_id == self.config.node_id:
            self._on_told_that_we_lead(epoch, now_ms)
            return
        ours = self.leader_id
        if epoch == self.epoch and leader_id >= 0 and ours >= 0 and leader_id != ours:
            raise InvariantViolation(f"{self._name}: two leaders in epoch {epoch}: {ours} and {leader_id}")
        if epoch > self.epoch:
            if leader_id >= 0:
                self._become_follower(epoch, leader_id, endpoint, now_ms)
            else:
                self._become_unattached(epoch, now_ms)
        elif leader_id >= 0 and (self._lacks_leader or (endpoint is not None and self.leader_endpoint is None)):
            self._become_follower(epoch, leader_id, endpoint, now_ms)

    @property
    def _lacks_leader(self) -> bool:
        """Whether news of a leader of our epoch would be news: none is known, or it could not be reached."""
        return self.leader_id < 0 or isinstance(self.state, Unattached)

    def _on_told_that_we_lead(self, epoch: int, now_ms: float) -> None:
        """Somebody takes us for the leader of `epoch`.

        Normal while we are, or just resigned. Otherwise our `quorum-state` is gone: we were elected and do not know it
        any more. Kafka stops the node; we hold our tongue in that epoch, as if our vote were given, to ourselves.
        """
        if epoch > self.epoch:
            self._become_unattached(epoch, now_ms)
        if epoch == self.epoch and isinstance(self.state, Unattached | Prospective) and self.state.voted is None:
            self._vote_for(self.config.key, now_ms)

    def _send_if_ready(self, voter_id: int, build: RequestBuilder, now_ms: float) -> None:
        if self._requests.is_ready(voter_id, now_ms):
            voter = next(key for key in self.config.voters if key.id == voter_id)
            message = build(voter)
            self._effects.append(SendRequest(voter_id, self._requests.sent(voter_id, now_ms), message))
