"""What decoding gives, and the words that choose it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, NamedTuple

TEXT_CHARACTERS_MAX = 4_096
"""Of `Decoded.text`, unless the whole is asked for."""

DECODED_BYTES_MAX = 1024 * 1024
"""Larger keys and values are shown by their beginning, unless the whole is asked for."""

DEPTH_MAX = 100
"""Of what is nested: deeper values are shown as bytes, for whoever walks them next is likely to recurse."""


INTERNAL_TOPICS = frozenset(
    {"__consumer_offsets", "__transaction_state", "__share_group_state", "__cluster_metadata", "__remote_log_metadata"}
)
"""Kafka's own, see `internal`."""


class Part(Enum):
    """Which half of a record."""

    KEY = "key"
    VALUE = "value"


class DecodeFailure(Exception):
    """These bytes are not of that format; the message says why, in words for the operator."""


@dataclass(frozen=True, slots=True)
class SchemaUsed:
    """The registered schema that a key or value was written with."""

    kind: str
    """ "AVRO", "PROTOBUF" or "JSON", as the registry says."""
    id: int | None = None
    guid: str | None = None
    """Where a header names the schema, instead of an id."""
    name: str | None = None
    """Of the record or message."""
    subject: str | None = None
    version: int | None = None

    def to_json(self) -> dict[str, Any]:
        """What is known of it."""
        return {name: each for name, each in asdict(self).items() if each is not None}


class Found(NamedTuple):
    """What decoding found, with nothing made ready for display; fields as those of `Decoded`."""

    format: str
    value: Any
    reason: str
    error: str | None = None
    schema: SchemaUsed | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """A key or value, decoded."""

    format: str
    """One of `formats.FORMATS`, or "null", "empty", or "bytes" for what could not be decoded."""
    value: Any
    """None, bool, int, float (finite), str, list or dict with str keys, all the way down. Of "bytes" their base64; None
    too where only the beginning was looked at."""
    text: str
    """For display: control characters and direction marks are written out, see `console.output.text.safe`."""
    reason: str
    """Why this format, and what is special about the value."""
    size_bytes: int
    error: str | None = None
    """Why it could not be decoded as it should have been."""
    schema: SchemaUsed | None = None
    is_preview: bool = False
    """Whether `text` is the beginning only."""

    def to_json(self) -> dict[str, Any]:
        """For JSON output: value, format and reason; size, error and schema where there is something to say."""
        row: dict[str, Any] = {"value": self.value, "format": self.format, "reason": self.reason}
        if self.is_preview and self.value is None:
            row |= {"preview": self.text, "size_bytes": self.size_bytes}
        if self.error is not None:
            row["error"] = self.error
        if self.schema is not None:
            row["schema"] = self.schema.to_json()
        return row
