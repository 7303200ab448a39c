"""Writes `messages/__init__.pyi`, the types of all messages, from the schema text: `python -m engine.protocol.stubs`.

A test compares the file with what this module would write.
"""

from pathlib import Path

from engine.protocol.indexing import write_index
from engine.protocol.schema import FieldSchema, MessageSchema, StructSchema, message_schema, message_texts

STUB_PATH = Path(__file__).parent / "messages" / "__init__.pyi"

_HEAD = '''\
"""Written by `python -m engine.protocol.stubs` from the schema text; do not edit."""

from engine.protocol.buffers import Buffer, Records
from engine.protocol.message import Message, WireStruct
'''

_TYPES = {"bool": "bool", "float64": "float", "uuid": "bytes", "string": "str", "bytes": "Buffer", "records": "Buffer"}


def stub_text() -> str:
    """The whole stub file."""
    return _HEAD + "".join(_message(message_schema(name)) for name in message_texts())


def _message(schema: MessageSchema) -> str:
    lines = [f"class {schema.name}(Message):"]
    for nested in schema.structs.values():
        lines.append(f"    class {nested.name}(WireStruct):")
        lines += _struct(schema, nested, "        ")
        lines.append("")
    lines += _struct(schema, schema.root, "    ")
    return "\n" + "\n".join(lines) + "\n"


def _struct(schema: MessageSchema, struct: StructSchema, indent: str) -> list[str]:
    lines = []
    for used in struct.fields:
        lines.append(f"{indent}{used.name}: {_type(schema, used)} = ...")
        if used.documentation:
            quoted = used.documentation.replace('"', "'")
            lines.append(f'{indent}"""{quoted}"""')
    lines.append(f"{indent}unknown_tags: dict[int, bytes] | None = ...")
    if any(used.type_name == "records" for used in struct.fields):
        # Records are read as one buffer, but may be given as several.
        lines += [f"{indent}def __init__(", f"{indent}    self,"]
        for used in struct.fields:
            accepted = "Records" if used.type_name == "records" else _type(schema, used)
            lines.append(f"{indent}    {used.name}: {accepted} = ...,")
        lines += [f"{indent}    unknown_tags: dict[int, bytes] | None = ...,", f"{indent}) -> None: ..."]
    return lines


def _type(schema: MessageSchema, used: FieldSchema) -> str:
    name = f"{schema.name}.{used.type_name}" if used.struct is not None else _TYPES.get(used.type_name, "int")
    if used.is_array:
        name = f"list[{name}]"
    return f"{name} | None" if used.nullable is not None else name


def main() -> None:
    """Writes the index, then the stub file that follows its order."""
    write_index()
    STUB_PATH.write_text(stub_text(), encoding="ascii")


if __name__ == "__main__":
    main()
