"""What the palette (Ctrl-P) finds: what can be done in the view, every view, topics and groups, themes, and the way out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.markup import escape

from tui.aliases import VIEWS
from tui.bindings import key_text, keys_of
from tui.widgets.cells import harmless

if TYPE_CHECKING:
    from tui.app import StokerApp

NAMES_MAX = 5_000
"""Of topics, and of groups."""


def palette_commands(app: StokerApp) -> Iterable[SystemCommand]:
    """All of them. The palette reads titles and what stands below as markup."""
    yield from _here(app)
    for view in VIEWS:
        if not view.argument or view.optional:
            yield SystemCommand(f":{view.name}", view.help, partial(app.jump, view.name))
    names = app.names()
    for word in ("topic", "group"):
        for name in names.get(word, [])[:NAMES_MAX]:
            shown = escape(f"{word} {harmless(name)}")
            yield SystemCommand(shown, f"Go to {shown}", partial(app.jump, word, name))
    yield SystemCommand("theme", "Change how it looks", app.action_change_theme)
    yield SystemCommand("quit", "Quit", partial(app.exit, 0))


def _here(app: StokerApp) -> Iterable[SystemCommand]:
    """The view's own keys, by what they do."""
    view = app.view
    if view is None:
        return
    for key in keys_of(view.NAME, *view.ALSO):
        if view.offers(key) and not (key.changes and app.source.readonly):
            chosen = (app.settings.keys.get(key.id) or key.keys).split(",")[0].strip()
            about = escape(f"{key_text(chosen)} in {view.NAME}")
            yield SystemCommand(escape(key.help), about, partial(app.simulate_key, chosen))
