"""`stoker records`: looking for records, pages of them, the latest of every key, how many there are; files in and out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from console.commands.options import OrderedGroup, cluster_options, invocation, output_option
from console.commands.record_files import export_records, import_records
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
    from console.records.browse import Page
    from console.records.counting import Counts
    from console.records.latest import LatestRequest, LatestView
    from console.records.search import SearchStep
    from engine.net.cluster_client import ClusterClient

Function = TypeVar("Function", bound=Callable[..., Any])

_POSITIONS = (
    "WHERE is beginning, end, -N (the last N), an offset, a time (2026-05-01T12:00, 12:00 for today, @MILLISECONDS) or"
    " an age (5m, 2h)."
)


@click.group(cls=OrderedGroup)
@cluster_options
def records() -> None:
    """Search, browse, count, export and import records."""


_partitions = click.option(
    "-p", "--partition", "partitions", type=click.IntRange(0), multiple=True, help="Only this one; repeatable."
)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@records.command(epilog=_POSITIONS)
@click.argument("topics", metavar="TOPIC…", nargs=-1)
@filter_options
@click.option("--from", "start", metavar="WHERE", default="beginning", help="Where to begin; default: beginning.")
@click.option("--until", metavar="WHERE", help="Where to stop (exclusive); default: where the topics end now.")
@_partitions
@click.option("-n", "--count", "limit", type=click.IntRange(1), help="Stop after so many matches.")
@click.option("--state", type=click.Path(dir_okay=False), help="Where to note how far it is: goes on from there.")
@visibility_options
@output_option
@cluster_options
def search(
    topics: tuple[str, ...],
    key: str | None,
    all_partitions: bool,
    start: str,
    until: str | None,
    partitions: tuple[int, ...],
    limit: int | None,
    state: str | None,
    committed: bool,
    show_aborted: bool,
    markers: bool,
    **conditions: Any,
) -> None:
    """Find records, in the order of time, up to where the TOPICs end now; and say what was looked at.

    Interrupted (Ctrl-C) or ended by --count, a search with --state FILE goes on where it was when it is started with
    that file again; then no TOPIC is needed. The file is removed when everything was looked at.

    \b
    Examples:
      stoker records search orders --grep 'alice|bob'
      stoker records search orders payments --json customer.id=42 --from 1d
      stoker records search users --key alice
      stoker records search payments --decode avro --json amount.currency=EUR
      stoker records search orders --contains timeout -n 100 --state found.json
    """
    from pathlib import Path

    from console.commands.record_printers import record_printer
    from console.commands.session import with_client
    from console.errors import OperatorError
    from console.records.model import Visibility
    from console.records.positions import parse_position
    from console.records.search import SearchRequest, resume_search, search

    now_ms = _now_ms()
    path = Path(state) if state is not None else None
    token = None
    if path is not None and path.exists():
        try:
            token = path.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise OperatorError.words(f"cannot read {path}: {error}") from error
    if token is None and not topics:
        raise click.UsageError("Missing argument 'TOPIC…'.")
    decoder = record_decoder()
    request = SearchRequest(
        tuple(dict.fromkeys(topics)),
        record_filter(decoder=decoder, **conditions),
        key_bytes(key, decoder, topics),
        all_partitions,
        parse_position(start, now_ms),
        None if until is None else parse_position(until, now_ms),
        tuple(sorted(set(partitions))),
        Visibility(committed or show_aborted, show_aborted, markers),
        limit,
    )
    with_topic = len(request.topics) != 1
    printer = record_printer(invocation().output, None, with_topic=with_topic, decoder=decoder, topics=topics)
    last: list[SearchStep] = []

    async def run(client: ClusterClient) -> None:
        steps = (
            resume_search(client, token, now_ms, limit=limit, trusted=True, decoder=decoder)
            if token
            else search(client, request, now_ms)
        )
        await _show(steps, printer, decoder, last)

    try:
        with_client(run)
    finally:
        printer.finish()
        if last:
            _account(last[0], path)


async def _show(steps: Any, printer: Printer, decoder: RecordDecoder, last: list[SearchStep]) -> None:
    from console.output.progress import Progress
    from console.output.text import plural

    with Progress("records") as bar:
        async for step in steps:
            if step.records:
                await decoder.prepare(step.records)
                bar.clear()
                printer.write(step.records)
            last[:] = [step]
            bar.total = step.to_scan
            bar.update(step.scanned, step.bytes, plural(step.matched, "match", "matches"))


def _account(step: SearchStep, path: Any) -> None:
    from console.output.render import say, warn
    from console.output.text import plural

    found = (
        f"{plural(step.matched, 'match', 'matches')} in {step.scanned:,} of {plural(step.to_scan, 'record')} scanned"
    )
    for number, what in ((step.undecodable, "undecodable"), (step.hidden, "hidden"), (step.skipped, "deleted before")):
        if number:
            found += f", {number:,} {what}"
    say(found + ("." if step.finished else "; not finished."))
    for damaged in step.damaged[:5]:
        warn(f"cannot be read: {damaged}")
    if path is not None and not step.finished:
        path.write_text(step.token)
        say(f"To go on: stoker records search --state {path}")
    elif path is not None:
        path.unlink(missing_ok=True)


@records.command(epilog=_POSITIONS)
@click.argument("topics", metavar="TOPIC…", nargs=-1, required=True)
@click.option("--from", "start", metavar="WHERE", default="end", help="Where the page begins; default: the newest.")
@click.option("-r", "--reverse", is_flag=True, help="Backwards from there; always so from the end.")
@click.option("-n", "--count", "limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Records.")
@click.option("--cursor", metavar="CURSOR", help="The page before or after another, as it said.")
@_partitions
@filter_options
@visibility_options
@output_option
@cluster_options
def browse(
    topics: tuple[str, ...],
    start: str,
    reverse: bool,
    limit: int,
    cursor: str | None,
    partitions: tuple[int, ...],
    key: str | None,
    all_partitions: bool,
    committed: bool,
    show_aborted: bool,
    markers: bool,
    **conditions: Any,
) -> None:
    """Show one page of records of all partitions by time, the newest first, and the cursors of the pages around it.

    \b
    Examples:
      stoker records browse orders
      stoker records browse orders --from 2026-05-01T12:00 -n 20
      stoker records browse orders --cursor n,orders:0:120
    """
    from console.commands.record_printers import record_printer
    from console.commands.session import tell_missing, with_client
    from console.output.render import say
    from console.records.browse import BrowseRequest, Cursor
    from console.records.browse import browse as read_page
    from console.records.model import Visibility
    from console.records.positions import parse_position

    decoder = record_decoder()
    request = BrowseRequest(
        tuple(dict.fromkeys(topics)),
        parse_position(start, _now_ms()),
        reverse,
        limit,
        tuple(sorted(set(partitions))),
        key_bytes(key, decoder, topics),
        all_partitions,
        record_filter(decoder=decoder, **conditions),
        Visibility(committed or show_aborted, show_aborted, markers),
        None if cursor is None else Cursor.parse(cursor),
    )

    async def read(client: ClusterClient) -> Page:
        page = await read_page(client, request)
        await decoder.prepare(page.records)
        return page

    page = with_client(read)
    with_topic = len(request.topics) > 1
    printer = record_printer(invocation().output, None, with_topic=with_topic, decoder=decoder, topics=topics)
    if page.records:
        printer.write(page.records)
    printer.finish()
    tell_missing(page.missing)
    if not page.complete:
        say(f"Looked at {page.counts.scanned:,} records; there is more to look at.")
    if page.older is not None:
        say(f"older: --cursor {page.older}")
    say(f"newer: --cursor {page.newer}")


@records.command()
@click.argument("topic")
@_partitions
@click.option("--tombstones", is_flag=True, help="Keys whose latest record is a tombstone too.")
@filter_options
@click.option("--uncommitted", is_flag=True, help="Records of open and aborted transactions count too.")
@output_option
@cluster_options
def latest(
    topic: str,
    partitions: tuple[int, ...],
    tombstones: bool,
    key: str | None,
    all_partitions: bool,
    uncommitted: bool,
    **conditions: Any,
) -> None:
    """Show the latest record of every key, as compaction would leave them, whatever the topic's cleanup.policy.

    Filters look at the latest records only.

    \b
    Examples:
      stoker records latest users
      stoker records latest users --key alice
      stoker records latest users --json country=NZ -o jsonl
    """
    from console.commands.record_printers import record_printer
    from console.commands.session import with_client
    from console.output.render import say, warn
    from console.output.text import plural
    from console.records.latest import LatestRequest

    decoder = record_decoder()
    request = LatestRequest(
        topic,
        tuple(sorted(set(partitions))),
        key_bytes(key, decoder, (topic,)),
        all_partitions,
        record_filter(decoder=decoder, **conditions),
        tombstones,
        not uncommitted,
    )
    view = with_client(lambda client: _latest(client, request, decoder))
    printer = record_printer(invocation().output, None, with_topic=False, decoder=decoder, topics=(topic,))
    if view.records:
        printer.write(view.records)
    printer.finish()
    without = f", {plural(view.without_key, 'record')} without key" if view.without_key else ""
    keys, dead = plural(view.keys, "key"), plural(view.tombstones, "tombstone")
    say(f"{keys} ({dead}) in {plural(view.scanned, 'record')}{without}.")
    if not view.complete:
        warn("there are more keys than fit into memory: this is an earlier state; narrow it with --partition or --key")


async def _latest(client: ClusterClient, request: LatestRequest, decoder: RecordDecoder) -> LatestView:
    from console.output.progress import Progress
    from console.records.latest import latest_steps

    with Progress("records") as bar:
        async for progress, view in latest_steps(client, request, _now_ms()):
            bar.total = progress.to_scan
            bar.update(progress.scanned, progress.bytes)
            if view is not None:
                await decoder.prepare(view.records)
                return view
    raise AssertionError


@records.command()
@click.argument("topics", metavar="TOPIC…", nargs=-1, required=True)
@click.option("--exact", is_flag=True, help="Count by reading: offsets alone tell at most how many there are.")
@click.option("--committed", is_flag=True, help="Only records of committed transactions (read_committed).")
@output_option
@cluster_options
def count(topics: tuple[str, ...], exact: bool, committed: bool) -> None:
    """Count the records of each partition: at most so many at once, or with --exact by reading all batches' headers.

    Compaction leaves gaps between offsets, and markers of transactions take offsets of their own: where there may be
    any, the number is shown with "≤".

    \b
    Examples:
      stoker records count orders payments
      stoker records count orders --exact
    """
    from dataclasses import asdict

    from console.commands.session import tell_missing, with_client
    from console.output.render import print_rows, say
    from console.output.table import Column
    from console.output.text import count as number
    from console.records.counting import records_at_most

    names = tuple(dict.fromkeys(topics))

    async def run(client: ClusterClient) -> Counts:
        if exact:
            return await _count(client, names, committed)
        return await records_at_most(client, names, read_committed=committed)

    counts = with_client(run)
    tell_missing(counts.missing)
    output = invocation().output
    rows: list[dict[str, Any]] = [asdict(each) for each in counts.partitions]
    if output == "table":
        for row in rows:
            row["shown"] = number(row["records"]) if row["exact"] else f"≤ {number(row['records'])}"
    columns = [
        Column("topic", "TOPIC"),
        Column("partition", "PARTITION", right=True),
        Column("shown", "RECORDS", right=True),
        Column("log_start_offset", "START", right=True, show=number),
        Column("end_offset", "END", right=True, show=number),
        Column("hidden", "HIDDEN", right=True, show=number),
    ]
    print_rows(output, columns, rows)
    if output == "table" and len(rows) > 1:
        say(f"{'' if counts.exact else '≤ '}{counts.records:,} records in all.")


async def _count(client: ClusterClient, topics: tuple[str, ...], committed: bool) -> Counts:
    from console.output.progress import Progress
    from console.records.counting import count_records

    with Progress("records") as bar:
        async for step in count_records(client, topics, read_committed=committed):
            bar.total = step.to_scan
            bar.update(step.scanned, step.bytes)
            if step.counts is not None:
                return step.counts
    raise AssertionError


records.add_command(export_records)
records.add_command(import_records)
