"""Live tail of topics: records as they arrive, and an exact account of those that were too many to show."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from console.errors import Blame, OperatorError
from console.output.text import count
from console.records.follow import follow
from console.records.stream import RecordStream
from engine.types import TopicPartition
from tui.aliases import Place
from tui.bindings import bindings_of
from tui.views.record_access import TAIL_FIELDS, RecordAccess
from tui.views.record_rows import RecordRow, time_text
from tui.views.words import rate
from tui.widgets.cells import harmless
from tui.widgets.log_lines import LogLines, Part
from tui.widgets.log_pane import LogPane

PAINT_SECONDS = 0.1
RETRY_SECONDS = 2.0
RATE_SECONDS = 5.0
TIMES = ("time", "whole", "none")


class TailEntry(RecordRow):
    """A record as a line."""

    __slots__ = ("_text",)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._text: str | None = None

    @property
    def text(self) -> str:
        """Key and value, harmless."""
        if self._text is None:
            key = self.key
            self._text = harmless(self.value if self.record.key is None or self.control else f"{key}  {self.value}")
        return self._text


class TailView(RecordAccess):
    NAME = "tail"
    BESIDE = "log"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("tail")

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.words = self.words_of(place.arguments)
        self.lines = LogLines()
        self.times = TIMES[0]
        self.dropped = 0
        """Records that the reader let go, because they came faster than they could be taken."""
        self.behind = 0
        """Records between where it is and where it began to look; 0 when it has caught up."""
        self.failure: OperatorError | None = None
        self.full_screen = False
        self._positions: dict[TopicPartition, int] = {}
        self._begun = False
        self._painted_at = 0.0
        self._waits_for_paint = False
        self._past: deque[tuple[float, int]] = deque()

    def compose(self) -> ComposeResult:
        yield LogPane(self.lines, self._prefix, lambda entry: entry.value_role)

    @property
    def pane(self) -> LogPane:
        return self.query_one(LogPane)

    def _prefix(self, entry: TailEntry) -> list[Part]:
        record = entry.record
        parts: list[Part] = []
        if self.times != "none":
            moment = time_text(record.timestamp)
            parts.append((f"{moment if self.times == 'whole' else moment.rpartition(' ')[2]} ", "faint"))
        where = f"{record.topic}-{record.partition}" if len(self.words.topics) > 1 else f"{record.partition}"
        parts.append((f"{harmless(where)}@{record.offset} ", "name"))
        return parts

    # reading

    async def load(self) -> None:
        if self.bad_words is not None:
            self.pane.say(self.bad_words.title, *self.bad_words.hint.splitlines())
        elif not self._begun:
            self.begin()

    def begin(self) -> None:
        """From where the words say."""
        self._begun = True
        self._positions = {}
        self.pane.say(f"Following {', '.join(map(harmless, self.words.topics))}. Records appear as they arrive.")
        self.run_worker(self._follow(), group="follow", exclusive=True)

    async def _follow(self) -> None:
        while True:
            try:
                await self._once()
                return
            except OperatorError as error:
                # It goes on where it was: what is missed meanwhile is read then.
                self.failure = error
                self.pane.say(error.title, *error.detail.splitlines(), *error.hint.splitlines())
                self._show()
                if error.blame is Blame.WORDS:
                    return
            await asyncio.sleep(RETRY_SECONDS)

    async def _once(self) -> None:
        decoder = self.decoder
        now_ms = self.source.now_ms()
        stream = RecordStream(self.words.stream(decoder, now_ms, follow=True), now_ms, starts=dict(self._positions))
        before = self.dropped
        steps = follow(self.client, stream.request, now_ms, stream=stream)
        try:
            async with contextlib.aclosing(steps):
                async for step in steps:
                    self.failure = None
                    await decoder.prepare(step.records)
                    self.dropped = before + step.dropped_total
                    progress = step.progress
                    self.behind = 0 if progress.caught_up else max(0, progress.to_scan - progress.scanned)
                    self.take([TailEntry(record, decoder) for record in step.records])
                    # The keys of the operator come first.
                    await asyncio.sleep(0)
        finally:
            # When it fails, all that was read before has been given out: it goes on there.
            self._positions = dict(stream.positions)

    def take(self, entries: Sequence[TailEntry]) -> None:
        """Records that arrived: kept at once, painted ten times a second at most."""
        self.pane.add(entries)
        clock = asyncio.get_running_loop().time()
        self._past.append((clock, len(entries)))
        while self._past and self._past[0][0] < clock - RATE_SECONDS:
            self._past.popleft()
        if clock - self._painted_at >= PAINT_SECONDS:
            self._show()
        elif not self._waits_for_paint:
            self._waits_for_paint = True
            self.set_timer(PAINT_SECONDS, self._show)

    def _show(self) -> None:
        self._waits_for_paint = False
        self._painted_at = asyncio.get_running_loop().time()
        self.pane.show()
        if self.stoker.view is self:
            self.stoker.show_bars()

    @property
    def not_shown(self) -> int:
        """Records that arrived and were on no screen: let go by the reader, or overtaken by newer ones between two paints.
        Exact."""
        return self.dropped + self.lines.overtaken

    @property
    def per_second(self) -> float:
        clock = asyncio.get_running_loop().time()
        return sum(number for at, number in self._past if at >= clock - RATE_SECONDS) / RATE_SECONDS

    # what the app asks

    def status(self) -> str:
        lines = self.lines
        # What a narrow screen cuts is at the end.
        state = "following" if self.pane.follows else "stopped (s)"
        if self.failure is not None:
            words = self.failure.blame is Blame.WORDS
            state = "cannot read: e asks otherwise" if words else "cannot read, trying again"
        parts = [state, f"{count(lines.arrived + self.dropped)} arrived"]
        if lines.filter_text:
            parts.append(f"{count(len(lines.shown))} match" if lines.hides else "matches marked")
        if self.behind:
            parts.append(f"{count(self.behind)} behind")
        parts.append(f"{count(self.not_shown)} not shown")
        if self._past:
            parts.append(f"{rate(self.per_second)}/s")
        return " · ".join(parts)

    @property
    def filter_text(self) -> str:
        return self.lines.filter_text

    def set_filter(self, text: str) -> None:
        self.lines.set_filter(text)
        self.pane.rearrange()

    def clear(self) -> bool:
        if self.full_screen:
            self._set_full_screen(False)
            return True
        if self.lines.filter_text:
            self.set_filter("")
            return True
        return False

    def take_focus(self) -> None:
        self.pane.focus()

    def copied(self) -> str:
        entry = self.pane.entry
        return "" if entry is None else entry.text

    def saved(self) -> tuple[str, str]:
        lines = ("".join(text for text, _ in [*self._prefix(each), (each.text, "")]) for each in self.lines.shown)
        return f"{'-'.join(self.words.topics)}.txt", "\n".join(lines) + "\n"

    def on_log_pane_opened(self, event: LogPane.Opened) -> None:
        event.stop()
        self.open_record(event.entry.record)

    def on_log_pane_changed(self, event: LogPane.Changed) -> None:
        event.stop()
        self.stoker.show_bars()

    # keys

    def action_describe(self) -> None:
        if self.pane.entry is not None:
            self.open_record(self.pane.entry.record)

    def action_follow(self) -> None:
        self.pane.set_follows(not self.pane.follows)

    def action_wrap(self) -> None:
        self.pane.set_wraps(not self.pane.wraps)

    def action_next(self, step: int) -> None:
        if not self.pane.move_to_match(step):
            self.stoker.say("Nothing matches." if self.lines.filter_text else "/ says what to look for.")

    def action_times(self) -> None:
        self.times = TIMES[(TIMES.index(self.times) + 1) % len(TIMES)]
        self.pane.rearrange()

    def action_marks(self) -> None:
        """Hide what does not match, or show all with the matches marked."""
        self.lines.toggle_hiding()
        self.pane.rearrange()
        self.stoker.show_bars()

    def action_empty(self) -> None:
        self.lines.clear()
        self.pane.rearrange()
        self.stoker.show_bars()

    def action_which(self) -> None:
        self.ask_query(f"Tail {', '.join(self.words.topics)}", TAIL_FIELDS, "Follow")

    def action_records(self) -> None:
        self.stoker.enter("records", self.topic_words())

    def action_produce(self) -> None:
        self.go_produce()

    def action_full_screen(self) -> None:
        self._set_full_screen(not self.full_screen)

    def _set_full_screen(self, full: bool) -> None:
        self.full_screen = full
        self._bars(full)

    def _bars(self, hidden: bool) -> None:
        for name in ("#top", "#keys"):
            self.stoker.query_one(name).display = not hidden

    def on_hide(self) -> None:
        if self.full_screen:
            self._bars(False)

    def on_show(self) -> None:
        if self.full_screen:
            self._bars(True)
