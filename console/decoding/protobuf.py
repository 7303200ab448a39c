"""Protobuf by a registered schema, with Google's library, which is imported here and nowhere else.

Field names are those of the .proto file and integers are integers (Protobuf's own JSON has camelCase and 64-bit integers
as text). Fields without presence are shown with their defaults, as a reader of the message would see them.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Callable
from typing import Any

from console.decoding.model import DEPTH_MAX, DecodeFailure
from console.decoding.plain import plain, too_deep
from console.decoding.wire_format import read_indexes
from console.schema_registry.client import RegisteredSchema

DecodeMessage = Callable[[bytes, bytes], tuple[Any, str]]
"""Indexes (empty when they begin the payload) and payload to value and name of the message."""

_WELL_KNOWN = (
    "any",
    "source_context",
    "type",
    "api",
    "descriptor",
    "duration",
    "empty",
    "field_mask",
    "struct",
    "timestamp",
    "wrappers",
)
"""google/protobuf/*.proto, each after those it imports."""


def compile_protobuf(registered: RegisteredSchema) -> DecodeMessage:
    """The decoder of payloads. Raises DecodeFailure for a schema that is none."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    pool = descriptor_pool.DescriptorPool()
    file: Any = None
    try:
        _add_well_known(pool, {each.name for each in registered.references})
        for each in (*registered.references, registered.schema):
            file = descriptor_pb2.FileDescriptorProto()
            file.ParseFromString(base64.b64decode(each.text, validate=True))
            # Others import it by the name in their references, whatever it calls itself.
            file.name = each.name or file.name or "registered.proto"
            pool.Add(file)
        described: Any = pool.FindFileByName(file.name)
    except binascii.Error as error:
        raise DecodeFailure("the registry gives no Protobuf descriptors (?format=serialized)") from error
    except Exception as error:  # Whatever the library makes of a hostile schema.
        raise DecodeFailure(f"the Protobuf schema cannot be used: {error}") from error
    top = [described.message_types_by_name[each.name] for each in file.message_type]

    def decode(indexes: bytes, payload: bytes) -> tuple[Any, str]:
        path, end = read_indexes(indexes or payload)
        content = payload if indexes else payload[end:]
        message_type: Any = None
        for index in path:
            among = top if message_type is None else message_type.nested_types
            if not 0 <= index < len(among):
                raise DecodeFailure(f"the schema has no message {'.'.join(map(str, path))}")
            message_type = among[index]
        message = message_factory.GetMessageClass(message_type)()
        try:
            message.ParseFromString(content)
        except Exception as error:  # DecodeError, and RecursionError of the library in Python.
            raise DecodeFailure(f"not a {message_type.full_name}: {error}") from error
        return plain(_fields(message, 0)), message_type.full_name

    return decode


def _add_well_known(pool: Any, given: set[str | None]) -> None:
    from importlib import import_module

    from google.protobuf import descriptor_pb2

    for name in _WELL_KNOWN:
        if f"google/protobuf/{name}.proto" in given:
            continue
        proto = descriptor_pb2.FileDescriptorProto()
        import_module(f"google.protobuf.{name}_pb2").DESCRIPTOR.CopyToProto(proto)
        pool.Add(proto)


def _fields(message: Any, depth: int) -> Any:
    if depth > DEPTH_MAX:
        raise too_deep()
    if message.DESCRIPTOR.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
        # What is out of the range that has a text is shown by its fields.
        with contextlib.suppress(ValueError):
            return message.ToJsonString()
    result: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            continue
        value = getattr(message, field.name)
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            of = entry.fields_by_name["value"]
            result[field.name] = {key: _one(of, each, depth) for key, each in value.items()}
        elif field.is_repeated:
            result[field.name] = [_one(field, each, depth) for each in value]
        else:
            result[field.name] = _one(field, value, depth)
    return result


def _one(field: Any, value: Any, depth: int) -> Any:
    if field.message_type is not None:
        return _fields(value, depth + 1)
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return named.name if named is not None else value
    return value
