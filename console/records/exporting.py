"""Writing records to files: JSON lines, CSV and Parquet. Nothing is lost: what is no UTF-8 becomes base64 and says so.

JSON lines and CSV have the keys of `json_form`, and `importing` reads them back. In CSV `headers` is JSON, and null is
an empty cell without encoding. Parquet has keys and values as bytes, headers as a list of name and value, timestamps in
ms UTC, and for every record its batch's facts: columns for SQL engines.

With a decoder, what it reads stands beside the bytes: in JSON lines as `json_form` has it, in CSV and Parquet in the
columns `DECODED_COLUMNS`, structures as JSON. The bytes are always there: importing reads them, and passes over the rest.
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from console.errors import OperatorError
from console.records.json_form import TIMESTAMP_TYPES, json_line, record_to_json
from console.records.model import ConsumedRecord, record_bytes
from console.records.stream import RecordStream, StreamProgress, StreamRequest
from engine.net.cluster_client import ClusterClient

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder

FORMATS = ("jsonl", "csv", "parquet")

CSV_COLUMNS = (
    "topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers", "key_encoding",
    "value_encoding",
)  # fmt: skip

DECODED_COLUMNS = ("key_decoded", "key_format", "value_decoded", "value_format", "decode_error")
"""More columns where a decoder is used."""

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


def record_writer(format: str, stream: BinaryIO, decoder: RecordDecoder | None = None) -> RecordWriter:
    """The writer of that format (one of FORMATS). A `decoder` needs its schemas prepared: `export_records` does that."""
    match format:
        case "jsonl":
            return JsonLinesWriter(stream, decoder)
        case "csv":
            return CsvWriter(stream, decoder)
        case "parquet":
            return ParquetWriter(stream, decoder)
        case _:
            raise OperatorError.words(f"unknown format {format!r}", f"One of {', '.join(FORMATS)}.")


async def export_records(
    client: ClusterClient,
    request: StreamRequest,
    now_ms: int,
    writer: RecordWriter,
    on_progress: Callable[[StreamProgress], None] = lambda _: None,
    decoder: RecordDecoder | None = None,
) -> StreamProgress:
    """Writes what the request finds, which must have an end. The files are written by a thread; the schemas that the
    writer's `decoder` needs are asked for here. Raises OperatorError."""
    stream = RecordStream(request, now_ms)
    async for records in stream.steps(client):
        if records:
            if decoder is not None:
                await decoder.prepare(records)
            await asyncio.to_thread(writer.write, records)
        on_progress(stream.progress)
    await asyncio.to_thread(writer.finish)
    return stream.progress


class JsonLinesWriter:
    """An object a line."""

    def __init__(self, stream: BinaryIO, decoder: RecordDecoder | None = None) -> None:
        self._stream = stream
        self._decoder = decoder

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        decoder = self._decoder
        for record in records:
            self._stream.write(json_line(record_to_json(record, decoder)))
            self._stream.write(b"\n")

    def finish(self) -> None:
        self._stream.flush()


class CsvWriter:
    """RFC 4180 with a heading. Lines end in CR LF, so that both are quoted where they are data. `cell` is what a text
    becomes; by default itself, which `importing` reads back."""

    def __init__(
        self, stream: BinaryIO, decoder: RecordDecoder | None = None, cell: Callable[[Any], Any] = lambda value: value
    ) -> None:
        self._decoder = decoder
        self._cell = cell
        self._columns = CSV_COLUMNS if decoder is None else (*CSV_COLUMNS, *DECODED_COLUMNS)
        self._text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
        self._writer = csv.writer(self._text, lineterminator="\r\n")
        self._writer.writerow(self._columns)

    def write(self, records: Sequence[ConsumedRecord]) -> None:
        import msgspec

        for record in records:
            row = record_to_json(record, self._decoder)
            row["headers"] = msgspec.json.encode(row["headers"]).decode() if row["headers"] else ""
            if self._decoder is not None:
                _as_text(row)
            own = self._cell
            self._writer.writerow(["" if (cell := row.get(name)) is None else own(cell) for name in self._columns])

    def finish(self) -> None:
        self._text.flush()
        # It would close the stream when it is collected.
        self._text.detach()


def _as_text(row: dict[str, Any]) -> None:
    """What was decoded as the text of a cell: structures and numbers as JSON."""
    from console.decoding.decoder import json_text

    for name in ("key_decoded", "value_decoded"):
        value = row.get(name)
        if value is not None and not isinstance(value, str):
            row[name] = json_text(value)


class ParquetWriter:
    """Row groups of at most 100,000 records and about 32 MiB, compressed with zstd."""

    def __init__(self, stream: BinaryIO, decoder: RecordDecoder | None = None) -> None:
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
                *((name, pa.string()) for name in (DECODED_COLUMNS if decoder is not None else ())),
            ]
        )
        self._decoder = decoder
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
        if self._decoder is not None:
            for record, row in zip(self._held, rows, strict=True):
                decoded = record_to_json(record, self._decoder)
                _as_text(decoded)
                row.update((name, decoded.get(name)) for name in DECODED_COLUMNS)
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
