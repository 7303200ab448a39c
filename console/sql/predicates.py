"""What a WHERE lets through, as far as it tells which partitions and offsets need to be read. Pure.

A predicate is a small tree in our own words (`Compare`, `In`, `IsNull`, `And`, `Or`, `Not`), so that nothing here hangs on
DuckDB's private one. `bounds` errs on the side of reading too much: what it leaves out cannot match.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Compare:
    """`column op value`; `op` is one of = != < <= > >=."""

    column: str
    op: str
    value: Any


@dataclass(frozen=True, slots=True)
class In:
    """`column IN values`."""

    column: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class IsNull:
    """`column IS NULL`, or IS NOT NULL when `negated`."""

    column: str
    negated: bool


@dataclass(frozen=True, slots=True)
class And:
    left: Predicate
    right: Predicate


@dataclass(frozen=True, slots=True)
class Or:
    left: Predicate
    right: Predicate


@dataclass(frozen=True, slots=True)
class Not:
    operand: Predicate


Predicate: TypeAlias = Compare | In | IsNull | And | Or | Not


@dataclass(frozen=True, slots=True)
class Interval:
    """Whole numbers from `low` to `high`, both inclusive. Empty when low > high."""

    low: int = INT64_MIN
    high: int = INT64_MAX

    def meet(self, other: Interval) -> Interval:
        return Interval(max(self.low, other.low), min(self.high, other.high))

    def hull(self, other: Interval) -> Interval:
        if self.low > self.high:
            return other
        if other.low > other.high:
            return self
        return Interval(min(self.low, other.low), max(self.high, other.high))


EVERYTHING = Interval()
NOTHING = Interval(1, 0)


def interval(predicates: Iterable[Predicate], column: str) -> Interval:
    """Between which values `column` must be for all of `predicates` to hold."""
    result = EVERYTHING
    for predicate in predicates:
        result = result.meet(_interval(predicate, column))
    return result


def _interval(predicate: Predicate, column: str) -> Interval:
    match predicate:
        case Compare(column=name, op=op, value=value) if name == column and isinstance(value, int):
            match op:
                case "=":
                    return Interval(value, value)
                case "<":
                    return Interval(high=value - 1)
                case "<=":
                    return Interval(high=value)
                case ">":
                    return Interval(low=value + 1)
                case ">=":
                    return Interval(low=value)
        case In(column=name, values=values) if name == column and all(isinstance(each, int) for each in values):
            return Interval(min(values), max(values)) if values else NOTHING
        case And(left=left, right=right):
            return _interval(left, column).meet(_interval(right, column))
        case Or(left=left, right=right):
            return _interval(left, column).hull(_interval(right, column))
    return EVERYTHING


def values(predicates: Iterable[Predicate], column: str) -> frozenset[Any] | None:
    """The only values that `column` can have for all of `predicates` to hold; None when there is no such list."""
    result: frozenset[Any] | None = None
    for predicate in predicates:
        found = _values(predicate, column)
        if found is not None:
            result = found if result is None else result & found
    return result


def _values(predicate: Predicate, column: str) -> frozenset[Any] | None:
    match predicate:
        case Compare(column=name, op="=", value=value) if name == column:
            return frozenset((value,))
        case In(column=name, values=listed) if name == column:
            return frozenset(listed)
        case And(left=left, right=right):
            a, b = _values(left, column), _values(right, column)
            return b if a is None else a if b is None else a & b
        case Or(left=left, right=right):
            a, b = _values(left, column), _values(right, column)
            return None if a is None or b is None else a | b
    return None


def columns_of(predicates: Iterable[Predicate]) -> set[str]:
    """Every column that is looked at."""
    found: set[str] = set()
    pending: list[Predicate] = list(predicates)
    while pending:
        match pending.pop():
            case Compare(column=name) | In(column=name) | IsNull(column=name):
                found.add(name)
            case And(left=left, right=right) | Or(left=left, right=right):
                pending += (left, right)
            case Not(operand=operand):
                pending.append(operand)
    return found
