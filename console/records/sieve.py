"""Whether a batch can hold a record that is wanted, told from its bytes before any record is decoded. Pure.

A search for what is seldom looks at most batches in vain. Text that a record's key, value or header contains stands in the
batch's bytes as well, so a batch without it is gone by in one pass over its bytes. Only conditions that must hold, and
cannot fail to decide, are used: what is counted (scanned, matched, undecodable) does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from console.records.filters import Condition, Match, Part, compile_regex

if TYPE_CHECKING:
    from console.records.filters import RecordFilter

Test = Callable[[bytes], bool]

_TRIED_MIN = 64
_AGAIN_EVERY = 64


class BatchSieve:
    """One reading's sieve; call it with the topic and the bytes of a batch's records, not compressed."""

    def __init__(self, filter: RecordFilter) -> None:
        self._decoder = filter.decoder
        self._tests = tests(filter.conditions)
        self._seen = 0
        self._tried = 0
        self._held = 0

    def applies(self, topic: str) -> bool:
        """Whether asking is worth while: not where text is decoded from bytes that differ from it, and seldom when most
        batches hold what is sought."""
        if not self._tests or (self._decoder is not None and self._decoder.is_asked(topic)):
            return False
        self._seen += 1
        return self._tried < _TRIED_MIN or self._held * 4 < self._tried * 3 or self._seen % _AGAIN_EVERY == 0

    def may_match(self, payload: bytes) -> bool:
        """False when no record of the batch matches."""
        held = all(test(payload) for test in self._tests)
        self._tried += 1
        self._held += held
        return held


def tests(conditions: Sequence[Condition]) -> list[Test]:
    """What the bytes of a batch must satisfy for any of its records to match."""
    return [test for test in map(_test, conditions) if test is not None]


def _test(condition: Condition) -> Test | None:
    if condition.negate:
        return None
    whole = condition.part in (Part.KEY, Part.VALUE) or condition.header is not None
    match condition.match:
        case Match.EQUALS | Match.CONTAINS:
            # A header is compared as name=value, and has no = in the batch.
            if not condition.text or not (whole or "=" not in condition.text):
                return None
            if condition.ignore_case:
                import re

                return compile_regex(re.escape(condition.text), ignore_case=True)
            wanted = condition.text.encode(errors="surrogateescape")
            return lambda payload: wanted in payload
        case Match.REGEX if whole and not _looks_around(condition.text):
            return compile_regex(condition.text, ignore_case=condition.ignore_case)
    return None


def _looks_around(text: str) -> bool:
    """Whether the expression says anything of what is before or behind a match, or may."""
    rest = text.replace("\\\\", "").replace("[^", "[")
    return "^" in rest or "$" in rest or "(?" in rest or any(f"\\{each}" in rest for each in "bBAzZQ")
