"""Where to begin and where to stop: "beginning", "end", "-10", "120", "2026-05-01T12:00", "@1767225600000", "5m"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from console.errors import OperatorError
from console.services.offsets import list_offsets
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition


class PositionKind(Enum):
    """What the number of a position means."""

    BEGINNING = "beginning"
    END = "end"
    LAST = "last"
    """So many records before the end."""
    OFFSET = "offset"
    TIMESTAMP = "timestamp"
    """ms since 1970: the first record that is not older."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a topic, the same for all of its partitions."""

    kind: PositionKind
    value: int = 0

    def __str__(self) -> str:
        match self.kind:
            case PositionKind.LAST:
                return "the last record" if self.value == 1 else f"the last {self.value:,} records"
            case PositionKind.OFFSET:
                return f"offset {self.value}"
            case PositionKind.TIMESTAMP:
                return datetime.fromtimestamp(self.value / 1000).astimezone().isoformat(" ", "milliseconds")
            case _:
                return f"the {self.kind.value}"


BEGINNING = Position(PositionKind.BEGINNING)
END = Position(PositionKind.END)

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhdw]))+")
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhdw])")

POSITION_WORDS = (
    "beginning, end, -N (the last N), an offset, a time (2026-05-01T12:00, 12:00 for today, @MILLISECONDS), "
    "or an age (5m, 2h, 1d12h)"
)


def parse_duration_ms(text: str) -> int | None:
    """ "90s", "5m", "1h30m", "2d", "500ms" in ms; None for anything else."""
    if not _DURATION.fullmatch(text):
        return None
    return round(sum(float(number) * _UNITS_MS[unit] for number, unit in _PART.findall(text)))


def parse_position(text: str, now_ms: int) -> Position:
    """The position that `text` names. Times without zone are local. Raises OperatorError."""
    word = text.strip()
    match word.lower():
        case "beginning" | "earliest" | "start":
            return BEGINNING
        case "end" | "latest":
            return END
    if re.fullmatch(r"-\d+", word):
        return Position(PositionKind.LAST, int(word[1:]))
    if re.fullmatch(r"\d+", word):
        return Position(PositionKind.OFFSET, int(word))
    if re.fullmatch(r"@\d+", word):
        return Position(PositionKind.TIMESTAMP, int(word[1:]))
    age_ms = parse_duration_ms(word.lower())
    if age_ms is not None:
        return Position(PositionKind.TIMESTAMP, now_ms - age_ms)
    timestamp = _parse_time(word, now_ms)
    if timestamp is None:
        raise OperatorError.words(f"cannot read the position {text!r}", f"Write {POSITION_WORDS}.")
    return Position(PositionKind.TIMESTAMP, timestamp)


def _parse_time(text: str, now_ms: int) -> int | None:
    if re.fullmatch(r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?", text):
        today = datetime.fromtimestamp(now_ms / 1000).date().isoformat()
        text = f"{today}T{text.zfill(len(text) + (text.index(':') == 1))}"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round(moment.timestamp() * 1000)


async def resolve_offsets(
    client: ClusterClient, position: Position, bounds: Mapping[TopicPartition, tuple[int, int]]
) -> dict[TopicPartition, int]:
    """The offset of `position` in each partition; `bounds` are log start and end (exclusive), which it stays within.

    LAST counts in each partition by itself.
    """
    match position.kind:
        case PositionKind.BEGINNING:
            return {partition: start for partition, (start, _) in bounds.items()}
        case PositionKind.END:
            return {partition: end for partition, (_, end) in bounds.items()}
        case PositionKind.LAST:
            return {partition: max(start, end - position.value) for partition, (start, end) in bounds.items()}
        case PositionKind.OFFSET:
            return {partition: min(max(start, position.value), end) for partition, (start, end) in bounds.items()}
        case PositionKind.TIMESTAMP:
            return await _by_time(client, position.value, bounds)


async def _by_time(
    client: ClusterClient, timestamp: int, bounds: Mapping[TopicPartition, tuple[int, int]]
) -> dict[TopicPartition, int]:
    answers = await list_offsets(client, dict.fromkeys(bounds, timestamp))
    raise_incomplete("offsets by time", bounds, answers.why_not)
    return {
        partition: end if answers.values[partition].offset < 0 else min(answers.values[partition].offset, end)
        for partition, (_, end) in bounds.items()
    }


def raise_incomplete(what: str, partitions: Iterable[TopicPartition], why_not: object, hint: str = "") -> None:
    """OperatorError naming the first partition that has no answer: records would be left out silently."""
    assert callable(why_not)
    for partition in partitions:
        reason = why_not(partition)
        if reason is not None:
            raise OperatorError(f"partition {partition}: no {what}", reason, hint)
