"""Avro by a registered schema, with fastavro, which is imported here and nowhere else."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

from console.decoding.model import DecodeFailure
from console.decoding.plain import plain
from console.schema_registry.client import RegisteredSchema


def compile_avro(registered: RegisteredSchema) -> tuple[Callable[[bytes], Any], str | None]:
    """The decoder of payloads, and the name of the record. Raises DecodeFailure for a schema that is none."""
    import fastavro
    from fastavro import _read_py

    try:
        named: dict[str, Any] = {}
        for each in registered.references:
            fastavro.parse_schema(json.loads(each.text), named_schemas=named)
        parsed: Any = fastavro.parse_schema(json.loads(registered.schema.text), named_schemas=named)
        recursive = _check(parsed, named)
    except Exception as error:  # Whatever the library makes of a hostile schema.
        raise DecodeFailure(f"the Avro schema cannot be used: {error}") from error
    # The compiled reader does not look how deep it is on the C stack; the one in Python raises RecursionError.
    read: Callable[..., Any] = _read_py.schemaless_reader if recursive else fastavro.schemaless_reader
    if isinstance(parsed, dict):
        # The reader looks names up here; with the mark that it is parsed it is not parsed again.
        parsed = {**parsed, "__named_schemas": named}
    elif isinstance(parsed, str) and parsed in named:
        parsed = {**named[parsed], "__fastavro_parsed_schema": True, "__named_schemas": named}

    def decode(payload: bytes) -> Any:
        stream = io.BytesIO(payload)
        try:
            value = read(stream, parsed, None)
        except RecursionError as error:
            raise DecodeFailure("not of the Avro schema: nested too deep") from error
        except Exception as error:  # EOFError, ValueError, IndexError, … whatever garbage leads to.
            raise DecodeFailure(f"not of the Avro schema: {type(error).__name__} {error}".rstrip()) from error
        if stream.tell() != len(payload):
            raise DecodeFailure(f"not of the Avro schema: {len(payload) - stream.tell()} bytes are left")
        return plain(value)

    name = parsed.get("name") if isinstance(parsed, dict) else None
    return decode, name if isinstance(name, str) else None


def _check(schema: Any, named: dict[str, Any]) -> bool:
    """Whether the schema contains itself. Raises DecodeFailure for arrays of what takes no bytes: a few bytes could ask
    for 2^62 of them."""
    recursive = False

    def least(schema: Any, within: tuple[str, ...]) -> int:
        nonlocal recursive
        if isinstance(schema, list):
            for each in schema:
                least(each, within)
            return 1
        if isinstance(schema, str):
            if schema not in named:
                return 0 if schema == "null" else 1
            if schema in within:
                recursive = True
                return 1
            return least(named[schema], within)
        kind = schema["type"]
        if kind in ("record", "error"):
            inside = (*within, schema["name"])
            return sum([least(each["type"], inside) for each in schema["fields"]])
        if kind == "array":
            if least(schema["items"], within) == 0:
                raise DecodeFailure("an array of items that take no bytes")
            return 1
        if kind == "map":
            least(schema["values"], within)
            return 1
        if kind == "fixed":
            return int(schema["size"])
        return 1 if kind == "enum" else least(kind, within)

    least(schema, ())
    return recursive
