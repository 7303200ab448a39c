"""Keys and values of one topic as text where a decoder says how: Avro, Protobuf, Kafka's own records as JSON. Runs in the
worker, which has no network: schemas are asked for through the console.

What automatic choice finds plain text (UTF-8 without zero bytes) is taken as it is, a whole column at once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from console.decoding.decoder import RecordDecoder, text_of
from console.decoding.model import INTERNAL_TOPICS, Part
from console.decoding.registered import RegisteredSchemas
from console.decoding.rules import AUTO, Rules, Wanted
from console.schema_registry.client import registered_from_json

Ask = Callable[[dict[str, Any]], tuple[dict[str, Any], Any]]
"""A question to the console, and its answer (`Link.ask`)."""


class TopicTexts:
    """How keys and values of `topic` become text. `schemas` is shared by all topics of a worker."""

    def __init__(self, topic: str, wanted: Wanted, schemas: RegisteredSchemas | None, ask: Ask) -> None:
        self._topic = topic
        self._wanted = wanted
        self._schemas = schemas
        self._ask = ask
        self._decoder = RecordDecoder(Rules(wanted), schemas, always=True)
        self.is_passing = False
        """Some of the last columns lack schemas that the registry may have later: not to be kept."""

    @property
    def needs_headers(self) -> bool:
        """Headers may name schemas."""
        return self._schemas is not None

    def columns(
        self,
        parts: Sequence[Part],
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        headers: Sequence[Sequence[tuple[str, bytes | None]]],
        broken: dict[int, str],
    ) -> tuple[dict[Part, pa.Array], pa.Array]:
        """The text of each of `parts`, NULL where there is none, and why it is NULL; `broken` rows have no record.

        `keys` are all that values of Kafka's own topics need, `headers` may be empty where nobody asked for them.
        """
        self.is_passing = False
        rows = max(len(keys), len(values))
        texts: dict[Part, pa.Array] = {}
        errors: dict[int, list[str]] = {row: [why] for row, why in broken.items()}
        for part in parts:
            data = keys if part is Part.KEY else values
            plain = self._plain(part, data, headers)
            texts[part] = plain if plain is not None else self._each(part, data, keys, headers, errors)
        found = (
            [None] * rows if not errors else ["; ".join(errors[row]) if row in errors else None for row in range(rows)]
        )
        return texts, pa.array(found, pa.string())

    def _plain(self, part: Part, data: Sequence[bytes | None], headers: Sequence[Any]) -> pa.Array | None:
        """The whole column, when it is nothing but text by automatic choice."""
        if self._wanted.of(part) != AUTO or self._topic in INTERNAL_TOPICS or any(headers):
            return None
        try:
            column = pa.array(data, pa.binary()).cast(pa.string())
        except pa.ArrowInvalid:
            return None
        return None if pc.any(pc.match_substring(column, "\0")).as_py() else column

    def _each(
        self,
        part: Part,
        data: Sequence[bytes | None],
        keys: Sequence[bytes | None],
        headers: Sequence[Any],
        errors: dict[int, list[str]],
    ) -> pa.Array:
        if self._schemas is not None:
            self._learn(self._schemas, part, data, headers)
        find, topic = self._decoder.find, self._topic
        texts: list[str | None] = []
        for row, content in enumerate(data):
            if content is None:
                texts.append(None)
                continue
            key = keys[row] if keys else None
            found = find(topic, part, content, key=key, headers=headers[row] if headers else ())
            text = text_of(found, content)
            if found.format == "bytes" and not (row in errors and not data[row]):
                errors.setdefault(row, []).append(f"{part.value}: {found.error or found.reason}")
            texts.append(None if text is None else text.encode(errors="replace").decode())
        return pa.array(texts, pa.string())

    def _learn(
        self, schemas: RegisteredSchemas, part: Part, data: Sequence[bytes | None], headers: Sequence[Any]
    ) -> None:
        wanted = (
            written
            for row, content in enumerate(data)
            if content
            for written in self._decoder.schemas_of(
                self._topic,
                content if part is Part.KEY else None,
                content if part is Part.VALUE else None,
                headers[row] if headers else (),
            )
        )
        missing = schemas.missing(wanted)
        if missing:
            _, payload = self._ask({"ask": "schemas", "identities": missing})
            for each in json.loads(bytes(payload)):
                if "failure" in each:
                    schemas.fail(each["identity"], each["failure"])
                else:
                    schemas.learn(each["identity"], registered_from_json(each["schema"]))
        self.is_passing = self.is_passing or schemas.has_failures


def load_decoders(*, registered: bool) -> None:
    """Imports what decoding needs, as long as there are files to import from, and uses it once."""
    import console.decoding.cbor
    import console.decoding.internal  # noqa: F401
    from console.decoding.formats import FORMATS

    FORMATS["msgpack"][0](b"\x80")
    RecordDecoder().decode("__consumer_offsets", Part.KEY, b"\0\1\0\1g\0\1t\0\0\0\0")
    if registered:
        from console.decoding.avro import compile_avro
        from console.decoding.protobuf import compile_protobuf

        text = '{"type": "record", "name": "R", "fields": [{"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}'
        avro, _ = compile_avro(registered_from_json({"schema": {"kind": "AVRO", "text": text}}))
        avro(b"\0")
        # message M { int64 a = 1; } in m.proto
        described = "CgdtLnByb3RvIgwKAU0SBwoBYRgBIAEoA2IGcHJvdG8z"
        protobuf = compile_protobuf(registered_from_json({"schema": {"kind": "PROTOBUF", "text": described}}))
        protobuf(b"", b"\0")
