"""Records as rows of a table: decoded when they come into sight."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from console.output.text import count, size
from console.records.model import ConsumedRecord
from tui.widgets.table_model import Column

if TYPE_CHECKING:
    from console.decoding.decoder import RecordDecoder
    from console.decoding.model import Decoded


class RecordRow:
    """One record. The decoder must have been prepared for it (`RecordDecoder.prepare`)."""

    __slots__ = ("_decoded", "_decoder", "record")

    def __init__(self, record: ConsumedRecord, decoder: RecordDecoder) -> None:
        self.record = record
        self._decoder = decoder
        self._decoded: tuple[Decoded, Decoded] | None = None

    @property
    def place(self) -> Hashable:
        record = self.record
        return (record.topic, record.partition, record.offset)

    @property
    def decoded(self) -> tuple[Decoded, Decoded]:
        """Key and value; control records are Kafka's own, and have neither."""
        if self._decoded is None:
            self._decoded = self._decoder.record(self.record)
        return self._decoded

    @property
    def control(self) -> str | None:
        batch = self.record.batch
        return None if batch is None else batch.control

    @property
    def is_aborted(self) -> bool:
        batch = self.record.batch
        return batch is not None and batch.aborted

    @property
    def key(self) -> str:
        return "" if self.control else self.decoded[0].text

    @property
    def value(self) -> str:
        if self.control:
            return f"({self.control} marker)"
        return f"(aborted) {self.decoded[1].text}" if self.is_aborted else self.decoded[1].text

    @property
    def value_role(self) -> str:
        if self.control or self.is_aborted:
            return "warning"
        decoded = self.decoded[1]
        return "bad" if decoded.error else "faint" if decoded.format in ("null", "empty") else ""

    @property
    def format(self) -> str:
        key, value = self.decoded
        return value.format if key.format in ("null", "utf-8") else f"{key.format} / {value.format}"

    @property
    def size_bytes(self) -> int:
        key, value = self.record.key, self.record.value
        return (len(key) if key else 0) + (len(value) if value else 0)

    @property
    def headers(self) -> str:
        found = self.record.headers
        return ", ".join(name for name, _ in found[:20]) + (f" and {len(found) - 20:,} more" if len(found) > 20 else "")


def time_text(timestamp_ms: int | None) -> str:
    """Local time to the millisecond; "-" for none. Years that no calendar has are shown as milliseconds."""
    if timestamp_ms is None or timestamp_ms < 0:
        return "-"
    try:
        moment = datetime.fromtimestamp(timestamp_ms / 1000)
    except (OverflowError, OSError, ValueError):
        return f"@{timestamp_ms}"
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{timestamp_ms % 1000:03}"


def record_columns(*, with_topic: bool) -> Sequence[Column[RecordRow]]:
    topic: Column[RecordRow] = Column(
        "topic", "TOPIC", lambda row: row.record.topic, letter="T", width_max=40, style=lambda _: "faint"
    )
    columns: list[Column[RecordRow]] = [
        Column("time", "TIME", lambda row: row.record.timestamp, time_text, letter="D", style=lambda _: "faint"),
        Column("partition", "P", lambda row: row.record.partition, str, right=True, letter="P", style=lambda _: "faint"),
        Column("offset", "OFFSET", lambda row: row.record.offset, str, right=True, letter="N"),
        Column("key", "KEY", lambda row: row.key, letter="K", flexible=True, width_max=24,
               style=lambda row: "faint" if row.record.key is None else "name"),
        Column("value", "VALUE", lambda row: row.value, letter="V", flexible=True, width_max=400,
               style=lambda row: row.value_role),
        Column("headers", "HEADERS", lambda row: row.headers, wide=True, width_max=30, style=lambda _: "faint"),
        Column("format", "FORMAT", lambda row: row.format, wide=True, letter="F", style=lambda _: "faint"),
        Column("size", "SIZE", lambda row: row.size_bytes, size, right=True, letter="S", wide=True, style=lambda _: "faint"),
    ]  # fmt: skip
    return [columns[0], topic, *columns[1:]] if with_topic else columns


def counted(number: int, what: str, many: str = "") -> str:
    """ "1 record", "1,204 records"."""
    return f"{count(number)} {what if number == 1 else many or what + 's'}"
