"""Judges a history against the logs at its end (names after Jepsen's Kafka checker, jepsen/tests/kafka.clj).

    inconsistent-offsets   one offset was seen with two values
    duplicate              a value of an idempotent producer is at two offsets
    lost-write             an acknowledged value is not in the log
    refused-write          a value the cluster said it had not written is in the log
    unknown-value          the log has a value nobody sent
    reordered              the values of one producer session in one partition are not in the order they were sent in
    nonmonotonic-poll      a consumer was given an offset again, or an earlier one
    poll-skip              a consumer was not given an offset that the log has
    phantom-read           a consumer was given a record that is not in the log

The judges know nothing of the engine: values, offsets and order are all they see.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.sim.history import Fate, History, Log, Violation
from engine.types import TopicPartition


def check(
    history: History, logs: Mapping[TopicPartition, Log], log_starts: Mapping[TopicPartition, int] | None = None
) -> list[Violation]:
    """All violations, in a fixed order. What was before a log's start (0 unless given) was deleted and is not missed."""
    starts = {} if log_starts is None else log_starts
    return [
        *_offsets(history, logs),
        *_writes(history, logs, starts),
        *_order(history, logs),
        *_polls(history, logs, starts),
    ]


def _offsets(history: History, logs: Mapping[TopicPartition, Log]) -> Iterator[Violation]:
    """One offset, one value: among acknowledgements, polls and the log."""
    seen: dict[tuple[TopicPartition, int], tuple[bytes, str]] = {}

    def look(place: TopicPartition, offset: int, value: bytes, who: str) -> Iterator[Violation]:
        known = seen.setdefault((place, offset), (value, who))
        if known[0] != value:
            yield Violation(
                "inconsistent-offsets",
                f"{place} offset {offset} is {known[0]!r} for {known[1]} and {value!r} for {who}",
            )

    for place, log in sorted(logs.items()):
        for offset, value in log.items():
            yield from look(place, offset, value, "the log")
    for send in history.acknowledged():
        if send.topic_partition is not None and send.offset >= 0 and send.acks == -1:
            yield from look(send.topic_partition, send.offset, send.value, send.producer)
    for consumer in history.consumers:
        for polled in consumer.records:
            yield from look(polled.topic_partition, polled.offset, polled.value, consumer.name)


def _writes(
    history: History, logs: Mapping[TopicPartition, Log], starts: Mapping[TopicPartition, int]
) -> Iterator[Violation]:
    places: dict[bytes, list[tuple[TopicPartition, int]]] = {}
    for place, log in sorted(logs.items()):
        for offset, value in log.items():
            places.setdefault(value, []).append((place, offset))
    for send in history.sends:
        found = places.pop(send.value, [])
        if len(found) > 1 and send.is_idempotent:
            where = ", ".join(f"{place} offset {offset}" for place, offset in found)
            yield Violation("duplicate", f"{send.value!r} is at {where}")
        start = -1 if send.topic_partition is None else starts.get(send.topic_partition, -1)
        is_deleted = send.offset < start  # also when the answer left the offset open
        if send.fate is Fate.ACKNOWLEDGED and send.acks == -1 and not found and not is_deleted:
            yield Violation(
                "lost-write", f"{send.value!r}, acknowledged as {send.topic_partition} offset {send.offset}, is gone"
            )
        if send.fate is Fate.REFUSED and found:
            yield Violation("refused-write", f"{send.value!r}, refused with {send.error}, is at {found[0]}")
    for value, found in places.items():
        yield Violation("unknown-value", f"nobody sent {value!r}, which is at {found[0]}")


def _order(history: History, logs: Mapping[TopicPartition, Log]) -> Iterator[Violation]:
    sequence_of = {send.value: (send.producer, send.sequence) for send in history.sends if send.is_idempotent}
    for place, log in sorted(logs.items()):
        last: dict[str, tuple[int, bytes]] = {}
        for _, value in sorted(log.items()):
            if value not in sequence_of:
                continue
            producer, sequence = sequence_of[value]
            before = last.get(producer)
            if before is not None and before[0] > sequence:
                yield Violation("reordered", f"{place}: {value!r} was sent before {before[1]!r} and is behind it")
            last[producer] = (sequence, value)


def _polls(
    history: History, logs: Mapping[TopicPartition, Log], starts: Mapping[TopicPartition, int]
) -> Iterator[Violation]:
    for consumer in history.consumers:
        positions: dict[TopicPartition, int] = {}
        for polled in consumer.records:
            place, offset = polled.topic_partition, polled.offset
            log = logs.get(place, {})
            if offset not in log and offset >= starts.get(place, 0):
                yield Violation(
                    "phantom-read", f"{consumer.name} read {polled.value!r} at {place} offset {offset}; it is not there"
                )
            last = positions.get(place)
            if last is not None and offset <= last:
                yield Violation("nonmonotonic-poll", f"{consumer.name} read {place} offset {offset} after {last}")
            elif last is not None:
                # Another replica may still have what this one's leader had deleted, and lead in the end (seed 4562).
                told = max((start for start in consumer.log_starts.get(place, ()) if start <= offset), default=0)
                skipped = [between for between in range(max(last + 1, told), offset) if between in log]
                if skipped:
                    yield Violation(
                        "poll-skip", f"{consumer.name} read {place} offset {offset} after {last}, not {skipped[0]}"
                    )
            positions[place] = offset
