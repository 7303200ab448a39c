"""Compiles a message in one version into one flat function from structs to bytes.

The function returns a list of buffers to be written one after the other: small things are joined, records and large
byte strings are passed through uncopied. Adjacent fields of fixed width, and the length that follows them, are written
by one `pack`. A value that the version cannot carry, or that is not of its type, ends in some exception; `reference`
then tells which it was.
"""

import struct as struct_module
from collections.abc import Callable
from typing import Any

from engine.protocol import wire
from engine.protocol.buffers import Buffer
from engine.protocol.schema import FieldSchema, MessageSchema, StructSchema
from engine.protocol.source import LETTERS, Source
from engine.protocol.uuids import ZERO_UUID

Encode = Callable[[Any], list[Buffer]]

PASS_THROUGH_BYTES = 1024
"""A `bytes` value of this size or more becomes a part of its own instead of being copied."""


def compile_encoder(schema: MessageSchema, version: int, classes: dict[str, type]) -> Encode:
    """The encode function of `schema` in `version`; `classes` are the struct classes by name."""
    return _EncoderCompiler(schema, version, classes).compile()


class _EncoderCompiler:
    def __init__(self, schema: MessageSchema, version: int, classes: dict[str, type]) -> None:
        self.schema = schema
        self.version = version
        self.classes = classes
        self.flexible = schema.is_flexible(version)
        self.source = Source()
        self.source.names.update(
            Malformed=wire.Malformed,
            write_uvarint=wire.write_uvarint,
            write_string_length=wire.write_string_length,
            write_tags=wire.write_tags,
            pass_through=_pass_through,
            ZERO_UUID=ZERO_UUID,
            ONE_BYTE=_ONE_BYTE,
            total_bytes=_total_bytes,
        )
        self.run: list[tuple[str, str]] = []
        """(letter, expression) of the fixed-width values to be written next; "x" writes a zero byte."""
        self.pieces: list[str] = []
        """Expressions of the buffers to be appended next, after which the run comes."""
        self.tag_depth = 0
        """Above 0 inside a tagged field, whose size must be known: nothing passes through there."""

    def compile(self) -> Encode:
        source = self.source
        source.add("out = []")
        splits = self.passes_through()
        if splits:
            source.add("parts = []")
        self.write_struct(self.schema.root, "m")
        self.flush()
        if splits:
            source.add("if out: parts.append(b''.join(out))")
            source.add("return parts")
        else:
            source.add("return [b''.join(out)]")
        function: Encode = source.function("encode(m)", f"<encode {self.schema.name} v{self.version}>")
        return function

    def passes_through(self) -> bool:
        return any(
            used.type_name in ("records", "bytes") and self.version in used.versions
            for struct in (self.schema.root, *self.schema.structs.values())
            for used in struct.fields
        )

    # Runs and pieces

    def end_run(self) -> None:
        """Turns the run into a piece."""
        if not self.run:
            return
        letters = [letter for letter, _ in self.run]
        if all(letter == "x" for letter in letters):
            self.pieces.append(repr(bytes(len(letters))))
        else:
            self.pieces.append(self.pack(self.run))
        self.run = []

    def pack(self, run: list[tuple[str, str]]) -> str:
        pack = self.source.packer("pack", [letter for letter, _ in run])
        return f"{pack}({', '.join(expression for letter, expression in run if letter != 'x')})"

    def flush(self) -> None:
        self.end_run()
        if len(self.pieces) == 1:
            self.source.add(f"out.append({self.pieces[0]})")
        elif self.pieces:
            self.source.add(f"out += ({', '.join(self.pieces)})")
        self.pieces = []

    def write_compact(self, length: str, long_writer: str) -> None:
        """A compact length at the end of the run, in one byte when it fits."""
        short = self.pack([*self.run, ("B", length)]) if self.run else f"ONE_BYTE[{length}]"
        if any(letter != "x" for letter, _ in self.run):
            long = f"{self.pack(self.run)} + {long_writer}({length})"
        elif self.run:
            long = f"{bytes(len(self.run))!r} + {long_writer}({length})"
        else:
            long = f"{long_writer}({length})"
        self.run = []
        self.pieces.append(f"({short} if {length} < 128 else {long})")

    # Structs

    def write_struct(self, struct: StructSchema, value: str) -> None:
        source = self.source
        tagged = []
        for used in struct.fields:
            name = f"{value}.{used.name}"
            if self.version not in used.versions:
                if not used.ignorable:
                    source.add(f"if {self.differs(used, name)}: raise Malformed")
            elif used.tag is not None:
                tagged.append(used)
            else:
                self.write_field(used, name)
        if not self.flexible:
            source.add(f"if {value}.unknown_tags: raise Malformed")
        elif tagged:
            self.write_tagged(tagged, value)
        else:
            unknown = source.fresh("unknown")
            self.end_run()
            source.add(f"{unknown} = {value}.unknown_tags")
            none = source.constant("no_tags", frozenset())
            self.pieces.append(f"(b'\\0' if not {unknown} else write_tags(None, {unknown}, {none}))")

    def write_tagged(self, tagged: list[FieldSchema], value: str) -> None:
        source = self.source
        self.flush()
        known = source.fresh("known")
        source.add(f"{known} = None")
        for used in tagged:
            name = source.fresh(used.name)
            source.add(f"{name} = {value}.{used.name}")
            source.add(f"if {self.differs(used, name)}:")
            source.indent += 1
            source.add(f"if {known} is None: {known} = {{}}")
            # The field goes into an output of its own, because its size precedes it.
            outer = source.fresh("outer")
            source.add(f"{outer} = out; out = []")
            self.tag_depth += 1
            self.write_field(used, name)
            self.flush()
            self.tag_depth -= 1
            source.add(f"{known}[{used.tag}] = b''.join(out); out = {outer}")
            source.indent -= 1
        reserved = source.constant("reserved", frozenset(used.tag for used in tagged))
        unknown = source.fresh("unknown")
        source.add(f"{unknown} = {value}.unknown_tags")
        self.pieces.append(
            f"(b'\\0' if {known} is None and not {unknown} else write_tags({known}, {unknown}, {reserved}))"
        )

    def differs(self, used: FieldSchema, name: str) -> str:
        """The condition that the value of a field is not its default (Kafka: generateNonDefaultValueCheck)."""
        if used.default is None:
            return f"{name} is not None"
        if used.default != "":
            return f"{name} != {used.default!r}"
        if used.is_array or used.type_name in ("bytes", "records"):
            size = f"len({name}) != 0"
            return f"{name} is None or {size}" if used.nullable is not None else size
        match used.type_name:
            case "bool":
                return f"{name} != False"
            case "string":
                return f"{name} != ''"
            case "uuid":
                return f"{name} != ZERO_UUID"
            case type_name if type_name in LETTERS:
                return f"{name} != 0"
            case _:
                assert used.struct is not None
                return f"{name} != {self.source.constant('default', self.classes[used.struct.name]())}"

    # Fields

    def write_field(self, used: FieldSchema, name: str) -> None:
        nullable = used.is_nullable(self.version)
        if used.is_array:
            self.write_array(used, name, nullable)
        elif used.struct is not None:
            if nullable:
                self.write_nullable_struct(used, used.struct, name)
            else:
                self.write_struct(used.struct, self.local(name, used.name))
        elif used.type_name == "uuid":
            local = self.local(name, used.name)
            self.source.add(f"if len({local}) != 16: raise Malformed")
            self.run.append(("16s", local))
        elif used.type_name in LETTERS:
            self.run.append((LETTERS[used.type_name], name))
        elif used.type_name == "string":
            self.write_string(name, self.flexible and not used.inflexible, nullable)
        else:
            self.write_bytes(name, nullable)

    def local(self, expression: str, stem: str) -> str:
        if expression.isidentifier():
            return expression
        name = self.source.fresh(stem)
        self.source.add(f"{name} = {expression}")
        return name

    def write_nullable_struct(self, used: FieldSchema, struct: StructSchema, name: str) -> None:
        source = self.source
        self.flush()
        local = self.local(name, used.name)
        # KIP-893: a byte below zero stands for null; within a tagged field a varint of zero.
        null = "b'\\0'" if used.tag is not None else "b'\\xff'"
        source.add(f"if {local} is None: out.append({null})")
        source.add("else:")
        source.indent += 1
        self.pieces.append("b'\\1'")
        self.write_struct(struct, local)
        self.flush()
        source.indent -= 1

    def write_string(self, name: str, compact: bool, nullable: bool) -> None:
        source = self.source
        text, length = source.fresh("text"), source.fresh("n")
        plus_one = " + 1" if compact else ""
        if nullable:
            local = self.local(name, "string")
            source.add(f"if {local} is None: {text} = b''; {length} = {0 if compact else -1}")
            source.add(f"else: {text} = {local}.encode(); {length} = len({text}){plus_one}")
        else:
            source.add(f"{text} = {name}.encode(); {length} = len({text}){plus_one}")
        if compact:
            self.write_compact(length, "write_string_length")
        else:
            self.run.append(("h", length))
            self.end_run()
        self.pieces.append(text)

    def write_bytes(self, name: str, nullable: bool) -> None:
        source = self.source
        length = source.fresh("n")
        local = self.local(name, "bytes")
        compact = self.flexible
        size = f"len({local}) if type({local}) is bytes else total_bytes({local})"
        present = f"{length} = ({size}){' + 1' if compact else ''}"
        if nullable:
            source.add(f"if {local} is None: {length} = {0 if compact else -1}; {local} = b''")
            source.add(f"else: {present}")
        else:
            source.add(present)
        if compact:
            self.write_compact(length, "write_uvarint")
        else:
            self.run.append(("i", length))
        self.flush()
        if self.tag_depth:
            source.add(f"out.append({local})")
        else:
            source.add(f"if {length} < {PASS_THROUGH_BYTES} and type({local}) is not list: out.append({local})")
            source.add(f"else: pass_through(out, parts, {local}); out = []")

    # Arrays

    def write_array(self, used: FieldSchema, name: str, nullable: bool) -> None:
        source = self.source
        values, count = source.fresh(used.name), source.fresh("n")
        source.add(f"{values} = {name}")
        plus_one = " + 1" if self.flexible else ""
        if nullable:
            source.add(f"if {values} is None: {values} = (); {count} = {0 if self.flexible else -1}")
            source.add(f"else: {count} = len({values}){plus_one}")
        else:
            source.add(f"{count} = len({values}){plus_one}")
        if self.flexible:
            self.write_compact(count, "write_uvarint")
        else:
            self.run.append(("i", count))
            self.end_run()
        if used.type_name in LETTERS and used.type_name != "uuid":
            letter = LETTERS[used.type_name]
            small = source.constant("packers", _array_packers(letter))
            pack = source.constant("pack_array", _pack_array)
            # The count is one too high in flexible versions: harmless, `small` is long enough.
            self.pieces.append(
                f"({small}[len({values})](*{values}) if {count} < {_ARRAYS} else {pack}('{letter}', {values}))"
            )
            return
        self.flush()
        element = source.fresh("element")
        source.add(f"for {element} in {values}:")
        source.indent += 1
        if used.struct is not None:
            self.write_struct(used.struct, element)
        elif used.type_name == "uuid":
            source.add(f"if len({element}) != 16: raise Malformed")
            self.pieces.append(element)
        elif used.type_name == "string":
            self.write_string(element, self.flexible, nullable=False)
        else:
            self.write_bytes(element, nullable=False)
        self.flush()
        source.indent -= 1


_ONE_BYTE = [bytes((value,)) for value in range(128)]

_ARRAYS = 64
"""Arrays of fewer elements have their struct ready."""

_packers: dict[str, list[Any]] = {}


def _array_packers(letter: str) -> list[Any]:
    if letter not in _packers:
        _packers[letter] = [struct_module.Struct(f">{count}{letter}").pack for count in range(_ARRAYS)]
    return _packers[letter]


def _pack_array(letter: str, values: list[Any]) -> bytes:
    return struct_module.pack(f">{len(values)}{letter}", *values)


def _total_bytes(value: Buffer | list[Buffer]) -> int:
    if type(value) is list:
        return sum(map(_total_bytes, value))
    if isinstance(value, memoryview):
        return value.nbytes
    if isinstance(value, (bytes, bytearray)):
        return len(value)
    raise wire.Malformed("not a buffer")


def _pass_through(out: list[Buffer], parts: list[Buffer], value: Buffer | list[Buffer]) -> None:
    """Ends the part under construction and appends `value` as parts of its own."""
    if out:
        parts.append(b"".join(out))
    if isinstance(value, list):
        parts += value
    elif value:
        parts.append(value)
