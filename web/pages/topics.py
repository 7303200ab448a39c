"""`/topics`: all topics of the cluster, from the newest snapshot."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from console.history.snapshot import Snapshot
from console.lag.tracker import LagTracker
from console.open_cluster import OpenCluster
from console.services.topics import is_internal
from web.ask import Ask
from web.page import Page, PageRoute
from web.snapshots import current
from web.tables import Column, Row, Table

COLUMNS = (
    Column("name", "Topic", "mono"),
    Column("partition_count", "Partitions", "number"),
    Column("replication_factor", "Replicas", "number", "Replication factor of the first partition", narrow=False),
    Column("records_at_most", "Records", "number", "Exact unless compacted, transactional or deleted from"),
    Column("size_bytes", "Size", "bytes", "Of all replicas"),
    Column("production_rate", "In", "rate", "Records per second, over the last minute", narrow=False),
    Column("unavailable_partitions", "Unavailable", "number", "Partitions without leader: must be 0"),
    Column("under_replicated_partitions", "Under-replicated", "number", "With replicas outside of the ISR"),
    Column("group_count", "Groups", "number", "Consumer groups that have committed offsets", narrow=False),
    Column("is_internal", "Internal", "flag", narrow=False, optional=True),
)


async def topics(ask: Ask) -> Page:
    """The list, without internal topics unless `?internal=1`."""
    now = await current(ask.cluster)
    with_internal = ask.flag("internal")
    rows = [] if now.snapshot is None else _rows(ask.cluster, now.snapshot)
    internal = sum(bool(row["is_internal"]) for row in rows)
    if not with_internal:
        rows = [row for row in rows if not row["is_internal"]]
    table = Table(
        COLUMNS,
        rows,
        key="name",
        id="topics",
        sort="name",
        noun="topic",
        href=lambda row: ask.url("topics", str(row["name"])),
        empty="This cluster has no topics yet.",
        is_known=now.snapshot is not None,
    )
    data = {"at_ms": now.at_ms, "internal_topic_count": internal, "with_internal": with_internal}
    return Page("Topics", "pages/topics.html", data, table, now.missing)


_KEPT: WeakKeyDictionary[OpenCluster, tuple[Snapshot, list[Row]]] = WeakKeyDictionary()


def _rows(cluster: OpenCluster, snapshot: Snapshot) -> list[Row]:
    """The rows of that snapshot, made once however many look."""
    kept = _KEPT.get(cluster)
    if kept is None or kept[0] is not snapshot:
        kept = _KEPT[cluster] = (snapshot, topic_rows(snapshot, cluster.sampler.tracker))
    return kept[1]


def topic_rows(snapshot: Snapshot, tracker: LagTracker) -> list[Row]:
    """A row for each topic; a figure that is not known for all of its partitions is None."""
    partitions: dict[str, int] = {}
    replicas: dict[str, int] = {}
    records: dict[str, int | None] = {}
    sizes: dict[str, int | None] = {}
    unavailable: dict[str, int] = {}
    under: dict[str, int] = {}
    groups: dict[str, int] = {}
    rates: dict[str, float | None] = {}
    for partition, view in snapshot.partitions.items():
        name = partition.topic
        partitions[name] = partitions.get(name, 0) + 1
        replicas.setdefault(name, len(view.replicas))
        unavailable[name] = unavailable.get(name, 0) + (view.leader_id < 0)
        under[name] = under.get(name, 0) + (len(view.isr) < len(view.replicas))
        ends = snapshot.offsets.get(partition)
        known = records.get(name, 0)
        records[name] = None if ends is None or known is None else known + ends[1] - ends[0]
        speed, known_speed = tracker.production_rate(partition), rates.get(name, 0.0)
        rates[name] = None if speed is None or known_speed is None else known_speed + speed
        held = snapshot.sizes.get(partition)
        size = sizes.get(name, 0)
        sizes[name] = None if held is None or size is None else size + sum(held.values())
    for group in snapshot.groups.values():
        for name in {partition.topic for partition in group.committed}:
            groups[name] = groups.get(name, 0) + 1
    return [
        {
            "name": name,
            "partition_count": count,
            "replication_factor": replicas[name],
            "records_at_most": records[name],
            "size_bytes": sizes[name],
            "production_rate": rates[name],
            "unavailable_partitions": unavailable[name],
            "under_replicated_partitions": under[name],
            "group_count": groups.get(name, 0),
            "is_internal": is_internal(name, False),
        }
        for name, count in partitions.items()
    ]


PAGES = (PageRoute("/topics", topics),)
