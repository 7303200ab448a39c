"""An SQL expression as a filter: what `console.sql` takes in a WHERE clause, over the columns that topics have there.

DuckDB runs in this process, locked down as the SQL worker is (no files, no network, no extensions, no settings) and with
bounds on memory and time, but not in a process of its own: for the one who operates this process, not for strangers.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from console.errors import OperatorError
from console.records.json_form import TIMESTAMP_TYPES
from console.records.model import ConsumedRecord

if TYPE_CHECKING:
    import pyarrow as pa

    from console.decoding.decoder import RecordDecoder

BATCH_SECONDS_MAX = 10.0
"""For one batch of records; then the expression is given up."""

_MEMORY_BYTES = 256 * 1024 * 1024
_NUMBER = "#"
"""The column that says which record a row is."""


class WhereMatcher:
    """Records for which `expression` is true. Raises OperatorError for an expression that makes no sense.

    `key` and `value` are text as `decoder` reads them, of structures JSON; `decode_error` says why one is NULL. Records
    that are not taken and have a key or value that the expression names but that cannot be decoded count as undecodable.
    """

    def __init__(self, expression: str, decoder: RecordDecoder | None = None) -> None:
        try:
            import duckdb

            from console.sql.sandbox import connect
            from console.sql.statements import Refused, let_in
        except ImportError as error:
            raise OperatorError("SQL expressions need duckdb and pyarrow", str(error)) from error

        self.undecodable: list[int] = []
        self._error = duckdb.Error
        self._interrupted = duckdb.InterruptException
        self._expression = expression
        if not expression.strip():
            raise self._senseless("it is empty")
        words = set(re.findall(r"\w+", expression.lower()))
        self._texts = _Texts(decoder)
        self._columns = {name: read for name, read in _columns(self._texts).items() if name in words}
        self._connection = connect(_MEMORY_BYTES)
        try:
            statement = let_in(self._connection, f'SELECT "{_NUMBER}" FROM records WHERE ({expression}\n)')
        except Refused as error:
            raise self._senseless(error.title) from error
        except self._error as error:
            raise self._senseless(_first_line(error)) from error
        if statement.is_explain or statement.tables != (("records",),):
            raise self._senseless("it names other tables")
        self._sql = statement.sql
        self.select([])

    def select(self, records: list[ConsumedRecord]) -> list[ConsumedRecord]:
        """Those for which it is true, in the same order."""
        import pyarrow as pa

        self._texts.begin(records)
        columns = {name: read(records) for name, read in self._columns.items()}
        columns[_NUMBER] = pa.array(range(len(records)), pa.int32())
        cursor = self._connection.cursor()
        timer = threading.Timer(BATCH_SECONDS_MAX, cursor.interrupt)
        timer.daemon = True
        timer.start()
        try:
            cursor.register("records", pa.table(columns))
            numbers = [number for (number,) in cursor.execute(self._sql).fetchall()]
        except self._interrupted as error:
            raise OperatorError(f"--where {self._expression!r} takes more than {BATCH_SECONDS_MAX:g} s") from error
        except self._error as error:
            raise self._senseless(_first_line(error)) from error
        finally:
            timer.cancel()
            cursor.close()
        if len(numbers) > len(records) or not all(
            isinstance(number, int) and 0 <= number < len(records) for number in numbers
        ):
            raise self._senseless("it is more than an expression")
        taken = set(numbers)
        self.undecodable = [records[index].offset for index in sorted(self._texts.failed - taken)]
        return [records[number] for number in sorted(taken)]

    def _senseless(self, reason: str) -> OperatorError:
        return OperatorError.words(
            f"cannot use the expression {self._expression!r}: {reason}",
            f"SQL over {', '.join(_columns(_Texts(None)))}; fields of JSON as value->>'$.customer.id'.",
        )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


class _Texts:
    """Keys and values of the records at hand as text."""

    def __init__(self, decoder: RecordDecoder | None) -> None:
        self._decoder = decoder
        self._errors: dict[int, str] = {}
        self.failed: set[int] = set()
        """Numbers of the records of which something could not be decoded that was asked for."""

    def begin(self, records: list[ConsumedRecord]) -> None:
        self._errors.clear()
        self.failed.clear()

    def column(self, part: str) -> Callable[[list[ConsumedRecord]], pa.Array]:
        import pyarrow as pa

        return lambda records: pa.array(self._read(part, records), pa.string())

    def errors(self, records: list[ConsumedRecord]) -> pa.Array:
        """Why keys or values are NULL."""
        import pyarrow as pa

        failed = set(self.failed)
        self._errors.clear()
        for part in ("key", "value"):
            self._read(part, records)
        self.failed = failed
        return pa.array([self._errors.get(index) for index in range(len(records))], pa.string())

    def _read(self, part: str, records: list[ConsumedRecord]) -> list[str | None]:
        if self._decoder is None or not any(map(self._decoder.is_asked, {record.topic for record in records})):
            with contextlib.suppress(UnicodeDecodeError):
                # Mostly all of it is plain text, which is as fast as it gets.
                plain = [None if (data := getattr(record, part)) is None else data.decode() for record in records]
                if self._decoder is None or not any("\0" in text for text in plain if text is not None):
                    return plain
        texts: list[str | None] = []
        for index, record in enumerate(records):
            data = getattr(record, part)
            text, error = (None, None) if data is None else self._text(record, part, data)
            if error is not None:
                before = self._errors.get(index)
                self._errors[index] = f"{part}: {error}" if before is None else f"{before}; {part}: {error}"
                self.failed.add(index)
            texts.append(text)
        return texts

    def _text(self, record: ConsumedRecord, part: str, data: bytes) -> tuple[str | None, str | None]:
        decoder = self._decoder
        if decoder is None or not decoder.is_asked(record.topic):
            try:
                text: str | None = data.decode()
            except UnicodeDecodeError:
                text = None
            if decoder is None:
                return text, "not UTF-8" if text is None else None
            if text is not None and "\0" not in text:
                return text, None
        from console.decoding.decoder import text_of
        from console.decoding.model import Part

        found = decoder.find(record.topic, Part(part), data, key=record.key, headers=record.headers)
        text = text_of(found, data)
        return text, (found.error or found.reason) if text is None and found.format == "bytes" else None


def _columns(texts: _Texts) -> dict[str, Callable[[list[ConsumedRecord]], pa.Array]]:
    """The columns and what makes them; types are those of `console.sql.decoding.SCHEMA`."""
    import pyarrow as pa

    headers = pa.list_(pa.struct([pa.field("name", pa.string()), pa.field("value", pa.binary())]))

    def column(kind: Any, read: Callable[[ConsumedRecord], Any]) -> Callable[[list[ConsumedRecord]], pa.Array]:
        return lambda records: pa.array([read(record) for record in records], kind)

    return {
        "topic": column(pa.string(), lambda record: record.topic),
        "partition": column(pa.int32(), lambda record: record.partition),
        "offset": column(pa.int64(), lambda record: record.offset),
        "timestamp": column(pa.timestamp("us", tz="UTC"), lambda record: _micros(record.timestamp)),
        "timestamp_type": column(pa.string(), lambda record: TIMESTAMP_TYPES[record.timestamp_type]),
        "key": texts.column("key"),
        "value": texts.column("value"),
        "key_bytes": column(pa.binary(), lambda record: record.key),
        "value_bytes": column(pa.binary(), lambda record: record.value),
        "key_size": column(pa.int32(), lambda record: None if record.key is None else len(record.key)),
        "value_size": column(pa.int32(), lambda record: None if record.value is None else len(record.value)),
        "headers": column(
            headers,
            lambda record: [{"name": _readable(name), "value": content} for name, content in record.headers],
        ),
        "leader_epoch": column(pa.int32(), lambda record: record.batch.leader_epoch if record.batch else None),
        "producer_id": column(
            pa.int64(),
            lambda record: record.batch.producer_id if record.batch and record.batch.producer_id >= 0 else None,
        ),
        "decode_error": texts.errors,
    }


def _micros(timestamp_ms: int) -> int | None:
    return timestamp_ms * 1000 if 0 <= timestamp_ms < 2**63 // 1000 else None


def _readable(name: str) -> str:
    return name.encode(errors="surrogateescape").decode(errors="backslashreplace")
