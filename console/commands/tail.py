"""`stoker tail`: records of one or several topics, as they are and as they arrive."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from console.commands.options import cluster_options, invocation, output_option
from console.commands.record_options import (
    filter_options,
    key_bytes,
    record_decoder,
    record_filter,
    visibility_options,
)

if TYPE_CHECKING:
    from console.commands.record_printers import Printer
    from console.decoding.decoder import RecordDecoder
    from console.records.stream import RecordStream
    from engine.net.cluster_client import ClusterClient


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

    Keys and values that are no text are decoded automatically. --decode names a format (json, avro, protobuf, int64,
    msgpack, …, or auto) for all topics or for one; with -o json what was decoded stands beside the bytes.

    WHERE is beginning, end, -N (the last N records), an offset, a time (2026-05-01T12:00, 12:00 for today,
    @MILLISECONDS since 1970) or an age (5m, 2h, 1d12h).

    \b
    Examples:
      stoker tail orders
      stoker tail orders --from -10
      stoker tail orders payments --from 5m --grep 'alice|bob'
      stoker tail orders --from beginning --exit-at-end -o jsonl > orders.jsonl
      stoker tail orders --decode avro --decode key=int64 --json customer.id=42
      stoker tail __consumer_offsets --from -10
      stoker tail orders --from 120 --partition 0 -n 1 --format '%v'
    """
    from console.commands.record_printers import record_printer
    from console.commands.session import with_client
    from console.errors import OperatorError
    from console.records.model import Visibility
    from console.records.positions import BEGINNING, END, parse_position
    from console.records.stream import RecordStream, StreamRequest

    now_ms = time.time_ns() // 1_000_000
    call = invocation()
    if format_string is not None and call.output != "table":
        raise click.UsageError("--format is an output of its own: without --output")
    begin = parse_position(start, now_ms) if start is not None else BEGINNING if exit_at_end or until else END
    decoder = record_decoder()
    request = StreamRequest(
        topics=tuple(dict.fromkeys(topics)),
        start=begin,
        until=parse_position(until, now_ms) if until is not None else None,
        exit_at_end=exit_at_end,
        partitions=tuple(sorted(set(partitions))),
        visibility=Visibility(committed or show_aborted, show_aborted, markers),
        count=count,
        key=key_bytes(key, decoder, topics),
        all_partitions=all_partitions,
        filter=record_filter(decoder=decoder, **conditions),
    )
    stream = RecordStream(request, now_ms)
    with_topic = len(request.topics) > 1
    printer = record_printer(call.output, format_string, with_topic=with_topic, decoder=decoder, topics=topics)
    try:
        with_client(lambda client: _follow(client, stream, printer, decoder))
    except OperatorError:
        if stream.progress.matched:
            printer.finish()
        raise
    except KeyboardInterrupt:
        printer.finish()
        raise
    printer.finish()


async def _follow(client: ClusterClient, stream: RecordStream, printer: Printer, decoder: RecordDecoder) -> None:
    from console.output.progress import Progress
    from console.output.render import say, warn
    from console.output.text import plural

    request, progress = stream.request, stream.progress
    follows = request.follows
    interactive = sys.stderr.isatty() and sys.stdout.isatty()
    if interactive and follows:
        say(f"Following {', '.join(request.topics)} from {request.start}. Ctrl-C ends.")
    skipped = damaged = 0
    # With the records on the same terminal, a progress line would only be in the way.
    with Progress("records") as bar:
        async for records in stream.batches(client):
            await decoder.prepare(records)
            printer.write(records)
            if not interactive:
                bar.total = progress.to_scan if not follows else None
                bar.update(progress.scanned, progress.bytes)
            if progress.skipped > skipped:
                bar.clear()
                warn(f"{plural(progress.skipped - skipped, 'record')} had been deleted before they could be read")
                skipped = progress.skipped
            for each in progress.damaged[damaged:]:
                bar.clear()
                warn(f"cannot be read: {each}")
            damaged = len(progress.damaged)
    if interactive and not follows:
        matched = plural(progress.matched, "record")
        hidden = f", {progress.hidden:,} markers or aborted hidden" if progress.hidden else ""
        odd = f", {progress.undecodable:,} undecodable" if progress.undecodable else ""
        say(f"{matched} of {progress.scanned:,} scanned{hidden}{odd}.")
