"""`stoker records export` and `import`: records to files and back."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from console.commands.options import change_options, cluster_options, invocation, output_option
from console.commands.record_options import (
    filter_options,
    key_bytes,
    record_decoder,
    record_filter,
    visibility_options,
)

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder
    from console.records.importing import ImportOptions
    from console.records.producing import NewRecord
    from console.records.stream import StreamProgress, StreamRequest
    from engine.net.cluster_client import ClusterClient

_FORMATS = ("jsonl", "csv", "parquet")
_CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@click.command(name="export")
@click.argument("topics", metavar="TOPIC…", nargs=-1, required=True)
@click.argument("file")
@click.option("--format", type=click.Choice(_FORMATS), help="Default: by the name of FILE.")
@click.option("--from", "start", metavar="WHERE", default="beginning", help="Where to begin; default: beginning.")
@click.option("--until", metavar="WHERE", help="Where to stop (exclusive); default: where the topics end now.")
@click.option(
    "-p", "--partition", "partitions", type=click.IntRange(0), multiple=True, help="Only this one; repeatable."
)
@click.option("-n", "--count", type=click.IntRange(1), help="At most so many records.")
@filter_options
@visibility_options
@click.option("--force", is_flag=True, help="Replace FILE when there is one.")
@output_option
@cluster_options
def export_records(
    topics: tuple[str, ...],
    file: str,
    format: str | None,
    start: str,
    until: str | None,
    partitions: tuple[int, ...],
    count: int | None,
    key: str | None,
    all_partitions: bool,
    committed: bool,
    show_aborted: bool,
    markers: bool,
    force: bool,
    **conditions: Any,
) -> None:
    """Write the records of TOPICs to FILE as JSON lines, CSV or Parquet, in the order of time; - is the output.

    Nothing is lost: keys and values that are no UTF-8 become base64, which key_encoding and value_encoding say. With
    --decode (or formats in the context, or a schema registry) what was decoded stands beside them: value_decoded and so
    on. FILE appears when it is complete.

    \b
    Examples:
      stoker records export orders orders.jsonl
      stoker records export orders payments day.parquet --from 1d
      stoker records export users users.csv --key alice
      stoker records export payments payments.jsonl --decode avro
      stoker records export orders - --format jsonl | gzip > orders.jsonl.gz
    """
    from console.commands.session import with_client
    from console.errors import OperatorError
    from console.records.exporting import format_of
    from console.records.model import Visibility
    from console.records.positions import parse_position
    from console.records.stream import StreamRequest

    now_ms = time.time_ns() // 1_000_000
    if show_aborted or markers:
        raise click.UsageError("--aborted and --markers are for looking: an export has records only")
    if file == "-" and format is None:
        raise click.UsageError("--format is needed to write to the standard output")
    chosen = format or format_of(file)
    if file != "-" and Path(file).exists() and not force:
        raise OperatorError.words(f"{file} exists", "--force replaces it.")
    decoder = record_decoder()
    request = StreamRequest(
        tuple(dict.fromkeys(topics)),
        parse_position(start, now_ms),
        None if until is None else parse_position(until, now_ms),
        exit_at_end=True,
        partitions=tuple(sorted(set(partitions))),
        key=key_bytes(key, decoder, topics),
        all_partitions=all_partitions,
        visibility=Visibility(committed),
        count=count,
        filter=record_filter(decoder=decoder, **conditions),
    )
    if file == "-":
        sys.stdout.flush()
        progress = with_client(lambda client: _export(client, request, now_ms, chosen, sys.stdout.buffer, decoder))
        sys.stdout.buffer.flush()
    else:
        partial = f"{file}.partial"
        try:
            with open(partial, "wb") as stream:
                progress = with_client(lambda client: _export(client, request, now_ms, chosen, stream, decoder))
            os.replace(partial, file)
        except OSError as error:
            raise OperatorError(f"cannot write {file}", error.strerror or str(error)) from error
        finally:
            with suppress(OSError):
                os.unlink(partial)
    _tell_exported(file, chosen, progress)


async def _export(
    client: ClusterClient,
    request: StreamRequest,
    now_ms: int,
    format: str,
    stream: BinaryIO,
    decoder: RecordDecoder,
) -> StreamProgress:
    from console.output.progress import Progress
    from console.records.exporting import export_records, record_writer

    with Progress("records") as bar:

        def update(progress: StreamProgress) -> None:
            bar.total = progress.to_scan
            bar.update(progress.scanned, progress.bytes)

        # Of topics that nothing is said about, a file has what the records have.
        used = decoder if any(map(decoder.is_asked, request.topics)) else None
        return await export_records(client, request, now_ms, record_writer(format, stream, used), update, used)


def _tell_exported(file: str, format: str, progress: StreamProgress) -> None:
    from console.output.render import print_facts, say, warn
    from console.output.text import plural, size

    for damaged in progress.damaged[:5]:
        warn(f"cannot be read: {damaged}")
    if progress.skipped:
        warn(f"{plural(progress.skipped, 'record')} had been deleted before they could be read")
    if file == "-":
        return
    size_bytes = os.stat(file).st_size
    if invocation().output != "table":
        data = {
            "file": file,
            "format": format,
            "records": progress.matched,
            "scanned": progress.scanned,
            "undecodable": progress.undecodable,
            "size_bytes": size_bytes,
        }
        print_facts(invocation().output, (), data)
        return
    say(f"Wrote {plural(progress.matched, 'record')} to {file} ({format}, {size(size_bytes)}).")


@click.command(name="import")
@click.argument("topic")
@click.argument("file")
@click.option("--format", type=click.Choice(_FORMATS[:2]), help="Default: by the name of FILE.")
@click.option("--any-partition", is_flag=True, help="Partitions by key, not those the records came from.")
@click.option("--new-timestamps", is_flag=True, help="The time of sending instead of the records' own.")
@click.option("-z", "--compression", type=click.Choice(_CODECS), default="none", help="Codec of the batches.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="At most N records a second.")
@change_options
@output_option
@cluster_options
def import_records(
    topic: str,
    file: str,
    format: str | None,
    any_partition: bool,
    new_timestamps: bool,
    compression: str,
    rate: float | None,
) -> None:
    """Send the records of FILE (JSON lines or CSV, as export writes them; - is the input) to TOPIC.

    Keys, values, headers, timestamps and partitions are those of the file. A CSV file needs a heading with key or value.

    \b
    Examples:
      stoker records import orders-copy orders.jsonl
      stoker records import users users.csv --any-partition
    """
    from console.commands.produce import report_produced
    from console.commands.session import refuse_if_readonly
    from console.errors import OperatorError
    from console.records.exporting import format_of
    from console.records.importing import ImportOptions
    from console.records.producing import ProducerStatistics
    from console.records.sending import ProduceOptions

    call = invocation()
    if file == "-" and format is None:
        raise click.UsageError("--format is needed to read the standard input")
    chosen = format or format_of(file)
    if chosen == "parquet":
        raise OperatorError.words("Parquet can be exported, not imported", "JSON lines and CSV go both ways.")
    refuse_if_readonly(call, f"import to {topic}")
    options = ImportOptions(not any_partition, not new_timestamps)
    path = None if file == "-" else file
    if call.dry_run:
        asyncio.run(_count_only(topic, path, chosen, options))
        return
    statistics = ProducerStatistics()

    async def run(client: ClusterClient) -> None:
        from console.output.progress import Progress
        from console.records.sending import produce_stream
        from engine.runtime import SystemClock

        with Progress("records") as bar:
            await produce_stream(
                client,
                SystemClock(),
                topic,
                _records(path, chosen, options),
                ProduceOptions(compression=compression, rate=rate),
                statistics,
                lambda: bar.update(statistics.acknowledged_records, statistics.acknowledged_bytes),
            )

    report_produced(call, topic, statistics, run)


def _records(path: str | None, format: str, options: ImportOptions) -> AsyncIterator[list[NewRecord]]:
    from console.commands.line_input import read_lines
    from console.records.importing import read_csv, read_json_lines

    if format == "csv":
        return read_csv(path, options)
    return read_json_lines(read_lines(path), options, f"{path or 'standard input'} line")


async def _count_only(topic: str, path: str | None, format: str, options: ImportOptions) -> None:
    from console.output.render import say
    from console.output.text import plural

    number = 0
    async for some in _records(path, format, options):
        number += len(some)
    say(f"Would send {plural(number, 'record')} to topic {topic} (dry run).")
