"""The laboratory: a world in virtual time, played, stepped, touched, taken back; lessons beside it.

One world for the whole application, whichever view shows it: `:lab` shows it as it is, `:lab LESSON` opens a lesson in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import msgspec
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Container

from console.errors import OperatorError
from console.laboratory.session import Session
from tui.aliases import Place
from tui.bindings import bindings_of
from tui.views.base import View
from tui.views.laboratory_lines import (
    WIDE,
    current_line,
    event_lines,
    lesson_lines,
    news,
    roles,
    totals,
    transport,
)
from tui.views.laboratory_world import world_lines
from tui.widgets.document import Document, DocumentLine

PAINT_S = 0.05
EVENTS_KEPT = 2_400
NEWS = 60
"""Lines among which the newest is looked for that is no high watermark."""
HEIGHT = 24
"""Of the world's pane, until it has one."""
LINES_SHOWN = 300
"""Of the timeline: so many lines at most, newest first."""
PATH_CHARACTERS_MAX = 4_000
FILE_BYTES_MAX = 1 << 20
EXPORTS = ("html", "json", "pytest", "situation")
_SESSIONS: WeakKeyDictionary[App[Any], list[Any]] = WeakKeyDictionary()
"""The application's world, and how many views show it."""


class LaboratoryView(View):
    """See the module's docstring."""

    NAME = "lab"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("lab")
    DEFAULT_CSS = """
    LaboratoryView { layout: vertical; }
    LaboratoryView #lab-time { height: 3; scrollbar-size: 0 0; }
    LaboratoryView #lab-panes { height: 1fr; layout: vertical; }
    LaboratoryView #lab-world { height: 3fr; }
    LaboratoryView #lab-lesson { height: 2fr; border-top: solid $border; }
    LaboratoryView #lab-events { height: 2fr; border-top: solid $border; }
    LaboratoryView.wide #lab-panes { layout: grid; grid-size: 2 2; grid-columns: 3fr 2fr; grid-rows: 1fr 1fr; }
    LaboratoryView.wide #lab-world { row-span: 2; height: 100%; }
    LaboratoryView.wide #lab-events, LaboratoryView.wide #lab-lesson { height: 100%; border-top: none; border-left: solid $border; }
    LaboratoryView.wide.free #lab-events { row-span: 2; }
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._lesson_shown = True
        """On narrow screens: the lesson below the world, or the timeline."""
        self._quiet = True
        self._history: list[str] = []
        self._events: list[tuple[dict[str, Any], str]] = []
        self._life, self._next = -1, 0
        self._made: dict[int, list[DocumentLine]] = {}
        """Number of an event -> its lines, at `_made_width`."""
        self._made_width = 0
        self._stand: tuple[Any, ...] = ()
        """How far the lesson was when it was painted last."""

    def compose(self) -> ComposeResult:
        yield Document(id="lab-time")
        with Container(id="lab-panes"):
            yield Document(id="lab-world")
            yield Document(id="lab-lesson")
            yield Document(id="lab-events")

    @property
    def session(self) -> Session:
        session: Session = _SESSIONS[self.app][0]
        return session

    def on_mount(self) -> None:
        known = _SESSIONS.setdefault(self.app, [Session(), 0])
        known[1] += 1
        self.query_one("#lab-time", Document).can_focus = False
        self.run_worker(self._follow(), group="lab", exit_on_error=True)

    async def on_unmount(self) -> None:
        known = _SESSIONS.get(self.app)
        if known is not None:
            known[1] -= 1
            if not known[1]:
                del _SESSIONS[self.app]
                await known[0].close()

    async def _follow(self) -> None:
        session = self.session
        self._paint()
        if self.argument or not session.pieces:
            await self._open(self.argument)
        async for _ in session.changes():
            self._paint()
            await asyncio.sleep(PAINT_S)

    async def _open(self, what: str) -> None:
        """A lesson by its name or number; else a situation, or a file with one; else a new world."""
        from console.laboratory.lessons import lesson_of
        from console.laboratory.situations import situation_of

        try:
            await asyncio.to_thread(lesson_of, what)
        except ValueError:
            found = self._read(what)
            await self._ask("open", **situation_of(found or ""))
        else:
            await self._ask("open", lesson=what)

    # ---- painting

    def _paint(self) -> None:
        if not self.is_mounted or not self.display:
            return
        session = self.session
        self._take_events()
        width = self.size.width or 80
        is_wide = width >= WIDE
        lesson = session.value("lesson")
        self.set_class(is_wide, "wide")
        self.set_class(lesson is None, "free")
        world, learnt, events = (self.query_one(f"#lab-{name}", Document) for name in ("world", "lesson", "events"))
        learnt.display = lesson is not None and (is_wide or self._lesson_shown)
        events.display = is_wide or not learnt.display
        shown = [each for each in self._events[-NEWS:] if each[0]["number"] < self._end]
        self.query_one("#lab-time", Document).set_lines(
            (transport(session), totals(session), news(session, shown, width))
        )
        left = width * 3 // 5 if is_wide else width
        # A document begins with a blank, and its scroll bar takes a column.
        world.set_lines(world_lines(session, left - 2, world.size.height or HEIGHT))
        right = width - left - 3 if is_wide else width - 2
        if lesson is not None:
            lines = lesson_lines(lesson, right)
            learnt.set_lines(lines)
            stand = (lesson["id"], lesson["is_solved"], *(task["state"] for task in lesson["tasks"]))
            if stand != self._stand:
                # Whoever scrolls is left alone until a step begins or ends.
                self._stand = stand
                self.call_after_refresh(learnt.scroll_to, y=current_line(lesson, lines), animate=False)
        if events.display:
            events.set_lines(self._event_lines(right))
        self.stoker.show_bars()

    def _take_events(self) -> None:
        session = self.session
        if session.life != self._life:
            self._life, self._next, self._events = session.life, session.first, []
            self._made.clear()
        fresh = session.events[max(0, self._next - session.first) :]
        if fresh:
            columns = roles(session)
            self._events += [(msgspec.json.decode(each), columns) for each in fresh]
            self._next = session.first + len(session.events)
            del self._events[:-EVENTS_KEPT]

    @property
    def _end(self) -> int:
        """How many lines the timeline had at the moment that is shown."""
        return int((self.session.value("world") or {"events": 0})["events"])

    def _event_lines(self, width: int) -> list[DocumentLine]:
        """What happened up to the moment that is shown; each event's lines are made once."""
        if width != self._made_width or len(self._made) > 2 * LINES_SHOWN:
            self._made, self._made_width = {}, width
        end = self._end
        lines: list[DocumentLine] = []
        for each in reversed(self._events):
            event, _ = each
            number = event["number"]
            if number >= end or (self._quiet and event["kind"] == "high-watermark"):
                continue
            if len(lines) >= LINES_SHOWN:
                break
            made = self._made.get(number)
            if made is None:
                made = self._made[number] = event_lines((each,), width)
            lines += made
        return lines[:LINES_SHOWN]

    def on_resize(self) -> None:
        self._paint()

    def on_show(self) -> None:
        self._paint()

    async def on_hide(self) -> None:
        if self.app in _SESSIONS:
            await self.session.pause()

    def take_focus(self) -> None:
        self.query_one("#lab-world", Document).focus()

    def status(self) -> str:
        """What the world said to what was done, unless the line above has it."""
        said = self.session.said if self.app in _SESSIONS else ""
        return "" if any(said.startswith(event["text"]) for event, _ in self._events[-NEWS:]) else said

    def copied(self) -> str:
        return self.query_one("#lab-world", Document).text

    def saved(self) -> tuple[str, str]:
        self.query_one("#lab-events", Document).set_lines(self._event_lines(self._made_width or self.size.width))
        return "laboratory.txt", "\n".join(self.query_one(f"#lab-{name}", Document).text for name in ("time", "world", "events"))  # fmt: skip

    # ---- asking

    async def _ask(self, question: str, **values: Any) -> Any:
        """The result; None when it could not be done, which is said."""
        try:
            return await self.session.ask(question, **values)
        except OperatorError as error:
            self.stoker.tell(error)
            return None
        finally:
            self._paint()

    async def _run(self, line: str) -> None:
        """Do what a line says; what cannot be done is said."""
        try:
            await self.session.run(line)
        except OperatorError as error:
            self.stoker.tell(error)
        finally:
            self._paint()

    def action_run(self, line: str) -> None:
        """What most keys do: a line of `console.laboratory.controls`, without typing it."""
        self.run_worker(self._run(line), group="lab-ask")

    async def action_play(self) -> None:
        await self._run("pause" if self.session.is_playing else "play")

    def action_new(self) -> None:
        """A new world, or one that somebody sent: an address, its text, JSON, or the name of a file with it."""

        def entered(line: str | None) -> None:
            if line is None:
                return
            found = self._read(line.removeprefix("open").strip())
            if found is not None:
                self.action_run(f"open {found}")

        self._prompt("Enter: a new world; or the address, text or file of a situation", entered, "open ")

    def _read(self, text: str) -> str | None:
        """The text, or that of the file of that name. None when it cannot be read, which is said."""
        path = self.stoker.directory / text
        try:
            if not text or len(text) > PATH_CHARACTERS_MAX or not path.is_file():
                return text
            return path.read_text(encoding="utf-8") if path.stat().st_size <= FILE_BYTES_MAX else text
        except (OSError, ValueError) as error:
            self.stoker.tell(OperatorError(f"cannot read {text}", str(error)))
            return None

    def action_jump(self) -> None:
        self._prompt("Jump to: 12.5 seconds, 2m, +60 from here, -5 back", self._jumped, "to ")

    def _jumped(self, line: str | None) -> None:
        if line:
            self.action_run(line)

    def action_messages(self) -> None:
        """Choose one that is under way."""
        if not self.session.value("messages"):
            self.stoker.say("No message is under way. Press . until one is.")
            return
        self.action_act("hold ")

    def action_lessons(self) -> None:
        self.stoker.enter("lessons")

    def action_pane(self) -> None:
        self._lesson_shown = not self._lesson_shown
        self._paint()

    def action_quiet(self) -> None:
        self._quiet = not self._quiet
        self._paint()

    def action_share(self) -> None:
        async def share() -> None:
            found = await self._ask("situation")
            if found is not None:
                self.app.copy_to_clipboard(f"/lab?s={found['text']}")
                said = "Copied: append it to any console's address, or press N and paste it."
                self.stoker.say(f"{said} {found['warning']}".strip())

        self.run_worker(share(), group="lab-ask")

    def action_export(self) -> None:
        """Every form of it, into the working directory."""

        async def export() -> None:
            names = []
            for kind in EXPORTS:
                found = await self._ask("export", kind=kind)
                if found is None:
                    return
                path = self.stoker.directory / found["name"]
                number = 1
                while path.exists():
                    number += 1
                    path = self.stoker.directory / f"{path.stem.rstrip('-0123456789')}-{number}{path.suffix}"
                try:
                    await asyncio.to_thread(path.write_text, found["text"], encoding="utf-8")
                except OSError as error:
                    self.stoker.tell(OperatorError(f"cannot write {path}", error.strerror or str(error)))
                    return
                names.append(path.name)
            self.stoker.say(f"Saved {', '.join(names)}.")

        self.run_worker(export(), group="lab-ask")

    # ---- touching

    def action_act(self, typed: str = "") -> None:
        """A line: to the world, or to time."""
        self._prompt("Do: kill 2 · produce orders hello · to 12.5 · Tab completes", self._entered, typed)

    def _entered(self, line: str | None) -> None:
        if line:
            self._history.append(line)
            self.action_run(line)

    def _prompt(self, title: str, entered: Callable[[str | None], None], typed: str = "") -> None:
        from tui.widgets.action_dialog import ActionDialog

        async def complete(line: str) -> list[tuple[str, str]]:
            found: list[tuple[str, str]] = await self.session.ask("complete", line=line)
            return found

        self.app.push_screen(ActionDialog(title, complete, self._history, typed), entered)

    async def action_connect(self) -> None:
        """Open the ports; or close them when they are open."""
        await self._run("disconnect" if self.session.value("outside") else "connect")
