"""Committed offsets of groups (OffsetFetch, key 9), and the time of the record each group would read next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.records.fetching import FetchLimits, fetch_request, read_fetch_response
from console.services.offsets import READ_UNCOMMITTED
from console.services.partial import Missing
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.partition_requests import ask_leaders
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import OffsetFetchRequest
from engine.protocol.uuids import ZERO_UUID
from engine.types import TopicPartition

_PORTION = 200
"""Groups asked about in one request."""

_TIMED_PARTITIONS_MAX = 1_000
"""Partitions whose next record is read for its time, in one call."""


@dataclass(frozen=True, slots=True)
class CommittedOffset:
    """What a group committed for a partition: the next offset to read, its epoch (-1 unknown) and the consumer's note."""

    offset: int
    leader_epoch: int
    metadata: str | None


async def committed_offsets(
    client: ClusterClient, groups: Mapping[int, Sequence[str]]
) -> tuple[dict[str, dict[TopicPartition, CommittedOffset]], list[Missing]]:
    """All committed offsets by group id; `groups` lists group ids by their coordinator."""

    async def ask(node_id: int) -> list[tuple[str, Any]]:
        names = list(groups[node_id])
        version = await client.version_for(node_id, OffsetFetchRequest)
        if version < 8:
            return [(name, await client.request_to(node_id, _single(name))) for name in names]
        answers = []
        for start in range(0, len(names), _PORTION):
            response = await client.request_to(node_id, _many(names[start : start + _PORTION]))
            answers += [(group.group_id, group) for group in response.groups]
        return answers

    partial = await client.gather({node_id: lambda n=node_id: ask(n) for node_id in groups})  # type: ignore[misc]
    found: dict[str, dict[TopicPartition, CommittedOffset]] = {}
    missing = [Missing(f"offsets of groups on broker {node_id}", reason) for node_id, reason in partial.missing.items()]
    topic_names: dict[bytes, str] | None = None
    for answers in partial.answers.values():
        for group_id, group in answers:
            error = ErrorCode.of(group.error_code)
            if error != ErrorCode.NONE:
                missing.append(Missing(f"offsets of group {group_id}", f"{error.name}: {error.text}"))
                continue
            offsets = found.setdefault(group_id, {})
            for topic in group.topics:
                name = topic.name
                if not name:
                    if topic_names is None:
                        view = await client.known_view(None)
                        topic_names = {each.topic_id: each.name for each in view.topics.values()}
                    name = topic_names.get(bytes(getattr(topic, "topic_id", ZERO_UUID)), "")
                for each in topic.partitions:
                    if each.committed_offset >= 0 and not each.error_code:
                        offsets[TopicPartition(name, each.partition_index)] = CommittedOffset(
                            each.committed_offset, each.committed_leader_epoch, each.metadata or None
                        )
    return found, missing


def _many(group_ids: list[str]) -> Versioned:
    # v10 asks by topic id (KIP-848), which leaves out topics that were deleted: we want to show those as well.
    request = OffsetFetchRequest(
        groups=[OffsetFetchRequest.OffsetFetchRequestGroup(group_id=name, topics=None) for name in group_ids]
    )
    return Versioned(OffsetFetchRequest, lambda _: request, floor=8, ceiling=9)


def _single(group_id: str) -> Versioned:
    request = OffsetFetchRequest(group_id=group_id, topics=None)
    return Versioned(OffsetFetchRequest, lambda _: request, floor=2, ceiling=7)


async def times_of_next_records(
    client: ClusterClient, positions: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Timestamps (ms) of the first records at or after those offsets, as far as they can be read in one or two tries.

    At most 1,000 partitions are looked at.
    """
    wanted = dict(list(positions.items())[:_TIMED_PARTITIONS_MAX])
    times: dict[TopicPartition, int] = {}
    # A batch larger than the limit is only sent first in an answer, so a second try with more room gets the rest.
    for partition_max_bytes in (64 * 1024, 2 * 1024 * 1024):
        pending = {partition: offset for partition, offset in wanted.items() if partition not in times}
        if not pending:
            break
        limits = FetchLimits(max_wait_ms=0, min_bytes=0, partition_max_bytes=partition_max_bytes)

        def build(
            _: int, partitions: list[TopicPartition], p: Any = pending, limits: FetchLimits = limits
        ) -> Versioned:
            return fetch_request(
                client.view.topics, {each: p[each] for each in partitions}, limits, isolation=READ_UNCOMMITTED
            )

        def read(response: Any, p: Any = pending) -> Any:
            for chunk in read_fetch_response(response, client.view.topics, p):
                yield chunk.partition, int(chunk.error), chunk.records[0].timestamp if chunk.records else -1

        answers = await ask_leaders(client, pending, build, read, patience_ms=0)
        times.update({partition: time for partition, time in answers.values.items() if time >= 0})
    return times
