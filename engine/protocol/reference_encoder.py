"""The slow twin of the compiled encoder: checks every value and knows where it is."""

import struct
from typing import Any

from engine.protocol import wire
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.reference_walk import Walk
from engine.protocol.schema import FieldSchema, StructSchema
from engine.protocol.source import LETTERS
from engine.protocol.uuids import UUID_BYTES

_INTEGER_RANGES = {
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
}


class ReferenceEncoder(Walk):
    """Writes one message; raises ProtocolError that says which field cannot be written."""

    def message(self, message: Any) -> bytes:
        out = bytearray()
        self.write_struct(self.schema.root, message, out)
        return bytes(out)

    def error(self, reason: str) -> ProtocolError:
        return ProtocolError(
            Blame.LOCAL,
            reason,
            message_name=self.schema.name,
            version=self.version,
            field_path=self.field_path(),
        )

    def write_struct(self, schema: StructSchema, value: Any, out: bytearray) -> None:
        if not isinstance(value, self.classes[schema.name]):
            raise self.error(f"{_show(value)} is not a {schema.name}")
        tags: dict[int, bytes] = {}
        reserved = set()
        for used in schema.fields:
            self.path.append(f".{used.name}")
            content = getattr(value, used.name)
            if self.version not in used.versions:
                if not used.ignorable and self.differs(used, content):
                    raise self.error(f"{_show(content)} cannot be carried, the field does not exist in this version")
            elif used.tag is None:
                self.write_field(used, content, out)
            else:
                reserved.add(used.tag)
                if self.differs(used, content):
                    body = bytearray()
                    self.write_field(used, content, body)
                    tags[used.tag] = bytes(body)
            self.path.pop()
        unknown = getattr(value, "unknown_tags")  # noqa: B009, the type of `value` is not static
        if unknown:
            self.path.append(".unknown_tags")
            if not self.flexible:
                raise self.error("this version has no tagged fields")
            for tag, body in unknown.items():
                if tag in reserved:
                    raise self.error(f"tag {tag} is a known one")
                if not isinstance(tag, int) or not isinstance(body, bytes):
                    raise self.error("not a dict of int to bytes")
                tags[tag] = body
            self.path.pop()
        if self.flexible:
            self.write_uvarint(len(tags), out)
            for tag in sorted(tags):
                self.write_uvarint(tag, out)
                self.write_uvarint(len(tags[tag]), out)
                out += tags[tag]

    def differs(self, used: FieldSchema, value: Any) -> bool:
        if used.default is None:
            return value is not None
        default = self.default(used)
        if value is None:
            return True
        if used.is_array or used.type_name in ("bytes", "records"):
            try:
                return len(value) != 0
            except TypeError:
                raise self.error(f"{_show(value)} is not a {used.type_name}") from None
        return bool(value != default)

    def write_uvarint(self, value: int, out: bytearray) -> None:
        try:
            out += wire.write_uvarint(value)
        except wire.Malformed:
            raise self.error(f"{value} is not within 0 and 2**31 - 1") from None

    def write_length(self, length: int, compact: bool, letter: str, out: bytearray) -> None:
        if compact:
            self.write_uvarint(length + 1, out)
        else:
            out += struct.pack(f">{letter}", length)

    def write_field(self, used: FieldSchema, value: Any, out: bytearray) -> None:
        nullable = used.is_nullable(self.version)
        if value is None and not nullable:
            raise self.error("null where this version allows none")
        if used.is_array:
            if value is None:
                self.write_length(-1, self.flexible, "i", out)
                return
            if not isinstance(value, (list, tuple)):
                raise self.error(f"{_show(value)} is not a list")
            self.write_length(len(value), self.flexible, "i", out)
            for index, element in enumerate(value):
                self.path.append(f"[{index}]")
                if element is None:
                    raise self.error("null where this version allows none")
                self.write_element(used, element, out)
                self.path.pop()
        elif used.struct is not None and nullable:
            if value is None:
                out.append(0 if used.tag is not None else 255)
            else:
                out.append(1)
                self.write_struct(used.struct, value, out)
        else:
            self.write_element(used, value, out)

    def write_element(self, used: FieldSchema, value: Any, out: bytearray) -> None:
        if used.struct is not None:
            self.write_struct(used.struct, value, out)
        elif used.type_name in LETTERS:
            self.write_fixed(used.type_name, value, out)
        elif used.type_name == "string":
            self.write_string(value, self.compact(used), out)
        else:
            self.write_bytes(value, self.compact(used), out)

    def write_fixed(self, type_name: str, value: Any, out: bytearray) -> None:
        if type_name in _INTEGER_RANGES:
            lowest, highest = _INTEGER_RANGES[type_name]
            if not isinstance(value, int):
                raise self.error(f"{_show(value)} is not an integer")
            if not lowest <= value <= highest:
                raise self.error(f"{value} is outside of {type_name}, {lowest} to {highest}")
        elif type_name == "uuid" and not (isinstance(value, bytes) and len(value) == UUID_BYTES):
            raise self.error(f"{_show(value)} is not {UUID_BYTES} bytes")
        try:
            out += struct.pack(f">{LETTERS[type_name]}", value)
        except (struct.error, TypeError) as error:
            raise self.error(f"{_show(value)} is not a {type_name}: {error}") from None

    def write_string(self, value: Any, compact: bool, out: bytearray) -> None:
        if value is None:
            self.write_length(-1, compact, "h", out)
            return
        if not isinstance(value, str):
            raise self.error(f"{_show(value)} is not a str")
        try:
            text = value.encode()
        except UnicodeEncodeError as error:
            raise self.error(f"{_show(value)} cannot be written as UTF-8: {error.reason}") from None
        if len(text) > wire.STRING_BYTES_MAX:
            raise self.error(f"string of {len(text)} bytes, at most {wire.STRING_BYTES_MAX} can be written")
        self.write_length(len(text), compact, "h", out)
        out += text

    def write_bytes(self, value: Any, compact: bool, out: bytearray) -> None:
        if value is None:
            self.write_length(-1, compact, "i", out)
            return
        parts = value if isinstance(value, list) else [value]
        for part in parts:
            if not isinstance(part, (bytes, bytearray, memoryview)):
                raise self.error(f"{_show(part)} is not a buffer")
        joined = b"".join(parts)
        self.write_length(len(joined), compact, "i", out)
        out += joined


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
