"""Decoding by registered schemas. Asking the registry takes time and decoding must not: `prepare` asks beforehand, for all
records of a batch at once, and what it finds (or finds missing) is kept."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from console.decoding.json_values import json_value
from console.decoding.model import DecodeFailure, SchemaUsed
from console.decoding.wire_format import Written
from console.errors import OperatorError
from console.schema_registry.client import RegisteredSchema, SchemaRegistry

SCHEMAS_MAX = 1_000
"""Kept; the least recently used go."""
FAILURES_KEPT_SECONDS = 30.0
_ASKED_AT_ONCE_MAX = 100
"""By one `prepare`: bytes that only look like ids must not flood the registry."""


@dataclass(slots=True)
class _Known:
    decode: Callable[[Written], tuple[Any, str | None]] | None
    schema: SchemaUsed | None
    failure: str = ""
    until: float = float("inf")


class RegisteredSchemas:
    """The schemas of one registry that were needed so far. Without one, others say what it has (`learn`, `fail`)."""

    def __init__(self, registry: SchemaRegistry | None, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = registry
        self._clock = clock
        self._known: OrderedDict[int | str, _Known] = OrderedDict()

    async def prepare(self, wanted: Iterable[Written | None]) -> None:
        """Asks for the schemas that are not known yet. Never raises: what cannot be had is told when it is used."""
        missing = self.missing(wanted)
        if missing:
            await asyncio.gather(*map(self._ask, missing))

    def missing(self, wanted: Iterable[Written | None]) -> list[int | str]:
        """Which of the schemas are not known yet, at most `_ASKED_AT_ONCE_MAX` of them."""
        now = self._clock()
        missing: dict[int | str, None] = {}
        for each in wanted:
            if each is not None and each.identity not in missing:
                known = self._known.get(each.identity)
                if known is None or known.until <= now:
                    missing[each.identity] = None
        return list(missing)[:_ASKED_AT_ONCE_MAX]

    @property
    def has_failures(self) -> bool:
        """Whether a schema could not be had that may be there later."""
        return any(each.decode is None for each in self._known.values())

    def decode(self, written: Written) -> tuple[Any, SchemaUsed]:
        """The value, and by which schema. Raises DecodeFailure; `KeyError` never."""
        known = self._known.get(written.identity)
        if known is None:
            raise DecodeFailure(f"schema {written.identity} has not been asked for yet")
        self._known.move_to_end(written.identity)
        if known.decode is None or known.schema is None:
            raise DecodeFailure(known.failure)
        value, name = known.decode(written)
        schema = known.schema
        if name != schema.name:
            schema = SchemaUsed(schema.kind, schema.id, schema.guid, name, schema.subject, schema.version)
        return value, schema

    async def _ask(self, identity: int | str) -> None:
        assert self.registry is not None
        try:
            self.learn(identity, await self.registry.schema(identity))
        except OperatorError as error:
            self.fail(identity, failure_text(error))

    def learn(self, identity: int | str, registered: RegisteredSchema) -> None:
        """What the registry has under that id or GUID."""
        try:
            self._keep(identity, _compile(identity, registered))
        except DecodeFailure as failure:
            self.fail(identity, f"schema {identity}: {failure}")

    def fail(self, identity: int | str, why: str) -> None:
        """It could not be had; asked for again after `FAILURES_KEPT_SECONDS`."""
        self._keep(identity, _Known(None, None, why, self._clock() + FAILURES_KEPT_SECONDS))

    def _keep(self, identity: int | str, known: _Known) -> None:
        self._known[identity] = known
        self._known.move_to_end(identity)
        while len(self._known) > SCHEMAS_MAX:
            self._known.popitem(last=False)


def failure_text(error: OperatorError) -> str:
    """Why a schema could not be had, in one line."""
    return ": ".join(each for each in (error.title, error.detail) if each)


def _compile(identity: int | str, registered: RegisteredSchema) -> _Known:
    kind = registered.schema.kind
    used = SchemaUsed(
        kind,
        identity if isinstance(identity, int) else None,
        identity if isinstance(identity, str) else None,
        None,
        registered.subject,
        registered.version,
    )
    if kind == "AVRO":
        from console.decoding.avro import compile_avro

        decode_avro, name = compile_avro(registered)
        return _Known(lambda written: (decode_avro(written.payload), name), used)
    if kind == "PROTOBUF":
        from console.decoding.protobuf import compile_protobuf

        decode_protobuf = compile_protobuf(registered)
        return _Known(lambda written: decode_protobuf(written.indexes, written.payload), used)
    if kind == "JSON":
        # The text speaks for itself; whether it is valid by its schema is the producer's affair.
        return _Known(lambda written: (json_value(written.payload), None), used)
    raise DecodeFailure(f"schemas of type {kind} are not known here")
