"""`/quorum`: who leads the metadata quorum, and how far behind the others are."""

from __future__ import annotations

from console.services.quorum import Quorum, QuorumRole
from web.ask import Ask
from web.history import WINDOWS, window_of
from web.page import Page, PageRoute
from web.pages.past import Figure, drawn
from web.snapshots import current
from web.tables import Column, Row, Table

COLUMNS = (
    Column("node_id", "Node", "number"),
    Column("role", "Role", "text", "leader: the active controller; voters elect it; observers only follow"),
    Column("log_end_offset", "Log end", "number"),
    Column("lag", "Lag", "number", "Records behind the leader"),
    Column("since_fetch_ms", "Fetched", "duration", "How long ago it fetched from the leader"),
    Column("since_caught_up_ms", "Caught up", "duration", "How long ago it was level with the leader"),
    Column("endpoints", "Controller listeners", "list", narrow=False),
    Column("directory_id", "Directory id", "mono", narrow=False),
)


def quorum_rows(quorum: Quorum, at_ms: int) -> list[Row]:
    """The nodes, the leader first. Of the leader itself it is not told when it fetched: it does not."""
    rows: list[Row] = []
    for each in quorum.replicas:
        leads = each.role is QuorumRole.LEADER
        rows.append(
            {
                "node_id": each.node_id,
                "role": each.role.value,
                "log_end_offset": each.log_end_offset,
                "lag": each.lag,
                "since_fetch_ms": None if leads else _since(each.last_fetch_timestamp, at_ms),
                "since_caught_up_ms": None if leads else _since(each.last_caught_up_timestamp, at_ms),
                "endpoints": list(each.endpoints),
                "directory_id": each.directory_id,
            }
        )
    return rows


def _since(then_ms: int | None, at_ms: int) -> int | None:
    return None if then_ms is None else max(0, at_ms - then_ms)


async def quorum(ask: Ask) -> Page:
    now = await current(ask.cluster)
    found = None if now.snapshot is None else now.snapshot.quorum
    rows = [] if found is None or now.snapshot is None else quorum_rows(found, now.snapshot.at_ms)
    table = Table(
        COLUMNS,
        rows,
        key="node_id",
        id="quorum",
        noun="node",
        href=lambda row: ask.url("brokers", str(row["node_id"])),
        empty="The quorum did not answer.",
        is_known=now.snapshot is not None,
    )
    data = {
        "at_ms": now.at_ms,
        "leader": None if found is None else found.leader,
        "leader_epoch": None if found is None else found.leader_epoch,
        "high_watermark": None if found is None else found.high_watermark,
        "max_voter_lag": None if found is None else found.max_voter_lag,
        "voter_count": sum(row["role"] != "observer" for row in rows),
    }
    charts = []
    if ask.suffix == "html":
        charts = await drawn(
            ask,
            Figure("Leader epoch: elections", "stoker_quorum_epoch", _whole, whole=True),
            Figure("Metadata records committed", "stoker_quorum_high_watermark", _rate, per_second=True),
            Figure("Largest lag by node", "stoker_quorum_replica_lag", _whole, by=("broker",), whole=True),
        )
    view = {"charts": charts, "windows": list(WINDOWS), "window": window_of(ask.get("window"))[0]}
    return Page("Quorum", "pages/quorum.html", data, table, now.missing, view=view)


def _whole(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}/s"


PAGES = (PageRoute("/quorum", quorum),)
