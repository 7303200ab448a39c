"""A result into a file: Parquet, CSV, JSON or JSON lines. Written beside and moved into place, so that no half file stays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from console.errors import OperatorError
from console.sql.values import plain

if TYPE_CHECKING:
    from console.sql.running import SqlResult

FORMATS = ("parquet", "csv", "json", "jsonl")


async def export(result: SqlResult, kind: str, file: str) -> int:
    """Writes all rows of `result` and returns the bytes of the file. Raises OperatorError."""
    path = Path(file)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        try:
            if kind == "parquet":
                await _parquet(result, partial)
            else:
                await _text(result, kind, partial)
            size = partial.stat().st_size
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OperatorError(f"cannot write {file}", error.strerror or str(error)) from error
    return size


async def _parquet(result: SqlResult, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer: Any = None
    try:
        async for page in result:
            # Names that come twice are not allowed in a file that is read by name.
            names = unique_names([column.name for column in result.columns])
            batch = pa.RecordBatch.from_arrays(page.batch.columns, names=names)
            if writer is None:
                writer = pq.ParquetWriter(path, batch.schema, compression="zstd")
            writer.write_batch(batch)
        if writer is None:
            schema = pa.schema([pa.field(name, pa.string()) for name in unique_names([c.name for c in result.columns])])
            writer = pq.ParquetWriter(path, schema)
    finally:
        if writer is not None:
            writer.close()


async def _text(result: SqlResult, kind: str, path: Path) -> None:
    import csv

    import msgspec

    from console.output.render import csv_cell

    names = unique_names([column.name for column in result.columns])
    kinds = [column.type for column in result.columns]
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        if kind == "csv":
            writer.writerow(names)
        first = True
        async for page in result:
            for row in page.rows():
                values = [plain(value, each) for value, each in zip(row, kinds, strict=True)]
                if kind == "csv":
                    writer.writerow([csv_cell(value) for value in values])
                    continue
                text = msgspec.json.encode(dict(zip(names, values, strict=True))).decode()
                if kind == "jsonl":
                    out.write(text + "\n")
                else:
                    out.write(("[\n  " if first else ",\n  ") + text)
                first = False
        if kind == "json":
            out.write("[]\n" if first else "\n]\n")


def unique_names(names: list[str]) -> list[str]:
    """The names, those that come again with a number: nothing may be lost."""
    taken: list[str] = []
    for name in names:
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name}_{number}", number + 1
        taken.append(unique)
    return taken
