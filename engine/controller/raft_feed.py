"""Hands what is committed to one listener, in order, from wherever it stands (Kafka: KafkaRaftClient.ListenerContext)."""

from collections.abc import Mapping

from engine.controller.raft_log import RaftLog
from engine.errors import InvariantViolation
from engine.metadata.listener import CommittedBatch, RaftListener
from engine.protocol.record_values import decode_metadata_record
from engine.protocol.records.batch import iterate_batches
from engine.protocol.records.record import decode_records
from engine.raft.effects import LeaderChanged
from engine.types import LeaderAndEpoch

CHUNK_BYTES = 1024 * 1024
"""How much of the log is decoded before the loop gets a turn."""

NOT_STARTED = -1


class ListenerFeed:
    """Where one listener is in the log, and what it was told of leaders."""

    def __init__(self, listener: RaftListener, node_id: int) -> None:
        self.listener = listener
        self.next_offset = NOT_STARTED
        """The first offset it has not been given; -1 before the first call."""
        self._node_id = node_id
        self._announced: LeaderAndEpoch | None = None

    def step(self, log: RaftLog, high_watermark: int, own: Mapping[int, CommittedBatch]) -> bool:
        """Hand over the next piece below `high_watermark`; tells whether there is more.

        `own` has batches this node appended as a leader, by base offset, which need not be decoded again.
        """
        if self.next_offset >= high_watermark:
            return False
        if self.next_offset == NOT_STARTED or self.next_offset < log.start_offset:
            latest = log.latest_snapshot_id
            if latest is not None:
                self.next_offset = latest.offset
                self.listener.on_snapshot(log.snapshot_reader(latest))
            elif self.next_offset == NOT_STARTED and log.start_offset == 0:
                self.next_offset = 0
            else:
                raise InvariantViolation(
                    f"offset {self.next_offset} is before the log's start {log.start_offset}, and there is no snapshot"
                )
            return self.next_offset < high_watermark
        batches: list[CommittedBatch] = []
        size_bytes = 0
        while self.next_offset < high_watermark and size_bytes < CHUNK_BYTES:
            batch = own.get(self.next_offset)
            if batch is not None:
                found = [batch]
            else:
                found = read_committed(log, self.next_offset, high_watermark)
            batches += found
            size_bytes += sum(batch.size_bytes for batch in found)
            self.next_offset = found[-1].last_offset + 1
        self.listener.on_committed(batches)
        return self.next_offset < high_watermark

    def announce(self, change: LeaderChanged) -> None:
        """Say who leads, once; that we do, only when everything before our epoch has been handed over."""
        leader = LeaderAndEpoch(change.leader_id, change.epoch)
        if leader == self._announced:
            return
        if change.leader_id == self._node_id and self.next_offset <= change.epoch_start_offset:
            return
        self._announced = leader
        self.listener.on_leader_change(leader)


def read_committed(log: RaftLog, offset: int, high_watermark: int) -> list[CommittedBatch]:
    """Batches from `offset`, decoded, all below `high_watermark`; at least one."""
    data = log.log.read(offset, CHUNK_BYTES, max_offset=high_watermark).records
    batches: list[CommittedBatch] = []
    for position, header in iterate_batches(data):
        records = (
            []
            if header.is_control
            else [decode_metadata_record(record.value or b"") for record in decode_records(data, position)]
        )
        batches.append(
            CommittedBatch(
                base_offset=header.base_offset,
                last_offset=header.last_offset,
                epoch=header.partition_leader_epoch,
                append_timestamp_ms=header.max_timestamp,
                size_bytes=header.size_bytes,
                records=records,
            )
        )
    if not batches or batches[0].base_offset != offset:
        raise InvariantViolation(f"nothing to read at offset {offset}, below the high watermark {high_watermark}")
    return batches
