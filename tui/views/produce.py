"""Producing: key, value, headers, partition, timestamp, in any format that a word can be written in; tombstones."""

from __future__ import annotations

import asyncio
import json
import shlex
from typing import Any, ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static, TextArea
from textual.worker import Worker

from console.decoding.formats import FORMATS, encode_word
from console.errors import OperatorError, operator_errors
from console.records.browse import find_record
from console.records.model import ConsumedRecord
from console.records.positions import PositionKind, parse_position
from console.records.producing import NewRecord, ProducerStatistics
from console.records.sending import CODECS, ProduceOptions, produce
from engine.runtime import SystemClock
from tui.aliases import Place
from tui.bindings import bindings_of
from tui.views.record_access import RecordAccess
from tui.views.words import whole_number
from tui.widgets.cells import harmless, masked
from tui.widgets.form import goes_to_next, move_field
from tui.widgets.line_input import LineInput

WRITABLE = ("utf-8", "json", "int16", "int32", "int64", "float", "double", "uuid", "hex", "base64")
assert all(name in FORMATS for name in WRITABLE)

FIELDS: tuple[tuple[str, str, str], ...] = (
    ("key", "Key", "empty: no key"),
    ("key_format", "Key is", ", ".join(WRITABLE)),
    ("headers", "Headers", "name=value name=value, values with spaces in quotes; a name alone: null"),
    ("partition", "Partition", "empty: where the key belongs"),
    ("timestamp", "Time", "empty: now; a time (2026-05-01T12:00), @MILLISECONDS, an age (5m)"),
    ("compression", "Compression", ", ".join(CODECS)),
    ("value_format", "Value is", ", ".join(WRITABLE)),
)


def encoded(format: str, text: str) -> bytes:
    """What was typed as bytes. Raises OperatorError."""
    name = format.strip().lower() or "utf-8"
    if name not in WRITABLE:
        raise OperatorError.words(f"cannot write {format!r}", f"One of {', '.join(WRITABLE)}.")
    if name == "json":
        try:
            json.loads(text)
        except (ValueError, RecursionError) as error:
            raise OperatorError.words(f"the value is no JSON: {error}") from error
    return encode_word(name, text if name in ("utf-8", "json") else text.strip())


def header_pairs(text: str) -> list[tuple[str, bytes | None]]:
    """Raises OperatorError."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise OperatorError.words(f"cannot read the headers: {error}") from error
    found: list[tuple[str, bytes | None]] = []
    for word in words:
        name, separator, value = word.partition("=")
        if not name:
            raise OperatorError.words(f"the header {word!r} has no name")
        found.append((name, value.encode(errors="surrogateescape") if separator else None))
    return found


class ValueArea(TextArea):
    """The value; Tab goes on to the next field."""

    def __init__(self) -> None:
        super().__init__(
            tab_behavior="focus", show_line_numbers=False, compact=True, highlight_cursor_line=False, id="value"
        )

    def get_line(self, line_index: int) -> Text:
        return Text(masked(self.document.get_line(line_index)), end="", no_wrap=True)


class ProduceView(RecordAccess, can_focus=True):
    NAME = "produce"
    BESIDE = "form"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("produce", "form")
    DEFAULT_CSS = """
    ProduceView {
        VerticalScroll { height: auto; max-height: 50%; scrollbar-size: 1 1; }
        .field { height: 1; }
        .label { width: 14; color: $text-secondary; padding: 0 0 0 1; }
        Input { height: 1; border: none; padding: 0 1; width: 1fr; background: $boost; }
        Input:focus { border: none; background: $surface; }
        TextArea { height: 1fr; border: none; background: $surface; color: $foreground; padding: 0 1; }
        TextArea:disabled { opacity: 50%; }
        #about { height: 1; padding: 0 1; color: $text-muted; }
        #sent { height: auto; max-height: 5; padding: 0 1; color: $text-success; }
        #sent.bad { color: $text-error; text-style: bold; }
        #value-label { height: 1; color: $text-secondary; padding: 0 1; }
    }
    """

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        words = place.arguments
        try:
            words = tuple(shlex.split(words[0])) if len(words) == 1 else words
            self.topic, *self._like = words
        except ValueError:
            self.topic, self._like = self.argument, []
        self.tombstone = False
        self.sent: list[str] = []
        """What went out, the newest first."""
        self._filled = False
        self._sending: Worker[Any] | None = None

    def compose(self) -> ComposeResult:
        start = {"key_format": "utf-8", "value_format": "utf-8", "compression": "none"}
        with VerticalScroll(can_focus=False):
            for name, label, _ in FIELDS:
                with Horizontal(classes="field"):
                    yield Static(Content(label), classes="label")
                    yield LineInput(start.get(name, ""), id=name, replaced=name in start)
        yield Static(Content(""), id="about")
        yield Static(Content("Value"), id="value-label")
        yield ValueArea()
        yield Static(Content(""), id="sent")

    @property
    def area(self) -> TextArea:
        return self.query_one("#value", TextArea)

    def _input(self, name: str) -> Input:
        return self.query_one(f"#{name}", Input)

    # filling it in

    async def load(self) -> None:
        if self._filled:
            return
        self._name_value()
        if self.source.readonly:
            self._say([f"{self.source.name} is read-only here: nothing can be sent."], bad=True)
        if len(self._like) == 2 and all(word.isdecimal() for word in self._like):
            partition, offset = map(int, self._like)
            record = await find_record(self.client, self.topic, partition, offset)
            if record is not None:
                self._fill(record)
        # Only now: looking may be broken off by the next look at the cluster, and begins anew then.
        self._filled = True

    def fail(self, error: OperatorError) -> None:
        self._say([error.title, *error.detail.splitlines(), *error.hint.splitlines()], bad=True)

    def _fill(self, record: ConsumedRecord) -> None:
        """Like a record that is there. What is no text is written as base64, so that nothing is lost."""
        for name, data in (("key", record.key), ("value", record.value)):
            if data is None:
                continue
            text, format = _written(data, one_line=name == "key")
            self._input(f"{name}_format").value = format
            if name == "key":
                self._input("key").value = text
            else:
                self.area.load_text(text)
        self.tombstone = record.value is None
        words = []
        for header, content in record.headers:
            written = header if content is None else f"{header}={content.decode(errors='surrogateescape')}"
            # What a field cannot show cannot be edited in it.
            if written == harmless(written):
                words.append(shlex.quote(written))
        self._input("headers").value = " ".join(words)
        if left_out := len(record.headers) - len(words):
            self._say([f"{left_out:,} of its headers cannot be typed, and are left out."], bad=True)
        self._name_value()

    def _name_value(self) -> None:
        label = (
            "Value: none, a tombstone (Ctrl-T gives it one)" if self.tombstone else "Value (Ctrl-T: none, a tombstone)"
        )
        self.query_one("#value-label", Static).update(Content(label))
        self.area.disabled = self.tombstone

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        about = next((help for name, _, help in FIELDS if name == event.widget.id), "")
        self.query_one("#about", Static).update(Content(about))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.screen.focus_next()

    def take_focus(self) -> None:
        self._input("key").focus()

    def clear(self) -> bool:
        """Ends what is being sent; else out of the fields, where one cannot go back from the view: then `:` and `-` are keys
        again."""
        if self._sending is not None and not self._sending.is_finished:
            self._sending.cancel()
            return True
        if self.has_focus or len(self.stoker.navigation.trail) > 1:
            return False
        self.focus()
        return True

    # sending

    def record(self) -> NewRecord:
        """What was typed. Raises OperatorError."""
        key = self._input("key").value
        partition = self._input("partition").value.strip()
        timestamp: int | None = None
        moment = self._input("timestamp").value.strip()
        if moment:
            position = parse_position(moment, self.source.now_ms())
            if position.kind is not PositionKind.TIMESTAMP:
                raise OperatorError.words(f"{moment!r} is no time", "2026-05-01T12:00, @MILLISECONDS, or an age as 5m.")
            timestamp = position.value
        try:
            number = whole_number(0, 2**31 - 1)(partition) if partition else None
        except ValueError as error:
            raise OperatorError.words(f"the partition {partition!r} should be {error}") from error
        return NewRecord(
            encoded(self._input("key_format").value, key) if key else None,
            None if self.tombstone else encoded(self._input("value_format").value, self.area.text),
            header_pairs(self._input("headers").value),
            number,
            timestamp,
        )

    def action_tombstone(self) -> None:
        self.tombstone = not self.tombstone
        self._name_value()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # In the value, Enter is a line's end.
        return action != "enter_field" or goes_to_next(self.screen.focused, [*self.query(Input), self.area])

    def action_field(self, by: int) -> None:
        move_field(self.screen, by)

    def action_enter_field(self) -> None:
        move_field(self.screen, 1)

    def action_send(self) -> None:
        # Letters that are on their way to a field come first.
        (self.screen.focused or self).call_later(self._begin_sending)

    def _begin_sending(self) -> None:
        self._sending = self.run_worker(self._send(), group="send", exclusive=True)

    async def _send(self) -> None:
        from console.changes.door import Produced

        statistics = ProducerStatistics()

        def done() -> Produced:
            error = statistics.first_error
            return Produced(
                statistics.acknowledged_records, statistics.acknowledged_bytes, None if error is None else error.title
            )

        try:
            record = self.record()
            self._say(["Sending …  (Esc ends it)"])
            with operator_errors(f"topic {self.topic}"):
                view = await self.client.known_view([self.topic])
            topic = view.topics.get(self.topic)
            if topic is not None and record.partition is not None and record.partition >= len(topic.partitions):
                last = len(topic.partitions) - 1
                raise OperatorError.words(f"there is no partition {record.partition}, only 0 to {last}")
            options = ProduceOptions(compression=self._input("compression").value.strip().lower() or "none")
            async with self.cluster.door.producing(self.topic, done):
                (found,) = await produce(self.client, SystemClock(), self.topic, [record], options)
                size_bytes = len(record.key or b"") + len(record.value or b"")
                statistics.acknowledged_records, statistics.acknowledged_bytes = 1, size_bytes
        except OperatorError as error:
            self.fail(error)
            return
        except asyncio.CancelledError:
            if self.is_attached:
                self._say(["Ended. Whether the record is in the log is not known."], bad=True)
            raise
        self.sent.insert(0, f"Sent: {harmless(found.topic)}, partition {found.partition}, offset {found.offset:,}")
        self._say(self.sent[:3])
        self.stoker.show_bars()

    def _say(self, lines: list[str], *, bad: bool = False) -> None:
        told = self.query_one("#sent", Static)
        told.set_class(bad, "bad")
        told.update(Content("\n".join(map(harmless, lines))))

    def status(self) -> str:
        return f"{len(self.sent):,} sent" if self.sent else "nothing sent yet"

    def copied(self) -> str:
        return self.area.text

    def action_look(self) -> None:
        """The records, the newest first: what was sent is among them."""
        self.stoker.enter("records", shlex.quote(self.topic))


def _written(data: bytes, *, one_line: bool) -> tuple[str, str]:
    """Bytes as they can be typed, and in which format: what a field cannot show as it is, is written as base64."""
    import base64

    try:
        text = data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode(), "base64"
    lines = [text] if one_line else text.replace("\t", " ").split("\n")
    if all(line == harmless(line) for line in lines):
        return text, "utf-8"
    return base64.b64encode(data).decode(), "base64"
