"""The cluster's own tables: what they are called, which columns they have, and how they are filled.

Each is made only when a query names it. Columns are declared here once, for the tables themselves, for completion and for
the documentation.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from console.lag.commit_log import read_commits
from console.services.brokers import list_brokers
from console.services.configs import ConfigDescription, Resource, ResourceType, describe_configs
from console.services.groups import describe_groups, list_group_ids, list_groups
from console.services.log_dirs import sizes
from console.services.partial import Missing
from console.services.partitions import list_partitions
from console.services.quorum import describe_quorum
from console.services.topics import list_topics
from engine.net.cluster_client import ClusterClient
from engine.types import TopicPartition

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]
Filled = tuple[list[Row], list[Missing]]

_GROUPS_PORTION = 200


@dataclass(frozen=True, slots=True)
class SystemTable:
    """A table: `columns` are (name, type, meaning), types as in `_ARROW`."""

    name: str
    about: str
    columns: tuple[tuple[str, str, str], ...]
    fill: Callable[[ClusterClient], Awaitable[Filled]]
    extend: Callable[[ClusterClient, list[Row]], Awaitable[Filled]] | None = None
    """Fills `dear` columns of the rows too; they are NULL without it."""
    dear: tuple[str, ...] = ()
    """Columns that take long: filled only when a statement may name them."""


class TableProvider(Protocol):
    """Another room's table, such as the history's `metrics`. Columns are (name, DuckDB's type); rows are an Arrow table
    with these columns, or tuples in that order, TIMESTAMPs as datetimes without zone, in UTC."""

    @property
    def name(self) -> str: ...

    @property
    def columns(self) -> Sequence[tuple[str, str]]: ...

    async def rows(self) -> pa.Table | Sequence[tuple[Any, ...]]: ...


def provided_table(columns: Sequence[tuple[str, str]], rows: pa.Table | Sequence[tuple[Any, ...]]) -> pa.Table:
    """Rows of a provider with its columns."""
    import pyarrow as pa

    if isinstance(rows, pa.Table):
        return rows
    types = {
        "VARCHAR": pa.string(),
        "BOOLEAN": pa.bool_(),
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "DOUBLE": pa.float64(),
        "TIMESTAMP": pa.timestamp("us"),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
        "BLOB": pa.binary(),
    }
    arrays = [pa.array([row[index] for row in rows], types[kind]) for index, (_, kind) in enumerate(columns)]
    return pa.Table.from_arrays(arrays, names=[name for name, _ in columns])


def arrow_table(table: SystemTable, rows: Sequence[Row]) -> pa.Table:
    """The rows with the table's columns and types."""
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "int": pa.int32(),
        "long": pa.int64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("ms", tz="UTC"),
        "ints": pa.list_(pa.int32()),
    }
    arrays = [pa.array([row.get(name) for row in rows], types[kind]) for name, kind, _ in table.columns]
    return pa.Table.from_arrays(arrays, names=[name for name, _, _ in table.columns])


async def _brokers(client: ClusterClient) -> Filled:
    listing = await list_brokers(client)
    rows: list[Row] = [
        {
            "node_id": each.node_id,
            "host": each.host,
            "port": each.port,
            "rack": each.rack,
            "is_fenced": each.is_fenced if listing.knows_fenced else None,
            "is_controller": each.is_controller,
            "leaders": each.leaders,
            "replicas": each.replicas,
            "out_of_sync_replicas": each.out_of_sync_replicas,
            "size_bytes": each.size_bytes,
        }
        for each in listing.brokers
    ]
    return rows, list(listing.missing)


async def _topics(client: ClusterClient) -> Filled:
    listing = await list_topics(client, include_internal=True, with_configs=True)
    rows: list[Row] = [
        {
            "topic": each.name,
            "topic_id": each.topic_id,
            "is_internal": each.is_internal,
            "partition_count": each.partition_count,
            "replication_factor": each.replication_factor,
            "under_replicated_partitions": each.under_replicated_partitions,
            "unavailable_partitions": each.unavailable_partitions,
            "under_min_isr_partitions": each.under_min_isr_partitions,
            "records_at_most": each.records_at_most,
            "size_bytes": each.size_bytes,
        }
        for each in listing.topics
    ]
    return rows, list(listing.missing)


async def _partitions(client: ClusterClient) -> Filled:
    listing = await list_partitions(client, None)
    rows: list[Row] = [
        {
            "topic": each.topic,
            "partition": each.partition,
            "leader": each.leader,
            "leader_epoch": each.leader_epoch,
            "replicas": list(each.replicas),
            "isr": list(each.isr),
            "offline_replicas": list(each.offline_replicas),
            "log_start_offset": each.log_start_offset,
            "high_watermark": each.high_watermark,
            "records_at_most": each.records_at_most,
            "size_bytes": each.size_bytes,
            "is_under_replicated": each.is_under_replicated,
        }
        for each in listing.partitions
    ]
    return rows, list(listing.missing)


async def _replicas(client: ClusterClient) -> Filled:
    view = await client.metadata(None)
    held = await sizes(client)
    rows: list[Row] = []
    for topic in view.topics.values():
        for each in topic.partitions:
            for position, node_id in enumerate(each.replicas):
                size = held.of_replica(TopicPartition(topic.name, each.partition), node_id)
                rows.append(
                    {
                        "topic": topic.name,
                        "partition": each.partition,
                        "node_id": node_id,
                        "is_leader": node_id == each.leader_id,
                        "is_preferred_leader": position == 0,
                        "in_isr": node_id in each.isr,
                        "is_offline": node_id in each.offline_replicas,
                        "size_bytes": size,
                    }
                )
    return rows, list(held.missing)


async def _configs(client: ClusterClient) -> Filled:
    view = await client.metadata(None)
    resources = [Resource(ResourceType.TOPIC, name) for name in view.topics]
    resources += [Resource(ResourceType.BROKER, str(node_id)) for node_id in view.brokers]
    rows: list[Row] = []
    missing: list[Missing] = []
    for resource, found in (await describe_configs(client, resources)).items():
        if not isinstance(found, ConfigDescription):
            missing.append(Missing(f"configuration of {resource}", f"{found.name}: {found.text}"))
            continue
        rows += [
            {
                "resource_type": resource.type.name.lower(),
                "resource": resource.name,
                "name": entry.name,
                "value": entry.value,
                "source": entry.source.name,
                "is_override": entry.is_override,
                "is_read_only": entry.is_read_only,
                "is_sensitive": entry.is_sensitive,
                "type": entry.type,
            }
            for entry in found.entries
        ]
    return rows, missing


async def _consumer_groups(client: ClusterClient) -> Filled:
    listing = await list_groups(client)
    rows: list[Row] = [
        {
            "group_id": each.group_id,
            "type": each.type,
            "state": each.state,
            "protocol_type": each.protocol_type,
            "coordinator": each.coordinator,
            "member_count": each.member_count,
            "topic_count": each.topic_count,
            "lag": each.lag,
        }
        for each in listing.groups
    ]
    return rows, list(listing.missing)


async def _described_groups(client: ClusterClient, now_ms: int | None) -> tuple[list[Any], list[Missing]]:
    groups, missing = await list_group_ids(client)
    found = []
    for start in range(0, len(groups), _GROUPS_PORTION):
        names = [each.group_id for each in groups[start : start + _GROUPS_PORTION]]
        found += await describe_groups(client, names, now_ms=now_ms)
    for each in found:
        missing += each.missing
    return found, missing


async def _group_members(client: ClusterClient) -> Filled:
    groups, missing = await _described_groups(client, None)
    rows: list[Row] = [
        {
            "group_id": group.summary.group_id,
            "member_id": member.member_id,
            "group_instance_id": member.group_instance_id,
            "client_id": member.client_id,
            "client_host": member.client_host,
            "rack": member.rack,
            "assigned_partitions": len(member.assignment),
        }
        for group in groups
        for member in group.membership.members
    ]
    return rows, missing


async def _group_offsets(client: ClusterClient) -> Filled:
    groups, missing = await _described_groups(client, int(time.time() * 1000))
    rows: list[Row] = [
        {
            "group_id": group.summary.group_id,
            "topic": each.topic,
            "partition": each.partition,
            "committed_offset": each.committed_offset,
            "log_end_offset": each.log_end_offset,
            "lag": each.lag,
            "lag_ms": each.lag_ms,
            "metadata": each.metadata,
            "member_id": each.member.member_id if each.member else None,
            "client_id": each.member.client_id if each.member else None,
            "client_host": each.member.client_host if each.member else None,
        }
        for group in groups
        for each in group.partitions
    ]
    return rows, missing


async def _commit_times(client: ClusterClient, rows: list[Row]) -> Filled:
    """Each row with the time of its commit, when the latest one in `__consumer_offsets` is of the same offset."""
    logs, missing = await read_commits(client, list(dict.fromkeys(row["group_id"] for row in rows)))
    extended: list[Row] = []
    for row in rows:
        log = logs.get(row["group_id"])
        commits = log.commits.get(TopicPartition(row["topic"], row["partition"])) if log is not None else None
        known = commits[-1].timestamp_ms if commits and commits[-1].offset == row["committed_offset"] else None
        extended.append({**row, "commit_timestamp": known})
    return extended, missing


async def _quorum(client: ClusterClient) -> Filled:
    quorum = await describe_quorum(client)
    rows: list[Row] = [
        {
            "node_id": each.node_id,
            "role": each.role.value,
            "leader_epoch": quorum.leader_epoch,
            "high_watermark": quorum.high_watermark,
            "log_end_offset": each.log_end_offset,
            "lag": each.lag,
            "last_fetch_timestamp": each.last_fetch_timestamp,
            "last_caught_up_timestamp": each.last_caught_up_timestamp,
            "directory_id": each.directory_id,
        }
        for each in quorum.replicas
    ]
    return rows, []


SYSTEM_TABLES: dict[str, SystemTable] = {
    table.name: table
    for table in (
        SystemTable(
            "brokers",
            "Brokers: where they are, what they lead and hold.",
            (
                ("node_id", "int", ""),
                ("host", "text", ""),
                ("port", "int", ""),
                ("rack", "text", ""),
                ("is_fenced", "bool", "registered but not serving; NULL before Kafka 4.0"),
                ("is_controller", "bool", ""),
                ("leaders", "int", "partitions it leads"),
                ("replicas", "int", "partitions it is assigned"),
                ("out_of_sync_replicas", "int", ""),
                ("size_bytes", "long", "of all replicas on it"),
            ),
            _brokers,
        ),
        SystemTable(
            "topics",
            "Topics, internal ones too.",
            (
                ("topic", "text", ""),
                ("topic_id", "text", ""),
                ("is_internal", "bool", ""),
                ("partition_count", "int", ""),
                ("replication_factor", "int", ""),
                ("under_replicated_partitions", "int", ""),
                ("unavailable_partitions", "int", "without leader"),
                ("under_min_isr_partitions", "int", ""),
                ("records_at_most", "long", "exact unless compacted or transactional"),
                ("size_bytes", "long", "of the leaders' replicas"),
            ),
            _topics,
        ),
        SystemTable(
            "partitions",
            "Leader, replicas, offsets and size per partition.",
            (
                ("topic", "text", ""),
                ("partition", "int", ""),
                ("leader", "int", "NULL while it has none"),
                ("leader_epoch", "int", ""),
                ("replicas", "ints", "the preferred leader first"),
                ("isr", "ints", ""),
                ("offline_replicas", "ints", ""),
                ("log_start_offset", "long", ""),
                ("high_watermark", "long", "the first offset consumers may not read yet"),
                ("records_at_most", "long", ""),
                ("size_bytes", "long", "of the leader's replica"),
                ("is_under_replicated", "bool", ""),
            ),
            _partitions,
        ),
        SystemTable(
            "replicas",
            "One row for each replica.",
            (
                ("topic", "text", ""),
                ("partition", "int", ""),
                ("node_id", "int", ""),
                ("is_leader", "bool", ""),
                ("is_preferred_leader", "bool", ""),
                ("in_isr", "bool", ""),
                ("is_offline", "bool", ""),
                ("size_bytes", "long", ""),
            ),
            _replicas,
        ),
        SystemTable(
            "configs",
            "Configuration of every topic and broker.",
            (
                ("resource_type", "text", "topic or broker"),
                ("resource", "text", ""),
                ("name", "text", ""),
                ("value", "text", "NULL when sensitive"),
                ("source", "text", ""),
                ("is_override", "bool", "set on the resource itself"),
                ("is_read_only", "bool", ""),
                ("is_sensitive", "bool", ""),
                ("type", "text", ""),
            ),
            _configs,
        ),
        SystemTable(
            "consumer_groups",
            "Groups with their state and total lag.",
            (
                ("group_id", "text", ""),
                ("type", "text", "classic, consumer, share or streams"),
                ("state", "text", ""),
                ("protocol_type", "text", ""),
                ("coordinator", "int", ""),
                ("member_count", "int", ""),
                ("topic_count", "int", "with committed offsets"),
                ("lag", "long", ""),
            ),
            _consumer_groups,
        ),
        SystemTable(
            "group_members",
            "Members of groups.",
            (
                ("group_id", "text", ""),
                ("member_id", "text", ""),
                ("group_instance_id", "text", "of static members"),
                ("client_id", "text", ""),
                ("client_host", "text", ""),
                ("rack", "text", ""),
                ("assigned_partitions", "int", ""),
            ),
            _group_members,
        ),
        SystemTable(
            "group_offsets",
            "What each group has read of each partition, and how far it is behind.",
            (
                ("group_id", "text", ""),
                ("topic", "text", ""),
                ("partition", "int", ""),
                ("committed_offset", "long", "of the next record to read"),
                ("log_end_offset", "long", ""),
                ("lag", "long", "records behind, at most"),
                ("lag_ms", "long", "age of the next record to read"),
                ("metadata", "text", "what the consumer left with its commit"),
                ("commit_timestamp", "time", "when it committed; NULL when that is too far back in __consumer_offsets"),
                ("member_id", "text", "who it is assigned to, and so who commits; Kafka does not note who did"),
                ("client_id", "text", ""),
                ("client_host", "text", ""),
            ),
            _group_offsets,
            _commit_times,
            ("commit_timestamp",),
        ),
        SystemTable(
            "quorum",
            "The metadata quorum: leader, voters, observers.",
            (
                ("node_id", "int", ""),
                ("role", "text", "leader, voter or observer"),
                ("leader_epoch", "int", ""),
                ("high_watermark", "long", ""),
                ("log_end_offset", "long", ""),
                ("lag", "long", ""),
                ("last_fetch_timestamp", "time", ""),
                ("last_caught_up_timestamp", "time", ""),
                ("directory_id", "text", ""),
            ),
            _quorum,
        ),
    )
}
"""By name. Reached as `brokers` unless a topic has that name, and always as `kafka.brokers`."""
