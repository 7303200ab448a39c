"""Raw record batches to Arrow columns: only those that were asked for. Runs in the worker.

The Cython reader of aiokafka does the records (a quarter of a microsecond each), our own one what it refuses; which of the
two read a batch cannot be seen in the result. A batch that neither can read is one row with `decode_error`, at its first
offset: nothing disappears. Control records (transaction markers) are no rows.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from console.decoding.model import Part
from engine.protocol.buffers import Buffer
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.records.batch import (
    HEADER_BYTES,
    BatchHeader,
    TimestampType,
    codec_of,
    iterate_batches,
    verify_crc,
)
from engine.protocol.records.compression import decompress
from engine.protocol.records.control import ControlType, decode_control_key
from engine.protocol.records.record import decode_records, read_records

if TYPE_CHECKING:
    from console.sql.topic_texts import TopicTexts

try:
    from aiokafka.record._crecords.default_records import DefaultRecordBatch as _FastBatch
except ImportError:  # pragma: no cover - no wheel for this platform
    _FastBatch = None

DECOMPRESSED_BYTES_MAX = 64 * 1024 * 1024
"""Of one batch. Kafka's own limit is on the compressed batch (message.max.bytes, 1 MiB unless raised)."""

_MS_MAX = 2**63 // 1000 - 1

HEADERS_TYPE = pa.list_(pa.struct([pa.field("name", pa.string()), pa.field("value", pa.binary())]))

SCHEMA = pa.schema(
    [
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("timestamp", pa.timestamp("us", tz="UTC")),
        pa.field("timestamp_type", pa.string()),
        pa.field("key", pa.string()),
        pa.field("value", pa.string()),
        pa.field("headers", HEADERS_TYPE),
        pa.field("key_size", pa.int32()),
        pa.field("value_size", pa.int32()),
        pa.field("leader_epoch", pa.int32()),
        pa.field("producer_id", pa.int64()),
        pa.field("producer_epoch", pa.int16()),
        pa.field("sequence", pa.int32()),
        pa.field("is_transactional", pa.bool_()),
        pa.field("key_bytes", pa.binary()),
        pa.field("value_bytes", pa.binary()),
        pa.field("decode_error", pa.string()),
    ]
)
"""The columns of every topic's table. What has no key, value, producer or sequence has NULL there."""

COLUMNS = tuple(SCHEMA.names)

_BATCH_COLUMNS = frozenset(
    ("partition", "timestamp_type", "leader_epoch", "producer_id", "producer_epoch", "is_transactional")
)
"""What the batch's header alone tells, so that no record needs to be decoded."""


_TEXT_COLUMNS = frozenset(("key", "value", "decode_error"))


@dataclass(slots=True)
class _Rows:
    """What one chunk's batches gave so far, a list per thing."""

    offsets: list[Any] = field(default_factory=list)
    """Parts: (first, count) for offsets without gaps, a list for others."""
    timestamps: list[int] = field(default_factory=list)
    keys: list[bytes | None] = field(default_factory=list)
    values: list[bytes | None] = field(default_factory=list)
    headers: list[Any] = field(default_factory=list)
    runs: list[tuple[int, BatchHeader]] = field(default_factory=list)
    """How many rows came of which batch."""
    errors: dict[int, str] = field(default_factory=dict)
    """Row number to what is wrong with it."""
    count: int = 0


def decode(
    data: Buffer,
    partition: int,
    start: int,
    end: int,
    columns: Collection[str],
    aborted: Sequence[tuple[int, int]] = (),
    keys: frozenset[bytes] | None = None,
    texts: TopicTexts | None = None,
) -> dict[str, pa.Array]:
    """The rows of `data` with offsets from `start` to `end` (exclusive), as one array for each of `columns`.

    Records of `aborted` transactions (first offset and producer id, as Fetch tells them) are left out. With `keys`, so is
    every record with another key (or none); whole batches without them are not even looked into. `texts` says what
    keys and values are, where they are more than UTF-8.
    """
    ahead = sorted(aborted)
    inside: set[int] = set()
    wanted = set(columns) or {"partition"}
    gathered = wanted
    if texts is not None and wanted & _TEXT_COLUMNS:
        gathered = wanted | {"key_bytes"} | ({"headers"} if texts.needs_headers else set())
    records_needed = keys is not None or not wanted <= _BATCH_COLUMNS
    rows = _Rows()
    for position, header in iterate_batches(data, allow_partial_tail=True):
        while ahead and ahead[0][0] <= header.last_offset:
            inside.add(ahead.pop(0)[1])
        if header.is_control:
            if header.producer_id in inside and _is_abort(data, position):
                inside.discard(header.producer_id)
            continue
        if header.next_offset <= start or (header.is_transactional and header.producer_id in inside):
            continue
        if header.base_offset >= end:
            break
        whole = header.base_offset >= start and header.next_offset <= end
        if not records_needed and whole:
            rows.runs.append((header.records_count, header))
            rows.count += header.records_count
        else:
            _read_batch(rows, data, position, header, start, end, gathered, keys)
    return _arrays(rows, partition, wanted, texts)


def _is_abort(data: Buffer, position: int) -> bool:
    try:
        records = decode_records(data, position)
        return bool(records) and decode_control_key(records[0].key) is ControlType.ABORT
    except ProtocolError:
        return False


def _read_batch(
    rows: _Rows,
    data: Buffer,
    position: int,
    header: BatchHeader,
    start: int,
    end: int,
    wanted: set[str],
    keys: frozenset[bytes] | None,
) -> None:
    before = rows.count
    try:
        records = _records(data, position, header)
    except (ProtocolError, MemoryError) as error:
        if keys is not None:
            return  # a batch that cannot be read has no key
        offset = max(header.base_offset, start)
        rows.errors[before] = f"batch of {header.records_count} records at offset {header.base_offset}: {error}"
        rows.offsets.append([offset])
        for part, value in (
            ("timestamps", header.max_timestamp),
            ("keys", None),
            ("values", None),
        ):
            getattr(rows, part).append(value)
        rows.headers.append(())
        rows.count += 1
        rows.runs.append((1, header))
        return
    if header.base_offset < start or header.next_offset > end:
        records = [record for record in records if start <= record.offset < end]
    if keys is not None:
        records = [record for record in records if record.key in keys]
        if not records:
            return
    rows.count += len(records)
    rows.runs.append((len(records), header))
    if wanted & {"offset", "sequence"}:
        if len(records) == header.last_offset_delta + 1:
            rows.offsets.append((header.base_offset, len(records)))
        else:
            rows.offsets.append([record.offset for record in records])
    if "timestamp" in wanted:
        if header.timestamp_type is TimestampType.LOG_APPEND_TIME:
            rows.timestamps += [header.max_timestamp] * len(records)
        else:
            rows.timestamps += [record.timestamp for record in records]
    if wanted & {"key", "key_bytes", "key_size", "decode_error"}:
        rows.keys += [record.key for record in records]
    if wanted & {"value", "value_bytes", "value_size", "decode_error"}:
        rows.values += [record.value for record in records]
    if "headers" in wanted:
        rows.headers += [record.headers for record in records]


def _records(data: Buffer, position: int, header: BatchHeader) -> list[Any]:
    if not verify_crc(data, position, header):
        raise ProtocolError(Blame.REMOTE, "the checksum does not match", message_name="RecordBatch")
    codec = codec_of(header)
    stop = position + header.size_bytes
    whole = memoryview(data)[position:stop]
    payload: Any = whole[HEADER_BYTES:]
    if codec:
        payload = decompress(codec, payload, DECOMPRESSED_BYTES_MAX)
        head = bytearray(whole[:HEADER_BYTES])
        head[22] &= 0xF8  # no codec any more
        whole = memoryview(bytes(head) + payload)
    if _FastBatch is not None:
        try:
            return list(_FastBatch(whole))
        except Exception:  # the exact reader says below what is wrong, or reads it
            pass
    payload = bytes(payload)
    return read_records(payload, header)


def _arrays(rows: _Rows, partition: int, wanted: set[str], texts: TopicTexts | None) -> dict[str, pa.Array]:
    if not rows.count:
        return {name: pa.array([], SCHEMA.field(name).type) for name in wanted}
    built: dict[str, pa.Array] = {}
    if texts is not None and wanted & _TEXT_COLUMNS:
        parts = [each for each in Part if wanted & {each.value, "decode_error"}]
        decoded, built["decode_error"] = texts.columns(parts, rows.keys, rows.values, rows.headers, rows.errors)
        built |= {part.value: column for part, column in decoded.items()}
    if wanted & {"key", "key_bytes", "key_size"}:
        built["key_bytes"] = pa.array(rows.keys, pa.binary())
    if wanted & {"value", "value_bytes", "value_size"}:
        built["value_bytes"] = pa.array(rows.values, pa.binary())
    for name in wanted:
        if name not in built:
            built[name] = _array(name, rows, partition, built)
    return {name: built[name] for name in wanted}


def _array(name: str, rows: _Rows, partition: int, built: Mapping[str, pa.Array]) -> pa.Array:
    match name:
        case "partition":
            return pa.repeat(pa.scalar(partition, pa.int32()), rows.count)
        case "offset":
            return _offsets(rows.offsets)
        case "timestamp":
            return _micros(rows.timestamps).cast(SCHEMA.field("timestamp").type)
        case "key" | "value":
            return _text(built[f"{name}_bytes"])
        case "key_size" | "value_size":
            return pc.binary_length(built[f"{name[:-5]}_bytes"]).cast(pa.int32())
        case "headers":
            if not any(rows.headers):
                empty = pa.scalar([], HEADERS_TYPE)
                return pa.repeat(empty, rows.count)
            return pa.array([_headers(each) for each in rows.headers], HEADERS_TYPE)
        case "sequence":
            return pa.array(_sequences(rows), pa.int32())
        case "decode_error":
            return _errors(rows)
    return _of_batches(name, rows.runs)


def _micros(timestamps: list[int]) -> pa.Array:
    """Milliseconds as microseconds; NULL for none (-1), and for what is beyond every calendar."""
    found = pa.array(timestamps, pa.int64())
    if timestamps:
        bounds = pc.min_max(found)
        if bounds["min"].as_py() < 0 or bounds["max"].as_py() > _MS_MAX:
            low, high = pa.scalar(0, pa.int64()), pa.scalar(_MS_MAX, pa.int64())
            in_range = pc.and_(pc.greater_equal(found, low), pc.less_equal(found, high))
            found = pc.if_else(in_range, found, pa.scalar(None, pa.int64()))
    return pc.multiply(found, pa.scalar(1000, pa.int64()))


def _text(raw: pa.Array) -> pa.Array:
    """The bytes as text; NULL where they are not UTF-8."""
    try:
        return raw.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_utf8(each) for each in raw.to_pylist()], pa.string())


def _utf8(raw: bytes | None) -> str | None:
    if raw is None:
        return None
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _headers(headers: Iterable[tuple[str, bytes | None]]) -> list[dict[str, Any]]:
    return [{"name": name, "value": value} for name, value in headers]


_COUNTING = pa.array(range(16_384), pa.int64())


def _offsets(parts: list[Any]) -> pa.Array:
    arrays = []
    for part in _joined(parts):
        if isinstance(part, list):
            arrays.append(pa.array(part, pa.int64()))
            continue
        first, count = part
        for done in range(0, count, len(_COUNTING)):
            arrays.append(pc.add(_COUNTING[: count - done], pa.scalar(first + done, pa.int64())))
    return pa.concat_arrays(arrays) if arrays else pa.array([], pa.int64())


def _joined(parts: list[Any]) -> list[Any]:
    """Runs that follow one another as one."""
    joined: list[Any] = []
    for part in parts:
        last = joined[-1] if joined else None
        if isinstance(part, tuple) and isinstance(last, tuple) and last[0] + last[1] == part[0]:
            joined[-1] = (last[0], last[1] + part[1])
        else:
            joined.append(part)
    return joined


def _sequences(rows: _Rows) -> list[int | None]:
    if all(header.base_sequence < 0 for _, header in rows.runs):
        return [None] * rows.count
    found: list[int | None] = []
    all_offsets = _offsets(rows.offsets).to_pylist()
    for count, header in rows.runs:
        if header.base_sequence < 0:
            found += [None] * count
        else:
            first = len(found)
            offsets = all_offsets[first : first + count]
            found += [(header.base_sequence + offset - header.base_offset) % 2**31 for offset in offsets]
    return found


def _errors(rows: _Rows) -> pa.Array:
    if not rows.errors and _is_text(rows.keys) and _is_text(rows.values):
        return pa.nulls(rows.count, pa.string())
    found: list[str | None] = []
    for index, (key, value) in enumerate(zip(rows.keys, rows.values, strict=True)):
        error = rows.errors.get(index)
        if error is None:
            odd = [name for name, raw in (("key", key), ("value", value)) if raw is not None and _utf8(raw) is None]
            error = f"{' and '.join(odd)} not UTF-8" if odd else None
        found.append(error)
    return pa.array(found, pa.string())


def _is_text(values: list[bytes | None]) -> bool:
    try:
        pa.array(values, pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _of_batches(name: str, runs: list[tuple[int, BatchHeader]]) -> pa.Array:
    kind = SCHEMA.field(name).type
    # Neighbours mostly agree, so that a chunk has few runs.
    merged: list[tuple[int, Any]] = []
    for count, header in runs:
        value = _of_batch(name, header)
        if merged and merged[-1][1] == value:
            merged[-1] = (merged[-1][0] + count, value)
        else:
            merged.append((count, value))
    parts = [pa.repeat(pa.scalar(value, kind), count) for count, value in merged]
    return pa.concat_arrays(parts) if parts else pa.array([], kind)


def _of_batch(name: str, header: BatchHeader) -> Any:
    match name:
        case "timestamp_type":
            return "LogAppendTime" if header.timestamp_type is TimestampType.LOG_APPEND_TIME else "CreateTime"
        case "leader_epoch":
            return header.partition_leader_epoch if header.partition_leader_epoch >= 0 else None
        case "producer_id":
            return header.producer_id if header.producer_id >= 0 else None
        case "producer_epoch":
            return header.producer_epoch if header.producer_epoch >= 0 else None
        case "is_transactional":
            return header.is_transactional
    raise KeyError(name)
