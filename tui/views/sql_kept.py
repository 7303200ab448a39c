"""Statements that were run before, and those that are kept under a name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from console.errors import OperatorError
from console.sql.saved import SavedQuery, load_history, load_saved, remove, save
from tui.views.base import View
from tui.widgets.chooser import Choice, ChooserDialog
from tui.widgets.form import Field, FormDialog
from tui.widgets.sql_editor import SqlEditor


class KeepsStatements(View):
    """A view with an editor of statements."""

    @property
    def editor(self) -> SqlEditor:
        return self.query_one(SqlEditor)

    def chosen_statement(self) -> str:
        """The statement: what is selected, else all of the editor."""
        text = (self.editor.selected_text or self.editor.text).strip().rstrip(";").strip()
        if not text:
            self.stoker.say("There is no statement yet.")
        return text

    def action_history(self) -> None:
        past = [Choice(_moment(each.at_ms), " ".join(each.sql.split()), each.sql) for each in reversed(load_history())]
        self.stoker.push_screen(ChooserDialog("Statements that were run", past, empty="None yet."), self._edit)

    def action_saved(self) -> None:
        try:
            kept = [
                Choice(each.name, each.about or " ".join(each.sql.split()), each.sql) for each in load_saved().values()
            ]
        except OperatorError as error:
            self.stoker.tell(error)
            return
        self.stoker.push_screen(
            ChooserDialog("Saved statements", kept, empty="None yet: F4 keeps one.", forget=self._forget), self._edit
        )

    def _forget(self, choice: Choice) -> None:
        try:
            remove(choice.name)
        except OperatorError as error:
            self.stoker.tell(error)

    def _edit(self, sql: str | None) -> None:
        if sql is not None:
            self.editor.load_text(sql)
            self.editor.move_cursor(self.editor.document.end)
            self.editor.focus()

    def action_keep(self) -> None:
        sql = self.chosen_statement()
        if not sql:
            return

        def filled(values: dict[str, Any] | None) -> None:
            if values is None:
                return
            try:
                save(SavedQuery(values["name"], sql, values["about"]))
                self.stoker.say(f"Saved as {values['name']}: F9 has it, and `stoker sql --saved`.")
            except OperatorError as error:
                self.stoker.tell(error)

        def name(text: str) -> str:
            if not text:
                raise ValueError("a name is needed")
            return text

        fields = [
            Field("name", "Name", "", "One that is there is replaced", name),
            Field("about", "What it is for", "", "May stay empty"),
        ]
        self.stoker.push_screen(FormDialog("Save the statement", fields, done="Save"), filled)


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000).strftime("%Y-%m-%d %H:%M")
