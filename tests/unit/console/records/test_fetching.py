"""What a reader may see of a fetch answer."""

from console.records.fetching import read_fetch_response
from engine.net.cluster_view import PartitionView, TopicView
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import EndTxnMarker, FetchResponse
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


def read(data, position=0, aborted=(), committed=False):
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
    (chunk,) = read_fetch_response(response, TOPICS, {ORDERS: position}, read_committed=committed)
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
