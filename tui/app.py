"""The application: views between a header and a footer, the line for commands and filters, and what all views share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input
from textual.worker import WorkerFailed

from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.services.topics import is_internal
from tui.aliases import VIEWS, Place, Problem, completions, meaning, parse, view_class
from tui.bindings import BY_ID, Key, bindings_of, is_typed, key_text, keys_of
from tui.changing import Changing
from tui.header import cluster_line, health_parts, place_line
from tui.navigation import Navigation
from tui.palette import palette_commands
from tui.saving import save_new
from tui.settings import Settings
from tui.source import Source
from tui.themes import DARK, LIGHT, SIXTEEN, fitting_theme
from tui.views.base import View
from tui.widgets.bars import FooterKey, KeyBar, Line, Part, TopBar
from tui.widgets.cells import harmless
from tui.widgets.prompt import Prompt

FILTER_HELP = "A regex; !… what does not match; -f… letters in their order. Enter keeps it, Esc takes it back"
VIEWS_KEPT_MAX = 12
"""Views that stay as they were left, to come back to."""
BEHIND_DIALOGS = frozenset(key.action.partition("(")[0] for key in keys_of("everywhere")) - {"quit"}


class StokerApp(Changing):
    """`stoker tui`. `source` is the cluster it shows first; `start` where it begins."""

    TITLE = "stoker"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("everywhere")
    CSS = """
    #body { height: 1fr; width: 100%; }
    #top { dock: top; }
    #keys { dock: bottom; }
    #prompt { dock: bottom; margin-bottom: 1; }
    """

    def __init__(
        self,
        source: Source,
        *,
        settings: Settings | None = None,
        start: Place | None = None,
        theme: str | None = None,
        open_source: Callable[[str], Source] | None = None,
        directory: Path | None = None,
        debug: bool = False,
    ) -> None:
        """`open_source(name)` opens another context. `directory`: where Ctrl-S writes; by default the working one. `debug`: a
        view that fails ends the application, instead of saying so."""
        self.source = source
        self.settings = settings or Settings()
        self.directory = directory or Path.cwd()
        self.ends_on_failure = debug
        super().__init__()
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.register_theme(SIXTEEN)
        wanted = theme or self.settings.theme
        if wanted is not None and wanted not in self.available_themes:
            known = ", ".join(sorted(self.available_themes))
            raise OperatorError.words(f"there is no theme {wanted!r}", f"Themes: {known}.")
        self.theme = wanted or fitting_theme(self.console.color_system, os.environ)
        self.navigation = Navigation(start or Place("topics"))
        self.open_source = open_source
        self.undoable: list[str] = []
        """Ids in the audit log of changes that were made here, the newest last."""
        self.notes: list[str] = []
        """What is to be said at the start."""
        self._views: dict[Place, View] = {}
        self._health: tuple[Snapshot | None, int, list[Part]] = (None, -1, [])
        """Of which snapshot and for which width, and how it is said."""
        self._leaving = False
        self.set_keymap(dict(self.settings.keys))
        quit_keys = self.settings.keys.get("everywhere.quit", BY_ID["everywhere.quit"].keys)
        self.at_once = frozenset(key.strip() for key in quit_keys.split(","))

    # life

    def compose(self) -> ComposeResult:
        yield TopBar(id="top")
        yield Container(id="body")
        yield Prompt(id="prompt")
        yield KeyBar(id="keys")

    async def on_mount(self) -> None:
        await self._show()
        self._follow()
        for note in self.notes:
            self.say(note)

    def _follow(self) -> None:
        self.run_worker(self._passes(self.source), group="follow", exclusive=True)

    async def _passes(self, source: Source) -> None:
        async for _ in source.passes():
            if (view := self.view) is not None:
                view.reload()
            self.show_bars()

    async def on_unmount(self) -> None:
        await self.source.close()

    def use_context(self, name: str) -> None:
        """To another cluster, by the name of its context."""
        if self.open_source is None:
            self.say("Other clusters cannot be opened from here.")
            return
        try:
            source = self.open_source(name)
        except OperatorError as error:
            self.tell(error)
            return
        self.opens(self.run_worker(self.switch(source), group="switch", exclusive=True))

    async def switch(self, source: Source) -> None:
        """Another cluster: everything that is shown belongs to it from here on."""
        old, self.source = self.source, source
        for view in self._views.values():
            await view.remove()
        self._views.clear()
        self.undoable.clear()
        self._follow()
        await old.close()
        self.navigation = Navigation(Place("topics"))
        await self._show_and_focus()

    @property
    def is_leaving(self) -> bool:
        """Whether it was told to end."""
        return self._exit

    @property
    def crash(self) -> Exception | None:
        """What failed, and ended the application."""
        found = self._exception
        return found.error if isinstance(found, WorkerFailed) and isinstance(found.error, Exception) else found

    def _fatal_error(self) -> None:
        # Textual would print every local variable, secrets among them: who runs it raises `crash` instead.
        self._close_messages_no_wait()

    # where one is

    @property
    def view(self) -> View | None:
        """The view that is shown."""
        return self._views.get(self.navigation.place)

    def enter(self, view: str, *arguments: str) -> None:
        """Into something that the view shows."""
        self._then_show(lambda: self.navigation.enter(Place(view, arguments)))

    def enter_first(self, *places: tuple[str, ...]) -> None:
        """Into the first of these views that there is."""
        known = {view.name for view in VIEWS}
        for view, *arguments in places:
            if view in known:
                self.enter(view, *arguments)
                return

    def jump(self, view: str, *arguments: str) -> None:
        """To a view, from anywhere."""
        self._then_show(lambda: self.navigation.jump(Place(view, arguments)))

    def _then_show(self, move: Callable[[], object]) -> None:
        if move() is not False:
            self.opens(self.run_worker(self._show_and_focus(), group="show"))

    async def _show_and_focus(self) -> None:
        """A view asks for the focus with a message: only when that is there, what is typed next is for the view."""
        await self._show()
        taken = asyncio.Event()
        self.call_later(taken.set)
        await taken.wait()

    async def _show(self) -> None:
        """Shows the place that is meant: the view as it was left, or a new one."""
        place = self.navigation.place
        self._leaving = False
        body = self.query_one("#body", Container)
        view = self._views.pop(place, None)
        if view is None:
            view = view_class(place.view)(place)
            view.display = False
            await body.mount(view)
        self._views[place] = view
        for other in self._views.values():
            if other is not view:
                other.display = False
        view.display = True
        view.take_focus()
        view.reload()
        self.show_bars()
        while len(self._views) > VIEWS_KEPT_MAX:
            oldest = next(iter(self._views))
            await self._views.pop(oldest).remove()

    # what is said

    def say(self, text: str) -> None:
        self.notify(harmless(text), markup=False, timeout=4)

    def tell(self, error: OperatorError) -> None:
        """Something went wrong."""
        lines = [line for line in (error.detail, error.hint) if line]
        text = "\n".join(harmless(line) for text in lines for line in text.splitlines())
        self.notify(text or " ", title=harmless(error.title), severity="error", markup=False, timeout=10)

    def show_bars(self) -> None:
        """Header and footer as things are now. Cheap: what is the same is not painted."""
        if not self.is_running or not self.screen_stack:
            return
        base = self.screen_stack[0]
        base.query_one("#top", TopBar).set_lines(*self._header(self.size.width))
        base.query_one("#keys", KeyBar).set_keys(self._footer(), self._footer_key(BY_ID["everywhere.help"]))

    def _header(self, width: int) -> tuple[Line, Line]:
        source, view = self.source, self.view
        if source.failure is not None:
            health = health_parts(source.snapshot, True, source.now_ms(), width=width)
        else:
            # The line is looked at with every key; partitions are counted once for each look at the cluster.
            if self._health[0] is not source.snapshot or self._health[1] != width:
                parts = health_parts(source.snapshot, False, source.now_ms(), width=width)
                self._health = (source.snapshot, width, parts)
            health = self._health[2]
        filtered, status = ("", "") if view is None else (view.filter_text, view.status())
        return (
            cluster_line(source.name, source.address, health, readonly=source.readonly, width=width),
            place_line(self.navigation.trail, filtered, status, width=width),
        )

    def _footer(self) -> list[FooterKey]:
        """The keys that help most, in the order of the table: only what does something here and now."""
        view = self.view
        scopes = ["everywhere"] if view is None else [*view.scopes(), "everywhere"]
        if self.screen_stack[0].query_one(Prompt).has_focus_within:
            scopes = ["prompt"]
        keys = [key for key in keys_of(*scopes) if key.footer and not (key.changes and self.source.readonly)]
        if view is not None:
            keys = [key for key in keys if view.offers(key)]
        keys.sort(key=lambda key: key.footer)
        return [found for key in keys if (found := self._footer_key(key)) is not None]

    def _footer_key(self, key: Key) -> FooterKey | None:
        """Of several keys the first; while text is typed, the first that is no letter of it."""
        focused = self.screen_stack[0].focused
        typing = _is_typed_into(focused)
        if getattr(focused, "is_free", False) and key.name in ("command", "help"):
            typing = False
        for each in (self.settings.keys.get(key.id) or key.keys).split(","):
            name = each.strip()
            if not (typing and is_typed(name)):
                return FooterKey(key_text(name), key.label, name)
        return None

    def on_resize(self) -> None:
        self.show_bars()

    def on_descendant_focus(self) -> None:
        self.show_bars()

    # the command line

    def names(self) -> dict[str, list[str]]:
        """What exists, for completion."""
        snapshot = self.source.snapshot
        if snapshot is None:
            return {}
        topics = sorted({partition.topic for partition in snapshot.partitions})
        topics.sort(key=lambda name: is_internal(name, False))
        groups = sorted(snapshot.groups)
        resources = [f"topic {name}" for name in topics]
        resources += ["broker default", *(f"broker {node}" for node in sorted(snapshot.brokers))]
        resources += [f"group {name}" for name in groups]
        return {
            "topic": topics,
            "group": groups,
            "resource": resources,
            "view": [view.name for view in VIEWS],
        }

    def run_command(self, line: str) -> None:
        """What was typed after ":"."""
        found = parse(line, dict(self.settings.aliases))
        if found is None:
            self.exit(0)
        elif isinstance(found, Problem):
            self.notify(harmless(found.text), severity="warning", markup=False)
            self._focus_view()
        elif found.view == "contexts" and found.arguments:
            self.use_context(found.arguments[0])
        else:
            self.jump(found.view, *found.arguments)

    def _focus_view(self) -> None:
        if (view := self.view) is not None:
            view.take_focus()

    def on_top_bar_clicked(self, event: TopBar.Clicked) -> None:
        """A click on the name of the cluster: to the contexts. On a view of the trail: back to it."""
        if len(self.screen_stack) > 1:
            return
        if event.line == 0:
            self.jump("contexts")
        else:
            # Counted from the end, for the beginning may be left out; every other part is a sign between two of them.
            back = (self.query_one(TopBar).parts_of(1) - 1 - event.part) // 2
            if back < len(self.navigation.trail):
                place = self.navigation.trail[-1 - back]
                self.enter(place.view, *place.arguments)

    def on_prompt_typed(self, event: Prompt.Typed) -> None:
        if event.sign == "/" and type(event) is Prompt.Typed:
            self._filter(event.text, quiet=True)

    def on_prompt_entered(self, event: Prompt.Entered) -> None:
        if event.sign == "/":
            self._filter(event.text)
            self._focus_view()
        else:
            self._focus_view()
            self.run_command(event.text)

    def on_prompt_abandoned(self, event: Prompt.Abandoned) -> None:
        if event.sign == "/":
            self._filter("")
        self._focus_view()

    def _filter(self, text: str, *, quiet: bool = False) -> None:
        if (view := self.view) is None:
            return
        try:
            view.set_filter(text)
        except OperatorError as error:
            # While it is typed, an expression is often not finished.
            if not quiet:
                self.tell(error)
        self.show_bars()

    # keys

    def action_command_line(self) -> None:
        aliases = dict(self.settings.aliases)
        names = self.names()
        self.query_one(Prompt).ask(
            ":", complete=lambda line: completions(line, names, aliases), about=lambda line: meaning(line, aliases)
        )

    def action_filter(self) -> None:
        view = self.view
        if view is None or not view.can_be_filtered:
            self.say("There is nothing to filter here.")
        else:
            self.query_one(Prompt).ask("/", view.filter_text, about=lambda _: FILTER_HELP)

    def action_help(self) -> None:
        place = self.navigation.place
        if place.view != "help":
            self.enter("help", place.view)

    async def action_back(self) -> None:
        view = self.view
        if view is not None and view.clear():
            self.show_bars()
            return
        self._then_show(self.navigation.back)

    def action_leave(self) -> None:
        if len(self.navigation.trail) > 1:
            self._then_show(self.navigation.back)
        elif self._leaving:
            self.exit(0)
        else:
            self._leaving = True
            self.say("q once more quits.")

    def action_last_view(self) -> None:
        self._then_show(self.navigation.last)

    def action_earlier(self) -> None:
        self._then_show(self.navigation.earlier)

    def action_later(self) -> None:
        self._then_show(self.navigation.later)

    def action_go(self, view: str) -> None:
        if any(each.name == view for each in VIEWS):
            self.jump(view)

    async def action_refresh_view(self) -> None:
        self.run_worker(self._refresh(), group="refresh", exclusive=True)

    async def _refresh(self) -> None:
        await self.source.refresh()
        if (view := self.view) is not None:
            view.reload()
        self.show_bars()

    def action_copy(self) -> None:
        text = "" if self.view is None else self.view.copied()
        if text:
            self.copy_to_clipboard(text)
            lines = text.count("\n") + 1
            self.say(f"Copied {text if lines == 1 and len(text) <= 60 else f'{lines:,} lines' if lines > 1 else f'{len(text):,} characters'}.")  # fmt: skip

    def action_save(self) -> None:
        name, text = ("", "") if self.view is None else self.view.saved()
        if not name:
            self.say("There is nothing to save here.")
            return
        try:
            path = save_new(self.directory, name, text)
        except OperatorError as error:
            self.tell(error)
        else:
            self.say(f"Saved {path}.")

    def action_undo(self) -> None:
        if not self.undoable:
            self.say("Nothing was changed here that can be taken back; :audit has all changes.")
            return
        self.undo_change(self.undoable.pop())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key of the views must not act behind a dialog, nor a sign while text is typed."""
        if action == "command_line" and getattr(self.focused, "is_free", False):
            return True
        if action in ("command_line", "filter") and _is_typed_into(self.focused):
            return False
        return action not in BEHIND_DIALOGS or len(self.screen_stack) <= 1

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        return palette_commands(self)


def _is_typed_into(widget: Widget | None) -> bool:
    # By its name: text areas are only imported where there are some.
    return isinstance(widget, Input) or any(each.__name__ == "TextArea" for each in type(widget).__mro__)
