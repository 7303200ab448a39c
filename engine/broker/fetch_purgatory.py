"""Answering fetches: what there is to read now, or waiting until there is enough.

`FetchAnswerer.answer` reads what a fetch may see and either returns the response's partitions or leaves a
`WaitingFetch` behind, which is poked by the partitions it is subscribed to and by its time-out (Kafka: DelayedFetch).
Pokes of one loop iteration are answered together, so ten appends in a row cost a follower's fetch one read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from engine.broker.delayed import Coalesced, TimeoutTicket
from engine.broker.fetch_session import FetchedPartition, Fetches
from engine.errors import KafkaError
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import FetchResponse
from engine.replication.follower import diverges
from engine.runtime import safeguards

if TYPE_CHECKING:
    from engine.broker.partition import Partition
    from engine.broker.replica_manager import ReplicaManager
    from engine.log import PartitionLog

PartitionData = FetchResponse.PartitionData
INVALID_HIGH_WATERMARK = -1


class FetchParameters:
    """What holds for all partitions of one fetch."""

    __slots__ = (
        "is_follower",
        "max_bytes",
        "max_wait_ms",
        "may_read_follower",
        "min_bytes",
        "rack_id",
        "read_committed",
        "replica_epoch",
        "replica_id",
        "uses_topic_ids",
        "version",
    )

    def __init__(
        self,
        *,
        version: int,
        replica_id: int,
        replica_epoch: int,
        max_wait_ms: int,
        min_bytes: int,
        max_bytes: int,
        read_committed: bool,
        rack_id: str,
        uses_topic_ids: bool,
    ) -> None:
        self.version = version
        self.replica_id = replica_id
        self.replica_epoch = replica_epoch
        self.is_follower = replica_id >= 0
        self.max_wait_ms = max_wait_ms
        self.min_bytes = min_bytes
        self.max_bytes = max_bytes
        self.read_committed = read_committed
        self.rack_id = rack_id
        self.uses_topic_ids = uses_topic_ids
        # Consumers that understand preferred replicas (v11+) may be served by a follower (KIP-392).
        self.may_read_follower = not self.is_follower and version >= 11


class Evaluation:
    """What a look at a fetch's partitions found."""

    __slots__ = ("answer", "bytes_total", "unread", "urgent")

    def __init__(self) -> None:
        self.answer: list[tuple[FetchedPartition, Any]] = []
        """What goes into the response, in order."""
        self.unread: list[FetchedPartition] = []
        """Partitions that have records for which there was no room."""
        self.bytes_total = 0
        self.urgent = False
        """Cannot wait: an error, a diverging epoch, a preferred replica."""


class FetchAnswerer:
    """Evaluates fetches against the partitions of this broker."""

    def __init__(self, replicas: ReplicaManager) -> None:
        self._replicas = replicas

    def evaluate(
        self, candidates: Iterable[FetchedPartition], parameters: FetchParameters, incremental: bool
    ) -> Evaluation:
        """Read the candidates in order, as far as the fetch's bytes go.

        In an incremental fetch, partitions with nothing new are left out of the answer.
        """
        found = Evaluation()
        left = parameters.max_bytes
        for each in candidates:
            data, urgent = self._read(each, parameters, left, found)
            records = data.records
            size = 0 if records is None else len(records)
            found.bytes_total += size
            left -= size
            if urgent:
                found.urgent = True
            if (
                not incremental
                or size > 0
                or urgent
                or data.high_watermark != each.sent_high_watermark
                or data.last_stable_offset != each.sent_last_stable_offset
                or data.log_start_offset != each.sent_log_start_offset
            ):
                found.answer.append((each, data))
        return found

    def settle(self, fetches: Fetches, found: Evaluation) -> None:
        """The answer goes out: remember what the session was told and what is still to be looked at.

        What did not fit comes first next time.
        """
        dirty = fetches.dirty
        dirty.clear()
        for each in found.unread:
            dirty[each] = None
        for each, data in found.answer:
            each.sent_high_watermark = data.high_watermark
            each.sent_last_stable_offset = data.last_stable_offset
            each.sent_log_start_offset = data.log_start_offset
            if data.error_code:
                # Until it is well again, or forgotten, every fetch is told.
                each.sent_high_watermark = INVALID_HIGH_WATERMARK
                dirty[each] = None
            elif self._has_more(each):
                dirty[each] = None

    def _has_more(self, each: FetchedPartition) -> bool:
        partition = each.partition
        if partition is None or partition.log is None:
            return True
        log = partition.log
        end = log.log_end_offset if each.fetches.is_follower else log.high_watermark
        return each.fetch_offset < end

    def _read(
        self, each: FetchedPartition, parameters: FetchParameters, left: int, found: Evaluation
    ) -> tuple[Any, bool]:
        """One partition's answer, and whether it cannot wait."""
        partition = each.partition
        if partition is None:
            partition = self._resolve(each, parameters)
            if partition is None:
                if parameters.uses_topic_ids and not self._replicas.knows_topic_id(each.topic_id):
                    return _error(each, ErrorCode.UNKNOWN_TOPIC_ID), True
                return _error(each, self._replicas.missing_code(each.topic, each.index)), True
        log = partition.log
        if log is None:
            return _error(each, ErrorCode.KAFKA_STORAGE_ERROR), True
        if parameters.uses_topic_ids and partition.topic_id != each.topic_id:
            # Deleted and created again under the same name (KIP-516).
            self._forget(each)
            return _error(each, ErrorCode.UNKNOWN_TOPIC_ID), True
        code = partition.check_leader_epoch(each.current_leader_epoch)
        if code is not ErrorCode.NONE:
            return self._with_leader(_error(each, code), partition), True
        leader = partition.leader
        if leader is None and not (parameters.may_read_follower and partition.leader_id != -1):
            if self._replicas.partitions.get(partition.topic_partition) is not partition:
                self._forget(each)
            return self._with_leader(_error(each, ErrorCode.NOT_LEADER_OR_FOLLOWER), partition), True
        fetch_offset = each.fetch_offset
        log_start = log.log_start_offset
        if (
            parameters.is_follower
            and not each.acknowledged
            and log_start <= fetch_offset <= log.log_end_offset
            # Only what does not diverge is acknowledged: a follower's offset means nothing before it has cut its log.
            and not self._diverging(each, log)
        ):
            try:
                partition.on_follower_fetch(
                    parameters.replica_id,
                    fetch_offset,
                    each.log_start_offset,
                    parameters.replica_epoch,
                    each.fetches.follower_session,
                )
            except KafkaError as error:
                return self._with_leader(_error(each, error.code), partition), True
            each.acknowledged = True
        high_watermark = log.high_watermark
        data = PartitionData(
            partition_index=each.index,
            high_watermark=high_watermark,
            last_stable_offset=log.last_stable_offset,
            log_start_offset=log_start,
            records=b"",
        )
        if parameters.is_follower or not safeguards.consumers_stop_at_high_watermark:
            max_offset = log.log_end_offset
        elif parameters.read_committed:
            max_offset = data.last_stable_offset
        else:
            max_offset = high_watermark
        if parameters.rack_id and leader is not None and not parameters.is_follower:
            preferred = self._replicas.preferred_read_replica(partition, parameters.rack_id, fetch_offset)
            if preferred is not None:
                data.preferred_read_replica = preferred
                return data, True
        if each.last_fetched_epoch >= 0 and safeguards.truncate_by_epoch:
            epoch_end = log.end_offset_for_epoch(each.last_fetched_epoch)
            if epoch_end.end_offset == -1:
                return _error(each, ErrorCode.OFFSET_OUT_OF_RANGE, data), True
            if diverges(fetch_offset, each.last_fetched_epoch, epoch_end):
                data.diverging_epoch.epoch = epoch_end.epoch
                data.diverging_epoch.end_offset = epoch_end.end_offset
                data.high_watermark = high_watermark
                return data, True
        if fetch_offset < log_start or fetch_offset > log.log_end_offset:
            if leader is None and fetch_offset > log.log_end_offset:
                return _error(each, ErrorCode.OFFSET_NOT_AVAILABLE, data), True
            return _error(each, ErrorCode.OFFSET_OUT_OF_RANGE, data), True
        if fetch_offset >= max_offset:
            return data, False
        first = found.bytes_total == 0
        if left <= 0 and not first:
            found.unread.append(each)
            return data, False
        max_bytes = each.max_bytes if each.max_bytes < left else max(left, 0)
        try:
            result = log.read(fetch_offset, max_bytes, max_offset=max_offset, min_one_batch=first)
        except KafkaError as error:
            return _error(each, error.code, data), True
        data.records = result.records
        if parameters.read_committed and result.records:
            aborted = log.aborted_transactions(fetch_offset, result.next_offset)
            data.aborted_transactions = [
                FetchResponse.AbortedTransaction(
                    producer_id=transaction.producer_id, first_offset=transaction.first_offset
                )
                for transaction in aborted
            ]
        elif not parameters.read_committed:
            data.aborted_transactions = None
        return data, False

    def _diverging(self, each: FetchedPartition, log: PartitionLog) -> bool:
        if each.last_fetched_epoch < 0 or not safeguards.truncate_by_epoch:
            return False
        if not safeguards.diverging_fetch_acknowledges_nothing:
            return False
        epoch_end = log.end_offset_for_epoch(each.last_fetched_epoch)
        return epoch_end.end_offset == -1 or diverges(each.fetch_offset, each.last_fetched_epoch, epoch_end)

    def _resolve(self, each: FetchedPartition, parameters: FetchParameters) -> Partition | None:
        """Find the partition and stay with it; sessions subscribe once they found it."""
        if parameters.uses_topic_ids and not each.topic:
            each.topic = self._replicas.topic_name(each.topic_id) or ""
        partition = self._replicas.partitions.get((each.topic, each.index))  # type: ignore[call-overload]
        if partition is None:
            return None
        each.partition = partition
        if each.fetches.session_id:
            each.subscribe()
        found: Partition = partition
        return found

    def _forget(self, each: FetchedPartition) -> None:
        each.unsubscribe()
        each.partition = None
        if self._replicas.knows_topic_id(each.topic_id):
            return
        if any(each.topic_id):
            each.topic = ""

    def _with_leader(self, data: Any, partition: Partition) -> Any:
        """Tell the client who leads, so that it need not ask (KIP-951)."""
        data.current_leader.leader_id = partition.leader_id
        data.current_leader.leader_epoch = partition.leader_epoch
        return data


class WaitingFetch:
    """A fetch that found too little. Completed by enough records, anything urgent, or its time-out."""

    __slots__ = ("_complete", "_evaluate", "_fetches", "_poke", "_ticket", "done")

    def __init__(
        self,
        fetches: Fetches,
        evaluate: Callable[[bool], bool],
        ticket: Callable[[Callable[[], None]], TimeoutTicket],
    ) -> None:
        """`evaluate(timed_out)` answers the fetch and returns True, or returns False while there is too little."""
        self._fetches = fetches
        self._evaluate = evaluate
        self._poke = Coalesced(self._try)
        self.done = False
        fetches.waiting = self
        if not fetches.session_id:
            fetches.subscribe_all()
        self._ticket = ticket(self.answer_now)

    def poke(self) -> None:
        """Records may have come; look once this loop iteration has done what it does."""
        if not self.done:
            self._poke.request()

    def _try(self) -> None:
        if not self.done and self._evaluate(False):
            self.finish()

    def answer_now(self) -> None:
        """Answer with what there is: the time is up, or the client has sent the next fetch of the session."""
        if not self.done:
            self._evaluate(True)
            self.finish()

    def finish(self) -> None:
        """Answered, or the connection is gone."""
        if not self.done:
            self.done = True
            self._ticket.cancel()
            if self._fetches.waiting is self:
                self._fetches.waiting = None
            if not self._fetches.session_id:
                self._fetches.unsubscribe_all()


def _error(each: FetchedPartition, code: ErrorCode, data: Any = None) -> Any:
    result = PartitionData(
        partition_index=each.index,
        error_code=int(code),
        high_watermark=INVALID_HIGH_WATERMARK,
        last_stable_offset=-1,
        log_start_offset=-1,
        records=b"",
    )
    if data is not None:
        result.high_watermark = data.high_watermark
        result.last_stable_offset = data.last_stable_offset
        result.log_start_offset = data.log_start_offset
    return result
