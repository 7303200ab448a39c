"""One pass over a cluster: metadata, offsets, groups, sizes and quorum, asked side by side in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from console.errors import OperatorError, operator_errors
from console.local_machine import LocalUsage
from console.services.group_members import describe_memberships
from console.services.group_offsets import committed_offsets
from console.services.groups import NO_COMMITS, list_group_ids
from console.services.log_dirs import LogDir, Sizes, sizes
from console.services.offsets import start_and_end_offsets
from console.services.partial import Missing, missing_partitions
from console.services.quorum import Quorum, describe_quorum
from engine.errors import KafkaError
from engine.net.cluster_client import ClusterClient
from engine.net.cluster_errors import BrokerUnreachable, ClusterUnreachable, UnsupportedByBroker
from engine.net.cluster_view import BrokerView, PartitionView
from engine.net.request_figures import RequestFigure
from engine.protocol.errors import ProtocolError
from engine.types import TopicPartition

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class GroupProgress:
    """Where a group is. `member_count` is None when nobody answered."""

    group_id: str
    type: str
    state: str
    coordinator: int
    member_count: int | None
    committed: dict[TopicPartition, int]
    assigned: frozenset[TopicPartition]
    """Partitions that have a member now."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A cluster at one moment, as far as it answered; `missing` names the rest."""

    at_ms: int
    cluster_id: str | None
    brokers: dict[int, BrokerView]
    """Live ones."""
    partitions: dict[TopicPartition, PartitionView]
    offsets: dict[TopicPartition, tuple[int, int]]
    """Log start offset and high watermark."""
    sizes: dict[TopicPartition, dict[int, int]]
    """Bytes by node id."""
    log_dirs: tuple[LogDir, ...]
    groups: dict[str, GroupProgress]
    quorum: Quorum | None
    usage: LocalUsage | None
    missing: tuple[Missing, ...] = field(default=())
    requests: Mapping[int, Sequence[RequestFigure]] | None = None
    """What brokers have answered, by node id; None when they cannot be asked: Kafka tells it over JMX only."""

    def lag(self, group: GroupProgress, partition: TopicPartition) -> int | None:
        """Records behind, at most; None when the partition's end is not known."""
        ends = self.offsets.get(partition)
        committed = group.committed.get(partition)
        return None if ends is None or committed is None else max(0, ends[1] - committed)


async def take_snapshot(
    client: ClusterClient,
    at_ms: int,
    *,
    usage: LocalUsage | None = None,
    requests: Mapping[int, Sequence[RequestFigure]] | None = None,
) -> Snapshot:
    """Asks everything side by side. Raises OperatorError only when nobody answers; a part that fails is missing."""
    with operator_errors("cluster"):
        view = await client.metadata(None)
    partitions = {
        TopicPartition(name, each.partition): each for name, topic in view.topics.items() for each in topic.partitions
    }
    loop = asyncio.get_running_loop()
    missing: list[Missing] = []
    offsets = loop.create_task(
        _part("offsets", lambda: start_and_end_offsets(client, partitions, patience_ms=1_000), missing)
    )
    held = loop.create_task(_part("sizes", lambda: sizes(client), missing))
    groups = loop.create_task(_part("groups", lambda: _groups(client), missing))
    quorum = loop.create_task(_part("quorum", lambda: describe_quorum(client), missing))
    tasks: list[asyncio.Task[object]] = [offsets, held, groups, quorum]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    found = offsets.result()
    if found is not None:
        missing += missing_partitions("offsets", found.missing)
        failed = {partition: f"{error.name}: {error.text}" for partition, error in found.errors.items()}
        missing += missing_partitions("offsets", failed)
    kept = held.result() or Sizes((), {}, ())
    missing += kept.missing
    progress, more = groups.result() or ({}, [])
    return Snapshot(
        at_ms,
        view.cluster_id,
        dict(view.brokers),
        partitions,
        {} if found is None else found.values,
        kept.replicas,
        kept.log_dirs,
        progress,
        quorum.result(),
        usage,
        (*missing, *more),
        requests,
    )


async def _part(what: str, work: Callable[[], Awaitable[T]], missing: list[Missing]) -> T | None:
    """The answer, or None with the reason in `missing`: the rest of the pass goes on."""
    try:
        # Begun here: a pass that is called off before that leaves nothing behind that was never awaited.
        return await work()
    except OperatorError as error:
        missing.append(Missing(what, error.detail or error.title))
    except (KafkaError, BrokerUnreachable, ClusterUnreachable, UnsupportedByBroker, ProtocolError) as error:
        missing.append(Missing(what, str(error)))
    return None


async def _groups(client: ClusterClient) -> tuple[dict[str, GroupProgress], list[Missing]]:
    listed, missing = await list_group_ids(client)
    by_coordinator: dict[int, list[str]] = {}
    for group in listed:
        if group.type not in NO_COMMITS:
            by_coordinator.setdefault(group.coordinator, []).append(group.group_id)
    memberships, more = await describe_memberships(client, {g.group_id: (g.coordinator, g.type) for g in listed})
    missing += more
    committed, more = await committed_offsets(client, by_coordinator)
    missing += more
    found = {}
    for group in listed:
        membership = memberships.get(group.group_id)
        members = () if membership is None else membership.members
        found[group.group_id] = GroupProgress(
            group.group_id,
            group.type,
            (membership.state if membership is not None else "") or group.state,
            group.coordinator,
            None if membership is None else len(members),
            {partition: each.offset for partition, each in committed.get(group.group_id, {}).items()},
            frozenset(partition for member in members for partition in member.assignment),
        )
    return found, missing
