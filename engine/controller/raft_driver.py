"""The shell around `RaftReplica`: it owns the metadata log, `quorum-state`, connections and timers.

Every event goes through `_run`, which hands it to the core and performs the effects strictly in order: while
`quorum-state` is being synced, all later effects wait, so no vote and no request for votes leaves before it is on disk.
Flushes of the log run beside that and report back. (Kafka: KafkaRaftClientDriver, RaftManager.)

A node that is a controller votes; one that is only a broker observes. Both use the same driver.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from engine.config import BrokerConfig
from engine.controller.raft_accumulator import RaftAccumulator
from engine.controller.raft_feed import ListenerFeed
from engine.controller.raft_log import RaftLog
from engine.controller.raft_peers import RaftPeers
from engine.controller.raft_settings import RaftSettings
from engine.controller.raft_waiters import CommitWaiters
from engine.errors import InvariantViolation, KafkaError
from engine.metadata.listener import CommittedBatch, RaftListener
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import DescribeQuorumRequest, DescribeQuorumResponse
from engine.protocol.uuids import ZERO_UUID
from engine.raft.describe import describe_quorum
from engine.raft.effects import (
    Effect,
    FlushLog,
    FreezeSnapshot,
    HighWatermarkAdvanced,
    LeaderChanged,
    PersistElectionState,
    Respond,
    SendRequest,
)
from engine.raft.quorum_state_file import FILE_NAME, CorruptQuorumState, decode_quorum_state, encode_quorum_state
from engine.raft.replica import RaftReplica
from engine.raft.snapshot_files import encode_snapshot
from engine.raft.types import ElectionState, RaftConfig, ReplicaKey
from engine.runtime import points
from engine.runtime.disk import StorageError, read_file, write_file_atomically
from engine.runtime.runtime import Runtime
from engine.types import CLUSTER_METADATA, Endpoint, LeaderAndEpoch, OffsetAndEpoch

logger = logging.getLogger(__name__)

_CLEAN_PERIOD_MS = 60_000
_LATE_MS_MAX = 50
"""How late our timer may run before we say that the loop was held up."""
_PUT_OFF_MS = 500
"""What was due while the loop was held up waits this much longer, so that what has come meanwhile is read first."""
"""Kafka: KafkaRaftClient's SNAPSHOT_CLEANING_INTERVAL."""


class DirectoryIdentity(Protocol):
    """Whose the log directories are (`LogManager`)."""

    @property
    def cluster_id(self) -> str: ...

    def directory_id(self, directory: str) -> bytes: ...


class RaftDriver:
    """One replica of the metadata quorum, running. All calls on the loop it was started on."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        node_id: int,
        directory_id: bytes = ZERO_UUID,
        cluster_id: str | None = None,
        voters: Mapping[int, Endpoint],
        is_voter: bool,
        log_directory: str,
        settings: RaftSettings | None = None,
        bootstrap_servers: Sequence[Endpoint] = (),
        listener: RaftListener | None = None,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> None:
        """`voters` may be changed until `start`; `log_directory` is the one that gets `__cluster_metadata-0`.

        `on_failure` is told of a broken invariant or a disk that fails; the driver has then stopped by itself.
        """
        self.node_id = node_id
        self.voters: dict[int, Endpoint] = dict(voters)
        self.directory = f"{log_directory}/{CLUSTER_METADATA}"
        self.failure: BaseException | None = None
        """Why the driver stopped by itself; None while it has not."""
        self._runtime = runtime
        self._directory_id = directory_id
        self._cluster_id = cluster_id
        self._is_voter = is_voter
        self._settings = settings or RaftSettings()
        self._bootstrap_servers = tuple(bootstrap_servers)
        self._on_failure = on_failure
        self._core: RaftReplica | None = None
        self._log: RaftLog | None = None
        self._leader = LeaderChanged(-1, 0)
        # As of the effects performed so far, which is what leadership and our own batches are as of, too; the core may
        # be ahead while `quorum-state` is being written.
        self._high_watermark = -1
        self._feeds: list[ListenerFeed] = []
        self._own: dict[int, CommittedBatch] = {}
        self._accumulator: RaftAccumulator | None = None
        self._drain_scheduled = False
        self._waiters = CommitWaiters()
        self._requests: dict[int, asyncio.Future[Message]] = {}
        self._request_sequence = 0
        self._effects: deque[Effect] = deque()
        self._performing = False
        self._persisting = False
        self._flush: FlushLog | None = None
        self._flushing = False
        self._snapshotting = False
        self._delivering = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ms = 0.0
        self._last_now_ms = float("-inf")
        self._held_up_ms = 0.0
        self._cleaner: asyncio.TimerHandle | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}  # in order, unlike a set: cancelling must be repeatable
        self._changed = asyncio.Event()
        self._peers = RaftPeers(
            f"raft-client-{node_id}",
            self._settings.request_timeout_ms,
            max(self._settings.fetch_bytes_max, self._settings.fetch_snapshot_bytes_max),
            lambda node, correlation_id, message: self._run(
                lambda core, now_ms: core.on_response(node, correlation_id, message, now_ms)
            ),
        )
        if listener is not None:
            self.register(listener)

    @classmethod
    def from_config(
        cls,
        runtime: Runtime,
        config: BrokerConfig,
        voters: Mapping[int, Endpoint],
        identity: DirectoryIdentity,
        *,
        on_failure: Callable[[BaseException], None] | None = None,
    ) -> "RaftDriver":
        """The driver of a node with these properties; `voters` stands in for controller.quorum.voters."""
        controller_listener = config.controller_listener_names[0] if config.controller_listener_names else ""
        return cls(
            runtime,
            node_id=config.node_id,
            directory_id=identity.directory_id(config.metadata_log_dir),
            cluster_id=identity.cluster_id,
            voters=voters,
            is_voter=config.is_controller,
            log_directory=config.metadata_log_dir,
            settings=RaftSettings.from_config(config),
            bootstrap_servers=[
                Endpoint(controller_listener, server.host, server.port) for server in config.quorum_bootstrap_servers
            ],
            on_failure=on_failure,
        )

    # --- what others ask

    @property
    def leader(self) -> LeaderAndEpoch:
        """Who leads, as far as this node knows; -1 for nobody."""
        return LeaderAndEpoch(self._leader.leader_id, self._leader.epoch)

    @property
    def is_leader(self) -> bool:
        """Whether this node leads, and has written down that it does."""
        return self._leader.leader_id == self.node_id and self._core is not None and self._core.is_leader

    @property
    def high_watermark(self) -> int | None:
        """Exclusive: everything before is committed. None while it is not known."""
        return self._high_watermark if self._high_watermark >= 0 else None

    @property
    def log_end_offset(self) -> int:
        """Exclusive: the offset of the next record, those counted that were scheduled but not written yet."""
        accumulator = self._accumulator
        if accumulator is not None and not accumulator.is_empty:
            return accumulator.next_offset
        return 0 if self._log is None else self._log.end_offset

    @property
    def log_start_offset(self) -> int:
        return 0 if self._log is None else self._log.start_offset

    def controller_endpoint(self, node_id: int) -> Endpoint | None:
        """Where that controller is, as configured or as learnt from the quorum."""
        return self._peers.endpoints.get(node_id) or self.voters.get(node_id)

    def register(self, listener: RaftListener) -> None:
        """Tell `listener` everything committed, from the beginning (or the latest snapshot), and who leads."""
        self._feeds.append(ListenerFeed(listener, self.node_id))
        self._schedule_delivery()

    def unregister(self, listener: RaftListener) -> None:
        self._feeds = [feed for feed in self._feeds if feed.listener is not listener]

    async def until_leader_known(self) -> LeaderAndEpoch:
        """Returns once somebody leads."""
        while self._leader.leader_id < 0:
            self._check_running()
            self._changed.clear()
            await self._changed.wait()
        return self.leader

    # --- life

    async def start(self) -> None:
        """Open the log and take part. Raises StorageError, CorruptQuorumState, KafkaError; nothing is left open then."""
        if self._is_voter != (self.node_id in self.voters):
            raise InvariantViolation(f"node {self.node_id}: is_voter={self._is_voter}, voters {sorted(self.voters)}")
        self._log = log = RaftLog.open(self._runtime, self.directory, self._settings.log)
        try:
            # Votes and acknowledged records are synced into this directory: its own name must survive a power cut first.
            await self._runtime.disk.fsync_directory(self.directory.rpartition("/")[0] or "/")
            stored = self._read_election_state()
        except BaseException:
            log.abandon()
            raise
        settings = self._settings
        bootstrap_ids: list[int] = []
        for index, endpoint in enumerate(self._bootstrap_servers):
            bootstrap_ids.append(-2 - index)  # addresses without a node id, as Kafka numbers them
            self._peers.endpoints[-2 - index] = endpoint
        self._peers.endpoints.update(self.voters)
        config = RaftConfig(
            node_id=self.node_id,
            voters=tuple(
                # Static voters have no directory ids of their own (kraft.version 0); ours goes along in our requests.
                ReplicaKey(voter_id)
                for voter_id in sorted(self.voters)
            ),
            directory_id=self._directory_id,
            cluster_id=self._cluster_id,
            endpoints=dict(self.voters),
            bootstrap_node_ids=() if self.voters else tuple(bootstrap_ids),
            election_timeout_ms=settings.election_timeout_ms,
            fetch_timeout_ms=settings.fetch_timeout_ms,
            election_backoff_max_ms=settings.election_backoff_max_ms,
            request_timeout_ms=settings.request_timeout_ms,
            retry_backoff_ms=settings.retry_backoff_ms,
            fetch_bytes_max=settings.fetch_bytes_max,
            fetch_snapshot_bytes_max=settings.fetch_snapshot_bytes_max,
        )
        now_ms = self._now_ms()
        self._core = RaftReplica(config, log, stored, self._runtime.randomness.stream("raft"), now_ms)
        self._run(lambda core, now_ms: core.start(now_ms))
        self._clean()

    def _read_election_state(self) -> ElectionState | None:
        path = f"{self.directory}/{FILE_NAME}"
        if not self._runtime.disk.exists(path):
            return None
        try:
            return decode_quorum_state(read_file(self._runtime.disk, path))
        except CorruptQuorumState as error:
            raise CorruptQuorumState(f"{path}: {error}") from error

    async def stop(self) -> None:
        """Resign if leading, tell the voters, flush, close. Idempotent."""
        if self._core is not None:
            self._drain()
            self._run(lambda core, now_ms: core.shutdown(now_ms))
            try:
                async with asyncio.timeout(self._settings.shutdown_timeout_ms / 1000):
                    while self._core is not None and not (self._core.is_stopped and not self._effects):
                        self._changed.clear()
                        await self._changed.wait()
            except TimeoutError:
                logger.info("node %d: not every voter heard that it stops", self.node_id)
        tasks = self._halt(KafkaError(ErrorCode.NOT_CONTROLLER, f"node {self.node_id} is shutting down"))
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._log is not None:
            log, self._log = self._log, None
            await log.close()

    def kill(self) -> None:
        """Stop as a crash would: nothing is said to anybody, nothing flushed."""
        self._halt(KafkaError(ErrorCode.NOT_CONTROLLER, f"node {self.node_id} is gone"))
        if self._log is not None:
            self._log.abandon()
            self._log = None

    def _halt(self, error: KafkaError) -> list[asyncio.Task[None]]:
        self._core = None
        self._effects.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._peers.close()
        self._waiters.fail(error)
        for future in self._requests.values():
            if not future.done():
                future.set_exception(KafkaError(ErrorCode.BROKER_NOT_AVAILABLE, str(error)))
        if self._cleaner is not None:
            self._cleaner.cancel()
            self._cleaner = None
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        self._changed.set()
        return tasks

    def _fail(self, error: BaseException) -> None:
        """An invariant is broken or the disk is: stop here, keep the evidence (Kafka: FaultHandler)."""
        if self.failure is not None or self._core is None:
            return
        self.failure = error
        logger.error("node %d: the quorum's replica stops: %s", self.node_id, error, exc_info=error)
        self.kill()
        if self._on_failure is not None:
            self._on_failure(error)

    def _check_running(self) -> RaftReplica:
        if self._core is None:
            reason = f": {self.failure}" if self.failure is not None else ""
            raise KafkaError(ErrorCode.BROKER_NOT_AVAILABLE, f"node {self.node_id} is not in the quorum{reason}")
        return self._core

    # --- appending

    def append(self, records: Sequence[Message], *, epoch: int) -> int:
        """Schedule `records`, which will share one batch; returns the offset of the last.

        Raises KafkaError NOT_CONTROLLER when this node does not lead `epoch`, RECORD_LIST_TOO_LARGE.
        """
        core = self._core
        if core is None or not core.is_leader or core.epoch != epoch:
            raise KafkaError(ErrorCode.NOT_CONTROLLER, f"node {self.node_id} does not lead epoch {epoch}")
        accumulator = self._accumulator
        if accumulator is None or accumulator.epoch != epoch or accumulator.is_empty:
            accumulator = RaftAccumulator(epoch, core.log.end_offset, self._settings.log.batch_bytes_max)
            self._accumulator = accumulator
        offset = accumulator.add(records)
        if not self._drain_scheduled:
            self._drain_scheduled = True
            loop = asyncio.get_running_loop()
            if self._settings.append_linger_ms > 0:
                loop.call_later(self._settings.append_linger_ms / 1000, self._drain)
            else:
                loop.call_soon(self._drain)
        return offset

    def _drain(self) -> None:
        self._drain_scheduled = False
        accumulator, core = self._accumulator, self._core
        if accumulator is None or core is None or accumulator.is_empty:
            return
        if not core.is_leader or core.epoch != accumulator.epoch:
            self._accumulator = None  # led no more: whoever waits for these records was told so
            return
        built = accumulator.drain(self._runtime.clock.now_ms())
        if self._feeds:
            for batch in built:
                self._own[batch.committed.base_offset] = batch.committed
        data = built[0].data if len(built) == 1 else b"".join(batch.data for batch in built)
        self._run(lambda core, now_ms: core.append(data, accumulator.epoch, now_ms))

    async def committed(self, offset: int) -> None:
        """Returns once the record at `offset`, appended in the epoch we lead now, is committed and handed to listeners.

        Raises KafkaError NOT_CONTROLLER when leadership is lost first: then nobody knows yet whether it will be.
        """
        core = self._check_running()
        if offset < self._delivered_offset:
            return
        if not core.is_leader:
            raise KafkaError(ErrorCode.NOT_CONTROLLER, f"node {self.node_id} does not lead")
        await self._waiters.add(offset)

    # --- requests of others

    async def handle(self, request: Message) -> Any:
        """The answer to Vote, BeginQuorumEpoch, EndQuorumEpoch, Fetch or FetchSnapshot, which may take its time.

        Raises KafkaError BROKER_NOT_AVAILABLE when this replica is not running (any more).
        """
        self._check_running()
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._request_sequence += 1
        sequence = self._request_sequence
        self._requests[sequence] = future
        try:
            self._run(lambda core, now_ms: core.on_request(future, request, now_ms))
            return await future
        finally:
            self._requests.pop(sequence, None)

    def describe(self, request: DescribeQuorumRequest) -> DescribeQuorumResponse:
        """DescribeQuorum. Raises KafkaError BROKER_NOT_AVAILABLE when not running."""
        core = self._check_running()
        now_ms = self._now_ms()
        return describe_quorum(core, request, now_ms=now_ms, wall_ms=self._runtime.clock.now_ms())

    def resign(self, epoch: int) -> None:
        """Give up leading `epoch`: the state machine cannot go on (Kafka: RaftClient.resign)."""
        self._run(lambda core, now_ms: core.resign(epoch, now_ms))

    # --- snapshots

    def write_snapshot(
        self, last_contained: OffsetAndEpoch, records: Sequence[Message], last_contained_timestamp_ms: int
    ) -> None:
        """Start to write a snapshot of everything up to and including `last_contained`, made of `records`.

        Nothing happens when there is one already, when one is being written, or when that offset is not committed.
        """
        log = self._log
        snapshot_id = OffsetAndEpoch(last_contained.offset + 1, last_contained.epoch)
        if log is None or self._core is None or self._snapshotting or not log.can_snapshot(snapshot_id):
            return
        self._snapshotting = True
        self._spawn(self._write_snapshot(log, snapshot_id, records, last_contained_timestamp_ms))

    async def _write_snapshot(
        self, log: RaftLog, snapshot_id: OffsetAndEpoch, records: Sequence[Message], timestamp_ms: int
    ) -> None:
        partial = log.snapshots.create(snapshot_id)
        try:
            batches = encode_snapshot(
                snapshot_id,
                records,
                last_contained_timestamp_ms=timestamp_ms,
                now_ms=self._runtime.clock.now_ms(),
            )
            for batch in batches:
                partial.append(batch)
                await asyncio.sleep(0)
            await log.snapshots.freeze(partial)
            log.note_snapshot(snapshot_id)
            log.clean()
            logger.info("node %d: snapshot at offset %d, %d bytes", self.node_id, snapshot_id.offset, partial.size)
        finally:
            self._snapshotting = False

    def _clean(self) -> None:
        """Remove old snapshots and what they made superfluous, now and every minute (Kafka: SnapshotCleaner)."""
        if self._log is None or self._core is None:
            return
        try:
            self._log.clean()
        except (KafkaError, StorageError) as error:
            self._fail(error)
            return
        self._cleaner = asyncio.get_running_loop().call_later(_CLEAN_PERIOD_MS / 1000, self._clean)

    # --- the core and its effects

    def _run(self, event: Callable[[RaftReplica, float], list[Effect]]) -> None:
        core = self._core
        if core is None:
            return
        try:
            self._effects.extend(event(core, self._now_ms()))
            self._perform()
        except Exception as error:
            self._fail(error)
        self._arm()

    def _now_ms(self) -> float:
        """The core's time: the loop's, without the stretches for which the loop was held up.

        After such a stretch (a thousand partitions to be opened, a machine that has others to serve) what came in time
        is still unread, and would be taken for missing: our timer, due and not run, tells. What it was set for is then
        put off a little. (Kafka reads from its sockets on other threads.)
        """
        loop_ms = asyncio.get_running_loop().time() * 1000
        now_ms = loop_ms - self._held_up_ms
        if self._timer is not None and now_ms - self._timer_ms > _LATE_MS_MAX:
            now_ms = max(self._last_now_ms, self._timer_ms - _PUT_OFF_MS)
            self._held_up_ms = loop_ms - now_ms
        self._last_now_ms = now_ms
        return now_ms

    def _arm(self) -> None:
        core = self._core
        if core is None:
            return
        wake_ms = core.wake_ms
        if self._timer is not None:
            if self._timer_ms <= wake_ms:
                return  # it fires early enough, and then sets the next
            self._timer.cancel()
            self._timer = None
        if wake_ms != float("inf"):
            self._timer_ms = wake_ms
            self._timer = asyncio.get_running_loop().call_at((wake_ms + self._held_up_ms) / 1000, self._on_timer)

    def _on_timer(self) -> None:
        due_ms = self._timer_ms
        if self._now_ms() < due_ms - 1:  # it is late, or was set before another one was
            self._timer = None
            self._arm()
            return
        self._timer = None
        # Seconds to milliseconds and back may have made "now" a hair earlier than it was set for.
        self._run(lambda core, now_ms: core.poll(max(now_ms, due_ms)))

    def _perform(self) -> None:
        if self._performing:
            return  # an effect led to another event; the loop below goes on with its effects
        self._performing = True
        try:
            while self._effects and not self._persisting and self._core is not None:
                effect = self._effects.popleft()
                match effect:
                    case Respond(handle, message):
                        if not handle.done():
                            handle.set_result(message)
                    case SendRequest(node_id, correlation_id, message):
                        self._peers.send(node_id, correlation_id, message)
                    case FlushLog():
                        self._flush = effect
                        if not self._flushing:
                            self._flushing = True
                            self._spawn(self._flush_log())
                    case HighWatermarkAdvanced(high_watermark):
                        self._high_watermark = high_watermark
                        self._deliver()
                    case PersistElectionState(state):
                        self._persisting = True
                        self._spawn(self._persist(state))
                    case LeaderChanged():
                        self._leader_changed(effect)
                    case FreezeSnapshot(snapshot_id):
                        self._spawn(self._freeze(snapshot_id))
        finally:
            self._performing = False
        if not self._effects:
            self._changed.set()

    async def _persist(self, state: ElectionState) -> None:
        data = encode_quorum_state(state, tuple(sorted(self.voters)))
        await points.passing("raft.before_vote_is_written")
        await write_file_atomically(self._runtime.disk, f"{self.directory}/{FILE_NAME}", data)
        self._persisting = False
        self._run(lambda core, now_ms: [])

    async def _flush_log(self) -> None:
        try:
            while self._flush is not None and self._log is not None:
                flush, self._flush = self._flush, None
                await points.passing("raft.before_flush")
                await self._log.flush()
                self._run(lambda core, now_ms, f=flush: core.on_log_flushed(f.end_offset, f.generation, now_ms))  # type: ignore[misc]
        finally:
            self._flushing = False

    async def _freeze(self, snapshot_id: OffsetAndEpoch) -> None:
        if self._log is not None:
            await self._log.freeze_download(snapshot_id)
            self._run(lambda core, now_ms: core.on_snapshot_frozen(snapshot_id, now_ms))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(error)

    # --- telling listeners

    def _leader_changed(self, change: LeaderChanged) -> None:
        if change.leader_id != self.node_id or change.epoch != self._leader.epoch:
            self._waiters.fail(KafkaError(ErrorCode.NOT_CONTROLLER, f"node {self.node_id} no longer leads"))
            self._own.clear()
        self._leader = change
        if change.endpoint is not None and change.leader_id != self.node_id and change.endpoint.port > 0:
            self._peers.endpoints[change.leader_id] = change.endpoint
        logger.info("node %d: leader is %d in epoch %d", self.node_id, change.leader_id, change.epoch)
        self._changed.set()
        self._deliver()

    @property
    def _delivered_offset(self) -> int:
        """Committed, and known to every listener."""
        return min((feed.next_offset for feed in self._feeds), default=self._high_watermark)

    def _schedule_delivery(self) -> None:
        if self._core is not None and not self._delivering:
            self._delivering = True
            asyncio.get_running_loop().call_soon(self._deliver_rest)

    def _deliver_rest(self) -> None:
        self._delivering = False
        try:
            self._deliver()
        except Exception as error:
            self._fail(error)

    def _deliver(self) -> None:
        log = self._log
        if self._core is None or log is None:
            return
        more = False
        for feed in list(self._feeds):
            more |= feed.step(log, self._high_watermark, self._own)
            feed.announce(self._leader)
        if self._own:
            delivered = self._delivered_offset
            for base_offset in [offset for offset in self._own if offset < delivered]:
                del self._own[base_offset]
        self._waiters.complete(self._delivered_offset)
        if more:
            self._schedule_delivery()
