"""What compiled code does for every message in every version, against its plain twin and against broken bytes."""

import random
import tracemalloc
from collections.abc import Callable

import pytest

from engine.protocol.errors import Blame, ProtocolError, UnsupportedVersionError
from engine.protocol.message import Message
from engine.protocol.messages import (
    ApiVersionsRequest,
    DescribeTopicPartitionsResponse,
    FetchRequest,
    FetchResponse,
    JoinGroupRequest,
    MetadataRequest,
    MetadataResponse,
    ProduceRequest,
    RegisterBrokerRecord,
    SaslHandshakeRequest,
)
from engine.protocol.reference import ReferenceDecoder, ReferenceEncoder

Make = Callable[..., Message]


def test_compiled_code_does_what_its_plain_twin_does(
    make_message: Make, message_class: type[Message], version: int
) -> None:
    for seed in range(4):
        message = make_message(message_class, version, seed, unknown_tags=True)
        data = message.encode(version)
        assert data == ReferenceEncoder(message_class.SCHEMA, version, message_class.STRUCTS).message(message)
        decoder = ReferenceDecoder(message_class.SCHEMA, version, message_class.STRUCTS, data, 0)
        assert message_class.decode(data, version) == decoder.message() == message
        decoder.check_end()
        assert b"".join(message.encode_parts(version)) == data


def test_any_buffer_decodes_alike_and_from_any_position(
    make_message: Make, message_class: type[Message], version: int
) -> None:
    message = make_message(message_class, version, 7, small=True)
    data = message.encode(version)
    padded = b"\xff\xff\xff" + data + b"\xff\xff"
    assert message_class.decode(bytearray(data), version) == message
    assert message_class.decode(memoryview(padded)[3:-2], version) == message
    for buffer in (padded, bytearray(padded), memoryview(padded)):
        assert message_class.decode_from(buffer, 3, version) == (message, 3 + len(data))


def test_a_message_cut_short_at_any_byte_is_refused(
    make_message: Make, message_class: type[Message], version: int
) -> None:
    data = make_message(message_class, version, 3, small=True).encode(version)
    cuts = range(len(data)) if len(data) <= 150 else random.Random(1).sample(range(len(data)), 150)
    for cut in cuts:
        with pytest.raises(ProtocolError) as caught:
            message_class.decode(data[:cut], version)
        assert caught.value.kind is Blame.REMOTE
        assert caught.value.message_name == message_class.__name__
        assert caught.value.byte_position is not None
        assert caught.value.byte_position <= cut


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_large_messages_cut_short_at_every_byte_are_refused(
    make_message: Make, message_class: type[Message], version: int
) -> None:
    for seed in range(3):
        data = make_message(message_class, version, seed, unknown_tags=True).encode(version)
        for cut in range(0, len(data), 1 + len(data) // 2000):
            with pytest.raises(ProtocolError):
                message_class.decode(memoryview(data)[:cut], version)


def test_bytes_that_follow_a_message_are_refused(
    make_message: Make, message_class: type[Message], version: int
) -> None:
    data = make_message(message_class, version, 4, small=True).encode(version)
    with pytest.raises(ProtocolError, match="follow the message"):
        message_class.decode(data + b"\0", version)


def test_damaged_bytes_raise_nothing_but_protocol_error(
    make_message: Make, message_class: type[Message], version: int
) -> None:
    rng = random.Random(f"{message_class.__name__} {version}")
    sound = make_message(message_class, version, 5, small=True).encode(version)
    for _ in range(60):
        data = bytearray(sound)
        for _ in range(rng.randint(1, 3)):
            if data:
                data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)))
        garbage = bytes(data) if rng.random() < 0.7 else rng.randbytes(rng.randrange(60))
        try:
            message_class.decode(garbage, version)
        except ProtocolError as error:
            assert error.kind is Blame.REMOTE  # noqa: PT017, it need not be raised
            assert error.message_name == message_class.__name__  # noqa: PT017


def test_a_huge_count_or_length_allocates_nothing(message_class: type[Message]) -> None:
    patterns = [
        bytes((0x7F, 0xFF, 0xFF, 0xFF)) * 16,
        bytes((0xFF, 0xFF, 0xFF, 0xFF, 0x07)) * 13,
        bytes((0x00, 0xFF, 0xFF, 0xFF, 0x07)) * 13,
        bytes((0x00, 0x00, 0x7F, 0xFF)) * 16,
    ]
    for version in (message_class.MIN_VERSION, message_class.MAX_VERSION):
        for pattern in patterns:
            for shift in range(5):
                data = bytes(shift) + pattern
                _decode_quietly(message_class, data, version)  # compiles, and warms the explanation up
                tracemalloc.start()
                _decode_quietly(message_class, data, version)
                _, peak = tracemalloc.get_traced_memory()
                tracemalloc.stop()
                assert peak < 100_000, f"{peak} bytes for {data.hex()}"


def _decode_quietly(message_class: type[Message], data: bytes, version: int) -> None:
    try:
        message_class.decode(data, version)
    except ProtocolError:
        return


def test_a_wrong_value_anywhere_is_refused_with_its_field(
    make_message: Make, message_class: type[Message], version: int
) -> None:
    rng = random.Random(f"{message_class.__name__} {version}")
    for used in message_class.SCHEMA.root.fields:
        for wrong in (object(), 2**70, "\ud800", b"\0" * 15, None, [object()], 1.5):
            message = make_message(message_class, version, rng.randrange(100), small=True)
            setattr(message, used.name, wrong)
            try:
                message.encode(version)
            except ProtocolError as error:
                assert error.kind is Blame.LOCAL  # noqa: PT017, some wrong values are right ones
                assert error.field_path is not None  # noqa: PT017
                assert error.field_path.startswith(used.name)  # noqa: PT017


def test_versions_that_do_not_exist_are_refused(message_class: type[Message]) -> None:
    for version in (message_class.MIN_VERSION - 1, message_class.MAX_VERSION + 1):
        with pytest.raises(UnsupportedVersionError):
            message_class().encode(version)
        with pytest.raises(UnsupportedVersionError):
            message_class.decode(b"", version)


def test_records_are_views_in_and_parts_out() -> None:
    """A batch is not copied on its way through a broker."""
    batch = bytearray(b"r" * 5000)
    topic = ProduceRequest.TopicProduceData
    partition = ProduceRequest.PartitionProduceData
    request = ProduceRequest(None, -1, 1000, [topic("orders", partition_data=[partition(0, batch)])])

    parts = request.encode_parts(9)
    assert any(part is batch for part in parts)

    frame = bytearray(b"".join(parts))
    records = ProduceRequest.decode(frame, 9).topic_data[0].partition_data[0].records
    assert isinstance(records, memoryview)
    frame[frame.rindex(b"r")] = ord("R")
    assert records[-1] == ord("R")


def test_records_given_as_several_buffers_follow_each_other() -> None:
    partition = FetchResponse.PartitionData
    pieces = [b"abc", memoryview(b"x" * 3000), bytearray(b"de")]
    response = FetchResponse(
        responses=[FetchResponse.FetchableTopicResponse("orders", partitions=[partition(0, records=pieces)])]
    )
    for version in (4, 12):
        parts = response.encode_parts(version)
        assert all(any(part is piece for part in parts) for piece in pieces)
        decoded = FetchResponse.decode(b"".join(parts), version)
        assert decoded.responses[0].partitions[0].records == b"".join(pieces)


def test_messages_without_records_do_not_keep_the_buffer() -> None:
    """The buffer a frame was received in may be used again as soon as such a message is decoded."""
    protocol = JoinGroupRequest.JoinGroupRequestProtocol("range", b"metadata")
    buffer = bytearray(JoinGroupRequest(group_id="g", protocols=[protocol]).encode(9))
    request = JoinGroupRequest.decode(memoryview(buffer), 9)
    buffer[:] = bytes(len(buffer))
    assert request.protocols[0].metadata == b"metadata"


def test_unknown_tagged_fields_are_kept_apart_and_written_back_in_order() -> None:
    """KIP-482: a receiver keeps what it does not know; tags ascend, known and unknown together."""
    request = FetchRequest(cluster_id="c", unknown_tags={70: b"seventy", 9: b""})
    data = request.encode(12)
    assert FetchRequest.decode(data, 12).unknown_tags == {9: b"", 70: b"seventy"}
    assert FetchRequest.decode(data, 12).encode(12) == data


def test_an_unknown_tag_may_not_be_a_known_one() -> None:
    with pytest.raises(ProtocolError, match="tag 0 is a known one"):
        FetchRequest(unknown_tags={0: b""}).encode(12)


def test_versions_without_tagged_fields_refuse_them() -> None:
    with pytest.raises(ProtocolError, match="no tagged fields"):
        SaslHandshakeRequest("PLAIN", unknown_tags={1: b""}).encode(1)


def test_the_same_tag_twice_is_refused() -> None:
    data = ApiVersionsRequest("a", "b", unknown_tags={5: b"x"}).encode(3)
    assert data.endswith(b"\x01\x05\x01x")
    with pytest.raises(ProtocolError, match="twice"):
        ApiVersionsRequest.decode(data[:-4] + b"\x02\x05\x01x\x05\x01y", 3)


def test_a_known_tagged_field_must_fill_its_size() -> None:
    data = FetchRequest(cluster_id="c").encode(12)
    assert data.endswith(b"\x01\x00\x02\x02c")
    with pytest.raises(ProtocolError, match="cluster_id"):
        FetchRequest.decode(data[:-5] + b"\x01\x00\x03\x02c\x00", 12)


def test_an_ignorable_field_is_dropped_and_another_refused_where_the_version_has_none() -> None:
    """Kafka: "ignorable" in the message definitions; UnsupportedVersionException otherwise."""
    assert FetchRequest.decode(FetchRequest(rack_id="r").encode(4), 4).rack_id == ""
    with pytest.raises(ProtocolError) as caught:
        MetadataRequest(allow_auto_topic_creation=False).encode(3)
    assert caught.value.kind is Blame.LOCAL
    assert caught.value.field_path == "allow_auto_topic_creation"


def test_null_is_refused_where_the_version_allows_none() -> None:
    with pytest.raises(ProtocolError, match=r"MetadataRequest v0 topics: null"):
        MetadataRequest(topics=None).encode(0)
    topic = MetadataResponse.MetadataResponseTopic(name=None)
    with pytest.raises(ProtocolError, match=r"topics\[0\]\.name: null"):
        MetadataResponse(topics=[topic]).encode(11)
    assert MetadataResponse.decode(MetadataResponse(topics=[topic]).encode(12), 12).topics[0].name is None


def test_nullable_structs_carry_a_byte_in_front() -> None:
    """KIP-893."""
    cursor = DescribeTopicPartitionsResponse.Cursor("orders", 3)
    for value in (None, cursor):
        data = DescribeTopicPartitionsResponse(next_cursor=value).encode(0)
        assert data[5] == (0xFF if value is None else 1)
        assert DescribeTopicPartitionsResponse.decode(data, 0).next_cursor == value


def test_an_error_says_message_version_field_and_byte() -> None:
    topics = [FetchRequest.FetchTopic(name) for name in ("first", "second")]
    data = bytearray(FetchRequest(topics=topics).encode(12))
    length_at = data.index(b"second") - 1
    data[length_at] = 0
    with pytest.raises(ProtocolError) as caught:
        FetchRequest.decode(data, 12)
    error = caught.value
    assert (error.message_name, error.version, error.field_path) == ("FetchRequest", 12, "topics[1].topic")
    assert error.byte_position == length_at + 1
    assert str(error).startswith(f"FetchRequest v12 topics[1].topic at byte {length_at + 1}: null")


def test_text_must_be_strict_utf_8_and_no_longer_than_kafka_writes() -> None:
    data = bytearray(ApiVersionsRequest("abc", "1").encode(3))
    data[2] = 0xFF
    with pytest.raises(ProtocolError, match="UTF-8"):
        ApiVersionsRequest.decode(data, 3)
    assert (
        ApiVersionsRequest.decode(ApiVersionsRequest("x" * 32767, "").encode(3), 3).client_software_name == "x" * 32767
    )
    with pytest.raises(ProtocolError, match="32768 bytes"):
        ApiVersionsRequest("x" * 32768, "").encode(3)
    with pytest.raises(ProtocolError, match="string of 32768 bytes"):
        ApiVersionsRequest.decode(b"\x81\x80\x02" + b"x" * 32768 + b"\x01\x00", 3)


def test_defaults_are_not_shared() -> None:
    first, second = RegisterBrokerRecord(), RegisterBrokerRecord()
    first.end_points.append(RegisterBrokerRecord.BrokerEndpoint("a"))
    assert second.end_points == []
    a, b = FetchResponse.PartitionData(), FetchResponse.PartitionData()
    a.diverging_epoch.epoch = 7
    assert b.diverging_epoch.epoch == -1
    data = FetchRequest().encode(12)
    assert FetchRequest.decode(data, 12).topics is not FetchRequest.decode(data, 12).topics


@pytest.mark.parametrize("count", [0, 1, 63, 64, 126, 127, 128, 300, 20000])
def test_arrays_of_any_size_survive(count: int) -> None:
    brokers = list(range(count))
    partition = MetadataResponse.MetadataResponsePartition(replica_nodes=brokers)
    response = MetadataResponse(topics=[MetadataResponse.MetadataResponseTopic(name="t", partitions=[partition])])
    for version in (8, 12):
        assert (
            MetadataResponse.decode(response.encode(version), version).topics[0].partitions[0].replica_nodes == brokers
        )
