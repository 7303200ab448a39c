"""`/audit`: what was changed from this machine; `/audit/ID`: one change in full, to be taken back from there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from console.audit import AuditEntry, AuditTrail
from web.ask import Ask
from web.page import Crumb, Page, PageRoute
from web.snapshots import current
from web.tables import Column, Row, Table

COLUMNS = (
    Column("at_ms", "When", "time"),
    Column("subject", "What", "mono"),
    Column("kind", "Change", "text"),
    Column(
        "result", "Result", "text", "started: its outcome is not known; unknown: the broker was lost before it answered"
    ),
    Column("undo", "Undo", "text", "yes: it can be taken back; undone: it was"),
    Column("user", "By", "text", narrow=False),
    Column("face", "From", "text", "cli, web or tui", narrow=False),
    Column("cluster_id", "Cluster", "mono", narrow=False),
    Column("id", "Id", "mono", narrow=False),
    Column("error", "Error", "text", narrow=False, optional=True),
)

RESULT_KINDS = {"done": "ok", "failed": "bad", "started": "warn", "unknown": "warn"}


def audit_rows(trail: AuditTrail, cluster_id: str | None) -> list[Row]:
    """The changes, newest first; of that cluster alone when one is given."""
    undone = trail.undone_by()
    return [
        {
            "at_ms": entry.at_ms,
            "subject": entry.subject,
            "kind": entry.kind,
            "result": entry.result,
            "undo": undo_state(entry, undone),
            "user": entry.user,
            "face": entry.face,
            "cluster_id": entry.cluster_id,
            "id": entry.id,
            "error": entry.error,
            "command": entry.command,
        }
        for entry in reversed(trail.entries)
        if cluster_id is None or entry.cluster_id == cluster_id
    ]


def undo_state(entry: AuditEntry, undone: Mapping[str, str]) -> str:
    """yes, undone, or no."""
    return "undone" if entry.id in undone else "yes" if entry.undo is not None else "no"


def facts_table(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """What was and what came, side by side; `changed` where they differ."""
    names = dict.fromkeys([*(before or {}), *(after or {})])
    return [
        {
            "name": name,
            "before": (before or {}).get(name),
            "after": (after or {}).get(name),
            "changed": (before or {}).get(name) != (after or {}).get(name),
        }
        for name in names
    ]


async def audit(ask: Ask) -> Page:
    """The changes of this cluster, or with `?all=1` of every cluster."""
    trail = await asyncio.to_thread(ask.cluster.audit.read)
    now = await current(ask.cluster)
    everywhere = ask.flag("all")
    own = None if everywhere or now.snapshot is None else now.snapshot.cluster_id
    table = Table(
        COLUMNS,
        audit_rows(trail, own),
        key="id",
        id="audit",
        sort="-at_ms",
        noun="change",
        href=lambda row: ask.url("audit", str(row["id"])),
        empty="Nothing was changed from this machine yet.",
    )
    data = {
        "of_all_clusters": own is None,
        "damaged_lines": trail.damaged,
        "elsewhere_count": len(trail.entries) - len(table.rows),
    }
    return Page("Audit", "pages/audit.html", data, table, view={"kinds": RESULT_KINDS})


async def audit_entry(ask: Ask) -> Page:
    """One change: who, when, from what to what, how it went, and its undo."""
    trail = await asyncio.to_thread(ask.cluster.audit.read)
    entry = trail.get(ask.part("id"))
    undone = trail.undone_by()
    now = await current(ask.cluster)
    here = now.snapshot is None or entry.cluster_id == now.snapshot.cluster_id
    data = {
        "entry": entry,
        "undone_by": undone.get(entry.id),
        "undo": undo_state(entry, undone),
        "is_this_cluster": here,
    }
    view = {"facts": facts_table(entry.before, entry.after), "kind": RESULT_KINDS.get(entry.result, "")}
    return Page(
        f"Change {entry.id}", "pages/audit_entry.html", data, crumbs=(Crumb("Audit", ask.url("audit")),),
        view=view, nav="/audit",
    )  # fmt: skip


PAGES = (PageRoute("/audit", audit), PageRoute("/audit/{id}", audit_entry))
