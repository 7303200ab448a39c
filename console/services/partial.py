"""What an answer lacks, and why: a dead broker takes its part away, never the whole page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from engine.types import TopicPartition


class Missing(msgspec.Struct, frozen=True):
    """A part of an answer that nobody gave: `what` ("sizes on broker 2", "offsets of orders-3") and the `reason`."""

    what: str
    reason: str

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


def missing_brokers(what: str, missing: Mapping[int, str]) -> list[Missing]:
    """`what` ("sizes") is missing for those brokers."""
    return [Missing(f"{what} on broker {node_id}", reason) for node_id, reason in missing.items()]


def missing_partitions(what: str, missing: Mapping[TopicPartition, str], shown_max: int = 5) -> list[Missing]:
    """`what` ("offsets") is missing for those partitions; many with one reason become one line."""
    by_reason: dict[str, list[TopicPartition]] = {}
    for partition, reason in missing.items():
        by_reason.setdefault(reason, []).append(partition)
    return [Missing(f"{what} of {_names(partitions, shown_max)}", reason) for reason, partitions in by_reason.items()]


def _names(partitions: Iterable[TopicPartition], shown_max: int) -> str:
    names = [str(partition) for partition in partitions]
    more = len(names) - shown_max
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:shown_max])} and {more} more"
