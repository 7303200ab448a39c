"""`/groups/NAME`, what it has read of each partition; `/groups/NAME/members`, who reads."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from console.changes.kinds import DeleteGroup
from console.errors import Blame, OperatorError
from console.history.snapshot import Snapshot
from console.output.text import duration
from console.services.configs import ConfigDescription, Resource, ResourceType, describe_configs
from console.services.group_members import GroupMember, describe_memberships
from console.services.groups import describe_groups
from console.services.partial import Missing
from engine.errors import KafkaError
from engine.net.cluster_errors import BrokerUnreachable, ClusterUnreachable, UnsupportedByBroker
from web.ask import Ask
from web.changing import change_json
from web.history import WINDOWS, window_of
from web.page import Crumb, Page, PageRoute
from web.pages.group_model import (
    group_partition_rows,
    group_partitions,
    member_rows,
    retention_summary,
    short_assignment,
)
from web.pages.groups_model import MEANINGS, STATE_KINDS, STATUS_KINDS, drains_in, group_row
from web.pages.past import Figure, drawn
from web.snapshots import Current, current
from web.tables import Column, Table

PATIENCE_S = 2.0
APPEARS_S = 15.0
"""A group that exists is in the next snapshot but one."""
TOPICS_ASKED_MAX = 200
"""Topics whose retention is asked for."""

PARTITION_COLUMNS = (
    Column("topic_partition", "Partition", "mono"),
    Column("status", "Status", "text", "Burrow's judgement of its last commits"),
    Column("committed_offset", "Committed", "number", "Offset of the next record to read"),
    Column("log_end_offset", "End", "number", "High watermark", narrow=False),
    Column("lag", "Lag", "number", "Records behind, at most"),
    Column("lag_ms", "Behind", "duration", "Age of the next record to read"),
    Column("commit_rate", "Reads", "rate", "Records per second", narrow=False),
    Column("production_rate", "In", "rate", "Records per second that come in", narrow=False),
    Column("drain_ms", "Drains in", "duration", "At these rates; never: it does not gain", narrow=False),
    Column("retention", "Retention", "text", "Whether records are deleted before they are read"),
    Column("lost_records", "Lost", "number", "Deleted before they were read, at most", narrow=False, optional=True),
    Column("client_id", "Client", "mono", optional=True),
    Column("client_host", "Host", "mono", narrow=False, optional=True),
)

MEMBER_COLUMNS = (
    Column("member_id", "Member", "mono"),
    Column("client_id", "Client", "mono"),
    Column("client_host", "Host", "mono"),
    Column("group_instance_id", "Static id", "mono", "group.instance.id (KIP-345)", narrow=False, optional=True),
    Column("rack", "Rack", "mono", narrow=False, optional=True),
    Column("partition_count", "Partitions", "number"),
    Column("lag", "Lag", "number", "On the partitions it has"),
    Column("assignment", "Assigned", "list", narrow=False),
)


@dataclass(frozen=True, slots=True)
class FoundGroup:
    """A group that exists."""

    group_id: str
    now: Current
    snapshot: Snapshot


async def found_group(ask: Ask) -> FoundGroup:
    """The group. Raises OperatorError when there is none of that name, or nobody can say."""
    group_id = ask.part("group")
    now = await current(ask.cluster)
    if now.snapshot is None or (group_id not in now.snapshot.groups and now.failure is not None):
        raise now.failure or OperatorError(f"group {group_id}", "the cluster has not answered yet")
    snapshot = now.snapshot
    if group_id not in snapshot.groups:
        # It may have been made since the newest pass: then the next one has it.
        await describe_groups(ask.cluster.client, [group_id], now_ms=None)
        try:
            async with asyncio.timeout(APPEARS_S):
                while group_id not in snapshot.groups:
                    await ask.cluster.sampler.next_pass()
                    now = await current(ask.cluster)
                    snapshot = now.snapshot or snapshot
        except TimeoutError:
            raise _unlisted(group_id, now) from None
    return FoundGroup(group_id, now, snapshot)


def _unlisted(group_id: str, now: Current) -> OperatorError:
    """A group that its coordinator knows, and that no listing of groups has had."""
    reasons = [f"{each.what}: {each.reason}" for each in now.missing if "group" in each.what]
    return OperatorError(
        f"group {group_id} cannot be shown now",
        "It exists, but the listing of groups did not have it. " + "; ".join(reasons[:8]),
        "Try again in a moment; a broker that does not answer is on the page of brokers.",
        blame=Blame.UNREACHABLE,
    )


async def members_of(ask: Ask, found: FoundGroup, missing: list[Missing]) -> Sequence[GroupMember]:
    """Who is in the group, as far as its coordinator answers in time."""
    group = found.snapshot.groups[found.group_id]
    if group.member_count == 0:
        return ()
    try:
        async with asyncio.timeout(PATIENCE_S):
            memberships, more = await describe_memberships(
                ask.cluster.client, {found.group_id: (group.coordinator, group.type)}
            )
    except (
        OperatorError,
        TimeoutError,
        KafkaError,
        BrokerUnreachable,
        ClusterUnreachable,
        UnsupportedByBroker,
    ) as error:
        missing.append(Missing("members", str(error) or "nobody answered in time"))
        return ()
    missing += more
    membership = memberships.get(found.group_id)
    return () if membership is None else membership.members


async def retention_of(ask: Ask, topics: Sequence[str], missing: list[Missing]) -> dict[str, int]:
    """retention.ms of the topics that delete by time, as far as it is told in time."""
    resources = [Resource(ResourceType.TOPIC, topic) for topic in topics[:TOPICS_ASKED_MAX]]
    if not resources:
        return {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            found = await describe_configs(ask.cluster.client, resources, names=("retention.ms", "cleanup.policy"))
    except (
        OperatorError,
        TimeoutError,
        KafkaError,
        BrokerUnreachable,
        ClusterUnreachable,
        UnsupportedByBroker,
    ) as error:
        missing.append(Missing("retention of the topics", str(error) or "nobody answered in time"))
        return {}
    times: dict[str, int] = {}
    for resource, config in found.items():
        if isinstance(config, ConfigDescription) and "delete" in (config.value("cleanup.policy") or "delete"):
            text = config.value("retention.ms")
            if text is not None:
                times[resource.name] = int(text)
    return times


async def group(ask: Ask) -> Page:
    """The group, with what it has read of each partition."""
    found = await found_group(ask)
    group_id, snapshot = found.group_id, found.snapshot
    missing = list(found.now.missing)
    topics = sorted({each.topic for each in group_partitions(snapshot, group_id)})
    members, retention = await asyncio.gather(members_of(ask, found, missing), retention_of(ask, topics, missing))
    tracker = ask.cluster.sampler.tracker
    rows = group_partition_rows(snapshot, tracker, group_id, members, retention)
    summary = group_row(snapshot, tracker, group_id)
    status = summary["status"]
    data = {
        "at_ms": found.now.at_ms,
        **summary,
        "status_meaning": None if status is None else MEANINGS[str(status)],
        "production_rate": _sum([row["production_rate"] for row in rows]),
        "topics": topics,
        **retention_summary(rows),
    }
    charts = []
    if ask.suffix == "html":
        labels = {"consumergroup": group_id}
        by_topic = ("topic",) if 1 < len(topics) <= 4 else ()
        charts = await drawn(
            ask,
            Figure("Lag, records", "kafka_consumergroup_lag", _whole, labels, by=by_topic, whole=True),
            Figure("Behind, in time", "stoker_consumergroup_max_lag_seconds", _seconds, labels, seconds=True),
        )
    table = Table(
        PARTITION_COLUMNS,
        rows,
        key="topic_partition",
        id="partitions",
        sort="topic_partition",
        noun="partition",
        href=lambda row: ask.url("topics", str(row["topic"])),
        empty="It has committed nothing, and nothing is assigned.",
    )
    view = {
        "charts": charts,
        "windows": list(WINDOWS),
        "window": window_of(ask.get("window"))[0],
        "status_kinds": STATUS_KINDS,
        "state_kinds": STATE_KINDS,
        "meanings": MEANINGS,
        "drains_in": drains_in,
        "delete": change_json(DeleteGroup(group_id)),
    }
    return Page(group_id, "pages/group.html", data, table, missing, group_crumbs(ask), view=view, nav="/groups")


def group_crumbs(ask: Ask, name: str = "") -> tuple[Crumb, ...]:
    crumbs = [Crumb("Groups", ask.url("groups"))]
    return (*crumbs, Crumb(name, ask.url("groups", name))) if name else tuple(crumbs)


def _sum(values: Sequence[object]) -> float | None:
    known = [float(str(value)) for value in values if value is not None]
    return sum(known) if known else None


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _seconds(value: float | None) -> str:
    return duration(None if value is None else round(value * 1000))


async def group_members(ask: Ask) -> Page:
    """Who is in the group."""
    found = await found_group(ask)
    missing = list(found.now.missing)
    members = await members_of(ask, found, missing)
    progress = found.snapshot.groups[found.group_id]
    lags = {each: lag for each in progress.committed if (lag := found.snapshot.lag(progress, each)) is not None}
    table = Table(
        MEMBER_COLUMNS,
        member_rows(members, lags),
        key="member_id",
        id="members",
        sort="member_id",
        noun="member",
        empty="The group has no members now.",
    )
    data = {"at_ms": found.now.at_ms, "group_id": found.group_id, "state": progress.state}
    return Page(
        "Members", "pages/group_members.html", data, table, missing, group_crumbs(ask, found.group_id),
        view={"short": short_assignment}, nav="/groups",
    )  # fmt: skip


PAGES = (PageRoute("/groups/{group}", group), PageRoute("/groups/{group}/members", group_members))
