"""Changes, from any view: planned first, shown and asked about, then done; what can be taken back is remembered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.dom import DOMNode

from console.errors import OperatorError
from tui.bindings import CHANGES
from tui.keys_in_order import KeysInOrder
from tui.widgets.cells import harmless

if TYPE_CHECKING:
    from console.changes.door import Plan
    from console.changes.kinds import Change
    from tui.source import Source
    from tui.views.base import View


class Changing(KeysInOrder):
    """An application in which a cluster is changed."""

    source: Source
    undoable: list[str]
    """Ids in the audit log of changes that were made here, the newest last."""

    @property
    def view(self) -> View | None:
        """The view that is shown."""
        raise NotImplementedError

    def tell(self, error: OperatorError) -> None:
        """Something went wrong."""
        raise NotImplementedError

    def say(self, text: str) -> None:
        """Something that a person should know."""
        raise NotImplementedError

    async def run_action(
        self,
        action: Any,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """As Textual's; but a key that would change a cluster that is read-only says so, instead of asking for all that
        would be refused in the end."""
        if self.source.readonly and isinstance(action, str) and self._changes(default_namespace, action):
            self.say(f"{self.source.name} is read-only here: nothing of it is changed.")
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def _changes(self, namespace: DOMNode | None, action: str) -> bool:
        if namespace is self:
            # Behind a dialog nothing is done by the views' keys anyway.
            return len(self.screen_stack) == 1 and ("everywhere", action) in CHANGES
        view = self.view
        return view is not None and namespace is view and any((scope, action) in CHANGES for scope in view.scopes())

    def ask_first(self, title: str, text: str, then: Callable[[], object]) -> None:
        """A question to be answered before something is done that is not the cluster's."""
        from tui.widgets.question import QuestionDialog

        def answered(yes: bool | None) -> None:
            if yes:
                then()

        self.push_screen(QuestionDialog(title, text), answered)

    def change(self, changes: Sequence[Change]) -> None:
        """Plans changes, asks, and does them."""
        self._begin_change([partial(self.source.plan, each) for each in changes])

    def undo_change(self, audit_id: str) -> None:
        """The same for taking one back."""
        self._begin_change([partial(self.source.plan_undo, audit_id)])

    def _begin_change(self, planners: Sequence[Callable[[], Any]]) -> None:
        self.opens(self.run_worker(self._change(planners), group="change"), can_be_called_off=True)

    async def _change(self, planners: Sequence[Callable[[], Any]]) -> None:
        from tui.widgets.plan_dialog import PlanDialog

        if not planners:
            return
        try:
            plans: list[Plan] = [await planner() for planner in planners]
        except OperatorError as error:
            self.tell(error)
            return
        if await self.push_screen_wait(PlanDialog(plans)):
            for plan in plans:
                if plan.difference and not await self._execute(plan):
                    break
            await self.source.refresh()
            if (view := self.view) is not None:
                view.reload()

    async def _execute(self, plan: Plan) -> bool:
        try:
            result = await plan.execute()
        except OperatorError as error:
            self.tell(error)
            return False
        said = plan.outcome or "; ".join(str(each) for each in plan.difference[:3])
        if result.undo is not None:
            self.undoable.append(result.audit_id)
            said += "\nu takes it back."
        for line in result.unverified[:3]:
            said += f"\nNot seen yet: {line}"
        self.notify("\n".join(harmless(line) for line in said.splitlines()), markup=False, timeout=6)
        return True
