"""The idempotent producer against brokers that answer what the test says."""

import asyncio
import random

import pytest

from console.errors import OperatorError
from console.records.producer import RecordProducer
from console.records.producing import NewRecord
from engine.net.cluster_client import ClusterClient
from engine.net.deadlines import Backoff
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import InitProducerIdResponse, ProduceResponse
from engine.protocol.records.batch import iterate_batches
from engine.protocol.records.compression import Compression
from engine.protocol.records.record import decode_records
from tests.unit.engine.net.stub_cluster import StubCluster

pytestmark = pytest.mark.anyio


class FixedClock:
    def now_ms(self):
        return 1_700_000_000_000


class Log:
    """What the stub brokers were sent, and what they are to say."""

    def __init__(self):
        self.batches = []
        """(broker, topic id or name, partition, header, values) in order of arrival."""
        self.raw = []
        self.errors = []
        """Error codes for the next batches; none after that."""
        self.producer_ids = 100
        self.asked_for_ids = 0


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def log():
    return Log()


@pytest.fixture
async def cluster(anyio_backend, log):
    stub = StubCluster(2)
    stub.leaders = {"orders": [1, 2]}

    def produce(broker, request, version):
        topics = []
        for topic in request.topic_data:
            answers = []
            for each in topic.partition_data:
                data = bytes(each.records)
                ((_, header),) = iterate_batches(data)
                values = [record.value for record in decode_records(data)]
                log.batches.append((broker.node_id, each.index, header, values))
                log.raw.append(data)
                error = log.errors.pop(0) if log.errors else 0
                answers.append(
                    ProduceResponse.PartitionProduceResponse(
                        index=each.index, error_code=error, base_offset=-1 if error else 10 * len(log.batches)
                    )
                )
            topics.append(
                ProduceResponse.TopicProduceResponse(
                    topic_id=topic.topic_id, name=topic.name, partition_responses=answers
                )
            )
        return ProduceResponse(responses=topics)

    def init(broker, request, version):
        log.producer_ids += 1
        return InitProducerIdResponse(producer_id=log.producer_ids, producer_epoch=0)

    stub.answers[ApiKey.PRODUCE] = produce
    stub.answers[ApiKey.INIT_PRODUCER_ID] = init
    async with stub:
        yield stub


@pytest.fixture
async def client(cluster):
    options = {"backoff": Backoff(1, 5), "randomness": random.Random(1), "retry_timeout_ms": 300}
    async with ClusterClient(cluster.bootstrap(), **options) as client:
        yield client


def producer_of(client, **options):
    return RecordProducer(client, FixedClock(), **options)


def headers(log):
    return [header for _, _, header, _ in log.batches]


async def test_records_of_a_partition_travel_together_with_ascending_sequences(client, log):
    async with producer_of(client) as producer:
        for number in range(3):
            await producer.send("orders", NewRecord(None, b"%d" % number, partition=0))
        await producer.flush()
        await producer.send("orders", NewRecord(None, b"3", partition=0))

    assert [(partition, values) for _, partition, _, values in log.batches] == [(0, [b"0", b"1", b"2"]), (0, [b"3"])]
    assert [(header.producer_id, header.base_sequence) for header in headers(log)] == [(101, 0), (101, 3)]


async def test_each_batch_goes_to_the_leader_of_its_partition(client, log):
    async with producer_of(client) as producer:
        for partition in (0, 1):
            await producer.send("orders", NewRecord(None, b"x", partition=partition))

    assert sorted((broker, partition) for broker, partition, _, _ in log.batches) == [(1, 0), (2, 1)]


async def test_nobody_has_to_flush_for_a_record_to_be_sent(client):
    """Each is sent when it has waited `linger_ms`, however the loop rounds its timers."""
    async with producer_of(client, linger_ms=1) as producer:
        for number in range(100):
            delivery = await producer.send("orders", NewRecord(None, b"%d" % number, partition=0))
            await asyncio.wait_for(delivery.result(), 30)


async def test_nor_for_one_that_came_while_another_was_on_its_way(client, log):
    async with producer_of(client, linger_ms=50) as producer:
        first = await producer.send("orders", NewRecord(None, b"first", partition=0))
        while not log.batches:
            await asyncio.sleep(0)
        second = await producer.send("orders", NewRecord(None, b"second", partition=0))
        await first.result()
        await asyncio.wait_for(second.result(), 30)

    assert [values for _, _, _, values in log.batches] == [[b"first"], [b"second"]]


async def test_where_a_record_is_can_be_asked(client):
    async with producer_of(client) as producer:
        first = await producer.send("orders", NewRecord(None, b"a", partition=0))
        second = await producer.send("orders", NewRecord(None, b"b", partition=0, timestamp=5))

        placed = await first.result(), await second.result()

    assert [(each.partition, each.offset) for each in placed] == [(0, 10), (0, 11)]
    assert [each.timestamp for each in placed] == [1_700_000_000_000, 5]


@pytest.mark.parametrize(
    "error", [ErrorCode.NOT_LEADER_OR_FOLLOWER, ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.REQUEST_TIMED_OUT]
)
async def test_a_passing_error_sends_the_same_bytes_again(client, log, error):
    """KIP-98: the same sequence number is what makes a retry no duplicate."""
    log.errors = [error, error]
    async with producer_of(client) as producer:
        await producer.send("orders", NewRecord(None, b"x", partition=0))

    assert len(log.raw) == 3
    assert len(set(log.raw)) == 1
    assert producer.statistics.acknowledged_records == 1
    assert producer.statistics.retries == 2


async def test_a_duplicate_the_broker_no_longer_remembers_is_an_acknowledgement(client, log):
    log.errors = [ErrorCode.DUPLICATE_SEQUENCE_NUMBER]
    async with producer_of(client) as producer:
        delivery = await producer.send("orders", NewRecord(None, b"x", partition=0))
        assert (await delivery.result()).offset == -1

    assert producer.statistics.failed_records == 0


async def test_order_is_kept_while_a_batch_is_retried(client, log):
    log.errors = [ErrorCode.NOT_LEADER_OR_FOLLOWER]
    async with producer_of(client, batch_bytes=100, linger_ms=0) as producer:
        for number in range(20):
            await producer.send("orders", NewRecord(None, b"%02d" % number, partition=0))

    accepted = [values for _, _, _, values in log.batches[1:]]
    assert [value for values in accepted for value in values] == [b"%02d" % number for number in range(20)]


async def test_a_refused_batch_fails_and_the_next_takes_over_its_sequence(client, log):
    log.errors = [ErrorCode.INVALID_RECORD]
    async with producer_of(client) as producer:
        bad = await producer.send("orders", NewRecord(None, b"bad", partition=0))
        with pytest.raises(OperatorError, match="partition orders-0: INVALID_RECORD"):
            await bad.result()
        await producer.send("orders", NewRecord(None, b"good", partition=0))

    assert [header.base_sequence for header in headers(log)] == [0, 0]
    assert producer.statistics.failed_records == 1
    assert producer.statistics.first_error.code == ErrorCode.INVALID_RECORD


async def test_a_producer_the_broker_lost_track_of_begins_anew(client, log):
    log.errors = [ErrorCode.NONE, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER]
    async with producer_of(client) as producer:
        for value in (b"a", b"lost", b"b"):
            await producer.send("orders", NewRecord(None, value, partition=0))
            await producer.flush()

    assert [(header.producer_id, header.base_sequence) for header in headers(log)] == [(101, 0), (101, 1), (102, 0)]


async def test_a_batch_larger_than_the_topic_allows_is_sent_in_halves(client, log):
    log.errors = [ErrorCode.MESSAGE_TOO_LARGE]
    async with producer_of(client) as producer:
        deliveries = [await producer.send("orders", NewRecord(None, b"%d" % n, partition=0)) for n in range(4)]
        placed = [await delivery.result() for delivery in deliveries]

    assert [values for _, _, _, values in log.batches[1:]] == [[b"0", b"1"], [b"2", b"3"]]
    assert [header.base_sequence for header in headers(log)] == [0, 0, 2]
    assert [each.offset for each in placed] == [20, 21, 30, 31]


async def test_a_single_record_that_is_too_large_fails(client, log):
    log.errors = [ErrorCode.MESSAGE_TOO_LARGE]
    async with producer_of(client) as producer:
        delivery = await producer.send("orders", NewRecord(None, b"x", partition=0))
        with pytest.raises(OperatorError, match="MESSAGE_TOO_LARGE") as raised:
            await delivery.result()

    assert "max.message.bytes" in raised.value.hint


async def test_what_is_not_acknowledged_in_time_fails_and_the_producer_goes_on_with_a_new_id(client, log):
    log.errors = [ErrorCode.NOT_ENOUGH_REPLICAS] * 1000
    async with producer_of(client, delivery_timeout_ms=50) as producer:
        delivery = await producer.send("orders", NewRecord(None, b"x", partition=0))
        with pytest.raises(OperatorError, match=r"not acknowledged in 0\.05 s"):
            await delivery.result()
        log.errors = []
        await (await producer.send("orders", NewRecord(None, b"y", partition=0))).result()

    last = headers(log)[-1]
    assert (last.producer_id, last.base_sequence) == (102, 0)


async def test_without_acks_all_there_is_no_producer_id(client, log):
    async with producer_of(client, acks=1, compression=Compression.LZ4) as producer:
        await producer.send("orders", NewRecord(None, b"x", partition=0))

    (header,) = headers(log)
    assert (header.producer_id, header.base_sequence) == (-1, -1)
    assert header.compression == Compression.LZ4
    assert log.producer_ids == 100


async def test_sending_waits_when_too_much_is_waiting(client, cluster, log):
    gate = asyncio.Event()
    answer = cluster.answers[ApiKey.PRODUCE]

    async def slow(broker, request, version):
        await gate.wait()
        return answer(broker, request, version)

    cluster.answers[ApiKey.PRODUCE] = slow
    async with producer_of(client, buffer_bytes=1000, batch_bytes=500, linger_ms=0) as producer:
        sending = asyncio.create_task(send_many(producer, 100))
        await asyncio.sleep(0.05)
        assert not sending.done()
        assert producer.statistics.sent_records < 20
        gate.set()
        await sending

    assert producer.statistics.acknowledged_records == 100


async def send_many(producer, count):
    for _ in range(count):
        await producer.send("orders", NewRecord(None, b"x" * 100, partition=0))


async def test_a_topic_that_does_not_exist_is_said_with_the_command_that_makes_it(client):
    producer = producer_of(client)
    with pytest.raises(OperatorError, match="topic nope: UNKNOWN_TOPIC_OR_PARTITION") as raised:
        await producer.send("nope", NewRecord(None, b"x"))
    await producer.close()

    assert "stoker topics create nope" in raised.value.hint


async def test_a_partition_that_does_not_exist_is_refused_at_once(client):
    async with producer_of(client) as producer:
        with pytest.raises(OperatorError, match="topic orders has no partition 2, only 0 to 1"):
            await producer.send("orders", NewRecord(None, b"x", partition=2))


@pytest.mark.parametrize("version", [(3, 7), (3, 12), (3, 13)])
async def test_old_and_new_brokers_are_sent_what_they_understand(client, cluster, log, version):
    """Topic ids from v13 on (KIP-516); Kafka 2.1 has v7."""
    cluster.versions[ApiKey.PRODUCE] = version
    async with producer_of(client) as producer:
        delivery = await producer.send("orders", NewRecord(b"k", b"x", [("h", b"1")], partition=1))
        assert (await delivery.result()).partition == 1

    request = cluster.brokers[2].questions(ApiKey.PRODUCE)[0]
    topic = request.topic_data[0]
    assert (topic.name, topic.topic_id) == (
        ("", cluster.topic_id("orders")) if version[1] == 13 else ("orders", bytes(16))
    )
