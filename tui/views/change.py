"""One change of the audit log in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.output.text import moment
from tui.views.audit import RESULTS
from tui.views.page import PageView
from tui.widgets.document import DocumentLine, fact, heading


def _shown(value: Any) -> str:
    return "unset" if value is None else str(value)


class ChangeView(PageView):
    NAME = "change"

    async def lines(self) -> Sequence[DocumentLine]:
        trail = await self.source.audit()
        entry = trail.get(self.argument)
        undone = trail.undone_by().get(entry.id)
        before, after = entry.before or {}, entry.after or {}
        lines: list[DocumentLine] = [
            heading(f"{entry.kind} of {entry.subject}"),
            fact("Id", entry.id),
            fact("When", moment(entry.at_ms)),
            fact("Who", f"{entry.user} on {entry.host}, by {entry.face}"),
            fact("Cluster", f"{entry.cluster_id or '-'} at {entry.bootstrap_servers}"),
            fact("Result", entry.result + (f": {entry.error}" if entry.error else ""), RESULTS.get(entry.result, "")),
            fact("Undo", f"undone by {undone}" if undone else entry.undo_note or ("yes" if entry.undo else "no")),
        ]
        if entry.undoes:
            lines.append(fact("Takes back", entry.undoes))
        lines += [(), heading("Changed")]
        names = [name for name in dict.fromkeys([*before, *after]) if name in after]
        lines += [
            (
                (f"  {name}: ", "label"),
                (_shown(before.get(name)), "bad"),
                (" → ", "faint"),
                (_shown(after.get(name)), "good"),
            )
            for name in names
        ] or [(("  nothing was written down", "faint"),)]
        lines += [(), heading("Command")]
        lines += [((f"  {line}", ""),) for line in entry.command.splitlines()] or [(("  none", "faint"),)]
        return lines
