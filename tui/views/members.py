"""Members of a group, and what is assigned to them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import ClassVar

from textual.binding import BindingType

from console.history.snapshot import Snapshot
from console.services.group_members import GroupMember
from tui.bindings import bindings_of
from tui.views.base import TableView
from tui.widgets.table_model import Column


def assignment_text(member: GroupMember) -> str:
    """ "orders:0,1,2 payments:0"."""
    if member.assignment_error is not None:
        return member.assignment_error
    by_topic: dict[str, list[str]] = {}
    for topic, partition in member.assignment:
        by_topic.setdefault(topic, []).append(str(partition))
    return " ".join(f"{topic}:{','.join(numbers)}" for topic, numbers in by_topic.items()) or "nothing"


class MembersView(TableView[GroupMember]):
    NAME = "members"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("members")
    NOUN = ("member",)
    EMPTY: ClassVar[tuple[str, ...]] = ("The group has no members now.", "Its offsets stay until they expire.")

    def columns(self) -> Sequence[Column[GroupMember]]:
        return (
            Column("client", "CLIENT", lambda row: row.client_id, letter="C", width_max=40, style=lambda _: "name"),
            Column("host", "HOST", lambda row: row.client_host, letter="H"),
            Column("count", "PARTITIONS", lambda row: len(row.assignment), right=True, letter="P"),
            Column("assignment", "ASSIGNED", assignment_text, flexible=True, width_max=200,
                   style=lambda row: "bad" if row.assignment_error else "" if row.assignment else "faint"),
            Column("instance", "INSTANCE", lambda row: row.group_instance_id, letter="I", wide=True),
            Column("rack", "RACK", lambda row: row.rack, wide=True),
            Column("member", "MEMBER", lambda row: row.member_id, letter="M", width_max=60, wide=True),
        )  # fmt: skip

    def key(self, row: GroupMember) -> Hashable:
        return row.member_id

    async def ask(self) -> Sequence[GroupMember] | None:
        return (await self.source.group(self.argument)).membership.members

    def action_whole_row(self) -> None:
        """Its assignment with a line for each topic."""
        row = self.table.row
        if row is None:
            return
        from tui.widgets.row_dialog import RowDialog

        cells = [(column.title, "", column.text(column.value(row))) for column in self.model.columns]
        cells = [(title, kind, text.replace(" ", "\n") if title == "ASSIGNED" else text) for title, kind, text in cells]
        self.stoker.push_screen(RowDialog(row.client_id, cells))

    def rows(self, snapshot: Snapshot) -> Sequence[GroupMember]:
        return ()
