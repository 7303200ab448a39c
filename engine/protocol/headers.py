"""Frames and headers: what precedes every request and response.

A frame is an int32 size, then so many bytes: a header and a message.

    request header v1   api_key int16, api_version int16, correlation_id int32, client_id nullable string
    request header v2   the same and a tagged section; the client id keeps its classic int16 length (KIP-482)
    response header v0  correlation_id int32
    response header v1  the same and a tagged section

The newer headers go with the flexible versions of a message, except that an ApiVersions response always has header v0,
so that a client can read the answer to a version it guessed (KIP-511).
"""

import struct

import msgspec

from engine.protocol.api import API_VERSIONS, ApiKey
from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.message import Message
from engine.protocol.wire import Malformed, read_unknown_tags, read_uvarint

SIZE_BYTES = 4
"""Width of the size in front of a frame."""

_NEVER = 1 << 16
_FLEXIBLE_FROM: dict[int, int] = {
    int(key): _NEVER if spec.flexible_from is None else spec.flexible_from for key, spec in API_VERSIONS.items()
}
_API_VERSIONS_KEY = int(ApiKey.API_VERSIONS)
_API_VERSIONS_MAX = API_VERSIONS[ApiKey.API_VERSIONS].highest_version

_unpack_request = struct.Struct(">hhih").unpack_from
_pack_request = struct.Struct(">ihhih").pack
_pack_response = struct.Struct(">ii").pack
_unpack_response = struct.Struct(">i").unpack_from


class RequestHeader(msgspec.Struct):
    """The header of a request, v1 or v2."""

    api_key: int
    api_version: int
    correlation_id: int
    """Chosen by the client, echoed in the response."""
    client_id: str | None = None
    unknown_tags: dict[int, bytes] | None = None


def decode_request_header(frame: Buffer, position: int = 0) -> tuple[RequestHeader, int]:
    """The header at `position` of a frame (after its size), and where the message begins.

    Of an ApiVersions request of a version we do not know, only the prefix up to the client id is read and the position
    after that is returned: what follows may have any form, and the answer needs no more (KIP-511). A version of another
    API that does not exist is not an error here. Raises ProtocolError (remote) for an unknown API key or a damaged
    header.
    """
    try:
        api_key, api_version, correlation_id, length = _unpack_request(frame, position)
        flexible_from = _FLEXIBLE_FROM[api_key]
        after = position + 10
        client_id = None
        if length >= 0:
            stop = after + length
            client_id = str(frame[after:stop], "utf-8")
            after = stop
        unknown = None
        end = len(frame)
        if api_version >= flexible_from and not (api_key == _API_VERSIONS_KEY and api_version > _API_VERSIONS_MAX):
            count = frame[after]
            after += 1
            if count:
                unknown, after = read_unknown_tags(frame, after, count, end)
        if after > end:
            raise Malformed("client id past the end")
    except Exception as error:
        raise _explain_header(frame, position, error) from error
    return RequestHeader(api_key, api_version, correlation_id, client_id, unknown), after


def _explain_header(frame: Buffer, position: int, error: Exception) -> ProtocolError:
    remaining = len(frame) - position
    if remaining < 10:
        reason = f"a request header has at least 10 bytes, {max(remaining, 0)} remain"
    else:
        api_key, api_version, _, length = _unpack_request(frame, position)
        position += 10
        if api_key not in _FLEXIBLE_FROM:
            reason = f"unknown API key {api_key} (version {api_version})"
        elif length > remaining - 10:
            reason = f"client id of {length} bytes, {remaining - 10} remain"
        elif isinstance(error, UnicodeDecodeError):
            reason = "client id is not UTF-8"
        else:
            position += max(length, 0)
            reason = "damaged tagged section"
    return ProtocolError(Blame.REMOTE, reason, message_name="RequestHeader", byte_position=position)


def decode_response_header(frame: Buffer, api_key: int, api_version: int, position: int = 0) -> tuple[int, int]:
    """The correlation id at `position` of a frame (after its size), and where the message begins.

    Unknown tagged fields of the header are skipped. Raises ProtocolError (remote) for a damaged header.
    """
    try:
        (correlation_id,) = _unpack_response(frame, position)
        after = position + 4
        if _response_header_is_flexible(api_key, api_version):
            count, after = read_uvarint(frame, after)
            for _ in range(count):
                _, after = read_uvarint(frame, after)
                size, after = read_uvarint(frame, after)
                after += size
        if after > len(frame):
            raise Malformed("tagged field past the end")
    except Exception as error:
        raise ProtocolError(
            Blame.REMOTE, "damaged or cut short", message_name="ResponseHeader", byte_position=position
        ) from error
    return int(correlation_id), after


def encode_request(
    api_key: int, api_version: int, correlation_id: int, client_id: str | None, message: Message
) -> list[Buffer]:
    """A whole frame: size, header and `message` in its version `api_version`.

    The size and the header are part of the first buffer. Raises ProtocolError (local) for what cannot be written.
    """
    parts = message.encode_parts(api_version)
    try:
        name = b"" if client_id is None else client_id.encode()
        tags = b"\0" if api_version >= _FLEXIBLE_FROM[api_key] else b""
        size = 10 + len(name) + len(tags) + sum(map(len, parts))
        prefix = _pack_request(size, api_key, api_version, correlation_id, -1 if client_id is None else len(name))
    except Exception as error:
        raise _unwritable("RequestHeader", error) from error
    parts[0] = b"".join((prefix, name, tags, parts[0]))
    return parts


def encode_response(api_key: int, api_version: int, correlation_id: int, message: Message) -> list[Buffer]:
    """A whole frame: size, header and `message` in its version `api_version`.

    The size and the header are part of the first buffer. Raises ProtocolError (local) for what cannot be written.
    """
    parts = message.encode_parts(api_version)
    size = 4 + sum(map(len, parts))
    try:
        if _response_header_is_flexible(api_key, api_version):
            parts[0] = b"".join((_pack_response(size + 1, correlation_id), b"\0", parts[0]))
        else:
            parts[0] = _pack_response(size, correlation_id) + parts[0]
    except Exception as error:
        raise _unwritable("ResponseHeader", error) from error
    return parts


def _unwritable(name: str, error: Exception) -> ProtocolError:
    return ProtocolError(Blame.LOCAL, f"cannot be written: {error!r}", message_name=name)


def _response_header_is_flexible(api_key: int, api_version: int) -> bool:
    return api_version >= _FLEXIBLE_FROM[api_key] and api_key != _API_VERSIONS_KEY
