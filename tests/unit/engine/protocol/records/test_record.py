"""Records, against three other implementations in every codec."""

import io
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.records.batch import HEADER_BYTES, TimestampType, parse_batch_header, verify_crc
from engine.protocol.records.compression import Compression
from engine.protocol.records.record import Record, build_batch, decode_records, read_records, write_records, zigzag

payloads = st.one_of(st.none(), st.binary(max_size=200), st.sampled_from([b"", b"x" * 63, b"y" * 64, b"z" * 9000]))
headers = st.lists(st.tuples(st.text(max_size=70), payloads), max_size=4)
bodies = st.lists(st.tuples(st.integers(0, 2**41), payloads, payloads, headers), min_size=1, max_size=8)

WITHOUT_SNAPPY = [codec for codec in Compression if codec is not Compression.SNAPPY]
"""kafka-python would need python-snappy."""


def records_of(found: list[Any], base_offset: int) -> list[Record]:
    return [Record(base_offset + index, *body) for index, body in enumerate(found)]


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(found=bodies, base_offset=st.sampled_from([0, 1, 2**40]), codec=st.sampled_from(list(Compression)))
def test_what_is_built_is_read(found: list[Any], base_offset: int, codec: Compression) -> None:
    records = records_of(found, base_offset)
    data = build_batch(records, base_offset=base_offset, compression=codec)
    assert verify_crc(data, 0, parse_batch_header(data))
    assert decode_records(data) == records
    assert decode_records(memoryview(b"xyz" + data + b"after"), 3) == records


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(found=bodies, codec=st.sampled_from(list(Compression)), transactional=st.booleans())
def test_aiokafka_writes_and_reads_the_same(found: list[Any], codec: Compression, transactional: bool) -> None:
    from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

    _compare(found, codec, transactional, DefaultRecordBatchBuilder, DefaultRecordBatch)


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(found=bodies, codec=st.sampled_from(WITHOUT_SNAPPY), transactional=st.booleans())
def test_kafka_python_writes_and_reads_the_same(found: list[Any], codec: Compression, transactional: bool) -> None:
    from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

    _compare(found, codec, transactional, DefaultRecordBatchBuilder, DefaultRecordBatch)


def _compare(found: list[Any], codec: Compression, transactional: bool, builder_class: Any, reader_class: Any) -> None:
    records = records_of(found, 0)
    builder = builder_class(
        magic=2, compression_type=int(codec), is_transactional=transactional, producer_id=5, producer_epoch=1,
        base_sequence=9, batch_size=1 << 24,
    )  # fmt: skip
    for record in records:
        builder.append(*record)
    theirs = bytes(builder.build())
    ours = build_batch(
        records, compression=codec, is_transactional=transactional, producer_id=5, producer_epoch=1, base_sequence=9,
        leader_epoch=parse_batch_header(theirs).partition_leader_epoch,
    )  # fmt: skip
    if parse_batch_header(theirs).compression == Compression.NONE:
        # Builders leave a batch uncompressed when compression does not help.
        ours = build_batch(
            records, is_transactional=transactional, producer_id=5, producer_epoch=1, base_sequence=9,
            leader_epoch=parse_batch_header(theirs).partition_leader_epoch,
        )  # fmt: skip
        assert ours == theirs
    assert decode_records(theirs) == records
    reader = reader_class(bytearray(ours))
    assert reader.validate_crc()
    read = [Record(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in reader]
    assert read == records


@settings(max_examples=60, deadline=None, database=None, derandomize=True)
@given(found=bodies)
def test_kio_reads_the_same(found: list[Any]) -> None:
    from kio.records.readers import read_batch

    records = records_of(found, 0)
    batch, size = read_batch(build_batch(records), 0)
    assert size == len(build_batch(records))
    assert len(batch.records) == len(records)
    for theirs, ours in zip(batch.records, records, strict=True):
        assert (theirs.key, theirs.value) == (ours.key, ours.value)
        assert [(header.key, header.value) for header in theirs.headers] == [
            (None if name is None else name.encode(), value) for name, value in ours.headers
        ]


def test_gaps_left_by_compaction_and_batches_without_records_are_kept() -> None:
    records = [Record(12, 5, b"a", b"b", []), Record(17, 6, b"c", None, [])]
    data = build_batch(records, base_offset=10, last_offset_delta=9)
    assert decode_records(data) == records
    assert parse_batch_header(data).last_offset == 19
    empty = build_batch([], base_offset=10, last_offset_delta=9, producer_id=3, producer_epoch=0, base_sequence=4)
    header = parse_batch_header(empty)
    assert (header.records_count, header.last_offset, header.size_bytes) == (0, 19, HEADER_BYTES)
    assert decode_records(empty) == []


def test_timestamps_may_go_back() -> None:
    records = [Record(0, 1000, None, b"", []), Record(1, 10, None, b"", []), Record(2, -1, None, b"", [])]
    data = build_batch(records)
    assert decode_records(data) == records
    header = parse_batch_header(data)
    assert (header.base_timestamp, header.max_timestamp) == (1000, 1000)


def test_log_append_time_belongs_to_the_batch() -> None:
    records = [Record(0, 1000, None, b"", []), Record(1, 2000, None, b"", [])]
    data = build_batch(records, timestamp_type=TimestampType.LOG_APPEND_TIME)
    assert [record.timestamp for record in decode_records(data)] == [2000, 2000]


def test_offsets_must_ascend_from_the_base_offset() -> None:
    for offsets in ([5], [10, 10], [11, 10]):
        with pytest.raises(ProtocolError, match="do not ascend") as caught:
            build_batch([Record(offset, 0, None, None, []) for offset in offsets], base_offset=10)
        assert caught.value.kind is Blame.LOCAL


@pytest.mark.parametrize("codec", list(Compression))
def test_decompression_is_limited(codec: Compression) -> None:
    data = build_batch([Record(0, 0, None, bytes(100_000), [])], compression=codec)
    with pytest.raises(ProtocolError, match="more than the 50000 bytes"):
        decode_records(data, max_bytes=50_000)


def test_records_cut_short_or_followed_by_more_are_refused() -> None:
    records = [Record(i, i, b"key", b"value" * 30, [("name", b"x"), ("none", None)]) for i in range(3)]
    data = build_batch(records)
    header = parse_batch_header(data)
    payload = data[HEADER_BYTES:]
    assert read_records(payload, header) == records
    for cut in range(len(payload)):
        with pytest.raises(ProtocolError, match=r"records\["):
            read_records(payload[:cut], header)
    with pytest.raises(ProtocolError, match="1 bytes follow"):
        read_records(payload + b"\0", header)
    with pytest.raises(ProtocolError):
        decode_records(data[:-1])


def test_damaged_records_raise_nothing_but_protocol_error() -> None:
    rng = random.Random(4)
    records = [Record(i, i, b"key", b"value", [("name", b"x"), ("none", None)]) for i in range(3)]
    data = build_batch(records)
    for _ in range(4000):
        damaged = bytearray(data)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(HEADER_BYTES, len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        try:
            decode_records(damaged)
        except ProtocolError as error:
            assert error.kind is Blame.REMOTE  # noqa: PT017, some damage is not visible


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (bytes((2 * 8, 0, 0, 0, 1, 1, 2 * 100, 0, 0)), "headers count"),
        (bytes((2 * 6, 0, 0, 0, 1, 1, 1)), "headers count"),
        (bytes((2 * 8, 0, 0, 0, 1, 1, 2, 1, 1)), "header without key"),
        (bytes((2 * 9, 0, 0, 0, 1, 1, 2, 2, 0xFF, 1)), "utf-8"),
        (bytes((1, 0, 0, 0, 1, 1, 0)), "off its length"),
        (b"\x80" * 20, "more than ten bytes"),
    ],
)
def test_records_no_writer_makes_are_refused(payload: bytes, reason: str) -> None:
    header = parse_batch_header(build_batch([Record(0, 0, None, None, [])]))
    with pytest.raises(ProtocolError, match=reason):
        read_records(payload, header)


def test_numbers_are_zigzag_varints_of_up_to_64_bits() -> None:
    """Kafka: ByteUtils.writeVarlong."""
    assert [zigzag(value) for value in (0, -1, 1, -64, 63, 64)] == [b"\0", b"\1", b"\2", b"\x7f", b"\x7e", b"\x80\x01"]
    assert zigzag(-(2**63)) == b"\xff" * 9 + b"\x01"
    records = [Record(0, 0, None, None, []), Record(1, 2**63 - 1, None, None, [])]
    out = io.BytesIO(write_records(records, 0, 0))
    header = parse_batch_header(build_batch(records))
    assert read_records(out.getvalue(), header) == records


def test_a_lenient_reader_keeps_the_bytes_of_header_names_that_are_no_utf8() -> None:
    header = parse_batch_header(build_batch([Record(0, 0, None, None, [])]))
    payload = bytes((2 * 9, 0, 0, 0, 1, 1, 2, 2, 0xFF, 1))

    records = read_records(payload, header, lenient=True)

    assert [name.encode(errors="surrogateescape") for name, _ in records[0].headers] == [b"\xff"]
    assert write_records(records, 0, 0) == payload
    with pytest.raises(ProtocolError, match="utf-8"):
        decode_records(build_batch(records))
    assert decode_records(build_batch(records), lenient=True) == records
