"""The latest record of every key: what compaction would leave (Kafka: LogCleaner), without waiting for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from console.records.filters import EVERYTHING, RecordFilter
from console.records.model import ConsumedRecord, Visibility, record_bytes
from console.records.positions import BEGINNING
from console.records.stream import RecordStream, StreamProgress, StreamRequest
from engine.net.cluster_client import ClusterClient

KEYS_MAX = 1_000_000
BYTES_MAX = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LatestRequest:
    """Of which topic. A key counts in each partition by itself, as in compaction."""

    topic: str
    partitions: Sequence[int] = ()
    key: bytes | None = None
    all_partitions: bool = False
    filter: RecordFilter = EVERYTHING
    """Applied to the latest records, not before: an older record never shows because the newest does not match."""
    tombstones: bool = False
    """Show keys whose latest record is a tombstone."""
    read_committed: bool = True
    keys_max: int = KEYS_MAX
    bytes_max: int = BYTES_MAX


@dataclass(frozen=True, slots=True)
class LatestView:
    """The latest records by partition and offset."""

    records: tuple[ConsumedRecord, ...]
    keys: int
    """Distinct keys, tombstones included."""
    tombstones: int
    """Keys whose latest record is one."""
    without_key: int
    """Records without key: compaction does not know what to do with them, brokers refuse them in compacted topics."""
    scanned: int
    complete: bool
    """False when there were too many keys, or too large records, to hold: then these are the latest up to `stopped_at`."""
    stopped_at: tuple[ConsumedRecord, ...] = ()
    """The record at which it was given up."""


async def latest_by_key(client: ClusterClient, request: LatestRequest, now_ms: int) -> LatestView:
    """The latest record of every key up to where the topic ends now. Raises OperatorError."""
    views = [view async for _, view in latest_steps(client, request, now_ms) if view is not None]
    return views[-1]


async def latest_steps(
    client: ClusterClient, request: LatestRequest, now_ms: int
) -> AsyncIterator[tuple[StreamProgress, LatestView | None]]:
    """As `latest_by_key`, telling how far it is; the view comes with the last step."""
    stream = RecordStream(
        StreamRequest(
            (request.topic,),
            BEGINNING,
            exit_at_end=True,
            partitions=request.partitions,
            key=request.key,
            all_partitions=request.all_partitions,
            visibility=Visibility(request.read_committed),
        ),
        now_ms,
    )
    latest: dict[tuple[int, bytes], ConsumedRecord] = {}
    held_bytes = without_key = 0
    stopped: tuple[ConsumedRecord, ...] = ()
    async for records in stream.steps(client):
        for record in records:
            if record.key is None:
                without_key += 1
                continue
            place = (record.partition, record.key)
            before = latest.get(place)
            held_bytes += record_bytes(record) - (record_bytes(before) if before is not None else 0)
            if held_bytes > request.bytes_max or (before is None and len(latest) >= request.keys_max):
                stopped = (record,)
                break
            latest[place] = record
        if stopped:
            break
        yield stream.progress, None
    found = sorted(latest.values(), key=lambda record: (record.partition, record.offset))
    tombstones = sum(record.value is None for record in found)
    if not request.tombstones:
        found = [record for record in found if record.value is not None]
    matcher = request.filter.matcher()
    if matcher is not None:
        if request.filter.decoder is not None:
            await request.filter.decoder.prepare(found)
        found = matcher.select(found)
    progress = stream.progress
    yield (
        progress,
        LatestView(tuple(found), len(latest), tombstones, without_key, progress.scanned, not stopped, stopped),
    )
