"""Frames and headers."""

import struct

import pytest

from engine.protocol.api import API_VERSIONS, ApiKey, request_class, response_class
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.headers import (
    RequestHeader,
    decode_request_header,
    decode_response_header,
    encode_request,
    encode_response,
)
from engine.protocol.messages import ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, ProduceRequest
from engine.protocol.messages import RequestHeader as RequestHeaderMessage
from engine.protocol.messages import ResponseHeader as ResponseHeaderMessage

ALL_VERSIONS = [
    (key, version)
    for key, spec in API_VERSIONS.items()
    for version in range(spec.min_version, spec.highest_version + 1)
]


@pytest.mark.parametrize("client_id", [None, "", "kcat", "Grüße"])
def test_requests_of_every_version_carry_the_header_their_version_asks_for(client_id: str | None) -> None:
    """Kafka: ApiMessageType.requestHeaderVersion."""
    for key, version in ALL_VERSIONS:
        message = request_class(key)()
        frame = b"".join(encode_request(key, version, 77, client_id, message))
        assert struct.unpack_from(">i", frame)[0] == len(frame) - 4
        header_version = 2 if API_VERSIONS[key].is_flexible(version) else 1
        expected = RequestHeaderMessage(key, version, 77, client_id).encode(header_version)
        assert frame[4:] == expected + message.encode(version)

        header, position = decode_request_header(frame, 4)
        assert header == RequestHeader(key, version, 77, client_id)
        assert request_class(key).decode(frame[position:], version) == message


def test_responses_of_every_version_carry_the_header_their_version_asks_for() -> None:
    """Kafka: ApiMessageType.responseHeaderVersion; always 0 for ApiVersions (KIP-511)."""
    for key, version in ALL_VERSIONS:
        message = response_class(key)()
        frame = b"".join(encode_response(key, version, -5, message))
        assert struct.unpack_from(">i", frame)[0] == len(frame) - 4
        header_version = 1 if API_VERSIONS[key].is_flexible(version) and key != ApiKey.API_VERSIONS else 0
        assert frame[4:] == ResponseHeaderMessage(-5).encode(header_version) + message.encode(version)

        correlation_id, position = decode_response_header(frame, key, version, 4)
        assert correlation_id == -5
        assert response_class(key).decode(frame[position:], version) == message


def test_size_and_header_are_in_the_first_buffer_and_records_stay_uncopied() -> None:
    batch = b"b" * 5000
    partition = ProduceRequest.PartitionProduceData(0, batch)
    request = ProduceRequest(topic_data=[ProduceRequest.TopicProduceData("t", partition_data=[partition])])
    parts = encode_request(ApiKey.PRODUCE, 9, 1, "c", request)
    assert struct.unpack_from(">i", parts[0])[0] == sum(map(len, parts)) - 4
    assert any(part is batch for part in parts)


def test_unknown_tagged_fields_of_a_header_are_kept_or_skipped() -> None:
    data = RequestHeaderMessage(3, 12, 1, "c", unknown_tags={4: b"abc"}).encode(2)
    header, position = decode_request_header(data)
    assert header.unknown_tags == {4: b"abc"}
    assert position == len(data)
    data = ResponseHeaderMessage(9, unknown_tags={4: b"abc"}).encode(1)
    assert decode_response_header(data, ApiKey.METADATA, 12) == (9, len(data))


def test_of_an_api_versions_request_from_the_future_only_the_prefix_is_read() -> None:
    """KIP-511: the answer is version 0 with UNSUPPORTED_VERSION, whatever follows the client id."""
    data = RequestHeaderMessage(18, 99, 5, "new").encode(1) + b"\xff\xff\xff"
    header, position = decode_request_header(data)
    assert (header.api_version, header.correlation_id, header.client_id) == (99, 5, "new")
    assert position == len(data) - 3


def test_a_known_api_in_an_unknown_version_still_has_a_header() -> None:
    """Whether the version is served is not for the header to say."""
    header, _ = decode_request_header(RequestHeaderMessage(3, 99, 5, "c").encode(2))
    assert header.api_version == 99


def test_an_unknown_api_key_is_refused() -> None:
    for key in (4, 7, 93, -1, 32000):
        with pytest.raises(ProtocolError, match=f"unknown API key {key}") as caught:
            decode_request_header(RequestHeaderMessage(key, 0, 1, None).encode(1))
        assert caught.value.kind is Blame.REMOTE


def test_a_request_header_cut_short_is_refused() -> None:
    data = RequestHeaderMessage(3, 12, 1, "client", unknown_tags={1: b"xyz"}).encode(2)
    for cut in range(len(data)):
        with pytest.raises(ProtocolError) as caught:
            decode_request_header(b"\0\0\0\0" + data[:cut], 4)
        assert caught.value.message_name == "RequestHeader"
        assert caught.value.byte_position is not None


def test_a_response_header_cut_short_is_refused() -> None:
    data = ResponseHeaderMessage(1, unknown_tags={1: b"xyz"}).encode(1)
    for cut in range(len(data)):
        with pytest.raises(ProtocolError):
            decode_response_header(data[:cut], ApiKey.METADATA, 12)


def test_garbage_raises_nothing_but_protocol_error() -> None:
    import random

    rng = random.Random(1)
    for _ in range(3000):
        data = bytearray(rng.randbytes(rng.randrange(30)))
        if len(data) > 2:
            data[0] = 0
            data[1] = rng.randrange(93)
        for call in (lambda: decode_request_header(data), lambda: decode_response_header(data, 3, 12)):  # noqa: B023
            try:
                call()
            except ProtocolError:
                continue


def test_a_client_id_must_be_utf_8() -> None:
    with pytest.raises(ProtocolError, match="UTF-8"):
        decode_request_header(struct.pack(">hhih", 3, 0, 1, 2) + b"\xff\xfe")


def test_what_does_not_fit_a_header_is_refused() -> None:
    with pytest.raises(ProtocolError) as caught:
        encode_request(3, 0, 2**31, "c", MetadataRequest())
    assert caught.value.kind is Blame.LOCAL
    with pytest.raises(ProtocolError):
        encode_request(3, 0, 1, "c" * 40000, MetadataRequest())
    with pytest.raises(ProtocolError):
        encode_response(18, 0, 2**31, ApiVersionsResponse())
    with pytest.raises(ProtocolError):
        encode_request(18, 3, 1, "\ud800", ApiVersionsRequest())
