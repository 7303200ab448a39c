"""Records on their way into the log: what is appended in one turn of the loop goes into one batch.

(Kafka: BatchAccumulator.) The records of one `add` always share a batch, so that a crash never splits what belongs
together; several of them share one as long as it stays below the size limit.
"""

from collections.abc import Sequence
from typing import NamedTuple

from engine.errors import KafkaError
from engine.metadata.listener import CommittedBatch
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.record_values import encode_metadata_record
from engine.raft.snapshot_files import build_metadata_batch

_RECORD_OVERHEAD_BYTES = 32
"""Upper bound of what a batch adds to each record's value."""


class BuiltBatch(NamedTuple):
    """A batch ready for the log, and what it will be to listeners once committed."""

    data: bytes
    committed: CommittedBatch


class RaftAccumulator:
    """Pending records of one leader epoch. Their offsets are fixed when they are added: nobody else appends."""

    def __init__(self, epoch: int, next_offset: int, batch_bytes_max: int) -> None:
        self.epoch = epoch
        self.next_offset = next_offset
        self._batch_bytes_max = batch_bytes_max
        self._groups: list[tuple[list[bytes], list[Message], int]] = []
        """(encoded, messages, bytes) of each batch to be."""

    @property
    def is_empty(self) -> bool:
        return not self._groups

    def add(self, records: Sequence[Message]) -> int:
        """The offset of the last of `records`. Raises KafkaError RECORD_LIST_TOO_LARGE with nothing added."""
        if not records:
            raise ValueError("nothing to append")
        values = [encode_metadata_record(record, record.MAX_VERSION) for record in records]
        size = sum(len(value) for value in values) + _RECORD_OVERHEAD_BYTES * len(values)
        if size > self._batch_bytes_max:
            raise KafkaError(
                ErrorCode.RECORD_LIST_TOO_LARGE,
                f"{len(values)} records of {size} bytes do not fit into one batch of {self._batch_bytes_max}",
            )
        if self._groups and self._groups[-1][2] + size <= self._batch_bytes_max:
            encoded, messages, before = self._groups[-1]
            encoded += values
            messages += records
            self._groups[-1] = (encoded, messages, before + size)
        else:
            self._groups.append((values, list(records), size))
        self.next_offset += len(values)
        return self.next_offset - 1

    def drain(self, now_ms: int) -> list[BuiltBatch]:
        """All pending batches, stamped with `now_ms`, the wall time."""
        groups, self._groups = self._groups, []
        base_offset = self.next_offset - sum(len(messages) for _, messages, _ in groups)
        built: list[BuiltBatch] = []
        for values, messages, _ in groups:
            data = build_metadata_batch(values, base_offset=base_offset, epoch=self.epoch, now_ms=now_ms)
            committed = CommittedBatch(
                base_offset=base_offset,
                last_offset=base_offset + len(values) - 1,
                epoch=self.epoch,
                append_timestamp_ms=now_ms,
                size_bytes=len(data),
                records=messages,
            )
            built.append(BuiltBatch(data, committed))
            base_offset += len(values)
        return built
