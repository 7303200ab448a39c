"""Which partitions a scope means, and where their logs begin and end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.changes.kinds import PartitionScope
from console.errors import OperatorError, operator_errors
from console.records.positions import raise_incomplete
from console.services.offsets import start_and_end_offsets
from console.services.partitions import raise_topic_error
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition


async def partitions_of(client: ClusterClient, scope: Sequence[PartitionScope]) -> list[TopicPartition]:
    """The partitions, in order. Raises OperatorError for a topic or a partition that does not exist."""
    with operator_errors("partitions"):
        view = await client.metadata(sorted({each.topic for each in scope}))
    found: set[TopicPartition] = set()
    for each in scope:
        raise_topic_error(view, each.topic)
        there = {partition.partition for partition in view.topics[each.topic].partitions}
        for partition in each.partitions:
            if partition not in there:
                raise OperatorError.refused(
                    f"partition {each.topic}-{partition}",
                    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
                    f"topic {each.topic} has partitions 0 to {len(there) - 1}",
                )
        found |= {TopicPartition(each.topic, partition) for partition in each.partitions or there}
    return sorted(found)


async def existing(client: ClusterClient, partitions: Iterable[TopicPartition]) -> set[TopicPartition]:
    """Those of the partitions that there are."""
    wanted = set(partitions)
    with operator_errors("partitions"):
        view = await client.metadata(sorted({partition.topic for partition in wanted}))
    return {partition for partition in wanted if view.partition(*partition) is not None}


async def log_bounds(
    client: ClusterClient, partitions: Iterable[TopicPartition]
) -> dict[TopicPartition, tuple[int, int]]:
    """Log start offset and high watermark (exclusive) of each. Raises OperatorError when one of them is not known."""
    wanted = list(partitions)
    with operator_errors("partitions"):
        answers = await start_and_end_offsets(client, wanted)
    raise_incomplete("offsets", wanted, answers.why_not)
    return answers.values


def scope_words(scope: Iterable[PartitionScope]) -> list[str]:
    """As options of the command line."""
    return [word for each in scope for word in ("--topic", str(each))]


def scopes_of(partitions: Iterable[TopicPartition]) -> tuple[PartitionScope, ...]:
    """The partitions as scopes, one per topic."""
    by_topic: dict[str, list[int]] = {}
    for topic, partition in sorted(partitions):
        by_topic.setdefault(topic, []).append(partition)
    return tuple(PartitionScope(topic, tuple(numbers)) for topic, numbers in by_topic.items())
