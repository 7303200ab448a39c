"""Snapshots of the metadata log: their names, and the batches they are made of (KIP-630).

    <end offset, 20 digits>-<epoch, 10 digits>.checkpoint        complete
    <end offset>-<epoch>.checkpoint.part                         being written or downloaded; removed at start

A snapshot is a sequence of record batches v2 with offsets from 0 on and the snapshot's epoch: a control batch with the
SnapshotHeader record, batches of metadata records, a control batch with the SnapshotFooter record. Without the footer it
is not complete. Everything before the end offset is in it. (Kafka: Snapshots, RecordsSnapshotWriter.)
"""

import re
from collections.abc import Iterable, Sequence

from engine.protocol.message import Message
from engine.protocol.messages import SnapshotFooterRecord, SnapshotHeaderRecord
from engine.protocol.record_values import encode_metadata_record
from engine.protocol.records.control import ControlType, build_control_batch
from engine.protocol.records.record import Record, build_batch
from engine.types import OffsetAndEpoch

SUFFIX = ".checkpoint"
PARTIAL_SUFFIX = ".checkpoint.part"
RECORDS_PER_BATCH_MAX = 2_000
BATCH_BYTES_MAX = 1024 * 1024
"""A batch ends with the record that reaches this; a record may be larger than it."""

_NAME = re.compile(r"(\d{20})-(\d{10})\.checkpoint")


def snapshot_file_name(snapshot_id: OffsetAndEpoch, suffix: str = SUFFIX) -> str:
    return f"{snapshot_id.offset:020d}-{snapshot_id.epoch:010d}{suffix}"


def parse_snapshot_file_name(name: str) -> OffsetAndEpoch | None:
    """The id of a complete snapshot, None for any other file."""
    found = _NAME.fullmatch(name)
    return None if found is None else OffsetAndEpoch(int(found[1]), int(found[2]))


def encode_snapshot(
    snapshot_id: OffsetAndEpoch, records: Iterable[Message], *, last_contained_timestamp_ms: int, now_ms: int
) -> Iterable[bytes]:
    """The batches of a snapshot, one after the other; `now_ms` is the wall time they are stamped with."""
    epoch = snapshot_id.epoch
    header = SnapshotHeaderRecord(version=0, last_contained_log_timestamp=last_contained_timestamp_ms)
    yield build_control_batch(ControlType.SNAPSHOT_HEADER, header, offset=0, timestamp=now_ms, leader_epoch=epoch)
    offset = 1
    pending: list[bytes] = []
    pending_bytes = 0
    for message in records:
        value = encode_metadata_record(message, message.MAX_VERSION)
        pending.append(value)
        pending_bytes += len(value)
        if pending_bytes >= BATCH_BYTES_MAX or len(pending) >= RECORDS_PER_BATCH_MAX:
            yield build_metadata_batch(pending, base_offset=offset, epoch=epoch, now_ms=now_ms)
            offset += len(pending)
            pending, pending_bytes = [], 0
    if pending:
        yield build_metadata_batch(pending, base_offset=offset, epoch=epoch, now_ms=now_ms)
        offset += len(pending)
    yield build_control_batch(
        ControlType.SNAPSHOT_FOOTER,
        SnapshotFooterRecord(version=0),
        offset=offset,
        timestamp=now_ms,
        leader_epoch=epoch,
    )


def build_metadata_batch(values: Sequence[bytes], *, base_offset: int, epoch: int, now_ms: int) -> bytes:
    """A batch of encoded metadata records, with its offsets and epoch."""
    records = [Record(base_offset + index, now_ms, None, value, []) for index, value in enumerate(values)]
    return build_batch(records, base_offset=base_offset, leader_epoch=epoch)
