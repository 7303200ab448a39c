"""The rules values obey beyond their type, with Apache Kafka's sentences for breaking them.

Source: ConfigDef.Range, ValidString, CaseInsensitiveValidString, ValidList, GzipCompression.LevelValidator,
ThrottledReplicaListValidator (Apache Kafka 4.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from engine.config.definition import Value, invalid, value_text


@dataclass(frozen=True, slots=True)
class Range:
    """A number from `least` to `most`, both inclusive; None means no bound on that side."""

    least: float | None = None
    most: float | None = None

    def problem(self, name: str, value: Value) -> str | None:
        if value is None or not isinstance(value, int | float):
            return None
        # Like Kafka (Number.doubleValue comparisons), NaN passes both sides.
        if self.least is not None and value < self.least:
            return invalid(name, value_text(value), f"Value must be at least {self.least}")
        if self.most is not None and value > self.most:
            return invalid(name, value_text(value), f"Value must be no more than {self.most}")
        return None

    def __str__(self) -> str:
        least = "..." if self.least is None else str(self.least)
        return f"[{least},...]" if self.most is None else f"[{least},...,{self.most}]"


@dataclass(frozen=True, slots=True)
class GzipLevel:
    """1 to 9, or -1 for the codec's own default."""

    def problem(self, name: str, value: Value) -> str | None:
        if isinstance(value, int) and (value == -1 or 1 <= value <= 9):
            return None
        return invalid(name, value_text(value), "Value must be between 1 and 9 or equal to -1")

    def __str__(self) -> str:
        return "[1,...,9] or -1"


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of the given texts."""

    values: tuple[str, ...]
    ignore_case: bool = False

    def problem(self, name: str, value: Value) -> str | None:
        if value is None:
            return None
        if value in self.values or (self.ignore_case and str(value).upper() in self.values):
            return None
        how = " (case insensitive)" if self.ignore_case else ""
        return invalid(name, value_text(value), f"String must be one of{how}: {', '.join(self.values)}")

    def __str__(self) -> str:
        return f"{'(case insensitive) ' if self.ignore_case else ''}[{', '.join(self.values)}]"


@dataclass(frozen=True, slots=True)
class Items:
    """A list whose items are all non-empty and, where `values` are given, all among them. Repetitions count once.

    Kafka: ConfigDef.ValidList as of KIP-1161.
    """

    values: tuple[str, ...] = ()
    allow_empty: bool = True

    @property
    def deduplicates(self) -> bool:
        return True

    def problem(self, name: str, value: Value) -> str | None:
        if not isinstance(value, tuple):
            return None
        if not value:
            if self.allow_empty:
                return None
            among = f"[{', '.join(self.values)}]" if self.values else "any non-empty value"
            return f"Configuration '{name}' must not be empty. Valid values include: {among}"
        for item in value:
            if not item:
                return f"Configuration '{name}' values must not be empty."
            if self.values and item not in self.values:
                return invalid(name, item, f"String must be one of: {', '.join(self.values)}")
        return None

    def __str__(self) -> str:
        empty = "" if self.allow_empty else " (not empty)"
        return f"of [{', '.join(self.values)}]{empty}" if self.values else f"of non-empty items{empty}"


_REPLICA: Final = re.compile(r"\d+:\d+")


@dataclass(frozen=True, slots=True)
class ThrottledReplicas:
    """ "*", or partition:broker pairs."""

    def problem(self, name: str, value: Value) -> str | None:
        if not isinstance(value, tuple) or value == ("*",) or all(_REPLICA.fullmatch(item) for item in value):
            return None
        return invalid(
            name,
            f"[{', '.join(value)}]",
            f"{name} must be the literal '*' or a list of replicas in the following format: "
            "[partitionId]:[brokerId],[partitionId]:[brokerId],...",
        )

    def __str__(self) -> str:
        return "[partitionId]:[brokerId],[partitionId]:[brokerId],... or *"


@dataclass(frozen=True, slots=True)
class AutoOffsetReset:
    """latest, earliest or by_duration:<ISO-8601 duration> (KIP-932; Kafka: ShareGroupAutoOffsetResetStrategy)."""

    def problem(self, name: str, value: Value) -> str | None:
        text = str(value)
        if text in ("latest", "earliest") or _DURATION.fullmatch(text):
            return None
        return invalid(name, text, "must be latest, earliest or by_duration:PnDTnHnMn.nS")

    def __str__(self) -> str:
        return "[latest, earliest, by_duration:PnDTnHnMn.nS]"


_DURATION: Final = re.compile(r"by_duration:P(?=.)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


def at_least(least: int) -> Range:
    """`least` or more."""
    return Range(least)


def between(least: int, most: int) -> Range:
    """From `least` to `most`, both inclusive."""
    return Range(least, most)
