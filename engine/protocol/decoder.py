"""Compiles a message in one version into one flat function from bytes to structs.

What makes it fast: adjacent fields of fixed width, and the length that follows them, are read by one `unpack_from`;
arrays of rows of fixed width by one `iter_unpack`; nested structs are inlined.

What makes it safe with little checking: positions only grow. A slice past the end comes out short and leaves the
position beyond the end, so the next read fails, or the caller's last check does. Only counts are compared with what
remains before anything is built, and null is refused where it may not be. Whatever exception leaves the function means
"malformed"; `reference` then tells where.
"""

import struct as struct_module
from collections.abc import Callable
from itertools import starmap
from typing import Any

from engine.protocol import wire
from engine.protocol.schema import FieldSchema, MessageSchema, StructSchema
from engine.protocol.source import LETTERS, WIDTHS, Source
from engine.protocol.uuids import ZERO_UUID

Decode = Callable[[Any, int, int], tuple[Any, int]]
"""(data, position, end) -> (message, position after it)"""


def keeps_views(schema: MessageSchema) -> bool:
    """Whether decoding gives views of the data itself: true for messages that carry records.

    The others are decoded from `bytes`, which is faster to pick apart; a copy is made of anything else.
    """
    return any(
        used.type_name == "records" for struct in (*schema.structs.values(), schema.root) for used in struct.fields
    )


def compile_decoder(schema: MessageSchema, version: int, classes: dict[str, type]) -> Decode:
    """The decode function of `schema` in `version`; `classes` are the struct classes by name."""
    return _DecoderCompiler(schema, version, classes).compile()


class _DecoderCompiler:
    def __init__(self, schema: MessageSchema, version: int, classes: dict[str, type]) -> None:
        self.schema = schema
        self.version = version
        self.classes = classes
        self.flexible = schema.is_flexible(version)
        self.views = keeps_views(schema)
        self.source = Source()
        self.source.names.update(
            Malformed=wire.Malformed,
            read_uvarint=wire.read_uvarint,
            read_long_uvarint=wire.read_long_uvarint,
            read_long_string_length=wire.read_long_string_length,
            read_unknown_tags=wire.read_unknown_tags,
            starmap=starmap,
        )
        self.run: list[tuple[str, str]] = []
        """(letter, name) of the fixed-width values to be read next."""

    def compile(self) -> Decode:
        source = self.source
        start = len(source.lines)
        result = self.read_struct(self.schema.root)
        self.flush()
        source.add(f"return {result}, p")
        if any("view[" in line for line in source.lines):
            source.lines.insert(start, "    view = memoryview(data)")
        function: Decode = source.function("decode(data, p, end)", f"<decode {self.schema.name} v{self.version}>")
        return function

    # Runs of fixed width

    def take(self, letter: str, stem: str) -> str:
        name = self.source.fresh(stem)
        self.run.append((letter, name))
        return name

    def flush(self) -> None:
        if not self.run:
            return
        source = self.source
        width = sum(WIDTHS[letter] for letter, _ in self.run)
        if len(self.run) == 1 and self.run[0][0] == "B":
            source.add(f"{self.run[0][1]} = data[p]")
        else:
            unpack = source.packer("unpack_from", [letter for letter, _ in self.run])
            source.add(f"{', '.join(name for _, name in self.run)}, = {unpack}(data, p)")
        source.add(f"p += {width}")
        self.run = []

    # Structs

    def read_struct(self, struct: StructSchema) -> str:
        """Emits the reading of `struct`; returns the expression that builds it (after `flush`)."""
        source = self.source
        values: dict[str, str] = {}
        tagged = []
        for used in struct.fields:
            if self.version not in used.versions:
                values[used.name] = self.default(used)
            elif used.tag is not None:
                tagged.append(used)
            else:
                values[used.name] = self.read_field(used)
        unknown = "None"
        if self.flexible:
            count = self.take("B", "tags")
            self.flush()
            unknown = source.fresh("unknown")
            if tagged:
                values.update(self.read_tags(tagged, count, unknown))
            else:
                source.add(f"{unknown} = None")
                source.add(f"if {count}: {unknown}, p = read_unknown_tags(data, p, {count}, end)")
        arguments = [values[used.name] for used in struct.fields]
        if unknown != "None":
            arguments.append(unknown)
        return f"{self.class_name(struct)}({', '.join(arguments)})"

    def class_name(self, struct: StructSchema) -> str:
        return self.source.constant("Class", self.classes[struct.name])

    def read_tags(self, tagged: list[FieldSchema], count: str, unknown: str) -> dict[str, str]:
        source = self.source
        values = {}
        for used in tagged:
            values[used.name] = source.fresh(used.name)
            source.add(f"{values[used.name]} = {self.default(used)}")
        source.add(f"{unknown} = None")
        source.add(f"if {count}:")
        source.indent += 1
        source.add(f"if {count} > 127: {count}, p = read_long_uvarint(data, p, {count})")
        tag, size, stop = source.fresh("tag"), source.fresh("size"), source.fresh("stop")
        source.add(f"for _ in range({count}):")
        source.indent += 1
        source.add(f"{tag}, p = read_uvarint(data, p)")
        source.add(f"{size}, p = read_uvarint(data, p)")
        source.add(f"{stop} = p + {size}")
        source.add(f"if {stop} > end: raise Malformed")
        keyword = "if"
        for used in tagged:
            source.add(f"{keyword} {tag} == {used.tag}:")
            source.indent += 1
            value = self.read_field(used)
            self.flush()
            source.add(f"{values[used.name]} = {value}")
            source.indent -= 1
            keyword = "elif"
        source.add("else:")
        source.indent += 1
        source.add(f"if {unknown} is None: {unknown} = {{}}")
        source.add(f"if {tag} in {unknown}: raise Malformed")
        source.add(f"{unknown}[{tag}] = bytes(data[p:{stop}])")
        source.add(f"p = {stop}")
        source.indent -= 1
        source.add(f"if p != {stop}: raise Malformed")
        source.indent -= 2
        return values

    def default(self, used: FieldSchema) -> str:
        """The expression of a field's default: a fresh object where it could be changed."""
        if used.default != "":
            return repr(used.default)
        if used.is_array:
            return "[]"
        match used.type_name:
            case "bool":
                return "False"
            case "string":
                return "''"
            case "bytes" | "records":
                return "b''"
            case "float64":
                return "0.0"
            case "uuid":
                return self.source.constant("ZERO_UUID", ZERO_UUID)
            case name if name in LETTERS:
                return "0"
            case _:
                assert used.struct is not None
                return f"{self.class_name(used.struct)}()"

    # Fields

    def read_field(self, used: FieldSchema) -> str:
        """Emits the reading of one field; returns the name or expression of its value (after `flush`)."""
        nullable = used.is_nullable(self.version)
        if used.is_array:
            return self.read_array(used, nullable)
        if used.struct is not None:
            return self.read_nullable_struct(used) if nullable else self.read_struct(used.struct)
        if used.type_name in LETTERS:
            return self.take(LETTERS[used.type_name], used.name)
        compact = self.flexible and not used.inflexible
        if used.type_name == "string":
            return self.read_string(used.name, compact, nullable)
        return self.read_bytes(used.name, compact, nullable)

    def read_nullable_struct(self, used: FieldSchema) -> str:
        assert used.struct is not None
        source = self.source
        # KIP-893: a byte below zero stands for null; within a tagged field a varint of zero.
        marker = self.take("b", "present")
        self.flush()
        name = source.fresh(used.name)
        present = f"{marker} > 0" if used.tag is not None else f"{marker} >= 0"
        source.add(f"if {present}:")
        source.indent += 1
        expression = self.read_struct(used.struct)
        self.flush()
        source.add(f"{name} = {expression}")
        source.indent -= 1
        source.add(f"else: {name} = None")
        return name

    def read_length(self, compact: bool, classic_letter: str, long_reader: str) -> str:
        """Emits a length or count and what precedes it. Compact ones keep their offset of one."""
        length = self.take("B" if compact else classic_letter, "n")
        self.flush()
        if compact:
            self.source.add(f"if {length} > 127: {length}, p = {long_reader}(data, p, {length})")
        return length

    def read_string(self, stem: str, compact: bool, nullable: bool) -> str:
        source = self.source
        length = self.read_length(compact, "h", "read_long_string_length")
        name = source.fresh(stem)
        text = "str(data[p:q], 'utf-8')" if self.views else "data[p:q].decode()"
        stop = f"p + {length} - 1" if compact else f"p + {length}"
        present = length if compact else f"{length} >= 0"
        source.add(f"if {present}: q = {stop}; {name} = {text}; p = q")
        self.absent(name, nullable)
        return name

    def read_bytes(self, stem: str, compact: bool, nullable: bool) -> str:
        source = self.source
        length = self.read_length(compact, "i", "read_long_uvarint")
        name = source.fresh(stem)
        stop = f"p + {length} - 1" if compact else f"p + {length}"
        present = length if compact else f"{length} >= 0"
        source.add(f"if {present}: q = {stop}; {name} = view[p:q]; p = q")
        self.absent(name, nullable)
        return name

    def absent(self, name: str, nullable: bool) -> None:
        self.source.add(f"else: {name} = None" if nullable else "else: raise Malformed")

    # Arrays

    def read_array(self, used: FieldSchema, nullable: bool) -> str:
        source = self.source
        count = self.read_length(self.flexible, "i", "read_long_uvarint")
        name = source.fresh(used.name)
        source.add(f"if {count}{'' if self.flexible else ' >= 0'}:")
        source.indent += 1
        if self.flexible:
            source.add(f"{count} -= 1")
        width = self.minimum_width(used)
        source.add(f"if {count} * {width} > end - p: raise Malformed")
        if used.struct is not None:
            self.read_struct_array(name, count, used.struct)
        elif used.type_name in LETTERS:
            self.read_fixed_array(name, count, used.type_name)
        else:
            source.add(f"{name} = []")
            source.add(f"for _ in range({count}):")
            source.indent += 1
            if used.type_name == "string":
                element = self.read_string("element", self.flexible, nullable=False)
            else:
                element = self.read_bytes("element", self.flexible, nullable=False)
            source.add(f"{name}.append({element})")
            source.indent -= 1
        source.indent -= 1
        self.absent(name, nullable)
        return name

    def read_fixed_array(self, name: str, count: str, type_name: str) -> None:
        source = self.source
        letter = LETTERS[type_name]
        width = WIDTHS[letter]
        if type_name == "uuid":
            source.add(f"{name} = [bytes(data[q:q + 16]) for q in range(p, p + {count} * 16, 16)]")
        else:
            small = source.constant("unpackers", _array_unpackers(letter))
            unpack = source.constant("unpack_array", _unpack_array)
            source.add(
                f"{name} = list({small}[{count}](data, p) if {count} < {_ARRAYS} else {unpack}('{letter}', {count}, data, p))"
            )
        source.add(f"p += {count} * {width}")

    def read_struct_array(self, name: str, count: str, struct: StructSchema) -> None:
        source = self.source
        present = [used for used in struct.fields if self.version in used.versions and used.tag is None]
        fixed = all(not used.is_array and used.type_name in LETTERS for used in present)
        if fixed and present:
            self.read_rows(name, count, struct, present)
            if not self.flexible:
                return
            source.indent += 1
        source.add(f"{name} = []")
        source.add(f"for _ in range({count}):")
        source.indent += 1
        element = self.read_struct(struct)
        self.flush()
        source.add(f"{name}.append({element})")
        source.indent -= 1
        if fixed and present:
            source.indent -= 1

    def read_rows(self, name: str, count: str, struct: StructSchema, present: list[FieldSchema]) -> None:
        """Rows of fixed width in one go, when every tagged section among them is empty. Leaves an `else:` open."""
        source = self.source
        letters = [LETTERS[used.type_name] for used in present]
        width = sum(WIDTHS[letter] for letter in letters)
        if self.flexible:
            letters.append("x")
            width += 1
        source.add(f"rows = data[p:p + {count} * {width}]")
        rows = source.packer("iter_unpack", letters)
        class_name = self.class_name(struct)
        if present == struct.fields:
            value = f"list(starmap({class_name}, {rows}(rows)))"
        else:
            names = {used.name: source.fresh("f") for used in present}
            arguments = [names.get(used.name) or self.default(used) for used in struct.fields]
            value = f"[{class_name}({', '.join(arguments)}) for {', '.join(names.values())}, in {rows}(rows)]"
        if self.flexible:
            # The strided slice picks the count byte of every row's tagged section.
            source.add(f"if not any(rows[{width - 1}::{width}]): {name} = {value}; p += {count} * {width}")
            source.add("else:")
        else:
            source.add(f"{name} = {value}; p += {count} * {width}")

    def minimum_width(self, used: FieldSchema) -> int:
        """Fewest bytes an element of this array can take."""
        if used.struct is not None:
            return self.minimum_struct_width(used.struct)
        if used.type_name in LETTERS:
            return WIDTHS[LETTERS[used.type_name]]
        if self.flexible:
            return 1
        return 2 if used.type_name == "string" else 4

    def minimum_struct_width(self, struct: StructSchema) -> int:
        total = 1 if self.flexible else 0
        for used in struct.fields:
            if self.version not in used.versions or used.tag is not None:
                continue
            if used.is_array:
                total += 1 if self.flexible else 4
            elif used.struct is not None:
                total += 1 if used.is_nullable(self.version) else self.minimum_struct_width(used.struct)
            else:
                total += self.minimum_width(used)
        return max(total, 1)


_ARRAYS = 64
"""Arrays of fewer elements have their struct ready."""

_unpackers: dict[str, list[Any]] = {}


def _array_unpackers(letter: str) -> list[Any]:

    if letter not in _unpackers:
        _unpackers[letter] = [struct_module.Struct(f">{count}{letter}").unpack_from for count in range(_ARRAYS)]
    return _unpackers[letter]


def _unpack_array(letter: str, count: int, data: Any, position: int) -> tuple[Any, ...]:

    return struct_module.unpack_from(f">{count}{letter}", data, position)
