"""What a reader may see of a fetch answer."""

import pytest

from console.records import fetching
from console.records.fetching import read_fetch_response
from console.records.model import Visibility
from engine.net.cluster_view import PartitionView, TopicView
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import EndTxnMarker, FetchResponse
from engine.protocol.records.compression import Compression
from engine.protocol.records.control import ControlType, build_control_batch
from engine.protocol.records.record import Record, build_batch
from engine.types import TopicPartition

ORDERS = TopicPartition("orders", 0)
TOPICS = {
    "orders": TopicView(
        "orders", b"1" * 16, False, ErrorCode.NONE, (PartitionView(0, 1, 0, (1,), (1,), (), ErrorCode.NONE),)
    )
}


def batch(offset, *values, producer_id=-1, transactional=False):
    return build_batch(
        [Record(offset + index, 1000, None, value, []) for index, value in enumerate(values)],
        base_offset=offset,
        producer_id=producer_id,
        producer_epoch=0 if producer_id >= 0 else -1,
        base_sequence=0 if producer_id >= 0 else -1,
        is_transactional=transactional,
    )


def marker(kind, offset, producer_id):
    return build_control_batch(
        kind, EndTxnMarker(), offset=offset, timestamp=1000, producer_id=producer_id, producer_epoch=0
    )


def read(data, position=0, aborted=(), committed=False, markers=False, shows_aborted=False):
    response = FetchResponse(
        responses=[
            FetchResponse.FetchableTopicResponse(
                topic_id=b"1" * 16,
                partitions=[
                    FetchResponse.PartitionData(
                        partition_index=0,
                        high_watermark=100,
                        records=memoryview(data),
                        aborted_transactions=[
                            FetchResponse.AbortedTransaction(producer_id=producer, first_offset=first)
                            for producer, first in aborted
                        ],
                    )
                ],
            )
        ]
    )
    (chunk,) = read_fetch_response(response, TOPICS, {ORDERS: position}, Visibility(committed, shows_aborted, markers))
    return chunk


def values(chunk):
    return [record.value for record in chunk.records]


def test_records_before_the_position_are_left_out():
    """A broker answers with whole batches."""
    chunk = read(batch(0, b"a", b"b", b"c"), position=1)

    assert values(chunk) == [b"b", b"c"]
    assert chunk.next_offset == 3


def test_a_batch_cut_at_the_end_is_left_for_the_next_fetch():
    whole = batch(0, b"a")

    chunk = read(whole + batch(1, b"b")[:-3])

    assert values(chunk) == [b"a"]
    assert chunk.next_offset == 1


def test_markers_are_hidden_and_moved_past():
    chunk = read(batch(0, b"a", producer_id=7, transactional=True) + marker(ControlType.COMMIT, 1, 7))

    assert values(chunk) == [b"a"]
    assert (chunk.next_offset, chunk.hidden) == (2, 1)


def test_aborted_records_are_hidden_from_readers_of_committed_ones_only():
    """Kafka: CompletedFetch.nextFetchedRecord."""
    data = (
        batch(0, b"aborted", producer_id=7, transactional=True)
        + batch(1, b"plain")
        + batch(2, b"other", producer_id=8, transactional=True)
        + marker(ControlType.ABORT, 3, 7)
        + batch(4, b"later", producer_id=7, transactional=True)
        + marker(ControlType.COMMIT, 5, 7)
    )

    assert values(read(data, aborted=[(7, 0)], committed=True)) == [b"plain", b"other", b"later"]
    assert values(read(data)) == [b"aborted", b"plain", b"other", b"later"]


def test_a_second_aborted_transaction_of_a_producer_is_hidden_as_well():
    data = (
        batch(0, b"first", producer_id=7, transactional=True)
        + marker(ControlType.ABORT, 1, 7)
        + batch(2, b"kept", producer_id=7, transactional=True)
        + marker(ControlType.COMMIT, 3, 7)
        + batch(4, b"second", producer_id=7, transactional=True)
        + marker(ControlType.ABORT, 5, 7)
    )

    assert values(read(data, aborted=[(7, 0), (7, 4)], committed=True)) == [b"kept"]


def test_markers_and_aborted_records_are_shown_as_what_they_are_when_asked_for():
    data = (
        batch(0, b"aborted", producer_id=7, transactional=True)
        + marker(ControlType.ABORT, 1, 7)
        + batch(2, b"kept", producer_id=7, transactional=True)
        + marker(ControlType.COMMIT, 3, 7)
    )

    chunk = read(data, aborted=[(7, 0)], committed=True, markers=True, shows_aborted=True)

    assert [record.offset for record in chunk.records] == [0, 1, 2, 3]
    assert [(facts.aborted, facts.control) for _, facts in chunk.batches] == [
        (True, None),
        (False, "abort"),
        (False, None),
        (False, "commit"),
    ]
    assert chunk.hidden == 0


def test_a_damaged_batch_is_told_and_moved_past():
    """One bad batch must not hide all that follow."""
    broken = bytearray(batch(1, b"broken", b"too"))
    broken[61] = 0x7F  # the length of its first record

    chunk = read(batch(0, b"a") + bytes(broken) + batch(3, b"b"))

    assert values(chunk) == [b"a", b"b"]
    (damaged,) = chunk.damaged
    assert (damaged.base_offset, damaged.last_offset, damaged.records_count) == (1, 2, 2)
    assert "orders-0, offsets 1 to 2" in str(damaged)


def test_header_names_that_are_no_utf8_keep_their_bytes():
    name = b"n\xff".decode(errors="surrogateescape")
    data = build_batch([Record(0, 1, b"k", b"v", [(name, b"x")])])

    (record,) = read(data).records

    assert record.headers == [(name, b"x")]
    assert record.headers[0][0].encode(errors="surrogateescape") == b"n\xff"


def test_what_is_cut_off_takes_its_batches_along():
    chunk = read(batch(0, b"a", b"b") + batch(2, b"c"))

    chunk.cut(1)

    assert (values(chunk), chunk.next_offset, [start for start, _ in chunk.batches]) == ([b"a"], 1, [0])


@pytest.mark.parametrize("compression", list(Compression))
def test_batches_that_would_unpack_to_too_much_are_left_for_the_next_fetch(compression, monkeypatch):
    """A mebibyte on the wire can stand for gigabytes. What was not packed came over the wire: it is not held back."""
    monkeypatch.setattr(fetching, "UNPACKED_BYTES_MAX", 1_500)
    packed = [
        build_batch([Record(at, 1000, None, bytes(1_000), [])], base_offset=at, compression=compression)
        for at in range(4)
    ]
    data = b"".join(packed)

    chunk = read(data)
    if compression is Compression.NONE:
        assert len(values(chunk)) == 4
    else:
        assert len(values(chunk)) == 2
        assert chunk.next_offset == 2
        rest = read(data, position=chunk.next_offset)
        assert [each.offset for each in rest.records] == [2, 3]
        assert rest.next_offset == 4
