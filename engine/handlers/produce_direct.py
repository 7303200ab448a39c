"""The short way of a Produce that names one partition: no message objects, one `pack` for the answer.

Producers that do not batch send the same request again and again: only the correlation id, the records and their length
differ. Everything else, the `ProduceForm`, is decoded once per connection by the general codec and looked up by its bytes
afterwards; so nothing is parsed here that the general codec did not parse first. Whatever is unusual (several
partitions, a transactional id, bytes behind the message, an error of any kind) is left to `api_00_produce`, which then
does and answers it as if this were not there.

What is remembered is bounded by `FORMS_MAX` per connection.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from engine.errors import KafkaError
from engine.log import AppendInfo, AppendOrigin
from engine.net.server import Pending, ServerConnection
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.headers import decode_request_header, encode_response
from engine.protocol.messages import ProduceRequest, ProduceResponse
from engine.types import TopicPartition

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.broker.broker import Broker
    from engine.broker.delayed import Bucket
    from engine.broker.partition import Partition

MIN_VERSION, MAX_VERSION = 3, 13
FORMS_MAX = 64
"""Forms of requests remembered per connection."""

_FIRST_FLEXIBLE = 9
_FIRST_WITH_TOPIC_IDS = 13
_FIRST_WITH_LOG_START = 5
_AFTER_CORRELATION_ID = 8
_LONG_MAX = 2**63 - 1
_CLIENT = AppendOrigin.CLIENT
_NONE = ErrorCode.NONE

_unpack_version = struct.Struct(">2xhi").unpack_from
_unpack_length = struct.Struct(">i").unpack_from


class ProduceForm:
    """All of a request but its correlation id and records, and all of its answer but what the append says."""

    __slots__ = ("acks", "key", "pack_answer", "stop", "timeout_ms", "topic_id", "version")

    def __init__(self, version: int, request: ProduceRequest, stop: int) -> None:
        (topic,) = request.topic_data
        (row,) = topic.partition_data
        self.version = version
        self.acks: int = request.acks
        self.timeout_ms: int = request.timeout_ms
        self.topic_id: bytes | None = topic.topic_id if version >= _FIRST_WITH_TOPIC_IDS else None
        self.key = TopicPartition(topic.name, row.index)
        """Without the name when the topic goes by its id."""
        self.stop = stop
        """Where in the frame the length of the records is."""
        self.pack_answer = _packer(version, topic, row.index)
        """(correlation id, error code, first offset, log append time in ms, log start offset) -> a whole frame."""


class ProduceForms:
    """The forms one client has used, by their bytes."""

    __slots__ = ("_forms", "_stops", "version")

    def __init__(self) -> None:
        self.version = -1
        self._forms: dict[bytes, ProduceForm] = {}
        self._stops: tuple[int, ...] = ()

    def find(self, frame: memoryview, version: int) -> ProduceForm | None:
        """The form of that request, learned if need be; None when it goes the general way."""
        if version == self.version:
            forms = self._forms
            for stop in self._stops:
                form = forms.get(bytes(frame[_AFTER_CORRELATION_ID:stop]))
                if form is not None:
                    return form
        form = _form_of(frame, version)
        if form is not None:
            if version != self.version or len(self._forms) >= FORMS_MAX:
                self.version = version
                self._forms.clear()
                self._stops = ()
            self._forms[bytes(frame[_AFTER_CORRELATION_ID : form.stop])] = form
            if form.stop not in self._stops:
                self._stops = (form.stop, *self._stops)
        return form


def produce_directly(broker: Broker, connection: ServerConnection, frame: memoryview) -> Any:
    """`engine.net.dispatch.Direct` of Produce."""
    version, correlation_id = _unpack_version(frame)
    forms: ProduceForms | None = connection.memory
    if forms is None:
        forms = connection.memory = ProduceForms()
    form = forms.find(frame, version)
    if form is None:
        return NotImplemented
    records = records_of(frame, form)
    if records is None:
        return NotImplemented
    replicas = broker.replicas
    key = form.key
    if form.topic_id is not None:
        name = replicas.topic_name(form.topic_id)
        if name is None:
            return NotImplemented
        key = TopicPartition(name, key.partition)
    partition = replicas.partitions.get(key)
    if partition is None or partition.log is None or partition.log.config.flush_messages != _LONG_MAX:
        return NotImplemented
    acks = form.acks
    try:
        info = partition.append(records, acks, _CLIENT)
    except KafkaError:
        return NotImplemented  # nothing was written, and the general way finds and answers the same
    if acks == 0:
        return None
    code = _NONE
    if acks == -1:
        end_offset = info.last_offset + 1
        if not partition.is_replicated(end_offset):
            waiting = WaitingAnswer(connection, form, correlation_id, info, partition)
            partition.when_replicated(end_offset, waiting)
            waiting.bucket = bucket = broker.timeouts.bucket_after(form.timeout_ms)
            bucket[waiting] = None
            return waiting
        code = partition.replicated_code
    return form.pack_answer(correlation_id, code, info.first_offset, info.log_append_time_ms, info.log_start_offset)


class WaitingAnswer(Pending):
    """An acks=all produce that is not replicated yet, at once its answer's place in the connection's queue, what the
    partition wakes, and what times out: one object, as there may be hundreds of thousands a second."""

    __slots__ = ("_correlation_id", "_form", "_info", "_partition", "bucket")

    def __init__(
        self,
        connection: ServerConnection,
        form: ProduceForm,
        correlation_id: int,
        info: AppendInfo,
        partition: Partition,
    ) -> None:
        self.parts = None
        self.abandoned = False
        self._connection = connection
        self._form = form
        self._correlation_id = correlation_id
        self._info = info
        self._partition = partition
        self.bucket: Bucket | None = None
        """Where the time-out is entered; None when it no longer is."""

    def on_replicated(self, partition: Partition) -> None:
        """The high watermark passed the records (`engine.broker.partition.ProduceWaiter`)."""
        info = self._info
        self._answer(partition.replicated_code, info.first_offset)

    def on_lost(self, partition: Partition, code: ErrorCode) -> None:
        """This broker stopped leading the partition first."""
        self._answer(code, -1)

    def callback(self) -> None:
        """The time is up."""
        self.bucket = None
        self._partition.forget_waiter(self)
        self._answer(ErrorCode.REQUEST_TIMED_OUT, -1)

    def abandon(self) -> None:
        self.abandoned = True
        if self.parts is None:
            self._forget_timeout()
            self._partition.forget_waiter(self)

    def _forget_timeout(self) -> None:
        bucket = self.bucket
        if bucket is not None:
            self.bucket = None
            bucket.pop(self, None)

    def _answer(self, code: ErrorCode, base_offset: int) -> None:
        self._forget_timeout()
        info = self._info
        self.parts = (
            self._form.pack_answer(
                self._correlation_id, code, base_offset, info.log_append_time_ms, info.log_start_offset
            ),
        )
        connection = self._connection
        if connection is not None:
            connection.answer_ready()


def records_of(frame: memoryview, form: ProduceForm) -> memoryview | None:
    """The records of a request of that form, a view of the frame; None when nothing or anything else is behind it."""
    stop = form.stop
    end = len(frame)
    if form.version < _FIRST_FLEXIBLE:
        start = stop + 4
        if end <= start or _unpack_length(frame, stop)[0] != end - start:
            return None
        return frame[start:]
    # A compact length is one more than the length; behind the records are three empty tagged sections.
    start = stop
    length = shift = 0
    while True:
        if start >= end or shift > 28:
            return None
        byte = frame[start]
        start += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    after = start + length - 1
    if length < 2 or after + 3 != end or frame[after] or frame[after + 1] or frame[after + 2]:
        return None
    return frame[start:after]


def _form_of(frame: memoryview, version: int) -> ProduceForm | None:
    """What the general codec reads in the frame, where that is a request of one partition and nothing unusual."""
    if not MIN_VERSION <= version <= MAX_VERSION:
        return None
    try:
        header, position = decode_request_header(frame)
        body = frame[position:]
        request, after = ProduceRequest.decode_from(body, 0, version)
    except ProtocolError:
        return None
    if (
        header.unknown_tags
        or after != len(body)
        or request.transactional_id is not None
        or request.acks not in (0, 1, -1)
        or request.unknown_tags
        or len(request.topic_data) != 1
    ):
        return None
    (topic,) = request.topic_data
    if topic.unknown_tags or len(topic.partition_data) != 1:
        return None
    (row,) = topic.partition_data
    if row.unknown_tags or not row.records:
        return None
    size = len(row.records)
    if version < _FIRST_FLEXIBLE:
        stop = len(frame) - size - 4
    else:
        stop = len(frame) - 3 - size - _compact_length_width(size)
    form = ProduceForm(version, request, stop)
    # A length in more bytes than it needs is left to the general way.
    return form if records_of(frame, form) == row.records else None


def _compact_length_width(size: int) -> int:
    return ((size + 1).bit_length() + 6) // 7


def _packer(version: int, topic: Any, index: int) -> Callable[[int, int, int, int, int], bytes]:
    """Pack the answer as the general codec does: it writes one with marks in it, which tell where the values go."""
    mark = -0x0101010101010102  # FE FE FE FE FE FE FE FE: nothing like it is in a topic's name
    with_log_start = version >= _FIRST_WITH_LOG_START
    row = ProduceResponse.PartitionProduceResponse(
        index=index, base_offset=mark, log_append_time_ms=mark, log_start_offset=mark if with_log_start else -1
    )
    response = ProduceResponse(
        responses=[
            ProduceResponse.TopicProduceResponse(name=topic.name, topic_id=topic.topic_id, partition_responses=[row])
        ]
    )
    frame = b"".join(encode_response(ApiKey.PRODUCE, version, 0, response))
    marks = b"\xfe" * (24 if with_log_start else 16)
    values = frame.index(b"\0\0" + marks)
    before, after = frame[8:values], frame[values + 2 + len(marks) :]
    layout = struct.Struct(f">4si{len(before)}sh{'qqq' if with_log_start else 'qq'}{len(after)}s")
    size = frame[:4]
    pack = layout.pack
    if with_log_start:
        return lambda correlation_id, code, base_offset, append_time_ms, log_start_offset: pack(
            size, correlation_id, before, code, base_offset, append_time_ms, log_start_offset, after
        )
    return lambda correlation_id, code, base_offset, append_time_ms, _: pack(
        size, correlation_id, before, code, base_offset, append_time_ms, after
    )
