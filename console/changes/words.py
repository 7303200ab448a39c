"""How people write scopes ("orders", "orders:0,3") and targets ("earliest", "-100", "5m", "2026-05-01T12:00")."""

from __future__ import annotations

import re

from console.changes.kinds import OffsetTarget, PartitionScope, TargetKind
from console.errors import OperatorError
from console.records.positions import PositionKind, parse_position

_TARGET_WORDS = (
    "earliest, latest, an offset, a time (2026-05-01T12:00, 12:00 for today, @MILLISECONDS), an age (5m, 2h)"
)


def parse_scope(text: str) -> PartitionScope:
    """ "TOPIC" or "TOPIC:P" or "TOPIC:P,P". Raises OperatorError."""
    topic, separator, numbers = text.partition(":")
    if not topic or (separator and not re.fullmatch(r"\d{1,9}(,\d{1,9})*", numbers)):
        raise OperatorError.words(f"cannot read {text!r}", "Write TOPIC, TOPIC:PARTITION or TOPIC:PARTITION,PARTITION.")
    return PartitionScope(topic, tuple(sorted({int(number) for number in numbers.split(",")})) if separator else ())


def parse_target(text: str, now_ms: int, *, shift: bool = True) -> OffsetTarget:
    """The target that `text` names; "-N" and "+N" shift, where `shift` allows it. Raises OperatorError."""
    word = text.strip()
    words = f"Write {_TARGET_WORDS}" + (", or -N/+N for so many back or on." if shift else ".")
    if re.fullmatch(r"[+-]\d+", word):
        if not shift:
            raise OperatorError.words(f"cannot shift by {text!r} here", words)
        return OffsetTarget(TargetKind.SHIFT, int(word))
    try:
        position = parse_position(word, now_ms)
    except OperatorError as error:
        raise OperatorError.words(f"cannot read the position {text!r}", words) from error
    match position.kind:
        case PositionKind.BEGINNING:
            return OffsetTarget(TargetKind.EARLIEST)
        case PositionKind.END:
            return OffsetTarget(TargetKind.LATEST)
        case PositionKind.OFFSET:
            return OffsetTarget(TargetKind.OFFSET, position.value)
        case PositionKind.TIMESTAMP:
            return OffsetTarget(TargetKind.TIMESTAMP, position.value)
        case PositionKind.LAST:
            raise AssertionError("-N is a shift")
