"""Headers of record batches: what can be done without touching records."""

import random

import pytest

from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.records.batch import (
    HEADER_BYTES,
    BatchHeader,
    TimestampType,
    increment_sequence,
    iterate_batches,
    parse_batch_header,
    set_max_timestamp,
    stamp,
    verify_crc,
)
from engine.protocol.records.compression import Compression
from engine.protocol.records.record import Record, build_batch, decode_records


def batch_of(count: int, *, base_offset: int = 0, **options: object) -> bytes:
    records = [Record(base_offset + i, 1000 + i, b"k", b"v", []) for i in range(count)]
    return build_batch(records, base_offset=base_offset, **options)  # type: ignore[arg-type]


def test_the_header_says_what_was_put_in() -> None:
    """Kafka: DefaultRecordBatch."""
    data = batch_of(
        3,
        base_offset=100,
        compression=Compression.LZ4,
        producer_id=7,
        producer_epoch=2,
        base_sequence=40,
        is_transactional=True,
        leader_epoch=5,
    )
    header = parse_batch_header(data)
    assert header.size_bytes == len(data)
    assert header.magic == 2
    assert (header.base_offset, header.last_offset, header.next_offset, header.records_count) == (100, 102, 103, 3)
    assert (header.base_timestamp, header.max_timestamp) == (1000, 1002)
    assert (header.producer_id, header.producer_epoch, header.base_sequence, header.last_sequence) == (7, 2, 40, 42)
    assert header.partition_leader_epoch == 5
    assert header.compression == Compression.LZ4
    assert header.is_transactional
    assert not header.is_control
    assert header.timestamp_type is TimestampType.CREATE_TIME
    assert header.delete_horizon_ms is None
    assert header.has_producer_id
    assert verify_crc(data, 0, header)


def test_a_batch_without_producer_has_no_sequence() -> None:
    header = parse_batch_header(batch_of(3))
    assert not header.has_producer_id
    assert header.last_sequence == -1


def test_sequences_wrap_to_zero() -> None:
    """Kafka: DefaultRecordBatch.incrementSequence."""
    assert increment_sequence(2**31 - 1, 0) == 2**31 - 1
    assert increment_sequence(2**31 - 1, 1) == 0
    assert increment_sequence(2**31 - 2, 5) == 3
    assert parse_batch_header(batch_of(3, producer_id=1, producer_epoch=0, base_sequence=2**31 - 1)).last_sequence == 1


def test_offset_and_leader_epoch_are_stamped_without_touching_the_checksum() -> None:
    buffer = bytearray(b"before" + batch_of(2))
    stamp(buffer, 6, 5000, 9)
    header = parse_batch_header(buffer, 6)
    assert (header.base_offset, header.partition_leader_epoch) == (5000, 9)
    assert verify_crc(buffer, 6, header)
    assert [record.offset for record in decode_records(buffer, 6)] == [5000, 5001]


def test_log_append_time_is_stamped_with_a_new_checksum() -> None:
    """Kafka: DefaultRecordBatch.setMaxTimestamp."""
    buffer = bytearray(batch_of(2))
    set_max_timestamp(buffer, 0, TimestampType.LOG_APPEND_TIME, 777_777)
    header = parse_batch_header(buffer)
    assert header.timestamp_type is TimestampType.LOG_APPEND_TIME
    assert header.max_timestamp == 777_777
    assert verify_crc(buffer, 0, header)
    assert [record.timestamp for record in decode_records(buffer)] == [777_777, 777_777]
    set_max_timestamp(memoryview(buffer), 0, TimestampType.CREATE_TIME, 1001)
    assert bytes(buffer) == batch_of(2)


def test_any_flipped_bit_after_the_checksum_is_found() -> None:
    data = batch_of(2)
    header = parse_batch_header(data)
    for position in range(21, len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 1
        assert not verify_crc(damaged, 0, header)
    assert not verify_crc(data[:-1], 0, header)


def test_batches_follow_each_other() -> None:
    batches = [batch_of(2), batch_of(1, base_offset=2), batch_of(3, base_offset=3)]
    buffer = b"".join(batches)
    found = list(iterate_batches(memoryview(buffer)))
    assert [header.base_offset for _, header in found] == [0, 2, 3]
    assert [buffer[position : position + header.size_bytes] for position, header in found] == batches
    assert list(iterate_batches(b"")) == []


def test_a_torn_tail_is_refused_or_ends_the_iteration() -> None:
    """A consumer must accept a last batch that was cut off (Kafka: ByteBufferLogInputStream)."""
    first, second = batch_of(2), batch_of(2, base_offset=2)
    for cut in range(1, len(second)):
        torn = first + second[:cut]
        with pytest.raises(ProtocolError):
            list(iterate_batches(torn))
        assert [header.base_offset for _, header in iterate_batches(torn, allow_partial_tail=True)] == [0]


@pytest.mark.parametrize(
    ("position", "value", "reason"),
    [
        (16, b"\x01", "magic 1"),
        (16, b"\x00", "magic 0"),
        (8, b"\x00\x00\x00\x30", "batch length 48"),
        (8, b"\xff\xff\xff\xff", "batch length -1"),
        (57, b"\xff\xff\xff\xff", "records count -1"),
    ],
)
def test_a_header_no_batch_can_have_is_refused(position: int, value: bytes, reason: str) -> None:
    data = bytearray(batch_of(1))
    data[position : position + len(value)] = value
    with pytest.raises(ProtocolError, match=reason) as caught:
        parse_batch_header(data)
    assert caught.value.kind is Blame.REMOTE
    assert caught.value.byte_position == position


def test_a_header_cut_short_is_refused() -> None:
    data = batch_of(1)
    for cut in range(HEADER_BYTES):
        with pytest.raises(ProtocolError, match=f"{cut} remain"):
            parse_batch_header(data[:cut])


def test_garbage_raises_nothing_but_protocol_error() -> None:
    rng = random.Random(2)
    for _ in range(2000):
        data = bytearray(rng.randbytes(rng.randrange(120)))
        if len(data) > 16:
            data[8:12] = rng.choice((b"\0\0\0\x40", b"\0\0\0\x31"))
            data[16] = 2
        try:
            for position, header in iterate_batches(data):
                assert isinstance(header, BatchHeader)
                decode_records(data, position)
        except ProtocolError:
            continue


def test_the_delete_horizon_is_the_base_timestamp_when_flagged() -> None:
    """KIP-534."""
    data = bytearray(batch_of(1))
    data[22] |= 0x40
    assert parse_batch_header(data).delete_horizon_ms == 1000
