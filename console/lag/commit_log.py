"""Commits as the cluster wrote them down: read from `__consumer_offsets`, where each has its own time.

OffsetFetch tells where a group is, not when it said so; and a commit that changes nothing shows here only.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from console.errors import OperatorError
from console.lag.burrow import Commit
from console.records.fetching import FetchLimits
from console.records.reader import RecordReader
from console.services.offsets import start_and_end_offsets
from console.services.partial import Missing
from engine.groups.partitioning import partition_for
from engine.groups.records import OffsetRecord, decode_record
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ProtocolError
from engine.types import CONSUMER_OFFSETS_TOPIC, TopicPartition

RECORDS_READ_MAX = 20_000
"""Of each partition of `__consumer_offsets`, from its end."""

COMMITS_KEPT_MAX = 1_000
"""Per partition of a group, the latest."""


@dataclass(slots=True)
class CommitLog:
    """The commits that were found, per partition in order of time and without lags."""

    commits: dict[TopicPartition, list[Commit]] = field(default_factory=dict)
    since_ms: int | None = None
    """The time of the oldest record read: commits before it are not known. None when nothing was read."""
    is_complete: bool = True
    """Whether the log was read from its start (it is compacted: old commits go all the same)."""


async def read_commits(
    client: ClusterClient, group_ids: Collection[str], *, records_max: int = RECORDS_READ_MAX
) -> tuple[dict[str, CommitLog], list[Missing]]:
    """The latest commits by group id. Groups whose part of the log cannot be read are missing."""
    view = await client.known_view([CONSUMER_OFFSETS_TOPIC])
    topic = view.topics.get(CONSUMER_OFFSETS_TOPIC)
    count = len(topic.partitions) if topic is not None else 0
    if not count:
        return {}, [Missing("times of commits", f"{CONSUMER_OFFSETS_TOPIC} cannot be seen from here")]
    logs = {group_id: CommitLog() for group_id in group_ids}
    groups: dict[TopicPartition, dict[str, None]] = {}
    for group_id in group_ids:
        groups.setdefault(TopicPartition(CONSUMER_OFFSETS_TOPIC, partition_for(group_id, count)), {})[group_id] = None
    bounds = await start_and_end_offsets(client, groups, patience_ms=2_000)
    missing = []
    starts: dict[TopicPartition, int] = {}
    for partition, names in groups.items():
        reason = bounds.why_not(partition)
        if reason is not None:
            for name in names:
                del logs[name]
                missing.append(Missing(f"times of commits of group {name}", reason))
            continue
        start, end = bounds.values[partition]
        starts[partition] = max(start, end - records_max)
        for name in names:
            logs[name].is_complete = starts[partition] == start
    stops = {partition: bounds.values[partition][1] for partition in starts}
    try:
        async with RecordReader(
            client, starts, stops, limits=FetchLimits(max_wait_ms=0, min_bytes=0), unreachable_timeout_ms=2_000
        ) as reader:
            async for chunk in reader.chunks():
                if chunk.records:
                    for name in groups[chunk.partition]:
                        if logs[name].since_ms is None:
                            logs[name].since_ms = chunk.records[0].timestamp
                for record in chunk.records:
                    _take(logs, groups[chunk.partition], record.key, record.value)
    except OperatorError as error:
        return {}, [*missing, Missing("times of commits", f"{error.title} {error.detail}".strip())]
    return logs, missing


def _take(logs: dict[str, CommitLog], names: Collection[str], key: bytes | None, value: bytes | None) -> None:
    if key is None:
        return
    try:
        record = decode_record(key, value)
    except ProtocolError:
        return  # A kind that neither we nor the group know how to read cannot be one of its commits.
    if not isinstance(record, OffsetRecord) or record.key.group_id not in names:
        return
    commits = logs[record.key.group_id].commits
    partition = TopicPartition(record.key.topic, record.key.partition)
    if record.value is None:
        commits.pop(partition, None)
        return
    kept = commits.setdefault(partition, [])
    kept.append(Commit(record.value.commit_timestamp, record.value.offset, None))
    if len(kept) > COMMITS_KEPT_MAX:
        del kept[: COMMITS_KEPT_MAX // 2]
