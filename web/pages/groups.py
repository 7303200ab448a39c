"""`/groups`: all consumer groups, with their status and lag, from the newest snapshot."""

from __future__ import annotations

from web.ask import Ask
from web.derived import derived
from web.page import Page, PageRoute
from web.pages.groups_model import COLUMNS, MEANINGS, STATE_KINDS, STATUS_KINDS, drains_in, group_rows
from web.snapshots import current
from web.tables import Row, Table


async def groups(ask: Ask) -> Page:
    now = await current(ask.cluster)
    rows: list[Row] = []
    if (snapshot := now.snapshot) is not None:
        tracker = ask.cluster.sampler.tracker
        rows = derived(ask.cluster, snapshot, "groups", lambda: group_rows(snapshot, tracker))
    table = Table(
        COLUMNS,
        rows,
        key="group_id",
        id="groups",
        sort="group_id",
        noun="group",
        href=lambda row: ask.url("groups", str(row["group_id"])),
        empty="There are no groups yet. A consumer that commits makes one.",
        is_known=now.snapshot is not None,
    )
    counts: dict[str, int] = {}
    for row in rows:
        if row["status"] is not None:
            counts[str(row["status"])] = counts.get(str(row["status"]), 0) + 1
    lags = [int(str(row["lag"])) for row in rows if row["lag"] is not None]
    data = {
        "at_ms": now.at_ms,
        "group_count": len(rows),
        "groups_by_status": counts,
        "lag": sum(lags) if lags else None,
    }
    view = {"status_kinds": STATUS_KINDS, "state_kinds": STATE_KINDS, "meanings": MEANINGS, "drains_in": drains_in}
    return Page("Groups", "pages/groups.html", data, table, now.missing, view=view)


PAGES = (PageRoute("/groups", groups),)
