"""Consumer groups, as the coordinators that serve them have them in memory."""

from __future__ import annotations

from collections.abc import Iterable

from engine.sim.invariants.judge import Judge, Report
from engine.sim.invariants.views import GroupView

_SETTLED = ("Stable", "CompletingRebalance")


class GroupJudge(Judge):
    """Sees every group, again and again."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self._generations: dict[str, tuple[int, int]] = {}

    def look(self, views: Iterable[GroupView]) -> None:
        """All groups on all coordinators at one moment."""
        for view in views:
            if view.state in _SETTLED:
                self._look_at_settled(view)
            elif view.state == "Empty" and view.members:
                self.complain(
                    "group-invalid", view.group_id, f"{view.group_id} is empty with {len(view.members)} members"
                )
            epoch, generation = self._generations.get(view.group_id, (-1, -1))
            if view.coordinator_epoch < epoch:
                continue  # an old coordinator that has not heard of its successor
            # Generations end with the group: an empty group that was deleted begins anew.
            if view.generation < generation and view.members and view.coordinator_epoch == epoch:
                self.complain(
                    "group-generation-back",
                    view.group_id,
                    f"{view.group_id} on node {view.node_id}: generation {generation} then {view.generation}",
                )
            self._generations[view.group_id] = view.coordinator_epoch, view.generation

    def _look_at_settled(self, view: GroupView) -> None:
        problem = ""
        if not view.members:
            problem = "it has no members"
        elif view.leader not in view.members:
            problem = f"its leader {view.leader} is no member"
        elif view.protocol is None or not all(view.members.values()):
            problem = f"not every member speaks its protocol {view.protocol}"
        if problem:
            self.complain("group-invalid", view.group_id, f"{view.group_id} is {view.state}: {problem}")
