"""Writing records to files: JSON lines, CSV and Parquet. Nothing is lost: what is no UTF-8 becomes base64 and says so.

JSON lines and CSV have the keys of `json_form`, and `importing` reads them back. In CSV `headers` is JSON, and null is
an empty cell without encoding. Parquet has keys and values as bytes, headers as a list of name and value, timestamps in
ms UTC, and for every record its batch's facts: columns for SQL engines.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Protocol

from console.errors import OperatorError
from console.records.json_form import TIMESTAMP_TYPES, record_to_json
from console.records.model import ConsumedRecord, record_bytes
from console.records.stream import RecordStream, StreamProgress, StreamRequest
from engine.net.cluster_client import ClusterClient

FORMATS = ("jsonl", "csv", "parquet")

CSV_COLUMNS = (
    "topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers", "key_encoding",
    "value_encoding",
)  # fmt: skip

_ROW_GROUP_RECORDS = 100_000
_ROW_GROUP_BYTES = 32 * 1024 * 1024


class RecordWriter(Protocol):
    """Writes records to a stream of bytes that it does not close."""

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        """Some more records."""

    def finish(self) -> None:
        """What a file needs at its end."""


def format_of(path: str) -> str:
    """The format that a file's name says. Raises OperatorError."""
    ending = path.rpartition(".")[2].lower()
    if ending in ("jsonl", "ndjson", "json"):
        return "jsonl"
    if ending in FORMATS:
        return ending
    raise OperatorError.words(f"cannot tell the format of {path}", f"--format {'|'.join(FORMATS)} says it.")


def record_writer(format: str, stream: BinaryIO) -> RecordWriter:
    """The writer of that format (one of FORMATS)."""
    match format:
        case "jsonl":
            return JsonLinesWriter(stream)
        case "csv":
            return CsvWriter(stream)
        case "parquet":
            return ParquetWriter(stream)
        case _:
            raise OperatorError.words(f"unknown format {format!r}", f"One of {', '.join(FORMATS)}.")


async def export_records(
    client: ClusterClient,
    request: StreamRequest,
    now_ms: int,
    writer: RecordWriter,
    on_progress: Callable[[StreamProgress], None] = lambda _: None,
) -> StreamProgress:
    """Writes what the request finds, which must have an end. The files are written by a thread. Raises OperatorError."""
    stream = RecordStream(request, now_ms)
    async for records in stream.steps(client):
        if records:
            await asyncio.to_thread(writer.write, records)
        on_progress(stream.progress)
    await asyncio.to_thread(writer.finish)
    return stream.progress


class JsonLinesWriter:
    """An object a line."""

    def __init__(self, stream: BinaryIO) -> None:
        import msgspec

        self._stream = stream
        self._encode = msgspec.json.Encoder().encode

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        encode = self._encode
        for record in records:
            self._stream.write(encode(record_to_json(record)))
            self._stream.write(b"\n")

    def finish(self) -> None:
        self._stream.flush()


class CsvWriter:
    """RFC 4180 with a heading. Lines end in CR LF, so that both are quoted where they are data."""

    def __init__(self, stream: BinaryIO) -> None:
        self._text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
        self._writer = csv.writer(self._text, lineterminator="\r\n")
        self._writer.writerow(CSV_COLUMNS)

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        import msgspec

        for record in records:
            row = record_to_json(record)
            row["headers"] = msgspec.json.encode(row["headers"]).decode() if row["headers"] else ""
            self._writer.writerow(["" if row[name] is None else row[name] for name in CSV_COLUMNS])

    def finish(self) -> None:
        self._text.flush()
        # It would close the stream when it is collected.
        self._text.detach()


class ParquetWriter:
    """Row groups of at most 100,000 records and about 32 MiB, compressed with zstd."""

    def __init__(self, stream: BinaryIO) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError as error:
            raise OperatorError(
                "Parquet needs pyarrow", str(error), "pip install pyarrow, or export JSON lines."
            ) from error

        self._schema = pa.schema(
            [
                ("topic", pa.string()),
                ("partition", pa.int32()),
                ("offset", pa.int64()),
                ("timestamp", pa.timestamp("ms", "UTC")),
                ("timestamp_type", pa.string()),
                ("key", pa.binary()),
                ("value", pa.binary()),
                ("headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())]))),
                ("leader_epoch", pa.int32()),
                ("producer_id", pa.int64()),
                ("producer_epoch", pa.int16()),
                ("sequence", pa.int32()),
                ("compression", pa.string()),
            ]
        )
        self._batch = pa.RecordBatch
        self._table = pa.Table
        self._writer = pq.ParquetWriter(stream, self._schema, compression="zstd")
        self._held: list[ConsumedRecord] = []
        self._held_bytes = 0

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        for record in records:
            self._held.append(record)
            self._held_bytes += record_bytes(record)
            if len(self._held) >= _ROW_GROUP_RECORDS or self._held_bytes >= _ROW_GROUP_BYTES:
                self._flush()

    def finish(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if not self._held:
            return
        rows = [_parquet_row(record) for record in self._held]
        self._writer.write_table(self._table.from_pylist(rows, schema=self._schema))
        self._held, self._held_bytes = [], 0


def _parquet_row(record: ConsumedRecord) -> dict[str, Any]:
    batch = record.batch
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp if record.timestamp >= 0 else None,
        "timestamp_type": TIMESTAMP_TYPES[record.timestamp_type],
        "key": record.key,
        "value": record.value,
        # Parquet's strings are UTF-8: other bytes are written out as \\xff.
        "headers": [
            {"name": name.encode(errors="surrogateescape").decode(errors="backslashreplace"), "value": content}
            for name, content in record.headers
        ],
        "leader_epoch": batch.leader_epoch if batch else None,
        "producer_id": batch.producer_id if batch else None,
        "producer_epoch": batch.producer_epoch if batch else None,
        "sequence": batch.sequence(record.offset) if batch else None,
        "compression": batch.compression if batch else None,
    }
