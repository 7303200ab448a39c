"""Offsets of partitions: the first, the last, and by time (ListOffsets, key 2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.partition_requests import PartitionAnswers, ask_leaders
from engine.protocol.messages import ListOffsetsRequest
from engine.types import TopicPartition

LATEST = -1
"""Stands for the high watermark, or with read committed for the last stable offset (Kafka: ListOffsetsRequest)."""
EARLIEST = -2
"""Stands for the log start offset."""

READ_UNCOMMITTED = 0
READ_COMMITTED = 1


class OffsetAt(msgspec.Struct, frozen=True):
    """An offset found: of the first record not older than a timestamp, or an end of the log.

    `offset` and `timestamp` are -1 when there is no such record; the ends have no timestamp.
    """

    offset: int
    timestamp: int
    leader_epoch: int


async def list_offsets(
    client: ClusterClient,
    targets: Mapping[TopicPartition, int],
    *,
    isolation: int = READ_UNCOMMITTED,
    patience_ms: int | None = None,
) -> PartitionAnswers[OffsetAt]:
    """For each partition the offset at its target: a timestamp in ms, LATEST or EARLIEST."""

    def build(_: int, partitions: list[TopicPartition]) -> Versioned:
        by_topic: dict[str, list[Any]] = {}
        for partition in partitions:
            by_topic.setdefault(partition.topic, []).append(
                ListOffsetsRequest.ListOffsetsPartition(
                    partition_index=partition.partition, timestamp=targets[partition]
                )
            )
        request = ListOffsetsRequest(
            replica_id=-1,
            isolation_level=isolation,
            topics=[ListOffsetsRequest.ListOffsetsTopic(name=name, partitions=each) for name, each in by_topic.items()],
            timeout_ms=client.request_timeout_ms,
        )
        return Versioned(ListOffsetsRequest, lambda _: request, floor=2 if isolation else 0)

    def read(response: Any) -> Iterable[tuple[TopicPartition, int, OffsetAt]]:
        for topic in response.topics:
            for answer in topic.partitions:
                found = OffsetAt(answer.offset, answer.timestamp, answer.leader_epoch)
                yield TopicPartition(topic.name, answer.partition_index), answer.error_code, found

    return await ask_leaders(client, targets, build, read, patience_ms=patience_ms)


async def start_and_end_offsets(
    client: ClusterClient,
    partitions: Iterable[TopicPartition],
    *,
    isolation: int = READ_UNCOMMITTED,
    patience_ms: int | None = None,
) -> PartitionAnswers[tuple[int, int]]:
    """Log start offset and end offset (exclusive) of each partition, asked side by side."""
    wanted = list(partitions)
    await client.known_view(sorted({partition.topic for partition in wanted}))
    starts, ends = await _both(
        list_offsets(client, dict.fromkeys(wanted, EARLIEST), patience_ms=patience_ms),
        list_offsets(client, dict.fromkeys(wanted, LATEST), isolation=isolation, patience_ms=patience_ms),
    )
    answers: PartitionAnswers[tuple[int, int]] = PartitionAnswers(
        errors={**starts.errors, **ends.errors}, missing={**starts.missing, **ends.missing}
    )
    for partition in wanted:
        start, end = starts.values.get(partition), ends.values.get(partition)
        if start is not None and end is not None:
            answers.values[partition] = (start.offset, end.offset)
    return answers


async def _both(first: Any, second: Any) -> tuple[Any, Any]:
    import asyncio

    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(first), loop.create_task(second)]
    try:
        return await tasks[0], await tasks[1]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
