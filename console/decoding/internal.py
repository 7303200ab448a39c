"""Kafka's own topics: what the coordinators and the controller write down, in Kafka's field names."""

from __future__ import annotations

import base64
import re
from typing import Any

from console.decoding.model import DEPTH_MAX, DecodeFailure, Part
from engine.protocol.errors import ProtocolError
from engine.protocol.message import Message
from engine.protocol.record_values import (
    Coordinator,
    decode_coordinator_key,
    decode_coordinator_value,
    decode_metadata_record,
    decode_remote_log_record,
)
from engine.protocol.schema import StructSchema
from engine.protocol.uuids import uuid_to_text

COORDINATORS = {
    "__consumer_offsets": Coordinator.GROUP,
    "__transaction_state": Coordinator.TRANSACTION,
    "__share_group_state": Coordinator.SHARE,
}
METADATA_TOPIC = "__cluster_metadata"
REMOTE_LOG_TOPIC = "__remote_log_metadata"

# Kafka: TransactionState.id
_TRANSACTION_STATES = (
    "Empty",
    "Ongoing",
    "PrepareCommit",
    "PrepareAbort",
    "CompleteCommit",
    "CompleteAbort",
    "Dead",
    "PrepareEpochFence",
)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def internal_value(topic: str, part: Part, data: bytes, key: bytes | None) -> dict[str, Any]:
    """What a record of one of Kafka's own topics says: {"type": …, and its fields}.

    A value of a coordinator's topic can only be read with its `key`. Raises DecodeFailure.
    """
    try:
        return _of(_message(topic, part, data, key))
    except (ProtocolError, ValueError) as error:
        raise DecodeFailure(f"not a record of {topic}: {error}") from error


def _message(topic: str, part: Part, data: bytes, key: bytes | None) -> Message:
    coordinator = COORDINATORS.get(topic)
    if coordinator is None:
        if part is Part.KEY:
            raise DecodeFailure(f"records of {topic} have no keys")
        return decode_metadata_record(data) if topic == METADATA_TOPIC else decode_remote_log_record(data)
    if part is Part.KEY:
        return decode_coordinator_key(coordinator, data)
    if key is None:
        raise DecodeFailure(f"a value of {topic} cannot be read without its key")
    record_type = decode_coordinator_key(coordinator, key).API_KEY
    assert record_type is not None
    return decode_coordinator_value(coordinator, record_type, data)


def _of(message: Message) -> dict[str, Any]:
    name = message.SCHEMA.name
    fields = _struct(message, message.SCHEMA.root, 0)
    if name == "TransactionLogValue":
        status = fields["transaction_status"]
        fields["transaction_state"] = (
            _TRANSACTION_STATES[status] if 0 <= status < len(_TRANSACTION_STATES) else "unknown"
        )
    elif name == "GroupMetadataValue" and fields["protocol_type"] == "consumer":
        for member, shown in zip(message.members, fields["members"], strict=True):  # type: ignore[attr-defined]
            _consumer_protocol(member, shown)
    return {"type": _WORD.sub("_", name).lower(), **fields}


def _consumer_protocol(member: Any, shown: dict[str, Any]) -> None:
    """A consumer's subscription and assignment are messages in themselves; what cannot be read stays bytes."""
    from engine.protocol.consumer_protocol import decode_assignment, decode_subscription

    for field, decode in (("subscription", decode_subscription), ("assignment", decode_assignment)):
        content = getattr(member, field)
        if len(content):
            try:
                message = decode(content)
                shown[field] = _struct(message, message.SCHEMA.root, 0)
            except ProtocolError as error:
                shown[f"{field}_error"] = str(error)


def _struct(value: Any, schema: StructSchema, depth: int) -> dict[str, Any]:
    if depth > DEPTH_MAX:
        raise DecodeFailure("nested too deep")
    result: dict[str, Any] = {}
    for field in schema.fields:
        content = getattr(value, field.name)
        if field.is_array and content is not None:
            result[field.name] = [_field(each, field.type_name, field.struct, depth) for each in content]
        else:
            result[field.name] = _field(content, field.type_name, field.struct, depth)
    for tag, content in (value.unknown_tags or {}).items():
        result[f"unknown_tag_{tag}"] = base64.b64encode(content).decode("ascii")
    return result


def _field(value: Any, type_name: str, struct: StructSchema | None, depth: int) -> Any:
    if value is None:
        return None
    if struct is not None:
        return _struct(value, struct, depth + 1)
    if type_name == "uuid":
        return uuid_to_text(bytes(value))
    if type_name in ("bytes", "records"):
        return base64.b64encode(value).decode("ascii")
    if type_name == "float64" and value - value != 0:
        return str(value)
    return value
