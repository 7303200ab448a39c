"""Records on stdout: lines for people, bytes as a format string says, or data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder
    from console.records.model import ConsumedRecord

_SHOWN_MAX = 2_000
"""Characters of a value shown on a terminal."""

_LARGE_BYTES = 64 * 1024
"""Larger keys and values are not looked into unless that was asked for."""

_HEADERS_SHOWN_MAX = 20
"""Headers of a record shown on a terminal."""


def record_printer(
    output: str,
    format_string: str | None,
    *,
    with_topic: bool,
    decoder: RecordDecoder | None = None,
    topics: Sequence[str] = (),
) -> Printer:
    """The printer of that --output or --format. Raises OperatorError for a format string that makes no sense.

    Schemas that the `decoder` needs must have been prepared. CSV has columns for what was decoded when it was asked for
    one of the `topics`, since its heading comes first.
    """
    if format_string is not None:
        from console.records.format_string import compile_format

        return FormatPrinter(compile_format(format_string, _make_safe if sys.stdout.isatty() else None, decoder))
    if output == "csv":
        return CsvPrinter(decoder if decoder is not None and any(map(decoder.is_asked, topics or ("",))) else None)
    return LinePrinter(with_topic, decoder) if output == "table" else DataPrinter(output, decoder)


def _make_safe(data: bytes) -> bytes:
    from console.output.text import safe

    return safe(data.decode(errors="surrogateescape")).encode()


class Printer:
    """Writes records to stdout."""

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        """After the last record, or when it was interrupted."""
        sys.stdout.flush()


class FormatPrinter(Printer):
    """Bytes as the function says."""

    def __init__(self, form: Callable[[ConsumedRecord], bytes]) -> None:
        self._form = form

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        sys.stdout.flush()
        sys.stdout.buffer.writelines(map(self._form, records))
        sys.stdout.buffer.flush()


class LinePrinter(Printer):
    """A line per record for people: time, partition:offset, key, value, headers."""

    def __init__(self, with_topic: bool, decoder: RecordDecoder | None = None) -> None:
        from console.output.style import colours_on

        self._decoder = decoder

        self._with_topic = with_topic
        self._terminal = sys.stdout.isatty()
        self._colours = colours_on(sys.stdout)

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        sys.stdout.write("".join(map(self._line, records)))
        sys.stdout.flush()

    def _line(self, record: ConsumedRecord) -> str:
        from console.output.style import Style
        from console.output.text import moment, safe

        place = f"{record.partition}:{record.offset}"
        if self._with_topic:
            place = f"{record.topic} {place}"
        shown = record.headers[:_HEADERS_SHOWN_MAX] if self._terminal else record.headers
        headers = " ".join(f"{safe(name[:_SHOWN_MAX])}={self._text(value)}" for name, value in shown)
        if len(shown) < len(record.headers):
            headers += f" … ({len(record.headers):,} headers)"
        if record.batch is not None and record.batch.control is not None:
            return (
                self._paint(f"{moment(record.timestamp)}  {place}  [{record.batch.control} marker]", Style.FAINT) + "\n"
            )
        errors: list[str] = []
        asked = self._decoder is not None and self._decoder.is_asked(record.topic)
        key = self._part(record, "key", record.key, asked, errors)
        value = self._part(record, "value", record.value, asked, errors)
        parts = [
            self._paint(f"{moment(record.timestamp)}  {place}", Style.FAINT),
            self._paint("-" if record.key is None else key, Style.NAME),
            self._paint("(null)", Style.FAINT) if record.value is None else value,
        ]
        parts += [self._paint(f"[{safe(error[:_SHOWN_MAX])}]", Style.WARNING) for error in errors]
        if record.batch is not None and record.batch.aborted:
            parts.append(self._paint("[aborted]", Style.WARNING))
        if headers:
            parts.append(self._paint(headers, Style.FAINT))
        return "  ".join(parts) + "\n"

    def _paint(self, text: str, style: Any) -> str:
        from console.output.style import paint

        return paint(text, style) if self._colours else text

    def _part(self, record: ConsumedRecord, name: str, data: bytes | None, asked: bool, errors: list[str]) -> str:
        """The key or value; why it is only its bytes goes to `errors`. Text that nobody asked to look into stays as it
        is: what is UTF-8 without a zero byte."""
        decoder = self._decoder
        if decoder is None or not data or (not asked and (len(data) > _LARGE_BYTES or _is_plain(data))):
            return self._text(data)
        from console.decoding.model import Part

        decoded = decoder.part(record, Part(name), whole=not self._terminal)
        if decoded.error is not None:
            errors.append(f"{name}: {decoded.error}")
        elif decoded.format == "bytes" and not decoded.is_preview:
            return self._text(data)
        text = decoded.text
        if self._terminal and (decoded.is_preview or len(text) > _SHOWN_MAX):
            return f"{text[:_SHOWN_MAX]}… ({len(data):,} bytes)"
        return text

    def _text(self, data: bytes | None) -> str:
        from console.output.text import safe

        if data is None:
            return "(null)"
        cut = data[: _SHOWN_MAX * 4] if self._terminal else data
        try:
            text = safe(cut.decode())
        except UnicodeDecodeError as error:
            # A cut in the middle of a character is ours, anything else is not text.
            if cut is data or error.start < len(cut) - 3:
                text = "0x" + cut.hex()
            else:
                text = safe(cut[: error.start].decode())
        if self._terminal and len(text) > _SHOWN_MAX:
            return f"{text[:_SHOWN_MAX]}… ({len(data):,} bytes)"
        return text


def _is_plain(data: bytes) -> bool:
    if b"\0" in data:
        return False
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class DataPrinter(Printer):
    """JSON (one array) or JSON lines."""

    def __init__(self, output: str, decoder: RecordDecoder | None = None) -> None:
        self._output = output
        self._decoder = decoder
        self._count = 0

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        from console.records.json_form import json_line, record_to_json

        decoder = self._decoder
        lines = [json_line(record_to_json(record, decoder)) for record in records]
        if self._output == "jsonl":
            data = b"\n".join(lines) + b"\n"
        else:
            data = (b",\n" if self._count else b"[\n") + b",\n".join(lines)
        sys.stdout.write(data.decode())
        self._count += len(lines)
        sys.stdout.flush()

    def finish(self) -> None:
        if self._output == "json":
            sys.stdout.write("\n]\n" if self._count else "[]\n")
        super().finish()


class CsvPrinter(Printer):
    """CSV as `records export` writes it."""

    def __init__(self, decoder: RecordDecoder | None = None) -> None:
        from console.records.exporting import CsvWriter

        sys.stdout.flush()
        self._writer = CsvWriter(sys.stdout.buffer, decoder)

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        self._writer.write(records)
        sys.stdout.buffer.flush()

    def finish(self) -> None:
        self._writer.finish()
        super().finish()
