"""The controller's log, a line for each record."""

from __future__ import annotations

import struct
from typing import Any

from engine.protocol.errors import ProtocolError
from engine.protocol.record_values import decode_metadata_record
from engine.protocol.records.batch import BatchHeader
from engine.protocol.records.record import Record
from engine.sim.classroom.view import RecordView

_FIELDS = ("name", "topic_name", "broker_id", "controller_id", "partition_id", "leader", "isr", "value", "fenced")
_CONTROL_TYPES = {2: "LeaderChange", 3: "SnapshotHeader", 4: "SnapshotFooter", 5: "KRaftVersion", 6: "KRaftVoters"}
"""Kafka: ControlRecordType; those of the quorum's own log."""
_CONTROL_KEY = struct.Struct(">hh")
_FENCED = {-1: "unfenced", 0: "", 1: "fenced"}
"""As BrokerRegistrationChangeRecord has it (0: no change); a flag of RegisterBrokerRecord is 0 or 1 as well."""
_LEADER_UNCHANGED = -2


def describe_metadata(record: Record, header: BatchHeader) -> RecordView:
    """A record of the controller's log: its name and the fields that fit."""
    text = _control(record.key or b"")
    if not header.is_control:
        try:
            message = decode_metadata_record(record.value or b"")
            text = " ".join([type(message).__name__.removesuffix("Record"), *fields_of(message)])
        except (ProtocolError, AttributeError):
            text = "(cannot be read)"
    return RecordView(record.offset, header.partition_leader_epoch, None, text, header.producer_id, header.is_control)


def _control(key: bytes) -> str:
    """The quorum's own record with that key."""
    if len(key) < _CONTROL_KEY.size:
        return "(control)"
    return _CONTROL_TYPES.get(_CONTROL_KEY.unpack_from(key)[1], "(control)")


def fields_of(message: Any) -> list[str]:
    """What of a metadata record is worth a line."""
    found = []
    for name in _FIELDS:
        value = getattr(message, name, None)
        if name == "fenced":
            found.append(_FENCED.get(int(value or 0), ""))
        elif value is not None and not (name == "leader" and value == _LEADER_UNCHANGED):
            found.append(f"{name}={str(value)[:40]}")
    return [each for each in found if each]
