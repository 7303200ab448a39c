"""The line between the editor and the result: plan, progress, or how it went. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.output.text import count, duration, size
from tui.views.record_rows import counted
from tui.views.sql_plan import plan_words
from tui.widgets.bars import Line, Part
from tui.widgets.cells import harmless
from tui.widgets.progress import progress_parts

if TYPE_CHECKING:
    from tui.views.sql import SqlView


def state_line(view: SqlView) -> Line:
    """What is to be said of the statement."""
    left: list[Part] = []
    right: list[Part] = []
    statistics = view.statistics
    if view.running:
        progress = view.progress
        if progress is not None and progress.expected:
            left = progress_parts(progress.records, progress.expected)
            left.append((f" {count(progress.records)} of {count(progress.expected)} records", ""))
            right.append((f"{size(progress.bytes)} ", "faint"))
        else:
            left.append((f" {view.running} …", "key"))
            if view.running_ms >= 1000:
                left.append((f" {duration(view.running_ms)}", ""))
        if view.rows is not None and len(view.rows):
            left.append((f" · {counted(len(view.rows), 'row')}", ""))
        right.append(("Esc ends it ", "warning"))
    elif view.order is not None:
        left = progress_parts(round(view.order.share * 100), 100)
        left.append((f" {view.order.what} {counted(len(view.model.rows), 'row')}", ""))
        right.append(("Esc ends it ", "warning"))
    elif view.ended_ms is not None:
        left.append((f" ended by Esc after {duration(view.ended_ms)}", "warning"))
        if view.rows is not None and len(view.rows):
            left.append((f" · {counted(len(view.rows), 'row')} until then", ""))
    elif statistics is not None:
        left.append((f" {counted(statistics.rows, 'row')}", "strong"))
        if statistics.truncated:
            left.append((f" of more ({statistics.truncated} limit)", "warning"))
        left.append((f" in {statistics.elapsed_ms / 1000:.2f} s", ""))
        if statistics.records_read:
            left.append((f" · {count(statistics.records_read)} records, {size(statistics.bytes_read)} read", "faint"))
        if statistics.missing:
            left.append((f" · {counted(len(statistics.missing), 'part')} missing: {harmless(str(statistics.missing[0]))}", "bad"))  # fmt: skip
        for note in statistics.notes[:1]:
            right.append((f"{harmless(note)} ", "faint"))
    elif view.plan is not None and not view.has_class("page"):
        left.append((f" would read {plan_words(view.plan)}", "strong"))
    return Line(tuple(left), tuple(right))
