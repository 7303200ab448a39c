"""`stoker produce`: records from lines, from JSON, or made up."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from console.commands.options import Invocation, change_options, cluster_options, invocation, output_option

if TYPE_CHECKING:
    from console.records.line_form import LineForm
    from console.records.producing import NewRecord, ProducerStatistics
    from console.records.sending import ProduceOptions
    from engine.net.cluster_client import ClusterClient

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
ACKS = {"all": -1, "-1": -1, "1": 1, "0": 0}


@dataclass(frozen=True, slots=True)
class Input:
    """Where records come from, and how lines are understood."""

    path: str | None
    form: LineForm
    as_json: bool
    count: int | None
    size: int | None
    generate: bool


@click.command()
@click.argument("topic")
@click.argument("file", required=False)
@click.option("-k", "--key", help="The same key for every record.")
@click.option("-K", "--key-separator", metavar="TEXT", help="What comes before TEXT in a line is the key.")
@click.option(
    "-H", "--header", "headers", multiple=True, metavar="NAME=VALUE", help="A header for every record; repeatable."
)
@click.option("-p", "--partition", type=click.IntRange(0), help="Default: by key, as the Java client does it.")
@click.option("--json", "as_json", is_flag=True, help="Lines are objects: key, value, headers, partition, timestamp.")
@click.option("--null", metavar="TEXT", help="A value (or key) of TEXT is null: a tombstone.")
@click.option("-n", "--count", type=click.IntRange(1), help="So many records; made up when there is no input.")
@click.option("--size", type=click.IntRange(1), metavar="BYTES", help="Size of the values made up for --count.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="At most N records a second.")
@click.option("-z", "--compression", type=click.Choice(CODECS), default="none", help="Codec of the batches.")
@click.option(
    "--acks",
    type=click.Choice(list(ACKS)),
    default="all",
    help="all (default; without duplicates), 1 (leader), 0 (none).",
)
@change_options
@output_option
@cluster_options
def produce(
    topic: str,
    file: str | None,
    key: str | None,
    key_separator: str | None,
    headers: tuple[str, ...],
    partition: int | None,
    as_json: bool,
    null: str | None,
    count: int | None,
    size: int | None,
    rate: float | None,
    compression: str,
    acks: str,
) -> None:
    """Send records to TOPIC, a line each, from FILE or the standard input.

    A topic that does not exist is created where the cluster does that by itself (auto.create.topics.enable).

    \b
    Examples:
      stoker produce orders orders.txt
      echo 'alice:{"amount": 3}' | stoker produce orders --key-separator :
      stoker tail orders --from beginning --exit-at-end -o jsonl | stoker produce copy --json
      stoker produce load --count 1000000 --size 100 --compression lz4
      echo 'alice:' | stoker produce users --key-separator : --null ''
    """
    from console.commands.session import refuse_if_readonly
    from console.records.line_form import LineForm
    from console.records.producing import ProducerStatistics
    from console.records.sending import ProduceOptions

    call = invocation()
    if as_json and (key is not None or key_separator is not None or null is not None):
        raise click.UsageError("--json says keys and nulls itself: without --key, --key-separator and --null")
    if size is not None and count is None:
        raise click.UsageError("--size is for values made up with --count")
    if key_separator == "":
        raise click.UsageError("--key-separator is empty")
    refuse_if_readonly(call, f"produce to {topic}")
    source = Input(
        file,
        LineForm(
            None if key is None else key.encode(),
            None if key_separator is None else key_separator.encode(),
            None if null is None else null.encode(),
            tuple(_header(word) for word in headers),
            partition,
        ),
        as_json,
        count,
        size,
        generate=count is not None and file is None and (size is not None or sys.stdin.isatty() or not _has_input()),
    )
    if file is None and not source.generate and sys.stdin.isatty():
        click.echo("Type records, one a line; Ctrl-D ends.", err=True)
    if call.dry_run:
        asyncio.run(_dry_run(topic, source))
        return
    statistics = ProducerStatistics()
    options = ProduceOptions(ACKS[acks], compression, rate)
    report_produced(call, topic, statistics, lambda client: _produce(client, topic, source, options, statistics))


def report_produced(
    call: Invocation, topic: str, statistics: ProducerStatistics, work: Callable[[ClusterClient], Awaitable[None]]
) -> None:
    """Does the work and says how many records were acknowledged, also when it is interrupted or fails.

    The audit log has that it was done, and how many there were.
    """
    from console.changes import Produced
    from console.commands.changing import open_door
    from console.commands.session import with_client
    from console.errors import OperatorError

    def sent() -> Produced:
        error = statistics.first_error
        return Produced(
            statistics.acknowledged_records, statistics.acknowledged_bytes, None if error is None else error.title
        )

    async def through_the_door(client: ClusterClient) -> None:
        async with open_door(client, call).producing(topic, sent):
            await work(client)

    began = time.monotonic()
    try:
        with_client(through_the_door)
    except (KeyboardInterrupt, OperatorError):
        if statistics.sent_records:
            _report(call, topic, statistics, time.monotonic() - began)
        raise
    _report(call, topic, statistics, time.monotonic() - began)
    if statistics.first_error is not None:
        error = statistics.first_error
        raise OperatorError(
            f"{statistics.failed_records:,} records were not acknowledged: {error.title}",
            error.detail,
            error.hint,
            blame=error.blame,
            code=error.code,
        )


def _has_input() -> bool:
    """Whether something is piped in: neither a terminal nor /dev/null nor closed."""
    import os
    import stat

    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)


def _header(word: str) -> tuple[str, bytes | None]:
    name, separator, value = word.partition("=")
    if not name:
        raise click.UsageError(f"--header {word!r} should be NAME=VALUE")
    return name, value.encode() if separator else None


async def _produce(
    client: ClusterClient,
    topic: str,
    source: Input,
    options: ProduceOptions,
    statistics: ProducerStatistics,
) -> None:
    from console.output.progress import Progress
    from console.records.sending import produce_stream
    from engine.runtime import SystemClock

    with Progress("records", source.count) as progress:
        await produce_stream(
            client,
            SystemClock(),
            topic,
            _records(source),
            options,
            statistics,
            lambda: progress.update(statistics.acknowledged_records, statistics.acknowledged_bytes),
        )


async def _records(source: Input) -> AsyncIterator[list[NewRecord]]:
    if source.generate:
        async for records in _made_up(source):
            yield records
        return
    from console.commands.line_input import read_lines
    from console.errors import OperatorError

    number = 0
    async for lines in read_lines(source.path):
        records = []
        for line in lines:
            if source.count is not None and number >= source.count:
                break
            number += 1
            try:
                records.append(_parse(line, source))
            except OperatorError as error:
                if records:
                    yield records
                where = source.path or "standard input"
                raise OperatorError(f"{where} line {number}: {error.title}", error.detail, error.hint) from error
        if records:
            yield records
        if source.count is not None and number >= source.count:
            return


def _parse(line: bytes, source: Input) -> NewRecord:
    from console.records.json_form import record_from_json

    if source.as_json:
        record = record_from_json(line)
        if source.form.headers:
            record = record._replace(headers=[*record.headers, *source.form.headers])
        if source.form.partition is not None:
            record = record._replace(partition=source.form.partition)
        return record
    return source.form.record(line)


async def _made_up(source: Input) -> AsyncIterator[list[NewRecord]]:
    from console.records.producing import NewRecord

    assert source.count is not None
    headers = list(source.form.headers)
    for start in range(1, source.count + 1, 1000):
        numbers = range(start, min(start + 1000, source.count + 1))
        yield [
            NewRecord(source.form.key, _value(number, source.size), headers, source.form.partition)
            for number in numbers
        ]


def _value(number: int, size: int | None) -> bytes:
    value = b"record %d" % number
    if size is None:
        return value
    return value[:size] if len(value) >= size else value + b" " + b"." * (size - len(value) - 1)


async def _dry_run(topic: str, source: Input) -> None:
    from console.output.render import say
    from console.output.text import plural, size

    records_count = bytes_count = 0
    async for records in _records(source):
        records_count += len(records)
        bytes_count += sum(len(record.key or b"") + len(record.value or b"") for record in records)
    say(f"Would send {plural(records_count, 'record')}, {size(bytes_count)}, to topic {topic} (dry run).")


def _report(call: Invocation, topic: str, statistics: ProducerStatistics, seconds: float) -> None:
    from console.output.render import print_facts, say
    from console.output.text import plural, size

    rate = statistics.acknowledged_records / max(seconds, 1e-6)
    if call.output != "table":
        data = {
            "topic": topic,
            "acknowledged_records": statistics.acknowledged_records,
            "acknowledged_bytes": statistics.acknowledged_bytes,
            "failed_records": statistics.failed_records,
            "batches": statistics.batches,
            "retries": statistics.retries,
            "seconds": round(seconds, 3),
            "records_per_second": round(rate, 1),
        }
        print_facts(call.output, (), data)
        return
    retries = f", {plural(statistics.retries, 'retry', 'retries')}" if statistics.retries else ""
    say(
        f"Acknowledged {plural(statistics.acknowledged_records, 'record')} in {seconds:.2f} s"
        f" ({rate:,.0f}/s, {size(round(statistics.acknowledged_bytes / max(seconds, 1e-6)))}/s){retries}."
    )
