"""Schemas from a registry, with everything they refer to, in the order in which they can be compiled.

What is asked (Confluent's REST API, which Apicurio, Karapace and Redpanda have too):

    GET /schemas/ids/{id}                        GET /schemas/guids/{guid}
    GET /subjects/{subject}/versions/{version}   for references
    …?format=serialized                          of Protobuf, the FileDescriptorProto in base64 instead of .proto text
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from console.errors import OperatorError
from console.schema_registry.config import RegistryConfig
from console.schema_registry.http import get

REFERENCES_MAX = 100
"""In all, of one schema."""
_CONCURRENT_MAX = 4


@dataclass(frozen=True, slots=True)
class SchemaText:
    """One schema as it is registered."""

    kind: str
    """ "AVRO", "PROTOBUF" or "JSON"."""
    text: str
    """JSON, or of PROTOBUF the serialized descriptor in base64 where the registry has that."""
    name: str | None = None
    """Under which others refer to it; None for the one that was asked for."""


@dataclass(frozen=True, slots=True)
class RegisteredSchema:
    """A schema, and those it refers to directly or not; each comes after those it needs itself."""

    schema: SchemaText
    references: tuple[SchemaText, ...] = ()
    subject: str | None = None
    version: int | None = None


def registered_to_json(registered: RegisteredSchema) -> dict[str, Any]:
    """Plain values, to hand a schema to another process."""
    return asdict(registered)


def registered_from_json(data: Mapping[str, Any]) -> RegisteredSchema:
    """The opposite."""
    return RegisteredSchema(
        SchemaText(**data["schema"]),
        tuple(SchemaText(**each) for each in data.get("references", ())),
        data.get("subject"),
        data.get("version"),
    )


class SchemaRegistry:
    """Asks one registry. Nothing is kept here; see `console.decoding.registered`."""

    def __init__(self, config: RegistryConfig) -> None:
        self.config = config
        self._turn = asyncio.Semaphore(_CONCURRENT_MAX)

    async def schema(self, identity: int | str) -> RegisteredSchema:
        """The schema with an id, or a GUID. Raises OperatorError."""
        path = f"/schemas/ids/{identity}" if isinstance(identity, int) else f"/schemas/guids/{quote(identity, safe='')}"
        what = f"schema {identity}"
        answer = await self._ask(path, what)
        references: dict[str, SchemaText] = {}
        await self._add_references(answer, references, [])
        version = answer.get("version")
        subject = answer.get("subject")
        return RegisteredSchema(
            await self._text(answer, path, what, None),
            tuple(references.values()),
            subject if isinstance(subject, str) else None,
            version if isinstance(version, int) else None,
        )

    async def _add_references(self, answer: dict[str, Any], found: dict[str, SchemaText], above: list[str]) -> None:
        given = answer.get("references") or []
        if not isinstance(given, list):
            raise self._odd("references that are no list")
        for each in given:
            try:
                name, subject, version = str(each["name"]), str(each["subject"]), int(each["version"])
            except (KeyError, TypeError, ValueError) as error:
                raise self._odd("a reference without name, subject and version") from error
            if name in found:
                continue
            if name in above or len(found) + len(above) >= REFERENCES_MAX:
                why = f"refers to itself through {name}" if name in above else f"has over {REFERENCES_MAX} references"
                raise OperatorError(f"the schema {why}")
            path = f"/subjects/{quote(subject, safe='')}/versions/{version}"
            what = f"schema {subject} version {version}"
            referred = await self._ask(path, what)
            await self._add_references(referred, found, [*above, name])
            found[name] = await self._text(referred, path, what, name)

    async def _text(self, answer: dict[str, Any], path: str, what: str, name: str | None) -> SchemaText:
        kind = str(answer.get("schemaType") or "AVRO").upper()
        if kind == "PROTOBUF":
            answer = await self._ask(f"{path}?format=serialized", what)
        text = answer.get("schema")
        if not isinstance(text, str):
            raise self._odd(f"{what} without a text")
        return SchemaText(kind, text, name)

    async def _ask(self, path: str, what: str) -> dict[str, Any]:
        async with self._turn:
            status, body = await get(self.config, path)
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = None
        if status != 200:
            said = answer.get("message") if isinstance(answer, dict) else None
            raise OperatorError(
                f"{what}: the schema registry at {self.config.url} says no",
                f"HTTP {status}" + (f", {str(said)[:500]}" if said else ""),
                "The user or token is not accepted there." if status in (401, 403) else "",
            )
        if not isinstance(answer, dict):
            raise self._odd("no JSON object")
        return answer

    def _odd(self, what: str) -> OperatorError:
        return OperatorError(f"the schema registry at {self.config.url} answered with {what}", "Is it a registry?")
