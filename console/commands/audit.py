"""`stoker audit`: what was changed, and taking it back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from console.commands.options import change_options, cluster_options, invocation, output_option

if TYPE_CHECKING:
    from console.audit import AuditEntry, AuditTrail
    from engine.net.cluster_client import ClusterClient


@click.command()
@click.option("--undo", "undo_id", metavar="ID", help='Take this change back; "last" for the newest.')
@click.option("--show", "show_id", metavar="ID", help='One change in full; "last" for the newest.')
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="How many, the newest.")
@click.option("--subject", metavar="TEXT", help='Only changes of what has TEXT in its name, e.g. "topic orders".')
@click.option("--failed", is_flag=True, help="Only changes that failed, or whose outcome is not known.")
@change_options
@output_option
@cluster_options
def audit(undo_id: str | None, show_id: str | None, limit: int, subject: str | None, failed: bool) -> None:
    """List the changes made from this machine, newest last, and take them back.

    Every change that `stoker`, its web console or its terminal console makes is written to audit.jsonl in your state
    folder: who, when, which cluster, what, before, after, and how it went. Undoing is a change like any other: it shows
    what it does (--dry-run), says what has changed since, and is in the list itself.

    \b
    Examples:
      stoker audit
      stoker audit --show last -o json
      stoker audit --undo 3f9a12cc --dry-run
      stoker audit --undo last
    """
    from console.audit import AuditLog
    from console.output.render import print_rows, say, warn

    if undo_id is not None:
        _undo(undo_id)
        return
    log = AuditLog()
    trail = log.read()
    if show_id is not None:
        _show(trail, show_id)
        return
    entries = [
        entry
        for entry in trail.entries
        if (subject is None or subject in entry.subject) and (not failed or entry.result != "done")
    ]
    if trail.damaged:
        warn(f"{trail.damaged} lines of {log.path} cannot be read")
    undone_by = trail.undone_by()
    rows = [_row(entry, undone_by) for entry in entries[-limit:]]
    print_rows(invocation().output, _columns(), rows, empty="Nothing was changed yet.")
    if len(entries) > limit and invocation().output == "table":
        say(f"Showing the newest {limit:,} of {len(entries):,}; --limit shows more.")


def _row(entry: AuditEntry, undone_by: dict[str, str]) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": datetime.fromtimestamp(entry.at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "at_ms": entry.at_ms,
        "user": entry.user,
        "host": entry.host,
        "face": entry.face,
        "cluster_id": entry.cluster_id,
        "bootstrap_servers": entry.bootstrap_servers,
        "kind": entry.kind,
        "subject": entry.subject,
        "command": entry.command,
        "before": entry.before,
        "after": entry.after,
        "result": entry.result,
        "error": entry.error,
        "can_undo": entry.undo is not None and entry.id not in undone_by,
        "undo_note": entry.undo_note,
        "undone_by": undone_by.get(entry.id),
        "undoes": entry.undoes,
    }


def _columns() -> list[Any]:
    from console.output.style import Style
    from console.output.table import Column
    from console.output.text import moment

    styles = {"done": Style.GOOD, "failed": Style.BAD, "started": Style.WARNING, "unknown": Style.WARNING}
    return [
        Column("id", "ID"),
        Column("at_ms", "WHEN", moment),
        Column("user", "USER"),
        Column("cluster_id", "CLUSTER", lambda text: (text or "-")[:8]),
        Column("kind", "CHANGE"),
        Column("subject", "SUBJECT", flexible=True),
        Column("result", "RESULT", style=styles.get),
        Column("can_undo", "UNDO", lambda can: "yes" if can else "-"),
        Column("undone_by", "UNDONE BY"),
    ]


def _show(trail: AuditTrail, audit_id: str) -> None:
    from console.output.render import print_facts
    from console.output.text import moment, safe

    entry = trail.get(audit_id)
    row = _row(entry, trail.undone_by())
    before, after = entry.before or {}, entry.after or {}
    names = list(dict.fromkeys([*before, *after]))
    changes = [f"{name}: {_shown(before.get(name))} -> {_shown(after.get(name))}" for name in names if name in after]
    facts = [
        ("Id", entry.id),
        ("When", moment(entry.at_ms)),
        ("Who", f"{entry.user} on {entry.host}, by {entry.face}"),
        ("Cluster", f"{entry.cluster_id or '-'} at {entry.bootstrap_servers}"),
        ("Subject", entry.subject),
        *[("Change", change) for change in changes],
        ("Result", entry.result + (f": {entry.error}" if entry.error else "")),
        ("Undo", entry.undo_note or ("yes" if entry.undo is not None else "no")),
        *[("Command", line) for line in entry.command.splitlines()],
    ]
    if row["undone_by"]:
        facts.append(("Undone by", row["undone_by"]))
    print_facts(invocation().output, [(name, safe(text)) for name, text in facts], row)


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)


def _undo(audit_id: str) -> None:
    from console.commands.changing import go_through, open_door
    from console.commands.session import refuse_if_readonly, with_client

    call = invocation()
    refuse_if_readonly(call, f"undo {audit_id}")

    async def work(client: ClusterClient) -> None:
        await go_through(call, await open_door(client, call).plan_undo(audit_id))

    with_client(work)
