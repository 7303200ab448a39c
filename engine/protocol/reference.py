"""The slow twin of the compiled code: walks the schema field by field and knows where it is.

It runs when compiled code has failed, to say which field of which message was wrong and at which byte; and in tests, as
the plain statement of what the compiled code must do.
"""

import struct
from typing import Any

from engine.protocol import wire
from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.schema import FieldSchema, MessageSchema, StructSchema
from engine.protocol.source import LETTERS, WIDTHS
from engine.protocol.uuids import UUID_BYTES, ZERO_UUID

_INTEGER_RANGES = {
    "int8": (-(2**7), 2**7 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
}


def explain_decoding(
    schema: MessageSchema,
    version: int,
    classes: dict[str, type],
    data: Buffer,
    position: int,
    cause: BaseException | None,
    whole: bool,
) -> ProtocolError:
    """Why `data` is no message of this schema. `whole`: nothing may follow the message."""
    reader = ReferenceDecoder(schema, version, classes, data, position)
    try:
        reader.message()
        if whole:
            reader.check_end()
    except ProtocolError as error:
        return error
    return ProtocolError(Blame.REMOTE, f"malformed ({cause!r})", message_name=schema.name, version=version)


def explain_encoding(
    schema: MessageSchema, version: int, classes: dict[str, type], message: Any, cause: BaseException
) -> ProtocolError:
    """Why `message` cannot be written in `version`."""
    writer = ReferenceEncoder(schema, version, classes)
    try:
        writer.message(message)
    except ProtocolError as error:
        return error
    return ProtocolError(Blame.LOCAL, f"cannot be written ({cause!r})", message_name=schema.name, version=version)


class _Walk:
    """What both directions share: where we are."""

    def __init__(self, schema: MessageSchema, version: int, classes: dict[str, type]) -> None:
        self.schema = schema
        self.version = version
        self.classes = classes
        self.flexible = schema.is_flexible(version)
        self.path: list[str] = []

    def field_path(self) -> str:
        return "".join(self.path).lstrip(".")

    def default(self, used: FieldSchema) -> Any:
        if used.default != "":
            return used.default
        if used.is_array:
            return []
        match used.type_name:
            case "bool":
                return False
            case "string":
                return ""
            case "bytes" | "records":
                return b""
            case "uuid":
                return ZERO_UUID
            case "float64":
                return 0.0
            case name if name in LETTERS:
                return 0
            case _:
                return self.classes[used.type_name]()

    def compact(self, used: FieldSchema) -> bool:
        return self.flexible and not used.inflexible


class ReferenceDecoder(_Walk):
    """Reads one message; raises ProtocolError that says where."""

    def __init__(
        self, schema: MessageSchema, version: int, classes: dict[str, type], data: Buffer, position: int
    ) -> None:
        super().__init__(schema, version, classes)
        self.data = memoryview(data)
        self.position = position

    def message(self) -> Any:
        return self.read_struct(self.schema.root)

    def check_end(self) -> None:
        if self.position != len(self.data):
            raise self.error(f"{len(self.data) - self.position} bytes follow the message")

    def error(self, reason: str) -> ProtocolError:
        return ProtocolError(
            Blame.REMOTE,
            reason,
            message_name=self.schema.name,
            version=self.version,
            field_path=self.field_path(),
            byte_position=self.position,
        )

    def take(self, count: int, what: str) -> memoryview:
        remaining = len(self.data) - self.position
        if count > remaining:
            raise self.error(f"{what} needs {count} bytes, {remaining} remain")
        taken = self.data[self.position : self.position + count]
        self.position += count
        return taken

    def read_fixed(self, type_name: str) -> Any:
        letter = LETTERS[type_name]
        return struct.unpack(f">{letter}", self.take(WIDTHS[letter], type_name))[0]

    def read_uvarint(self) -> int:
        value = 0
        for shift in range(0, 7 * wire.UVARINT_BYTES_MAX, 7):
            byte = self.take(1, "varint")[0]
            value |= (byte & 127) << shift
            if byte < 128:
                if value > wire.UVARINT_MAX:
                    raise self.error(f"varint {value} is above 2**31 - 1")
                return value
        raise self.error("varint of more than five bytes")

    def read_length(self, compact: bool, classic: str) -> int:
        """A length or count; below 0 for null."""
        return self.read_uvarint() - 1 if compact else self.read_fixed(classic)

    def read_struct(self, schema: StructSchema) -> Any:
        values = {used.name: self.default(used) for used in schema.fields}
        for used in schema.fields:
            if self.version in used.versions and used.tag is None:
                self.path.append(f".{used.name}")
                values[used.name] = self.read_field(used)
                self.path.pop()
        unknown: dict[int, bytes] | None = None
        if self.flexible:
            known = {used.tag: used for used in schema.fields if used.tag is not None and self.version in used.versions}
            count = self.read_uvarint()
            for _ in range(count):
                tag = self.read_uvarint()
                size = self.read_uvarint()
                self.path.append(f".tag {tag}" if tag not in known else f".{known[tag].name}")
                if size > len(self.data) - self.position:
                    raise self.error(f"tagged field of {size} bytes, {len(self.data) - self.position} remain")
                stop = self.position + size
                if tag in known:
                    values[known[tag].name] = self.read_field(known[tag])
                    if self.position != stop:
                        raise self.error(f"tagged field of {size} bytes ends {self.position - stop} bytes off")
                else:
                    unknown = {} if unknown is None else unknown
                    if tag in unknown:
                        raise self.error("the same tag twice")
                    unknown[tag] = bytes(self.take(size, "tagged field"))
                self.path.pop()
        return self.classes[schema.name](**values, unknown_tags=unknown)

    def read_field(self, used: FieldSchema) -> Any:
        nullable = used.is_nullable(self.version)
        if used.is_array:
            count = self.read_length(self.flexible, "int32")
            if count < 0:
                return self.null(nullable)
            remaining = len(self.data) - self.position
            width = self.minimum_width(used)
            if count * width > remaining:
                raise self.error(f"array of {count} elements of at least {width} bytes, {remaining} bytes remain")
            elements = []
            for index in range(count):
                self.path.append(f"[{index}]")
                elements.append(self.read_element(used, False))
                self.path.pop()
            return elements
        if used.struct is not None and nullable:
            marker = self.read_fixed("int8")
            absent = marker <= 0 if used.tag is not None else marker < 0
            return None if absent else self.read_struct(used.struct)
        return self.read_element(used, nullable)

    def read_element(self, used: FieldSchema, nullable: bool) -> Any:
        if used.struct is not None:
            return self.read_struct(used.struct)
        if used.type_name in LETTERS:
            return self.read_fixed(used.type_name)
        start = self.position
        length = self.read_length(self.compact(used), "int16" if used.type_name == "string" else "int32")
        if length < 0:
            return self.null(nullable)
        if used.type_name != "string":
            return self.take(length, used.type_name)
        if length > wire.STRING_BYTES_MAX:
            self.position = start
            raise self.error(f"string of {length} bytes, at most {wire.STRING_BYTES_MAX} are allowed")
        text = self.take(length, "string")
        try:
            return str(text, "utf-8")
        except UnicodeDecodeError as error:
            self.position -= length - error.start
            raise self.error("string is not UTF-8") from None

    def null(self, nullable: bool) -> None:
        if not nullable:
            raise self.error("null where this version allows none")

    def minimum_width(self, used: FieldSchema) -> int:
        if used.struct is None:
            if used.type_name in LETTERS:
                return WIDTHS[LETTERS[used.type_name]]
            return 1 if self.flexible else 2 if used.type_name == "string" else 4
        total = 1 if self.flexible else 0
        for inner in used.struct.fields:
            if self.version not in inner.versions or inner.tag is not None:
                continue
            if inner.is_array:
                total += 1 if self.flexible else 4
            elif inner.struct is not None and inner.is_nullable(self.version):
                total += 1
            else:
                total += self.minimum_width(inner)
        return max(total, 1)


class ReferenceEncoder(_Walk):
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
