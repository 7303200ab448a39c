"""What a statement would read, in words and as a page."""

from __future__ import annotations

from console.output.text import size
from console.sql.results import SqlPlan
from tui.views.record_rows import counted
from tui.widgets.cells import harmless
from tui.widgets.document import DocumentLine, fact, heading


def plan_words(plan: SqlPlan) -> str:
    """How much a statement would read."""
    known = sum(scan.records for scan in plan.scans)
    if known and not plan.records:
        return f"nothing from the cluster: {counted(known, 'record')} are held already, or known from offsets"
    words = counted(plan.records, "record")
    if plan.records and plan.bytes is not None:
        words += f", about {size(plan.bytes)}"
    topics = list(dict.fromkeys(scan.topic for scan in plan.scans))
    return f"{words} of {', '.join(map(harmless, topics[:3]))}" if topics else "no topic"


def plan_lines(plan: SqlPlan) -> list[DocumentLine]:
    """The plan as a page."""
    lines: list[DocumentLine] = [heading(f"It would read {plan_words(plan)}"), ()]
    for scan in plan.scans:
        lines += [
            heading(f"Topic {scan.topic}"),
            fact("Partitions", f"{len(scan.ranges):,} of {scan.partition_count:,}"),
            fact("Records", f"{scan.records:,} at most, {scan.records_to_fetch:,} to be fetched"),
            fact("Bytes", f"about {size(scan.bytes)}"),
            fact("Columns", ", ".join(scan.columns) or "none"),
        ]
        if scan.counted:
            lines.append(fact("Counted", "answered from offsets alone", "good"))
        lines += [fact("Offsets" if not at else "", f"partition {number}: {start:,} to {end:,}") for at, (number, start, end) in enumerate(scan.ranges[:20])]  # fmt: skip
        if len(scan.ranges) > 20:
            lines.append(fact("", f"… and {len(scan.ranges) - 20:,} partitions more"))
        lines += [fact("Note", note, "warning") for note in scan.notes]
        lines.append(())
    if plan.tables:
        lines.append(fact("Cluster's tables", ", ".join(plan.tables)))
    lines += [fact("Missing", str(missing), "bad") for missing in plan.missing]
    lines += [fact("Note", note, "warning") for note in plan.notes]
    return lines
