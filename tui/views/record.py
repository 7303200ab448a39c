"""One record in full: where it is, what its batch says, headers, key and value as decoded, or byte by byte."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from console.errors import OperatorError
from console.output.text import duration, size
from console.records.browse import BrowseRequest, browse, find_record
from console.records.decoded import ShownPart, ShownRecord, show_record
from console.records.model import ConsumedRecord
from console.records.positions import Position, PositionKind
from engine.protocol.records.batch import TimestampType
from tui.aliases import Place
from tui.bindings import bindings_of
from tui.views.page import error_lines, is_kept
from tui.views.record_access import RecordAccess
from tui.views.record_export import file_field
from tui.views.record_query import RecordQuery
from tui.views.record_rows import time_text
from tui.widgets.cells import harmless
from tui.widgets.document import DocumentLine, fact, heading
from tui.widgets.form import Field, FormDialog
from tui.widgets.lazy_lines import Chapters, HexLines, TextLines, lines_of
from tui.widgets.long_document import LongDocument
from tui.widgets.table_filter import Matcher, matcher

SHOWN_BYTES_MAX = 256 * 1024
"""Of larger keys and values the beginning is shown until all is asked for."""


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """What the place of the view says."""

    topic: str
    partition: int
    offset: int
    query: RecordQuery

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> RecordPlace:
        """ "orders 3 120 show=aborted". Raises OperatorError."""
        try:
            words = shlex.split(arguments[0]) if len(arguments) == 1 else list(arguments)
            plain = [word for word in words if "=" not in word]
            topic, partition, offset = plain
            query = RecordQuery.parse([topic, *(word for word in words if "=" in word)])
            return cls(topic, int(partition), int(offset), query)
        except (ValueError, IndexError) as error:
            raise OperatorError.words("which record?", ":record TOPIC PARTITION OFFSET") from error


@dataclass(frozen=True, slots=True)
class PartText:
    """A key or value ready to be shown."""

    part: ShownPart
    data: bytes
    lines: Sequence[str]
    is_json: bool
    more_bytes: int
    """That are not shown."""


def part_text(part: ShownPart, data: bytes | None, *, whole: bool, columns: int | None) -> PartText:
    """Its lines: JSON indented, text with its own lines, anything else as the decoder wrote it. May take a while."""
    import msgspec

    if data is None or part.format in ("null", "empty"):
        return PartText(part, data or b"", [f"({part.format})"], False, 0)
    shown = data if whole or len(data) <= SHOWN_BYTES_MAX else data[:SHOWN_BYTES_MAX]
    more = len(data) - len(shown)
    if part.format == "utf-8":
        return PartText(part, data, lines_of(shown.decode(errors="replace"), columns), False, more)
    if part.format == "json" and not more:
        text = msgspec.json.format(data, indent=2).decode(errors="replace")
        return PartText(part, data, lines_of(text, columns), True, 0)
    if part.format == "bytes" and part.is_truncated:
        return PartText(part, data, lines_of(part.text, columns), False, more)
    if isinstance(part.value, (dict, list)) and not more:
        text = msgspec.json.format(msgspec.json.encode(part.value), indent=2).decode()
        return PartText(part, data, lines_of(text, columns), True, 0)
    return PartText(part, data, lines_of(part.text, columns), False, more)


class RecordView(RecordAccess):
    NAME = "record"
    BINDINGS: ClassVar[list[BindingType]] = bindings_of("record")

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self.record: ConsumedRecord | None = None
        self.shown: ShownRecord | None = None
        self.whole = False
        self.hex = False
        self.wraps = True
        self._filter = ""
        self._matches: Matcher | None = None
        self._where: RecordPlace | None = None
        self._error: OperatorError | None = None
        self._width = 0
        try:
            self._where = RecordPlace.parse(place.arguments)
            self.words = self._where.query
        except OperatorError as error:
            self._error = error

    def compose(self) -> ComposeResult:
        yield LongDocument()

    @property
    def document(self) -> LongDocument:
        return self.query_one(LongDocument)

    # reading

    async def load(self) -> None:
        if self._error is not None and self._where is None:
            self.fail(self._error)
        elif self.record is None and self._where is not None:
            await self._read(self._where)
        elif self.shown is None:
            await self._show()

    async def _read(self, where: RecordPlace) -> None:
        if not len(self.document.lines):
            self.document.set_lines([(("  Reading …", "faint"),)])
        visibility = where.query.visibility
        found = await find_record(
            self.client, where.topic, where.partition, where.offset, visibility=replace(visibility, markers=True)
        )
        if found is None:
            raise OperatorError(
                f"there is no record at {where.topic}-{where.partition}@{where.offset}",
                "It was deleted or compacted away, or never was.",
            )
        self.record = found
        await self._show()

    async def _show(self) -> None:
        """As it is to be shown now; what takes long runs beside the keys."""
        record = self.record
        if record is None:
            return
        decoder, width = self.decoder, self.size.width
        await decoder.prepare([record])
        whole, columns = self.whole, max(20, width - 5) if self.wraps else None
        if record.value is not None and len(record.value) > SHOWN_BYTES_MAX and whole:
            self.stoker.say("Decoding all of it …")

        matches = self._matches

        def work() -> tuple[ShownRecord, Sequence[DocumentLine]]:
            shown = show_record(record, decoder, whole=whole)
            key = part_text(shown.key, record.key, whole=whole, columns=columns)
            value = part_text(shown.value, record.value, whole=whole, columns=columns)
            lines: Sequence[DocumentLine] = Chapters(self._chapters(shown, key, value))
            return shown, lines if matches is None else [line for line in lines if is_kept(line, matches)]

        shown, lines = await asyncio.to_thread(work)
        if record is not self.record:
            return
        self.shown, self._width = shown, width
        self.document.set_lazy(lines)
        self.stoker.show_bars()

    def _chapters(self, shown: ShownRecord, key: PartText, value: PartText) -> list[Sequence[DocumentLine]]:
        return [
            _clean([heading("Record"), *self._facts(shown), ()]),
            *self._part("Key", key),
            *self._part("Value", value),
            _clean(_header_lines(shown)),
            _clean(_batch_lines(shown)),
        ]

    def _facts(self, shown: ShownRecord) -> list[DocumentLine]:
        record = shown.record
        kind = "written by the broker" if record.timestamp_type is TimestampType.LOG_APPEND_TIME else "of the producer"
        age = self.source.now_ms() - record.timestamp
        ago = f", {duration(age)} ago" if record.timestamp >= 0 and age >= 0 else ""
        lines = [
            fact("Place", f"{record.topic}, partition {record.partition}, offset {record.offset:,}"),
            fact("Time", f"{time_text(record.timestamp)}{ago} ({kind})"),
        ]
        if shown.control:
            lines.append(fact("Control record", f"{shown.control}: written by the broker", "warning"))
        if shown.is_aborted:
            lines.append(
                fact("Aborted", "its transaction was aborted: read_committed consumers do not see it", "warning")
            )
        return lines

    def _part(self, name: str, part: PartText) -> list[Sequence[DocumentLine]]:
        shown = part.part
        schema = shown.schema
        title: list[DocumentLine] = [
            ((name, "heading"), (f"  {shown.format}", "label"), (f"  {size(shown.size_bytes)}", ""), (f"  {shown.reason}", "faint"))
        ]  # fmt: skip
        if schema is not None:
            words = ", ".join(f"{key} {value}" for key, value in schema.to_json().items())
            title.append(((f"  schema: {words}", "faint"),))
        if shown.error:
            title.append(((f"  {shown.error}", "bad"),))
        body: Sequence[DocumentLine]
        if self.hex:
            body = HexLines(part.data)
        elif self.shown_is_none(shown):
            body = [((f"  {part.lines[0]}", "faint"),)]
        else:
            body = TextLines(part.lines, json=part.is_json)
        rest: list[DocumentLine] = []
        if part.more_bytes and not self.hex:
            rest.append(((f"  … {size(part.more_bytes)} more: a shows all of it", "warning"),))
        return [_clean(title), body, [*rest, ()]]

    @staticmethod
    def shown_is_none(part: ShownPart) -> bool:
        return part.format in ("null", "empty")

    def fail(self, error: OperatorError) -> None:
        self._error = error
        if self.record is None:
            self.document.set_lines(error_lines(error))
        else:
            self.stoker.tell(error)

    def _again(self) -> None:
        self.run_worker(self._shown_again(), group="show", exclusive=True)

    async def _shown_again(self) -> None:
        try:
            await self._show()
        except OperatorError as error:
            self.fail(error)

    def on_resize(self) -> None:
        if self.record is not None and self.wraps and self.size.width != self._width:
            self._again()

    # what the app asks

    @property
    def filter_text(self) -> str:
        return self._filter

    def set_filter(self, text: str) -> None:
        """Only lines that match, and headings."""
        self._matches = matcher(text)
        self._filter = text if self._matches is not None else ""
        self._again()

    def clear(self) -> bool:
        if not self._filter:
            return False
        self.set_filter("")
        return True

    def take_focus(self) -> None:
        self.document.focus()

    def status(self) -> str:
        parts = ["hex"] if self.hex else []
        if self.shown is not None:
            parts += [self.shown.value.format, size(self.shown.value.size_bytes)]
        if self.words.decode:
            parts.append(f"as {self.words.decode}")
        return " · ".join(parts)

    def copied(self) -> str:
        """The value, as text."""
        record = self.record
        if record is None or record.value is None or self.shown is None:
            return ""
        return record.value.decode(errors="backslashreplace") if self.shown.value.format in ("utf-8", "json") else self.shown.value.text  # fmt: skip

    def saved(self) -> tuple[str, str]:
        """As a JSON line: nothing is lost, and `stoker records import` reads it."""
        from console.records.json_form import json_line, record_to_json

        record = self.record
        if record is None:
            return "", ""
        line = bytes(json_line(record_to_json(record, self.decoder))).decode()
        return f"{record.topic}-{record.partition}-{record.offset}.jsonl", line + "\n"

    # keys

    def action_hex(self) -> None:
        self.hex = not self.hex
        self._again()

    def action_wrap(self) -> None:
        self.wraps = not self.wraps
        self._again()

    def action_whole(self) -> None:
        self.whole = not self.whole
        self._again()

    def action_decode(self) -> None:
        def filled(values: dict[str, Any] | None) -> None:
            if values is not None:
                self.words = self.words.with_values(values)
                self._again()

        fields = self.words.fields(self.decoder_of, self.source.now_ms(), "decode")
        self.stoker.push_screen(FormDialog("Decode as", fields, done="Decode"), filled)

    def action_like(self) -> None:
        if self.record is not None:
            self.go_produce(self.record)

    def action_step(self, by: int) -> None:
        """To the record after or before it in its partition."""
        self.run_worker(self._step(by), group="step", exclusive=True)

    async def _step(self, by: int) -> None:
        where = self._where
        if where is None:
            return
        visibility = replace(where.query.visibility, markers=True)
        start = Position(PositionKind.OFFSET, where.offset + 1 if by > 0 else where.offset)
        try:
            page = await browse(
                self.client,
                BrowseRequest((where.topic,), start, by < 0, 1, (where.partition,), visibility=visibility),
            )
            if not page.records:
                self.stoker.say("There is none.")
                return
            self.record = page.records[0]
            self._where = replace(where, offset=self.record.offset)
            self.whole = False
            await self._show()
            self.document.scroll_home(animate=False)
        except OperatorError as error:
            self.fail(error)

    def action_save_value(self) -> None:
        """The value's bytes, as they are."""
        record = self.record
        if record is None or record.value is None:
            self.stoker.say("It has no value.")
            return
        value = record.value

        def filled(values: dict[str, Any] | None) -> None:
            if values is None:
                return
            path: Path = values["file"]
            try:
                path.write_bytes(value)
            except OSError as error:
                self.stoker.tell(OperatorError(f"cannot write {path}", error.strerror or str(error)))
            else:
                self.stoker.say(f"{size(len(value))} in {path}")

        name = f"{record.topic}-{record.partition}-{record.offset}.bin"
        field: Field = file_field(self.stoker.directory, name, ())
        self.stoker.push_screen(FormDialog("Save the value's bytes", [field], done="Save"), filled)


def _clean(lines: Sequence[DocumentLine]) -> list[DocumentLine]:
    return [tuple((harmless(text), role) for text, role in line) for line in lines]


def _header_lines(shown: ShownRecord) -> list[DocumentLine]:
    count = shown.headers_count
    lines: list[DocumentLine] = [(("Headers", "heading"), (f"  {count:,}" if count else "  none", "faint"))]
    for header in shown.headers:
        cut = " …" if header.is_truncated else ""
        text = ("(null)", "faint") if header.text is None else (header.text + cut, "")
        lines.append(((f"  {header.name}", "label"), (" = ", "faint"), text, (f"  {size(header.size_bytes)}", "faint")))
    if count > len(shown.headers):
        lines.append(((f"  … and {count - len(shown.headers):,} more: a shows all", "warning"),))
    return [*lines, ()]


def _batch_lines(shown: ShownRecord) -> list[DocumentLine]:
    batch = shown.record.batch
    if batch is None:
        return []
    lines = [
        heading("Batch"),
        fact("Base offset", f"{batch.base_offset:,}"),
        fact("Size", f"{size(batch.size_bytes)}, compression {batch.compression}"),
        fact("Leader epoch", str(batch.leader_epoch) if batch.leader_epoch >= 0 else "-"),
    ]
    if batch.producer_id >= 0:
        sequence = batch.sequence(shown.record.offset)
        lines.append(fact("Producer", f"id {batch.producer_id}, epoch {batch.producer_epoch}, sequence {sequence}"))
    lines.append(fact("Transactional", "yes" if batch.is_transactional else "no"))
    return lines
