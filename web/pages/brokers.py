"""`/brokers`, and `/brokers/ID` with its replicas, disks and figures over time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from console.changes.kinds import ElectLeaders
from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.output.text import size
from console.services.brokers import list_brokers
from engine.net.cluster_view import address_text
from engine.protocol.errors import ErrorCode
from web.ask import Ask
from web.changing import change_json
from web.derived import derived
from web.formatting import percent
from web.history import WINDOWS, window_of
from web.page import Crumb, Page, PageRoute
from web.pages.past import Figure, drawn
from web.pages.topic_model import bars
from web.snapshots import Current, current
from web.tables import Column, Row, Table

COLUMNS = (
    Column("node_id", "Broker", "number"),
    Column(
        "state",
        "State",
        "text",
        "fenced: registered, but it does not serve; down: not even that, though it ought to hold replicas",
    ),
    Column("is_controller", "Controller", "flag"),
    Column("address", "Address", "mono"),
    Column("rack", "Rack", "mono", narrow=False, optional=True),
    Column("leaders", "Leaders", "number", "Partitions it leads"),
    Column("replicas", "Replicas", "number", "Partitions assigned to it"),
    Column("out_of_sync_replicas", "Not in sync", "number", "Of its replicas, those outside of the ISR"),
    Column("size_bytes", "Size", "bytes", "Of all its replicas"),
    Column("usable_bytes", "Free", "bytes", "On its fullest disk"),
    Column(
        "resident_bytes",
        "Memory",
        "bytes",
        "Of its process; nodes of one process share it",
        narrow=False,
        optional=True,
    ),
    Column("log_dir_errors", "Disk errors", "list", optional=True),
)

REPLICA_COLUMNS = (
    Column("topic_partition", "Partition", "mono"),
    Column("topic", "Topic", "mono", narrow=False),
    Column("partition", "#", "number", narrow=False),
    Column("role", "Role", "text"),
    Column("in_sync", "In sync", "text"),
    Column("size_bytes", "Size", "bytes", "Of the replica on this broker"),
    Column("high_watermark", "End", "number", "High watermark", narrow=False),
)


def broker_rows(snapshot: Snapshot, fenced: Collection[int] = ()) -> list[Row]:
    """Brokers that live, and those that are gone but ought to hold replicas."""
    leaders: dict[int, int] = {}
    replicas: dict[int, int] = {}
    behind: dict[int, int] = {}
    for view in snapshot.partitions.values():
        leaders[view.leader_id] = leaders.get(view.leader_id, 0) + 1
        for node in view.replicas:
            replicas[node] = replicas.get(node, 0) + 1
            if node not in view.isr:
                behind[node] = behind.get(node, 0) + 1
    controller = None if snapshot.quorum is None else snapshot.quorum.leader
    rows: list[Row] = []
    for node in sorted({*snapshot.brokers, *replicas, *fenced}):
        broker = snapshot.brokers.get(node)
        dirs = [each for each in snapshot.log_dirs if each.node_id == node]
        free = [each.usable_bytes for each in dirs if each.usable_bytes is not None]
        processes = [] if snapshot.usage is None else [p for p in snapshot.usage.processes if node in p.node_ids]
        rows.append(
            {
                "node_id": node,
                "state": "up" if broker is not None else "fenced" if node in fenced else "down",
                "is_controller": controller == node,
                "address": None if broker is None else address_text(broker.host, broker.port),
                "rack": None if broker is None else broker.rack,
                "leaders": leaders.get(node, 0),
                "replicas": replicas.get(node, 0),
                "out_of_sync_replicas": behind.get(node, 0),
                "size_bytes": sum(each.size_bytes for each in dirs) if dirs else None,
                "usable_bytes": min(free) if free else None,
                "resident_bytes": processes[0].resident_bytes if processes else None,
                "log_dir_errors": [f"{each.path}: {each.error}" for each in dirs if each.error],
            }
        )
    return rows


async def fenced_brokers(ask: Ask, snapshot: Snapshot) -> frozenset[int]:
    """Ids of brokers that are registered and do not serve; asked only when one is not there."""
    assigned = {node for view in snapshot.partitions.values() for node in view.replicas}
    if assigned <= snapshot.brokers.keys() or ask.cluster.failure is not None:
        return frozenset()
    with contextlib.suppress(OperatorError, TimeoutError):
        async with asyncio.timeout(1):
            listing = await list_brokers(ask.cluster.client)
            return frozenset(each.node_id for each in listing.brokers if each.is_fenced)
    return frozenset()


async def brokers(ask: Ask) -> Page:
    """All brokers."""
    now = await current(ask.cluster)
    snapshot = now.snapshot
    rows = [] if snapshot is None else broker_rows(snapshot, await fenced_brokers(ask, snapshot))
    table = Table(
        COLUMNS,
        rows,
        key="node_id",
        id="brokers",
        sort="node_id",
        noun="broker",
        is_known=snapshot is not None,
        href=lambda row: ask.url("brokers", str(row["node_id"])),
    )
    counts = [row["leaders"] for row in rows]
    data = {
        "at_ms": now.at_ms,
        "broker_count": sum(row["state"] == "up" for row in rows),
        "gone_count": sum(row["state"] != "up" for row in rows),
        "controller": next((row["node_id"] for row in rows if row["is_controller"]), None),
        "out_of_sync_replicas": sum(int(str(row["out_of_sync_replicas"])) for row in rows),
        "size_bytes": sum(int(str(row["size_bytes"])) for row in rows if row["size_bytes"] is not None),
    }
    view = {"elect": change_json(ElectLeaders()), "bars": bars(counts)}
    return Page("Brokers", "pages/brokers.html", data, table, now.missing, view=view)


@dataclass(frozen=True, slots=True)
class FoundBroker:
    """A broker that there is, or was: then what is known of it."""

    node_id: int
    now: Current
    snapshot: Snapshot
    row: Row


async def found_broker(ask: Ask) -> FoundBroker:
    """The broker. Raises OperatorError when there is none of that id, or nobody can say."""
    now = await current(ask.cluster)
    name = ask.part("broker")
    rows = [] if now.snapshot is None else broker_rows(now.snapshot, await fenced_brokers(ask, now.snapshot))
    row = next((each for each in rows if str(each["node_id"]) == name), None)
    if now.snapshot is None and now.failure is not None:
        raise now.failure
    if row is None or now.snapshot is None:
        raise OperatorError.refused(
            f"broker {name}", ErrorCode.BROKER_ID_NOT_REGISTERED, "there is no such broker", "The list has those there are."
        )  # fmt: skip
    return FoundBroker(int(name), now, now.snapshot, row)


async def broker(ask: Ask) -> Page:
    """One broker. It may be gone: then what is known of it is shown."""
    found = await found_broker(ask)
    node, snapshot, now, row = found.node_id, found.snapshot, found.now, found.row
    name = str(node)
    dirs = [each for each in snapshot.log_dirs if each.node_id == node]
    labels = {"broker": name}
    charts = []
    if ask.suffix == "html":
        process = _process_of(snapshot, node)
        figures = [
            Figure("Partitions it leads", "stoker_broker_leaders", _whole, labels, whole=True),
            Figure("Replicas not in sync", "stoker_broker_out_of_sync_replicas", _whole, labels, whole=True),
            Figure("Size", "stoker_broker_size_bytes", _bytes, labels, binary=True),
        ]
        if process is not None:
            mine = {"node": process}
            figures += [
                Figure("Processor", "stoker_process_cpu_seconds_total", percent, mine, per_second=True),
                Figure("Memory", "stoker_process_resident_memory_bytes", _bytes, mine, binary=True),
                Figure(
                    "Written to disk",
                    "stoker_process_written_bytes_total",
                    _byte_rate,
                    mine,
                    per_second=True,
                    binary=True,
                ),
            ]
        charts = await drawn(ask, *figures)
    table = Table(
        REPLICA_COLUMNS,
        derived(ask.cluster, snapshot, ("replicas", node), lambda: replica_rows(snapshot, node)),
        key="topic_partition",
        id="replicas",
        noun="replica",
        href=lambda each: ask.url("topics", str(each["topic"])),
        empty="It has no replicas.",
    )
    requests = snapshot.requests
    rates = ask.cluster.sampler.request_rates.rates(node) if requests is not None and node in requests else []
    known = [each.per_second for each in rates if each.per_second is not None]
    per_second = sum(known) if known else None
    data: dict[str, Any] = {"at_ms": now.at_ms, "broker": row, "log_dirs": dirs, "requests_per_second": per_second}
    view = {"charts": charts, "windows": list(WINDOWS), "window": window_of(ask.get("window"))[0]}
    return Page(
        f"Broker {node}", "pages/broker.html", data, table, now.missing,
        (Crumb("Brokers", ask.url("brokers")),), view=view, nav="/brokers",
    )  # fmt: skip


def replica_rows(snapshot: Snapshot, node: int) -> list[Row]:
    """The replicas assigned to the broker, by topic and number."""
    rows: list[Row] = []
    for partition, view in sorted(snapshot.partitions.items()):
        if node in view.replicas:
            ends = snapshot.offsets.get(partition)
            rows.append(
                {
                    "topic_partition": str(partition),
                    "topic": partition.topic,
                    "partition": partition.partition,
                    "role": "leader" if view.leader_id == node else "follower",
                    "in_sync": "offline" if node in view.offline_replicas else "yes" if node in view.isr else "no",
                    "size_bytes": snapshot.sizes.get(partition, {}).get(node),
                    "high_watermark": None if ends is None else ends[1],
                }
            )
    return rows


def _process_of(snapshot: Snapshot, node: int) -> str | None:
    """The label of the local process that runs the node."""
    if snapshot.usage is None:
        return None
    return next((each.name for each in snapshot.usage.processes if node in each.node_ids), None)


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _bytes(value: float | None) -> str:
    return size(None if value is None else round(value))


def _byte_rate(value: float | None) -> str:
    return "-" if value is None else f"{size(round(value))}/s"


PAGES = (PageRoute("/brokers", brokers), PageRoute("/brokers/{broker}", broker))
