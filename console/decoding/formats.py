"""The formats that need nothing but the bytes, by name."""

from __future__ import annotations

import base64
import struct
import uuid
from collections.abc import Callable
from typing import Any

from console.decoding.json_values import json_value
from console.decoding.model import DecodeFailure
from console.decoding.plain import not_finite, plain
from console.errors import OperatorError

Decode = Callable[[bytes], Any]
"""Bytes to what JSON can hold. Raises DecodeFailure."""


def _number(name: str, layout: str) -> Decode:
    size, unpack = struct.calcsize(layout), struct.Struct(layout).unpack

    def decode(data: bytes) -> Any:
        if len(data) != size:
            raise DecodeFailure(f"{name} has {size} bytes, not {len(data)}")
        number = unpack(data)[0]
        return number if number - number == 0 else not_finite(number)

    return decode


def utf8(data: bytes) -> str:
    """Raises DecodeFailure for bytes that are no UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DecodeFailure(f"no UTF-8: byte 0x{data[error.start]:02x} at {error.start}") from error


def uuid_text(data: bytes) -> str:
    """A UUID of 16 bytes, or as the text that Kafka's UUIDSerializer writes."""
    if len(data) == 16:
        return str(uuid.UUID(bytes=bytes(data)))
    try:
        if len(data) == 36:
            return str(uuid.UUID(data.decode("ascii")))
    except ValueError as error:
        raise DecodeFailure("36 bytes that are no UUID") from error
    raise DecodeFailure(f"a UUID has 16 bytes, or 36 as text, not {len(data)}")


def messagepack_value(data: bytes) -> Any:
    """The one MessagePack value that `data` is. Extensions are {"type": code, "base64": …}."""
    import msgspec

    try:
        value = msgspec.msgpack.decode(data, ext_hook=_extension)
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        raise DecodeFailure(f"not MessagePack: {error}") from error
    except RecursionError as error:
        raise DecodeFailure("not MessagePack: nested too deep") from error
    return plain(value)


def _extension(code: int, data: memoryview) -> Any:
    return {"type": code, "base64": base64.b64encode(data).decode("ascii")}


def cbor(data: bytes) -> Any:
    """The one CBOR item that `data` is."""
    from console.decoding.cbor import cbor_value

    return cbor_value(data)


FORMATS: dict[str, tuple[Decode, str]] = {
    "utf-8": (utf8, "text"),
    "json": (json_value, "JSON"),
    "int16": (_number("int16", ">h"), "an integer of 2 bytes, big endian"),
    "int32": (_number("int32", ">i"), "an integer of 4 bytes, big endian"),
    "int64": (_number("int64", ">q"), "an integer of 8 bytes, big endian"),
    "float": (_number("float", ">f"), "a float of 4 bytes, big endian"),
    "double": (_number("double", ">d"), "a float of 8 bytes, big endian"),
    "uuid": (uuid_text, "a UUID of 16 bytes, or as text"),
    "hex": (bytes.hex, "any bytes, in hexadecimal"),
    "base64": (lambda data: base64.b64encode(data).decode("ascii"), "any bytes, in base64"),
    "msgpack": (messagepack_value, "MessagePack"),
    "cbor": (cbor, "CBOR (RFC 8949)"),
}
"""Decoder and a few words about it, by name."""

NUMBERS = frozenset({"int16", "int32", "int64", "float", "double"})


_LAYOUTS = {"int16": ">h", "int32": ">i", "int64": ">q", "float": ">f", "double": ">d"}


def encode_word(format: str, word: str) -> bytes:
    """What a person writes as the bytes of `format`: numbers, UUIDs (16 bytes), hex and base64; anything else is UTF-8,
    with surrogates for bytes that are none. Raises OperatorError for a word that is none of that format."""
    try:
        if format in _LAYOUTS:
            number = float(word) if format in ("float", "double") else int(word)
            return struct.pack(_LAYOUTS[format], number)
        if format == "uuid":
            return uuid.UUID(word).bytes
        if format == "hex":
            return bytes.fromhex(word)
        if format == "base64":
            return base64.b64decode(word, validate=True)
    except (ValueError, struct.error, OverflowError) as error:
        raise OperatorError.words(f"{word!r} cannot be written as {format}", str(error)) from error
    return word.encode(errors="surrogateescape")
