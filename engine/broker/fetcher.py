"""Followers: copying partitions from the brokers that lead them (Kafka: ReplicaFetcherThread, ReplicaFetcherManager).

One fetcher per leader broker, with one connection and one fetch session (KIP-227), for all partitions followed there.
A fetch carries for each partition that changed the offset it wants, its leader epoch and the epoch of its last record;
a leader that sees the logs part answers with the diverging epoch, and the follower cuts its log there before anything
else (KAFKA-14704: before the high watermark moves). A partition in trouble is left out for a while, the others go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from engine.broker.delayed import Coalesced
from engine.broker.partition import Partition
from engine.errors import KafkaError
from engine.log import LogStartOffsetReason, PartitionLog
from engine.metadata.image import MetadataImage
from engine.net.client import ClientConnection, ConnectionLost, RequestTimedOut, UnsupportedVersion
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.messages import FetchRequest, ListOffsetsRequest
from engine.replication.follower import truncation_offset
from engine.runtime import points, safeguards
from engine.types import Endpoint

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.broker.replica_manager import ReplicaManager

logger = logging.getLogger(__name__)

_FIRST_BACKOFF_MS = 10
"""First pause after a partition's error. The usual cause is a leader that has not heard of the metadata yet."""


class FollowedPartition:
    """One partition as its fetcher sees it."""

    __slots__ = (
        "backoff_ms",
        "compares_epochs",
        "leader_epoch",
        "log_start_sent",
        "partition",
        "resume_handle",
        "truncated_to_high_watermark",
        "valid_after",
    )

    def __init__(self, partition: Partition, valid_after: int) -> None:
        self.partition = partition
        self.leader_epoch = partition.leader_epoch
        self.valid_after = valid_after
        """Answers to fetches up to this number are not for us: they were asked before we were added, or before a cut."""
        self.backoff_ms = 0
        self.resume_handle: asyncio.TimerHandle | None = None
        self.log_start_sent = -1
        self.compares_epochs = True
        """Whether our fetches name the epoch of our last record: always, unless a safeguard is taken away."""
        self.truncated_to_high_watermark = False


Key = tuple[bytes, int]
"""(topic id, partition index)."""


class ReplicaFetcher:
    """Fetches from one leader. See the module's docstring."""

    def __init__(self, broker: Broker, replicas: ReplicaManager, leader_id: int, endpoint: Endpoint) -> None:
        config = broker.config
        self.leader_id = leader_id
        self.endpoint = endpoint
        self._broker = broker
        self._replicas = replicas
        self._followed: dict[Key, FollowedPartition] = {}
        self._changed: dict[Key, None] = {}
        """To be named in the next fetch."""
        self._in_session: dict[Key, None] = {}
        """What the leader's session has of ours."""
        self._session_id = 0
        self._session_epoch = 0
        self._connection: ClientConnection | None = None
        self._in_flight: deque[tuple[int, asyncio.Future[Any]]] = deque()
        self._sent = 0
        """Number of the last fetch sent."""
        self._work = asyncio.Event()
        self._soon = Coalesced(self._ask_at_once)
        self._loop = asyncio.get_running_loop()
        self._max_wait_ms = config.get_int("replica.fetch.wait.max.ms")
        self._min_bytes = config.get_int("replica.fetch.min.bytes")
        self._response_bytes_max = config.get_int("replica.fetch.response.max.bytes")
        self._partition_bytes_max = config.get_int("replica.fetch.max.bytes")
        self._backoff_ms_max = config.get_int("replica.fetch.backoff.ms")
        self._socket_timeout_ms = config.get_int("replica.socket.timeout.ms")
        self._connect_timeout_ms = config.get_int("socket.connection.setup.timeout.ms")
        self._task = self._loop.create_task(self._run(), name=f"fetcher-{broker.node_id}-from-{leader_id}")

    def __len__(self) -> int:
        return len(self._followed)

    def add(self, partition: Partition) -> None:
        key = (partition.topic_id, partition.topic_partition.partition)
        self._cancel_backoff(key)
        self._followed[key] = FollowedPartition(partition, self._sent)
        self._changed[key] = None
        self._work.set()
        self._soon.request()

    def remove(self, partition: Partition) -> None:
        key = (partition.topic_id, partition.topic_partition.partition)
        self._cancel_backoff(key)
        self._followed.pop(key, None)
        self._changed.pop(key, None)

    def _cancel_backoff(self, key: Key) -> None:
        followed = self._followed.get(key)
        if followed is not None and followed.resume_handle is not None:
            followed.resume_handle.cancel()

    def kill(self) -> None:
        self._task.cancel()
        for key in self._followed:
            self._cancel_backoff(key)
        if self._connection is not None:
            self._connection.close()

    async def stop(self) -> None:
        self.kill()
        await asyncio.gather(self._task, return_exceptions=True)

    # the loop

    async def _run(self) -> None:
        failures = 0
        in_flight = self._in_flight
        while True:
            if not self._followed:
                self._work.clear()
                await self._work.wait()
            try:
                connection = self._connection
                if connection is None or connection.closed:
                    connection = await self._connect()
                if not in_flight:
                    self._send(connection)
                async with asyncio.timeout((self._max_wait_ms + self._socket_timeout_ms) / 1000):
                    response = await in_flight[0][1]
                number, _ = in_flight.popleft()
                await self._process(number, response)
                failures = 0
            except (ConnectionLost, TimeoutError, UnsupportedVersion, ProtocolError) as error:
                if failures == 0:
                    logger.info("node %d: fetching from %d: %s", self._broker.node_id, self.leader_id, error)
                failures += 1
                if self._connection is not None:
                    self._connection.close()
                self._start_session_anew()
                await asyncio.sleep(min(self._backoff_ms_max, 20 * 2 ** min(failures, 10)) / 1000)
            except Exception:
                # A bug of ours must not stop the copying of every partition for good.
                logger.exception("node %d: fetching from %d", self._broker.node_id, self.leader_id)
                self._start_session_anew()
                in_flight.clear()
                if self._connection is not None:
                    self._connection.close()
                await asyncio.sleep(self._backoff_ms_max / 1000)

    def _send(self, connection: ClientConnection) -> None:
        request = self._request()
        self._sent += 1
        self._in_flight.append((self._sent, connection.start_request(request)))
        if self._session_id:
            self._session_epoch = 1 if self._session_epoch == 0x7FFFFFFF else self._session_epoch + 1

    def _ask_at_once(self) -> None:
        """Do not let a partition that was just added wait until the leader answers the fetch it holds: a second fetch
        of the same session makes it answer the first."""
        connection = self._connection
        if (
            len(self._in_flight) == 1
            and self._session_id
            and self._changed
            and connection is not None
            and not connection.closed
        ):
            self._send(connection)

    async def _connect(self) -> ClientConnection:
        self._start_session_anew()
        self._in_flight.clear()
        self._connection = await ClientConnection.open(
            self.endpoint.host,
            self.endpoint.port,
            client_id=f"broker-{self._broker.node_id}-fetcher-0",
            timeout_ms=self._connect_timeout_ms,
        )
        return self._connection

    def _start_session_anew(self) -> None:
        self._session_id = 0
        self._session_epoch = 0
        self._in_session.clear()

    def _request(self) -> FetchRequest:
        full = self._session_epoch == 0
        followed = self._followed
        topics: dict[bytes, Any] = {}
        keys = list(followed) if full else list(self._changed)
        compares_epochs = safeguards.truncate_by_epoch
        for key in keys:
            each = followed.get(key)
            if each is None or each.resume_handle is not None or each.partition.log is None:
                continue
            log = each.partition.log
            if not compares_epochs and not each.truncated_to_high_watermark:
                log.truncate_to(min(log.high_watermark, log.log_end_offset))  # what Kafka did before KIP-101
                each.truncated_to_high_watermark = True
            topic = topics.get(key[0])
            if topic is None:
                topic = topics[key[0]] = FetchRequest.FetchTopic(topic_id=key[0])
            each.log_start_sent = log.log_start_offset
            topic.partitions.append(
                FetchRequest.FetchPartition(
                    partition=key[1],
                    current_leader_epoch=each.leader_epoch,
                    fetch_offset=log.log_end_offset,
                    last_fetched_epoch=log.latest_epoch if compares_epochs and each.compares_epochs else -1,
                    log_start_offset=log.log_start_offset,
                    partition_max_bytes=self._partition_bytes_max,
                )
            )
            self._in_session[key] = None
        self._changed.clear()
        forgotten: dict[bytes, Any] = {}
        if not full:
            for key in [key for key in self._in_session if self._is_out(key)]:
                del self._in_session[key]
                topic = forgotten.get(key[0])
                if topic is None:
                    topic = forgotten[key[0]] = FetchRequest.ForgottenTopic(topic_id=key[0])
                topic.partitions.append(key[1])
        return FetchRequest(
            replica_state=FetchRequest.ReplicaState(
                replica_id=self._broker.node_id, replica_epoch=self._broker.broker_epoch
            ),
            max_wait_ms=self._max_wait_ms,
            min_bytes=self._min_bytes,
            max_bytes=self._response_bytes_max,
            session_id=self._session_id,
            session_epoch=self._session_epoch,
            topics=list(topics.values()),
            forgotten_topics_data=list(forgotten.values()),
        )

    def _is_out(self, key: Key) -> bool:
        each = self._followed.get(key)
        return each is None or each.resume_handle is not None

    # answers

    async def _process(self, number: int, response: Any) -> None:
        if response.error_code != ErrorCode.NONE:
            logger.debug("fetch session with %d: %s", self.leader_id, ErrorCode.of(response.error_code).name)
            self._start_session_anew()
            return
        if self._session_epoch == 0:
            if response.session_id:
                self._session_id = response.session_id
                self._session_epoch = 1
            else:
                self._in_session.clear()
        followed = self._followed
        for topic in response.responses:
            topic_id = topic.topic_id
            for data in topic.partitions:
                key = (topic_id, data.partition_index)
                each = followed.get(key)
                if each is None or each.resume_handle is not None:
                    continue
                if number <= each.valid_after:
                    self._changed[key] = None
                    continue
                partition = each.partition
                if each.leader_epoch != partition.leader_epoch or partition.leader is not None:
                    continue
                try:
                    diverging = data.diverging_epoch
                    if not data.error_code and (diverging.end_offset >= 0 or diverging.epoch >= 0):
                        if not safeguards.diverging_epoch_comes_first:
                            self._process_partition(key, each, data)  # what Kafka did before KAFKA-14704
                        await self._truncate(key, each, diverging)
                    elif self._process_partition(key, each, data) and partition.log is not None:
                        # flush.messages holds on followers too: the next fetch tells the leader that we have these
                        # records, so they are on disk before (Kafka: UnifiedLog.append).
                        await partition.log.flush()
                        self._changed[key] = None
                except KafkaError as error:
                    logger.warning("%s: copying from %d: %s", partition.topic_partition, self.leader_id, error.message)
                    self._back_off(key, each)

    def _process_partition(self, key: Key, each: FollowedPartition, data: Any) -> bool:
        """Take what the leader sent. True when it must be flushed before the next fetch names the offset behind it."""
        partition = each.partition
        log = partition.log
        if log is None:
            return False
        code = data.error_code
        if code:
            self._on_error(key, each, ErrorCode.of(code), data)
            return False
        each.backoff_ms = 0
        records = data.records
        appended = False
        flush_due = False
        if records and not _begins_with_known(records, log.log_end_offset):
            flush_due = log.append_as_follower(records).flush_due
            appended = True
            for subscriber in partition.follower_subscribers:
                subscriber.mark(True)
        if records and not flush_due:
            # Also when we have them already, from an answer that crossed our second fetch: name the offset anew.
            self._changed[key] = None
        high_watermark = data.high_watermark
        if high_watermark > log.log_end_offset:
            high_watermark = log.log_end_offset
        moved = high_watermark > log.high_watermark
        if moved:
            log.update_high_watermark(high_watermark)
        if data.log_start_offset > log.log_start_offset:
            log.increment_log_start_offset(
                min(data.log_start_offset, log.high_watermark), LogStartOffsetReason.LEADER_OFFSET_INCREMENTED
            )
        if log.log_start_offset != each.log_start_sent and not flush_due:
            self._changed[key] = None
        if appended or moved:
            partition.follower_progressed(moved)
        return flush_due

    async def _truncate(self, key: Key, each: FollowedPartition, diverging: Any) -> None:
        """Cut the log where it parts from the leader's. The recovery point is written down with it, so that a power cut
        cannot undo half of the cut."""
        partition = each.partition
        log = partition.log
        if log is None:
            return
        each.backoff_ms = 0
        each.compares_epochs = safeguards.truncate_until_epochs_agree
        offset = truncation_offset(
            diverging.epoch,
            diverging.end_offset,
            local_end_for_epoch=log.end_offset_for_epoch(diverging.epoch),
            log_end_offset=log.log_end_offset,
            high_watermark=log.high_watermark,
        )
        logger.info(
            "%s: truncated from %d to %d, where it parts from leader %d (epoch %d)",
            partition.topic_partition,
            log.log_end_offset,
            offset,
            self.leader_id,
            diverging.epoch,
        )
        await self._cut(key, each, offset)

    async def _cut(self, key: Key, each: FollowedPartition, offset: int) -> None:
        """Truncate, unless we lead the partition or follow somebody else by the time the disk is ready for it."""
        partition = each.partition
        log = partition.log
        assert log is not None
        await points.passing("fetcher.before_truncation")
        lowered = await self._replicas.logs.prepare_truncation({partition.topic_partition: offset})
        if not self._may_cut(key, each, log):
            return
        log.truncate_to(offset)
        each.valid_after = self._sent
        if log.begins_unrecorded:
            await self._record_beginning(key, each)
        self._changed[key] = None
        if lowered:
            await log.flush()

    async def _record_beginning(self, key: Key, each: FollowedPartition) -> None:
        """The log has begun anew, behind 0. Nothing is fetched into it before that is written down: a kill would cost
        every record of it."""
        if each.resume_handle is None:
            each.resume_handle = self._loop.call_later(self._socket_timeout_ms / 1000, self._resume, key, each)
        await self._replicas.logs.record_beginning(each.partition.topic_partition)
        self._resume(key, each)

    async def _start_anew(self, key: Key, each: FollowedPartition, log: PartitionLog, start: int) -> None:
        """The leader's log begins behind the end of ours: nothing of ours is needed any more."""
        place = each.partition.topic_partition
        # Recovery shall look at all that goes now, of which a power cut may bring back every other segment (seed 3759).
        await self._replicas.logs.prepare_truncation({place: log.first_segment_base_offset})
        if not self._may_cut(key, each, log):
            return
        logger.info("%s: starts anew at %d, the leader's log start", place, start)
        log.truncate_fully_and_start_at(start)
        each.valid_after = self._sent
        await self._record_beginning(key, each)

    def _may_cut(self, key: Key, each: FollowedPartition, log: PartitionLog) -> bool:
        """Whether that log still follows the leader it was to be cut for: the disk took its time to answer."""
        partition = each.partition
        return (
            self._followed.get(key) is each
            and partition.log is log
            and partition.leader is None
            and partition.leader_epoch == each.leader_epoch
        )

    def _on_error(self, key: Key, each: FollowedPartition, code: ErrorCode, data: Any) -> None:
        partition = each.partition
        if code is ErrorCode.OFFSET_OUT_OF_RANGE:
            self._loop.create_task(self._reset(key, each))
            each.resume_handle = self._loop.call_later(self._socket_timeout_ms / 1000, self._resume, key, each)
            return
        log_as = logger.debug if each.backoff_ms < self._backoff_ms_max else logger.info
        log_as("%s: leader %d answers %s", partition.topic_partition, self.leader_id, code.name)
        self._back_off(key, each)

    def _back_off(self, key: Key, each: FollowedPartition) -> None:
        each.backoff_ms = min(max(_FIRST_BACKOFF_MS, each.backoff_ms * 2), self._backoff_ms_max)
        each.resume_handle = self._loop.call_later(each.backoff_ms / 1000, self._resume, key, each)

    def _resume(self, key: Key, each: FollowedPartition) -> None:
        if each.resume_handle is not None:
            each.resume_handle.cancel()
        each.resume_handle = None
        if self._followed.get(key) is each:
            self._changed[key] = None
            self._work.set()
            self._soon.request()

    async def _reset(self, key: Key, each: FollowedPartition) -> None:
        """Our offset is outside the leader's log: cut, or start anew where it starts (Kafka: fetchOffsetAndTruncate).

        A leader also says so when it does not know our last record's epoch. An epoch above its own was never given to
        anybody: the record's epoch, which no checksum covers, has rotted on our disk. Kafka asks again for ever.
        """
        partition = each.partition
        try:
            log = partition.log
            if log is not None and log.latest_epoch > each.leader_epoch:
                end = log.end_offset_for_epoch(each.leader_epoch).end_offset
                logger.warning(
                    "%s: cut at %d, where leader epoch %d begins: leader %d is at epoch %d only",
                    partition.topic_partition,
                    end,
                    log.latest_epoch,
                    self.leader_id,
                    each.leader_epoch,
                )
                await self._cut(key, each, end)
                self._resume(key, each)
                return
            latest = await self._list_offset(partition, each.leader_epoch, -1)
            log = partition.log
            if self._followed.get(key) is not each or log is None:
                return
            if latest < log.log_end_offset:
                # The leader's log is shorter: it was elected uncleanly.
                logger.warning(
                    "%s: truncated to the end of leader %d: %d", partition.topic_partition, self.leader_id, latest
                )
                await self._cut(key, each, latest)
            else:
                start = await self._list_offset(partition, each.leader_epoch, -4)
                if self._followed.get(key) is not each or partition.log is None:
                    return
                if start > log.log_end_offset:
                    await self._start_anew(key, each, log, start)
            self._resume(key, each)
        except (KafkaError, ConnectionLost, RequestTimedOut, UnsupportedVersion) as error:
            logger.info("%s: asking leader %d for its offsets: %s", partition.topic_partition, self.leader_id, error)
            if each.resume_handle is not None:
                each.resume_handle.cancel()
            self._back_off(key, each)

    async def _list_offset(self, partition: Partition, leader_epoch: int, timestamp: int) -> int:
        connection = self._connection
        if connection is None:
            raise ConnectionLost("no connection")
        request = ListOffsetsRequest(
            replica_id=self._broker.node_id,
            topics=[
                ListOffsetsRequest.ListOffsetsTopic(
                    name=partition.topic_partition.topic,
                    partitions=[
                        ListOffsetsRequest.ListOffsetsPartition(
                            partition_index=partition.topic_partition.partition,
                            current_leader_epoch=leader_epoch,
                            timestamp=timestamp,
                        )
                    ],
                )
            ],
        )
        response = await connection.request(request, timeout_ms=self._socket_timeout_ms)
        row = response.topics[0].partitions[0]
        if row.error_code != ErrorCode.NONE:
            raise KafkaError(ErrorCode.of(row.error_code))
        offset: int = row.offset
        return offset


def _begins_with_known(records: Any, log_end_offset: int) -> bool:
    """Whether the first batch lies wholly before the log end: the answer crossed our second fetch, and we have it.

    A batch that only begins there may be the first of a log whose start lies inside of it (DeleteRecords).
    """
    base_offset = int.from_bytes(records[:8], "big")
    if base_offset >= log_end_offset:
        return False
    last_offset_delta = int.from_bytes(records[23:27], "big")
    return base_offset + last_offset_delta < log_end_offset


class FetcherManager:
    """Which fetcher follows which partition."""

    def __init__(self, broker: Broker, replicas: ReplicaManager) -> None:
        self._broker = broker
        self._replicas = replicas
        self._fetchers: dict[int, ReplicaFetcher] = {}
        self._leader_of: dict[Partition, int] = {}
        self._unplaced: dict[Partition, None] = {}
        """Followers whose leader's address is not known (yet)."""
        self._stopping: list[asyncio.Task[None]] = []

    def add(self, partition: Partition) -> None:
        """Follow whoever leads it now."""
        self.remove(partition)
        leader_id = partition.leader_id
        if leader_id < 0 or leader_id == self._broker.node_id or partition.log is None:
            return
        self._unplaced[partition] = None

    def remove(self, partition: Partition) -> None:
        self._unplaced.pop(partition, None)
        leader_id = self._leader_of.pop(partition, None)
        if leader_id is not None:
            fetcher = self._fetchers.get(leader_id)
            if fetcher is not None:
                fetcher.remove(partition)

    def settle(self) -> None:
        """Give what was added to its fetcher and stop fetchers that have nothing left; called after each metadata step."""
        image = self._broker.metadata.image
        for partition in list(self._unplaced):
            fetcher = self._fetcher(image, partition.leader_id)
            if fetcher is not None:
                del self._unplaced[partition]
                self._leader_of[partition] = partition.leader_id
                fetcher.add(partition)
        for leader_id, fetcher in list(self._fetchers.items()):
            if not len(fetcher):
                self._stop(leader_id)

    def _fetcher(self, image: MetadataImage, leader_id: int) -> ReplicaFetcher | None:
        fetcher = self._fetchers.get(leader_id)
        if fetcher is None:
            registration = image.brokers.get(leader_id)
            endpoint = None if registration is None else registration.endpoint(self._broker.inter_broker_listener)
            if endpoint is None:
                return None
            fetcher = self._fetchers[leader_id] = ReplicaFetcher(self._broker, self._replicas, leader_id, endpoint)
        return fetcher

    def _stop(self, leader_id: int) -> None:
        fetcher = self._fetchers.pop(leader_id)
        self._stopping = [task for task in self._stopping if not task.done()]
        self._stopping.append(asyncio.get_running_loop().create_task(fetcher.stop()))

    def brokers_changed(self, image: MetadataImage) -> None:
        """A leader that came back under another address gets a new fetcher."""
        for leader_id, fetcher in list(self._fetchers.items()):
            registration = image.brokers.get(leader_id)
            endpoint = None if registration is None else registration.endpoint(self._broker.inter_broker_listener)
            if endpoint is not None and endpoint != fetcher.endpoint:
                followed = [partition for partition, leader in self._leader_of.items() if leader == leader_id]
                self._stop(leader_id)
                for partition in followed:
                    del self._leader_of[partition]
                    self._unplaced[partition] = None

    def kill(self) -> None:
        for fetcher in self._fetchers.values():
            fetcher.kill()

    async def stop(self) -> None:
        for leader_id in list(self._fetchers):
            self._stop(leader_id)
        await asyncio.gather(*self._stopping, return_exceptions=True)
