"""How much the brokers keep, and where (DescribeLogDirs, key 35)."""

from __future__ import annotations

from typing import Any

import msgspec

from console.services.partial import Missing
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeLogDirsRequest
from engine.types import TopicPartition


class LogDir(msgspec.Struct, frozen=True):
    """One log directory of one broker. Bytes are None where the broker is too old to say (before KIP-827)."""

    node_id: int
    path: str
    total_bytes: int | None
    usable_bytes: int | None
    partition_count: int
    size_bytes: int
    """Of the partitions in it."""
    error: str | None


class Sizes(msgspec.Struct, frozen=True):
    """Sizes of replicas: `replicas[partition][node_id]` in bytes."""

    log_dirs: tuple[LogDir, ...]
    replicas: dict[TopicPartition, dict[int, int]]
    missing: tuple[Missing, ...]

    def of_replica(self, partition: TopicPartition, node_id: int) -> int | None:
        return self.replicas.get(partition, {}).get(node_id)


async def sizes(client: ClusterClient, topics: dict[str, list[int]] | None = None) -> Sizes:
    """Asks every broker about those topics (name to partitions; None: all). Brokers that do not know the request, or
    do not answer, are missing."""
    wanted = (
        None
        if topics is None
        else [
            DescribeLogDirsRequest.DescribableLogDirTopic(topic=name, partitions=partitions)
            for name, partitions in topics.items()
        ]
    )
    partial = await client.request_to_all(DescribeLogDirsRequest(topics=wanted))
    log_dirs: list[LogDir] = []
    replicas: dict[TopicPartition, dict[int, int]] = {}
    missing = [Missing(f"sizes on broker {node_id}", reason) for node_id, reason in partial.missing.items()]
    for node_id, response in partial.answers.items():
        if response.error_code:
            missing.append(Missing(f"sizes on broker {node_id}", ErrorCode.of(response.error_code).name))
        for result in response.results:
            log_dirs.append(_log_dir(node_id, result))
            for topic in result.topics:
                for partition in topic.partitions:
                    if not partition.is_future_key:
                        key = TopicPartition(topic.name, partition.partition_index)
                        replicas.setdefault(key, {})[node_id] = partition.partition_size
    return Sizes(tuple(log_dirs), replicas, tuple(missing))


def _log_dir(node_id: int, result: Any) -> LogDir:
    partitions = [partition for topic in result.topics for partition in topic.partitions]
    error = ErrorCode.of(result.error_code)
    return LogDir(
        node_id,
        result.log_dir,
        result.total_bytes if result.total_bytes >= 0 else None,
        result.usable_bytes if result.usable_bytes >= 0 else None,
        len(partitions),
        sum(partition.partition_size for partition in partitions),
        None if error == ErrorCode.NONE else f"{error.name}: {error.text}",
    )
