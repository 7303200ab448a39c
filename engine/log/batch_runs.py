"""What a leader sent, read in one go: the short way for the batches a follower appends.

Under small requests a fetch brings hundreds of batches of one record, so what is done once per batch decides what a
record costs on a follower. `read_run` walks the headers, checks every checksum, and keeps what the indexes and the
producer state need as plain lists. It accepts only what is as it nearly always is; everything else is None, and
`batch_sequences`, which says what is wrong and where, decides.
"""

import struct

from crc32c import crc32c

from engine.log.batches import CRC_COVERS_FROM
from engine.protocol.buffers import Buffer
from engine.protocol.records.batch import HEADER_BYTES, LENGTH_OVERHEAD_BYTES, MAGIC, BatchHeader

_unpack_header = struct.Struct(">qiibIhiqqqhii").unpack_from
_LENGTH_MIN = HEADER_BYTES - LENGTH_OVERHEAD_BYTES


class BatchRun:
    """Whole batches of one leader epoch that follow each other, checksums right, offsets ascending. At least one."""

    __slots__ = (
        "base_offset",
        "last_offsets",
        "leader_epoch",
        "max_timestamps",
        "positions",
        "size",
        "with_producer",
    )

    def __init__(self, base_offset: int, leader_epoch: int) -> None:
        self.base_offset = base_offset
        self.leader_epoch = leader_epoch
        self.size = 0
        """Bytes of all batches; what comes behind them is the beginning of one that was cut off."""
        self.positions: list[int] = []
        self.last_offsets: list[int] = []
        self.max_timestamps: list[int] = []
        self.with_producer: list[tuple[int, BatchHeader]] = []
        """Position and header of those that have a producer id."""


def read_run(data: Buffer, *, next_offset: int, leader_epoch_max: int | None) -> BatchRun | None:
    """The batches of `data`, which begin at or behind `next_offset`; None when anything about them needs a closer look."""
    view = memoryview(data)
    end = len(view)
    if end < HEADER_BYTES:
        return None
    base_offset, _, leader_epoch, *_ = _unpack_header(view)
    if leader_epoch_max is not None and leader_epoch > leader_epoch_max:
        return None
    run = BatchRun(base_offset, leader_epoch)
    add_position = run.positions.append
    add_last_offset = run.last_offsets.append
    add_max_timestamp = run.max_timestamps.append
    position = 0
    while end - position >= HEADER_BYTES:
        header = _unpack_header(view, position)
        first, length, epoch, magic, crc, _, last_delta, _, max_timestamp, producer_id, _, _, count = header
        if first < next_offset or magic != MAGIC or epoch != leader_epoch or length < _LENGTH_MIN or count < 0:
            return None
        stop = position + length + LENGTH_OVERHEAD_BYTES
        if stop > end:
            break
        if crc32c(view[position + CRC_COVERS_FROM : stop]) != crc:
            return None
        last_offset = first + last_delta
        add_position(position)
        add_last_offset(last_offset)
        add_max_timestamp(max_timestamp)
        if producer_id >= 0:
            run.with_producer.append((position, BatchHeader(*header)))
        next_offset = last_offset + 1
        position = stop
    if position == 0:
        return None
    run.size = position
    return run
