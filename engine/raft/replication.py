"""Fetch and FetchSnapshot, both sides: how records reach followers and become committed (Kafka: KafkaRaftClient)."""

from engine.errors import InvariantViolation, KafkaError
from engine.protocol.buffers import Buffer
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import FetchRequest, FetchResponse, FetchSnapshotRequest, FetchSnapshotResponse
from engine.raft.effects import FreezeSnapshot, Handle, HighWatermarkAdvanced, SendRequest
from engine.raft.elections import Elections
from engine.raft.leader import Leader
from engine.raft.log import VALID, Diverging, NeedsSnapshot, truncation_offset, validate_fetch
from engine.raft.messages import (
    endpoint_of,
    fetch_request,
    fetch_request_partition,
    fetch_request_replica_id,
    fetch_response,
    fetch_response_partition,
    fetch_snapshot_request,
    fetch_snapshot_request_partition,
    fetch_snapshot_response,
    fetch_snapshot_response_partition,
)
from engine.raft.states import Follower
from engine.raft.transitions import ParkedFetch
from engine.raft.types import BOOTSTRAP_SNAPSHOT_ID, ReplicaKey
from engine.runtime import safeguards
from engine.types import OffsetAndEpoch


class Replication(Elections):
    """How records spread and commit. The third layer of `RaftReplica`."""

    # --- the leader appends

    def _append(self, records: Buffer, epoch: int, now_ms: float) -> int:
        state = self.state
        if not isinstance(state, Leader) or state.epoch != epoch:
            raise KafkaError(ErrorCode.NOT_CONTROLLER, f"node {self.config.node_id} does not lead epoch {epoch}")
        end_offset = self.log.append_as_leader(records, epoch)
        self._request_flush()
        self._complete_parked(now_ms)
        return end_offset

    def _log_flushed(self, end_offset: int, generation: int, now_ms: float) -> None:
        """Only a flush that began after the latest truncation says anything about what the log holds now."""
        if generation != self._log_generation or end_offset <= self._flushed_offset:
            return
        self._flushed_offset = end_offset
        if isinstance(self.state, Leader) and self.state.advance_local(end_offset):
            self._leader_high_watermark_advanced(self.state, now_ms)

    def _leader_high_watermark_advanced(self, state: Leader, now_ms: float) -> None:
        self._advance_high_watermark(state.high_watermark)
        self._complete_parked(now_ms)

    def _advance_high_watermark(self, high_watermark: int) -> None:
        if high_watermark > self.high_watermark:
            self.high_watermark = high_watermark
            self.log.update_high_watermark(high_watermark)
            self._effects.append(HighWatermarkAdvanced(high_watermark))

    # --- Fetch, the leader's side

    def _on_fetch_request(self, handle: Handle, request: FetchRequest, now_ms: float) -> None:
        if not self._is_our_cluster(request.cluster_id):
            self._respond(handle, FetchResponse(error_code=ErrorCode.INCONSISTENT_CLUSTER_ID))
            return
        partition = fetch_request_partition(request)
        if partition is None:
            self._respond(handle, FetchResponse(error_code=ErrorCode.INVALID_REQUEST))
            return
        if (
            request.max_wait_ms < 0
            or partition.fetch_offset < 0
            or not 0 <= partition.last_fetched_epoch <= partition.current_leader_epoch
        ):
            self._respond(handle, self._empty_fetch_response(ErrorCode.INVALID_REQUEST))
            return
        key = ReplicaKey(fetch_request_replica_id(request), partition.replica_directory_id)
        if key.id == self.config.node_id and self.is_leader:
            self._respond(handle, self._empty_fetch_response(ErrorCode.INVALID_REQUEST))  # another node has our id
            return
        fetch = ParkedFetch(handle, key, partition, request.max_bytes, now_ms + request.max_wait_ms)
        if not self._try_complete_fetch(fetch, now_ms, force=request.max_wait_ms == 0):
            self._parked.append(fetch)

    def _try_complete_fetch(self, fetch: ParkedFetch, now_ms: float, *, force: bool) -> bool:
        """Answer if there is anything to tell, or if `force`. Kafka: tryCompleteFetchRequest; KIP-1166 for the last case:
        a follower that lacks only the newer high watermark is told at once."""
        partition = fetch.partition
        error = self._validate_leader_request(partition.current_leader_epoch)
        state = self.state
        if error is not ErrorCode.NONE or not isinstance(state, Leader):
            self._respond(fetch.handle, self._empty_fetch_response(error))
            return True
        validity = validate_fetch(self.log, partition.fetch_offset, partition.last_fetched_epoch)
        records: Buffer = b""
        if validity is VALID:
            end_offset = self.log.end_offset
            if partition.fetch_offset < end_offset:
                records = self.log.read(partition.fetch_offset, min(fetch.max_bytes, self.config.fetch_bytes_max))
            if state.advance_replica(fetch.key, partition.fetch_offset, end_offset, now_ms):
                self._leader_high_watermark_advanced(state, now_ms)
            if not force and len(records) == 0 and state.high_watermark <= partition.high_watermark:
                return False
        self._respond(
            fetch.handle,
            fetch_response(
                ErrorCode.NONE,
                leader_id=self.config.node_id,
                epoch=state.epoch,
                leader=self.leader_endpoint,
                high_watermark=state.high_watermark,
                log_start_offset=self.log.start_offset,
                records=records,
                diverging=OffsetAndEpoch(validity.end_offset, validity.epoch)
                if isinstance(validity, Diverging)
                else None,
                snapshot_id=validity.snapshot_id if isinstance(validity, NeedsSnapshot) else None,
            ),
        )
        return True

    def _complete_parked(self, now_ms: float) -> None:
        """Answer every waiting fetch that now has something to learn."""
        state = self.state
        if not isinstance(state, Leader) or not self._parked:
            return
        end_offset = self.log.end_offset
        parked, self._parked = self._parked, []
        for fetch in parked:
            partition = fetch.partition
            if (
                partition.fetch_offset < end_offset or partition.high_watermark < state.high_watermark
            ) and self._try_complete_fetch(fetch, now_ms, force=True):
                continue
            self._parked.append(fetch)

    def _expire_parked(self, now_ms: float) -> None:
        if not any(fetch.deadline_ms <= now_ms for fetch in self._parked):
            return
        expired = [fetch for fetch in self._parked if fetch.deadline_ms <= now_ms]
        self._parked = [fetch for fetch in self._parked if fetch.deadline_ms > now_ms]
        for fetch in expired:
            self._respond(fetch.handle, self._expired_fetch_response())

    def _expired_fetch_response(self) -> object:
        """Nothing new. The replica is not counted as having fetched again: it only waited."""
        state = self.state
        assert isinstance(state, Leader), "fetches are released when leadership ends"
        return fetch_response(
            ErrorCode.NONE,
            leader_id=self.config.node_id,
            epoch=state.epoch,
            leader=self.leader_endpoint,
            high_watermark=state.high_watermark,
            log_start_offset=self.log.start_offset,
        )

    def _validate_leader_request(self, epoch: int) -> ErrorCode:
        """Kafka: validateLeaderOnlyRequest."""
        if epoch < self.epoch:
            return ErrorCode.FENCED_LEADER_EPOCH
        if epoch > self.epoch:
            return ErrorCode.UNKNOWN_LEADER_EPOCH
        if not self.is_leader:
            return ErrorCode.NOT_LEADER_OR_FOLLOWER
        if self._shutting_down:
            return ErrorCode.BROKER_NOT_AVAILABLE
        return ErrorCode.NONE

    # --- Fetch, the follower's side

    def _on_fetch_response(self, node_id: int, response: FetchResponse, now_ms: float) -> bool:
        partition = fetch_response_partition(response)
        if response.error_code != ErrorCode.NONE or partition is None:
            return False
        handled = self._handle_common(
            partition.error_code,
            partition.current_leader.leader_id,
            partition.current_leader.leader_epoch,
            endpoint_of(response.node_endpoints, partition.current_leader.leader_id),
            now_ms,
        )
        if handled is not None:
            return handled
        state = self.state
        if partition.error_code != ErrorCode.NONE or not isinstance(state, Follower):
            return False
        if partition.diverging_epoch.epoch >= 0:
            self._truncate(partition.diverging_epoch.end_offset, partition.diverging_epoch.epoch)
        elif partition.snapshot_id.epoch >= 0 or partition.snapshot_id.end_offset >= 0:
            if partition.snapshot_id.epoch < 0 or partition.snapshot_id.end_offset < 0:
                return False  # half an id
            self._start_download(
                state, OffsetAndEpoch(partition.snapshot_id.end_offset, partition.snapshot_id.epoch), now_ms
            )
        else:
            if partition.records:
                try:
                    self.log.append_as_follower(partition.records)
                except KafkaError as error:
                    if error.code is ErrorCode.KAFKA_STORAGE_ERROR:
                        raise
                    return False  # damaged on its way: fetch it again
                if self.is_voter:
                    self._request_flush()  # our next fetch tells the leader that we hold them, so they must be on disk
            self._advance_high_watermark(min(partition.high_watermark, self.log.end_offset))
        state.fetch_deadline_ms = now_ms + self.config.fetch_timeout_ms
        state.has_fetched_from_leader = True
        state.leader_failures = 0
        return True

    def _truncate(self, diverging_end_offset: int, diverging_epoch: int) -> None:
        """Our log has records that the leader's has not: cut back to where they part."""
        offset = truncation_offset(self.log, diverging_end_offset, diverging_epoch)
        if min(offset, diverging_end_offset) < self.high_watermark and safeguards.committed_metadata_is_never_cut:
            # KAFKA-12460: what is committed never goes away, whoever asks.
            raise InvariantViolation(
                f"{self._name}: leader {self.leader_id} of epoch {self.epoch} asks to truncate to {offset}, below the "
                f"high watermark {self.high_watermark}"
            )
        self.log.truncate_to(offset)
        self._log_generation += 1
        self._flushed_offset = min(self._flushed_offset, self.log.end_offset)  # a batch goes as a whole
        if self._flushed_offset < self.log.end_offset:
            self._request_flush()  # flushes under way are of another generation

    def _send_fetch(self, node_id: int, now_ms: float) -> None:
        self._effects.append(
            SendRequest(
                node_id,
                self._requests.sent(node_id, now_ms),
                fetch_request(
                    cluster_id=self.config.cluster_id,
                    replica=self.config.key,
                    epoch=self.epoch,
                    end=self.end,
                    high_watermark=self.high_watermark,
                    log_start_offset=self.log.start_offset,
                    max_bytes=self.config.fetch_bytes_max,
                    max_wait_ms=self.config.fetch_wait_ms_max,
                ),
            )
        )

    @property
    def _may_fetch(self) -> bool:
        """A voter's fetch offset is its promise that everything before is on disk."""
        return self._freezing is None and (
            not self.is_voter
            or self._flushed_offset >= self.log.end_offset
            or not safeguards.voters_sync_before_acknowledging
        )

    def _send_fetch_to_anyone(self, now_ms: float) -> None:
        """Ask some node for the leader (Kafka: maybeSendFetchToAnyBootstrap)."""
        if not self._may_fetch:
            return
        candidates = self.config.bootstrap_node_ids or tuple(self._other_voter_ids())
        node_id = self._requests.any_ready(candidates, now_ms)
        if node_id is not None:
            self._send_fetch(node_id, now_ms)

    def _send_fetch_to_leader(self, state: Follower, now_ms: float) -> None:
        """Fetch from the leader, or ask others when it does not answer (Kafka: maybeSendFetchToBestNode)."""
        if not self._may_fetch:
            return
        leader_id = state.leader_id
        if self._requests.has_timed_out(leader_id, now_ms) or self._requests.is_backing_off(leader_id, now_ms):
            self._send_fetch_to_anyone(now_ms)
        elif not self._requests.has_any_in_flight(now_ms) and self._requests.is_ready(leader_id, now_ms):
            if state.fetching_snapshot is not None:
                self._send_fetch_snapshot(state, state.fetching_snapshot, now_ms)
            else:
                self._send_fetch(leader_id, now_ms)

    # --- FetchSnapshot

    def _start_download(self, state: Follower, snapshot_id: OffsetAndEpoch, now_ms: float) -> None:
        if self.log.snapshot_size(snapshot_id) is not None:
            self._adopt_latest_snapshot()  # we have it already, and only the log was behind
            return
        self.log.start_download(snapshot_id)
        state.fetching_snapshot = snapshot_id
        state.snapshot_position = 0

    def _send_fetch_snapshot(self, state: Follower, snapshot_id: OffsetAndEpoch, now_ms: float) -> None:
        request = fetch_snapshot_request(
            cluster_id=self.config.cluster_id,
            replica=self.config.key,
            epoch=state.epoch,
            snapshot_id=snapshot_id,
            position=state.snapshot_position,
            max_bytes=self.config.fetch_snapshot_bytes_max,
        )
        self._effects.append(SendRequest(state.leader_id, self._requests.sent(state.leader_id, now_ms), request))

    def _on_fetch_snapshot_request(self, handle: Handle, request: FetchSnapshotRequest, now_ms: float) -> None:
        if not self._is_our_cluster(request.cluster_id):
            self._respond(handle, FetchSnapshotResponse(error_code=ErrorCode.INCONSISTENT_CLUSTER_ID))
            return
        partition = fetch_snapshot_request_partition(request)
        if partition is None:
            self._respond(handle, FetchSnapshotResponse(error_code=ErrorCode.INVALID_REQUEST))
            return
        snapshot_id = OffsetAndEpoch(partition.snapshot_id.end_offset, partition.snapshot_id.epoch)
        error = self._validate_leader_request(partition.current_leader_epoch)
        size = 0
        data: Buffer = b""
        if error is ErrorCode.NONE:
            known_size = None if snapshot_id == BOOTSTRAP_SNAPSHOT_ID else self.log.snapshot_size(snapshot_id)
            if known_size is None:
                error = ErrorCode.SNAPSHOT_NOT_FOUND
            elif not 0 <= partition.position < known_size:
                error = ErrorCode.POSITION_OUT_OF_RANGE
            else:
                size = known_size
                max_bytes = max(1, min(request.max_bytes, self.config.fetch_snapshot_bytes_max))
                data = self.log.read_snapshot(snapshot_id, partition.position, max_bytes)
                assert isinstance(self.state, Leader)
                self.state.note_fetch(ReplicaKey(request.replica_id, partition.replica_directory_id), now_ms)
        response = fetch_snapshot_response(
            error,
            leader_id=self.leader_id,
            epoch=self.epoch,
            leader=self.leader_endpoint,
            snapshot_id=snapshot_id if error is ErrorCode.NONE else OffsetAndEpoch(-1, -1),
            size=size,
            position=partition.position if error is ErrorCode.NONE else 0,
            data=data,
        )
        self._respond(handle, response)

    def _on_fetch_snapshot_response(self, node_id: int, response: FetchSnapshotResponse, now_ms: float) -> bool:
        partition = fetch_snapshot_response_partition(response)
        if response.error_code != ErrorCode.NONE or partition is None:
            return False
        handled = self._handle_common(
            partition.error_code,
            partition.current_leader.leader_id,
            partition.current_leader.leader_epoch,
            endpoint_of(response.node_endpoints, partition.current_leader.leader_id),
            now_ms,
        )
        if handled is not None:
            return handled
        state = self.state
        if not isinstance(state, Follower) or state.fetching_snapshot is None:
            return False
        snapshot_id = OffsetAndEpoch(partition.snapshot_id.end_offset, partition.snapshot_id.epoch)
        if (
            partition.error_code != ErrorCode.NONE
            or snapshot_id != state.fetching_snapshot
            or partition.position != state.snapshot_position
        ):
            # The leader dropped that snapshot meanwhile, or we misunderstand each other: begin again with a fetch.
            state.fetching_snapshot = None
            state.fetch_deadline_ms = now_ms + self.config.fetch_timeout_ms
            return partition.error_code in (ErrorCode.NONE, ErrorCode.SNAPSHOT_NOT_FOUND)
        state.snapshot_position = self.log.append_download(snapshot_id, partition.unaligned_records or b"")
        if state.snapshot_position >= partition.size:
            state.fetching_snapshot = None
            self._freezing = snapshot_id
            self._effects.append(FreezeSnapshot(snapshot_id))
        state.fetch_deadline_ms = now_ms + self.config.fetch_timeout_ms
        state.has_fetched_from_leader = True
        state.leader_failures = 0
        return True

    def _snapshot_frozen(self, snapshot_id: OffsetAndEpoch) -> None:
        if snapshot_id != self._freezing:
            return
        self._freezing = None
        self._adopt_latest_snapshot()

    def _adopt_latest_snapshot(self) -> None:
        """Start the log at the end of the latest snapshot when the log ends before it.

        A snapshot holds only what is committed, so this loses nothing, whatever state we are in by now. A leader's log
        cannot be behind one: it would not have been elected.
        """
        if self.log.truncate_fully_to_latest_snapshot():
            if self.is_leader:
                raise InvariantViolation(f"{self._name}: leads epoch {self.epoch} behind a snapshot")
            self._log_generation += 1
            self._flushed_offset = self.log.end_offset  # an empty log is on disk as much as it can be
            self._advance_high_watermark(self.log.end_offset)
