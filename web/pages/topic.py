"""`/topics/NAME`, its partitions; `/topics/NAME/groups`, who reads it; `/topics/NAME/producers`, who writes to it."""

from __future__ import annotations

from console.changes.kinds import DeleteTopic
from console.errors import OperatorError
from console.output.text import size
from console.services.partial import Missing
from console.services.producers import active_producers
from console.services.topics import is_internal
from web.ask import Ask
from web.changing import change_json
from web.formatting import rate
from web.history import WINDOWS, window_of
from web.page import Crumb, Page, PageRoute
from web.pages.groups_model import COLUMNS as GROUP_COLUMNS
from web.pages.groups_model import MEANINGS, STATE_KINDS, STATUS_KINDS, drains_in
from web.pages.past import Figure, drawn
from web.pages.topic_model import bars, found_topic, partition_rows, readers, summary
from web.tables import Column, Table

PARTITION_COLUMNS = (
    Column("partition", "#", "number", "Partition"),
    Column(
        "state", "State", "text", "unavailable: it has no leader; under-replicated: replicas are outside of the ISR"
    ),
    Column("leader", "Leader", "number"),
    Column(
        "replicas", "Replicas", "list", "Assigned replicas, the preferred leader first; struck through: not in sync"
    ),
    Column("isr", "ISR", "list", "In-sync replicas", narrow=False),
    Column("log_start_offset", "Start", "number", "Log start offset", narrow=False),
    Column("high_watermark", "End", "number", "High watermark: the first offset that consumers may not read yet"),
    Column("records_at_most", "Records", "number", "Exact unless compacted, transactional or deleted from"),
    Column("size_bytes", "Size", "bytes", "Of the leader's replica; the bar compares partitions"),
    Column("production_rate", "In", "rate", "Records per second, over the last minute", narrow=False),
    Column("leader_epoch", "Epoch", "number", "How often leadership changed", narrow=False),
)

PRODUCER_COLUMNS = (
    Column("producer_id", "Producer id", "number"),
    Column("partition", "Partition", "number"),
    Column("producer_epoch", "Epoch", "number"),
    Column("last_sequence", "Last sequence", "number", "Of its newest batch"),
    Column("last_timestamp", "Last wrote", "time", "Timestamp of its newest batch"),
    Column("transaction_start_offset", "Open transaction since", "number", "Offset where it began", optional=True),
)


def topic_crumbs(ask: Ask, name: str = "") -> tuple[Crumb, ...]:
    """The way to a page of topics; with `name` to one below that topic."""
    crumbs = [Crumb("Topics", ask.url("topics"))]
    return (*crumbs, Crumb(name, ask.url("topics", name))) if name else tuple(crumbs)


async def topic(ask: Ask) -> Page:
    """The topic, with its partitions."""
    found = await found_topic(ask, ask.part("topic"))
    name, snapshot = found.name, found.snapshot
    tracker = ask.cluster.sampler.tracker
    rows = partition_rows(snapshot, tracker, found.partitions)
    groups = readers(snapshot, tracker, name)
    data = {"at_ms": found.now.at_ms, "topic": name, **summary(rows, len(groups))}
    charts = []
    if ask.suffix == "html":
        charts = await drawn(
            ask,
            Figure("Records in", "kafka_topic_partition_current_offset", rate, {"topic": name}, per_second=True),
            Figure("Size of all replicas", "stoker_topic_partition_size_bytes", _bytes, {"topic": name}, binary=True),
        )
    table = Table(
        PARTITION_COLUMNS,
        rows,
        key="partition",
        id="partitions",
        sort="partition",
        noun="partition",
        href=lambda row: ask.url("topics", name, "records", query={"partition": row["partition"]}),
    )
    sizes = [row["size_bytes"] for row in rows]
    view = {
        "brokers": frozenset(snapshot.brokers),
        "size_max": max((each for each in sizes if isinstance(each, int)), default=0),
        "bars": bars(sizes),
        "charts": charts,
        "windows": list(WINDOWS),
        "window": window_of(ask.get("window"))[0],
        "delete": change_json(DeleteTopic(name)),
        "is_internal": is_internal(name, False),
    }
    return Page(
        name, "pages/topic.html", data, table, found.now.missing, topic_crumbs(ask), view=view, nav="/topics"
    )  # fmt: skip


def _bytes(value: float | None) -> str:
    return size(None if value is None else round(value))


async def topic_groups(ask: Ask) -> Page:
    """Groups that have committed offsets for the topic, or read it; the figures are of this topic alone."""
    found = await found_topic(ask, ask.part("topic"))
    rows = readers(found.snapshot, ask.cluster.sampler.tracker, found.name)
    kept = [each for each in GROUP_COLUMNS if each.name != "topic_count"]
    table = Table(
        (*kept[:1], Column("partition_count", "Partitions", "number", "Of this topic"), *kept[1:]),
        rows,
        key="group_id",
        id="groups",
        sort="-lag",
        noun="group",
        href=lambda row: ask.url("groups", str(row["group_id"])),
        empty="No group has read this topic.",
    )
    view = {"status_kinds": STATUS_KINDS, "state_kinds": STATE_KINDS, "meanings": MEANINGS, "drains_in": drains_in}
    data = {"at_ms": found.now.at_ms, "topic": found.name}
    return Page(
        "Consumers", "pages/topic_groups.html", data, table, found.now.missing, topic_crumbs(ask, found.name),
        view=view, nav="/topics",
    )  # fmt: skip


async def topic_producers(ask: Ask) -> Page:
    """Idempotent and transactional producers; others leave no trace."""
    name = ask.part("topic")
    missing: list[Missing] = []
    rows = []
    try:
        listing = await active_producers(ask.cluster.client, name)
    except OperatorError as error:
        # That there is no such topic is an error page; that nobody answers leaves this one there.
        await found_topic(ask, name)
        missing.append(Missing("producers", error.detail or error.title))
    else:
        missing += listing.missing
        rows = [
            {
                "producer": f"{each.producer_id} / {each.partition}",
                "producer_id": each.producer_id,
                "partition": each.partition,
                "producer_epoch": each.producer_epoch,
                "last_sequence": each.last_sequence,
                "last_timestamp": each.last_timestamp,
                "transaction_start_offset": each.transaction_start_offset,
            }
            for each in listing.producers
        ]
    table = Table(
        PRODUCER_COLUMNS,
        rows,
        key="producer",
        id="producers",
        sort="-last_timestamp",
        noun="producer",
        empty="No producer is known here.",
    )
    return Page(
        "Producers", "pages/topic_producers.html", {"topic": name}, table, missing, topic_crumbs(ask, name), nav="/topics"
    )  # fmt: skip


PAGES = (
    PageRoute("/topics/{topic}", topic),
    PageRoute("/topics/{topic}/groups", topic_groups),
    PageRoute("/topics/{topic}/producers", topic_producers),
)
