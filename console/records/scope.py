"""Which partitions a reading is about, and how far they reach now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.errors import OperatorError, operator_errors
from console.records.model import ALL_RECORDS, Visibility
from console.records.partitioner import partition_for_key
from console.records.positions import raise_incomplete
from console.services.offsets import READ_COMMITTED, READ_UNCOMMITTED, start_and_end_offsets
from console.services.partial import Missing, missing_partitions
from console.services.partitions import raise_topic_error
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition


@dataclass(frozen=True, slots=True)
class Scope:
    """Topics, and what of them."""

    topics: Sequence[str]
    partitions: Sequence[int] = ()
    """Only these; all when empty."""
    key: bytes | None = None
    """Only the partition in which the Java client puts this key, unless `partitions` or `all_partitions` say more."""
    all_partitions: bool = False
    """Whoever wrote the key may have chosen partitions differently: look everywhere."""
    visibility: Visibility = ALL_RECORDS


@dataclass(frozen=True, slots=True)
class Bounds:
    """Log start and end (exclusive) of each partition, and which partitions did not answer."""

    values: Mapping[TopicPartition, tuple[int, int]]
    missing: tuple[Missing, ...] = ()


async def find_bounds(client: ClusterClient, scope: Scope, *, partial: bool = False) -> Bounds:
    """How far the partitions reach; with read committed up to the last stable offset.

    With `partial`, partitions whose leader does not answer are named as missing; else OperatorError names the first.
    Raises OperatorError for topics and partitions that do not exist.
    """
    with operator_errors(f"topic {', '.join(scope.topics)}"):
        view = await client.metadata(scope.topics)
        wanted: list[TopicPartition] = []
        for topic in scope.topics:
            raise_topic_error(view, topic)
            there = [each.partition for each in view.topics[topic].partitions]
            for partition in scope.partitions:
                if partition not in there:
                    raise OperatorError.words(f"topic {topic} has no partition {partition}, only 0 to {max(there)}")
            chosen: Sequence[int] = scope.partitions or there
            if scope.key is not None and not scope.partitions and not scope.all_partitions:
                chosen = [partition_for_key(scope.key, len(there))]
            wanted += [TopicPartition(topic, each) for each in chosen]
        isolation = READ_COMMITTED if scope.visibility.read_committed else READ_UNCOMMITTED
        answers = await start_and_end_offsets(
            client, wanted, isolation=isolation, patience_ms=2_000 if partial else None
        )
        if not partial:
            answering = [each for each in wanted if each in answers.values]
            raise_incomplete("offsets", wanted, answers.why_not, _without_the_rest(scope, answering))
    values = {each: answers.values[each] for each in wanted if each in answers.values}
    reasons = {each: answers.why_not(each) or "" for each in wanted if each not in values}
    return Bounds(values, tuple(missing_partitions("records", reasons)))


def _without_the_rest(scope: Scope, answering: Sequence[TopicPartition]) -> str:
    """The way out when a partition does not answer: to leave it out is for the person to decide."""
    if len(scope.topics) != 1 or not answering:
        return ""
    return f"To read what answers: {' '.join(f'--partition {each.partition}' for each in answering)}"
