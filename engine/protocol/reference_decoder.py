"""The slow twin of the compiled decoder: walks the schema field by field and knows where it is."""

import struct
from typing import Any

from engine.protocol import wire
from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.reference_walk import Walk
from engine.protocol.schema import FieldSchema, MessageSchema, StructSchema
from engine.protocol.source import LETTERS, WIDTHS


class ReferenceDecoder(Walk):
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
