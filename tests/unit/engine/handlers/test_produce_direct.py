"""The short way of Produce does and answers what the general way does, or nothing (`engine.handlers.produce_direct`)."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import KafkaError
from engine.handlers import api_00_produce
from engine.handlers.produce_direct import FORMS_MAX, ProduceForms, WaitingAnswer, produce_directly, records_of
from engine.log import AppendInfo, LogConfig
from engine.net.context import RequestContext
from engine.net.server import Pending
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.headers import decode_request_header, encode_request, encode_response
from engine.protocol.messages import ProduceRequest
from engine.types import TopicPartition

VERSIONS = range(3, 14)
TOPIC_ID = bytes(range(16))


class FakePartition:
    """Takes everything; replicated when the test says so."""

    def __init__(self, end_offset=10, flush_messages=2**63 - 1, refusal=None):
        self.log = SimpleNamespace(config=LogConfig(flush_messages=flush_messages))
        self.leader_id, self.leader_epoch = 1, 3
        self.appended = []
        self.end_offset = end_offset
        self.high_watermark = 0
        self.refusal = refusal
        self.replicated_code = ErrorCode.NONE
        self.waiters = []
        self.forgotten = []

    def append(self, records, acks, origin):
        if self.refusal is not None:
            raise KafkaError(self.refusal, "no")
        self.appended.append((bytes(records), acks))
        return AppendInfo(self.end_offset, self.end_offset, 5, 1_234, 2, len(records))

    def is_replicated(self, offset):
        return self.high_watermark >= offset

    def when_replicated(self, offset, waiter):
        self.waiters.append(waiter)
        return False

    def forget_waiter(self, waiter):
        self.forgotten.append(waiter)


class FakeWheel:
    def __init__(self):
        self.bucket = {}

    def bucket_after(self, delay_ms):
        return self.bucket

    def after(self, delay_ms, callback):
        ticket = SimpleNamespace(callback=callback, cancel=lambda: None)
        self.ticket = ticket
        return ticket


class FakeConnection:
    def __init__(self):
        self.memory = None
        self.ready = 0

    def answer_ready(self):
        self.ready += 1


def broker_of(partition, names=("orders",), indexes=(0,)):
    partitions = {TopicPartition(name, index): partition for name in names for index in indexes}
    replicas = SimpleNamespace(
        partitions=partitions,
        topic_name={TOPIC_ID: names[0]}.get,
        missing_code=lambda name, index: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    )
    return SimpleNamespace(replicas=replicas, timeouts=FakeWheel(), leader_hints=lambda hints, listener: [])


def request(version, *, acks=1, records=b"r" * 90, name="orders", index=0, timeout_ms=500, **values):
    row = ProduceRequest.PartitionProduceData(index=index, records=records)
    topic = ProduceRequest.TopicProduceData(partition_data=[row])
    if version >= 13:
        topic.topic_id = TOPIC_ID
    else:
        topic.name = name
    return ProduceRequest(acks=acks, timeout_ms=timeout_ms, topic_data=[topic], **values)


def frame_of(version, message, correlation_id=77, client_id="c"):
    return b"".join(encode_request(ApiKey.PRODUCE, version, correlation_id, client_id, message))[4:]


def direct(broker, connection, frame):
    return produce_directly(broker, connection, memoryview(frame))


def decoded(frame):
    """By the general codec: header, request, and where it ends."""
    header, position = decode_request_header(frame)
    message, after = ProduceRequest.decode_from(memoryview(frame)[position:], 0, header.api_version)
    return header, message, position + after


def generally(broker, frame):
    """The whole frame the general way answers with, or what it waits with."""
    header, message, _ = decoded(frame)
    context = RequestContext(0, header.api_version, header.correlation_id, header.client_id, "PLAINTEXT", "127.0.0.1")
    answer = api_00_produce.handle(broker, context, message)
    return answer if isinstance(answer, Pending) else encoded(header.api_version, header.correlation_id, answer)


def encoded(version, correlation_id, response):
    return b"".join(encode_response(ApiKey.PRODUCE, version, correlation_id, response))


@settings(max_examples=200)
@given(
    version=st.sampled_from(VERSIONS),
    acks=st.sampled_from([1, -1]),
    records=st.binary(min_size=1, max_size=300),
    name=st.text("abcXYZ._-09", min_size=1, max_size=130),
    index=st.integers(0, 2**31 - 1),
    timeout_ms=st.integers(0, 2**31 - 1),
    correlation_id=st.integers(-(2**31), 2**31 - 1),
    client_id=st.none() | st.text(max_size=20),
)
def test_it_appends_and_answers_what_the_general_way_does(
    version, acks, records, name, index, timeout_ms, correlation_id, client_id
):
    message = request(version, acks=acks, records=records, name=name, index=index, timeout_ms=timeout_ms)
    frame = frame_of(version, message, correlation_id, client_id)
    answers, partitions = [], []
    for handle in (lambda broker: direct(broker, FakeConnection(), frame), lambda broker: generally(broker, frame)):
        partition = FakePartition()
        partition.high_watermark = 11
        answers.append(handle(broker_of(partition, (name,), (index,))))
        partitions.append(partition)
    assert type(answers[0]) is bytes
    assert answers[0] == answers[1]
    assert partitions[0].appended == partitions[1].appended == [(records, acks)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("end", ["replicated", "under min isr", "lost", "timed out"])
def test_a_wait_ends_as_in_the_general_way(version, end):
    frame = frame_of(version, request(version, acks=-1))
    answers = []
    for way in ("short", "general"):
        partition = FakePartition()
        broker = broker_of(partition)
        connection = FakeConnection()
        waiting = direct(broker, connection, frame) if way == "short" else generally(broker, frame)
        assert isinstance(waiting, Pending)
        assert waiting.parts is None
        (waiter,) = partition.waiters
        if end == "timed out":
            (next(iter(broker.timeouts.bucket)) if way == "short" else broker.timeouts.ticket).callback()
            assert partition.forgotten == [waiter]
        elif end == "lost":
            waiter.on_lost(partition, ErrorCode.NOT_LEADER_OR_FOLLOWER)
        else:
            if end == "under min isr":
                partition.replicated_code = ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND
            waiter.on_replicated(partition)
        if way == "short":
            assert connection.ready == 1
            assert waiting not in broker.timeouts.bucket or end == "timed out"
            answers.append(waiting.parts[0])
        else:
            answers.append(encoded(version, 77, waiting.parts[0]))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_unusual_goes_the_general_way_and_nothing_is_done(version):
    two_rows = request(version)
    two_rows.topic_data[0].partition_data.append(ProduceRequest.PartitionProduceData(index=1, records=b"r"))
    two_topics = request(version)
    two_topics.topic_data.append(two_topics.topic_data[0])
    unusual = [
        request(version, transactional_id="t"),
        request(version, acks=2),
        request(version, records=b""),
        request(version, records=None),
        two_rows,
        two_topics,
        request(version, name="payments", index=4),
    ]
    if version >= 9:
        unusual.append(request(version, unknown_tags={9: b"x"}))
    for message in unusual:
        partition = FakePartition()
        assert direct(broker_of(partition), FakeConnection(), frame_of(version, message)) is NotImplemented
        assert partition.appended == []


@pytest.mark.parametrize("version", [0, 1, 2, 14, 99, -1])
def test_other_versions_go_the_general_way(version):
    frame = bytearray(frame_of(7, request(7)))
    frame[2:4] = version.to_bytes(2, "big", signed=True)
    assert direct(broker_of(FakePartition()), FakeConnection(), bytes(frame)) is NotImplemented


def test_a_refused_append_goes_the_general_way():
    partition = FakePartition(refusal=ErrorCode.NOT_ENOUGH_REPLICAS)
    assert direct(broker_of(partition), FakeConnection(), frame_of(9, request(9))) is NotImplemented


def test_a_log_that_is_flushed_by_count_goes_the_general_way():
    partition = FakePartition(flush_messages=5)
    assert direct(broker_of(partition), FakeConnection(), frame_of(9, request(9))) is NotImplemented
    assert partition.appended == []


def test_acks_0_has_no_answer():
    partition = FakePartition()
    assert direct(broker_of(partition), FakeConnection(), frame_of(9, request(9, acks=0))) is None
    assert len(partition.appended) == 1


def test_a_client_that_went_away_is_forgotten():
    partition = FakePartition()
    broker = broker_of(partition)
    waiting = direct(broker, FakeConnection(), frame_of(9, request(9, acks=-1)))
    assert isinstance(waiting, WaitingAnswer)
    waiting.abandon()
    assert partition.forgotten == [waiting]
    assert broker.timeouts.bucket == {}


@settings(max_examples=400)
@given(st.sampled_from(VERSIONS), st.binary(min_size=1, max_size=200), st.data())
def test_what_it_reads_in_any_frame_is_what_the_codec_reads(version, records, data):
    """With the form known already, whatever is changed, cut or added: never a view that the codec would not give."""
    forms = ProduceForms()
    frame = bytearray(frame_of(version, request(version, records=b"r" * 90)))
    assert forms.find(memoryview(frame), version) is not None
    frame = bytearray(frame_of(version, request(version, records=records)))
    for _ in range(data.draw(st.integers(0, 3))):
        frame[data.draw(st.integers(4, len(frame) - 1))] = data.draw(st.integers(0, 255))
    frame = bytes(frame[: data.draw(st.integers(10, len(frame)))]) + data.draw(st.binary(max_size=3))
    form = forms.find(memoryview(frame), version)
    found = None if form is None else records_of(memoryview(frame), form)
    if form is None or found is None:
        return
    header, message, end = decoded(frame)
    ((topic,), (row,)) = message.topic_data, message.topic_data[0].partition_data
    assert row.records == found
    assert end == len(frame)
    assert (form.acks, form.timeout_ms, form.key) == (
        message.acks, message.timeout_ms, TopicPartition(topic.name, row.index),
    )  # fmt: skip
    assert message.transactional_id is None
    assert not header.unknown_tags


def test_a_frame_cut_short_anywhere_is_left_to_the_codec():
    forms = ProduceForms()
    for version in VERSIONS:
        frame = frame_of(version, request(version))
        assert forms.find(memoryview(frame), version) is not None
        for length in range(10, len(frame)):
            short = memoryview(frame)[:length]
            form = forms.find(short, version)
            assert form is None or records_of(short, form) is None
            with pytest.raises(ProtocolError):
                decoded(short)


def test_what_is_remembered_of_a_client_is_bounded():
    forms = ProduceForms()
    for index in range(3 * FORMS_MAX):
        for name in ("orders", "payments"):
            form = forms.find(memoryview(frame_of(9, request(9, name=name, index=index))), 9)
            assert form.key == (name, index)
    assert len(forms._forms) <= FORMS_MAX
    assert len(forms._stops) == 2
