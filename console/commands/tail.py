"""`stoker tail`: records of one or several topics, as they are and as they arrive."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from console.commands.options import cluster_options, invocation, output_option
from console.commands.record_options import filter_options, record_filter, visibility_options

if TYPE_CHECKING:
    from console.records.model import ConsumedRecord
    from console.records.stream import RecordStream
    from engine.net.cluster_client import ClusterClient

_SHOWN_MAX = 2_000
"""Characters of a value shown on a terminal."""


@click.command()
@click.argument("topics", metavar="TOPIC…", nargs=-1, required=True)
@click.option("--from", "start", metavar="WHERE", help="Where to begin; default: end, or beginning with --exit-at-end.")
@click.option("--until", metavar="WHERE", help="Where to stop (exclusive).")
@click.option("-n", "--count", type=click.IntRange(1), help="Stop after so many records.")
@click.option("-e", "--exit-at-end", is_flag=True, help="Stop at what is the end now, instead of following.")
@click.option(
    "-p", "--partition", "partitions", type=click.IntRange(0), multiple=True, help="Only this one; repeatable."
)
@filter_options
@click.option(
    "-f", "--format", "format_string", metavar="TEXT", help="%t %p %o %k %v %h %T and \\n \\t, as kcat has them."
)
@visibility_options
@output_option
@cluster_options
def tail(
    topics: tuple[str, ...],
    start: str | None,
    until: str | None,
    count: int | None,
    exit_at_end: bool,
    partitions: tuple[int, ...],
    format_string: str | None,
    key: str | None,
    all_partitions: bool,
    committed: bool,
    show_aborted: bool,
    markers: bool,
    **conditions: Any,
) -> None:
    """Show records as they arrive; several topics and partitions are merged by time.

    WHERE is beginning, end, -N (the last N records), an offset, a time (2026-05-01T12:00, 12:00 for today,
    @MILLISECONDS since 1970) or an age (5m, 2h, 1d12h).

    \b
    Examples:
      stoker tail orders
      stoker tail orders --from -10
      stoker tail orders payments --from 5m --grep 'alice|bob'
      stoker tail orders --from beginning --exit-at-end -o jsonl > orders.jsonl
      stoker tail orders --from 120 --partition 0 -n 1 --format '%v'
    """
    from console.commands.session import with_client
    from console.errors import OperatorError
    from console.records.format_string import compile_format
    from console.records.model import Visibility
    from console.records.positions import BEGINNING, END, parse_position
    from console.records.stream import RecordStream, StreamRequest

    now_ms = time.time_ns() // 1_000_000
    call = invocation()
    if format_string is not None and call.output != "table":
        raise click.UsageError("--format is an output of its own: without --output")
    begin = parse_position(start, now_ms) if start is not None else BEGINNING if exit_at_end or until else END
    request = StreamRequest(
        topics=tuple(dict.fromkeys(topics)),
        start=begin,
        until=parse_position(until, now_ms) if until is not None else None,
        exit_at_end=exit_at_end,
        partitions=tuple(sorted(set(partitions))),
        visibility=Visibility(committed or show_aborted, show_aborted, markers),
        count=count,
        key=None if key is None else key.encode(errors="surrogateescape"),
        all_partitions=all_partitions,
        filter=record_filter(**conditions),
    )
    stream = RecordStream(request, now_ms)
    if format_string is not None:
        printer: Printer = FormatPrinter(compile_format(format_string))
    elif call.output == "table":
        printer = LinePrinter(len(request.topics) > 1)
    else:
        printer = DataPrinter(call.output)
    try:
        with_client(lambda client: _follow(client, stream, printer))
    except OperatorError:
        if stream.progress.matched:
            printer.finish()
        raise
    except KeyboardInterrupt:
        printer.finish()
        raise
    printer.finish()


async def _follow(client: ClusterClient, stream: RecordStream, printer: Printer) -> None:
    from console.output.progress import Progress
    from console.output.render import say, warn
    from console.output.text import plural

    request, progress = stream.request, stream.progress
    follows = request.follows
    interactive = sys.stderr.isatty() and sys.stdout.isatty()
    if interactive and follows:
        say(f"Following {', '.join(request.topics)} from {request.start}. Ctrl-C ends.")
    skipped = 0
    # With the records on the same terminal, a progress line would only be in the way.
    with Progress("records") as bar:
        async for records in stream.batches(client):
            printer.write(records)
            if not interactive:
                bar.total = progress.to_scan if not follows else None
                bar.update(progress.scanned, progress.bytes)
            if progress.skipped > skipped:
                bar.clear()
                warn(f"{plural(progress.skipped - skipped, 'record')} had been deleted before they could be read")
                skipped = progress.skipped
    if interactive and not follows:
        matched = plural(progress.matched, "record")
        hidden = f", {progress.hidden:,} markers or aborted hidden" if progress.hidden else ""
        say(f"{matched} of {progress.scanned:,} scanned{hidden}.")


class Printer:
    """Writes records to stdout."""

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        """After the last record, or when it was interrupted."""
        sys.stdout.flush()


class FormatPrinter(Printer):
    """Bytes as the format string says: untouched in a pipe, made harmless on a terminal."""

    def __init__(self, form: Callable[[ConsumedRecord], bytes]) -> None:
        self._form = form
        self._terminal = sys.stdout.isatty()

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        data = b"".join(map(self._form, records))
        if self._terminal:
            from console.output.text import safe

            text = data.decode(errors="replace")
            sys.stdout.write("\n".join("\t".join(map(safe, line.split("\t"))) for line in text.split("\n")))
            sys.stdout.flush()
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()


class LinePrinter(Printer):
    """A line per record for people: time, partition:offset, key, value, headers."""

    def __init__(self, with_topic: bool) -> None:
        from console.output.style import colours_on

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
        headers = " ".join(f"{safe(name)}={self._text(value)}" for name, value in record.headers)
        parts = [
            self._paint(f"{moment(record.timestamp)}  {place}", Style.FAINT),
            self._paint("-" if record.key is None else self._text(record.key), Style.NAME),
            self._paint("(null)", Style.FAINT) if record.value is None else self._text(record.value),
        ]
        if headers:
            parts.append(self._paint(headers, Style.FAINT))
        return "  ".join(parts) + "\n"

    def _paint(self, text: str, style: Any) -> str:
        from console.output.style import paint

        return paint(text, style) if self._colours else text

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


class DataPrinter(Printer):
    """JSON (one array), JSON lines or CSV."""

    def __init__(self, output: str) -> None:
        self._output = output
        self._count = 0

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        from console.records.json_form import record_to_json

        rows = list(map(record_to_json, records))
        if self._output == "csv":
            self._write_csv(rows)
        else:
            import msgspec

            lines = list(map(msgspec.json.Encoder().encode, rows))
            if self._output == "jsonl":
                data = b"\n".join(lines) + b"\n"
            else:
                data = (b",\n" if self._count else b"[\n") + b",\n".join(lines)
            sys.stdout.write(data.decode())
        self._count += len(rows)
        sys.stdout.flush()

    def _write_csv(self, rows: Sequence[dict[str, Any]]) -> None:
        import csv

        from console.output.render import csv_cell

        writer = csv.writer(sys.stdout, lineterminator="\n")
        if self._count == 0:
            writer.writerow(rows[0])
        writer.writerows([csv_cell(value) for value in row.values()] for row in rows)

    def finish(self) -> None:
        if self._output == "json":
            sys.stdout.write("\n]\n" if self._count else "[]\n")
        super().finish()
