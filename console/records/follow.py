"""Following topics for someone who may be slower than they are: a bounded buffer that drops and counts, or waits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from console.records.model import ConsumedRecord, record_bytes
from console.records.stream import RecordStream, StreamProgress, StreamRequest
from engine.net.cluster_client import ClusterClient


@dataclass(frozen=True, slots=True)
class FollowStep:
    """Records that arrived."""

    records: tuple[ConsumedRecord, ...]
    dropped: int
    """Records between the last step and this one that are not shown, because the buffer was full."""
    dropped_total: int
    progress: StreamProgress
    """Of the stream behind it, as it is now."""


async def follow(
    client: ClusterClient,
    request: StreamRequest,
    now_ms: int,
    *,
    records_max: int = 10_000,
    bytes_max: int = 32 * 1024 * 1024,
    step_records_max: int = 1_000,
    drop: bool = True,
    stream: RecordStream | None = None,
) -> AsyncGenerator[FollowStep, None]:
    """Steps of at most `step_records_max` records, when there are any, until the request is fulfilled.

    At most `records_max` records and about `bytes_max` bytes wait for the caller. When they do, the oldest of them are
    dropped and counted (`drop`), or the topics are read no further until there is room. Closing the iterator stops the
    reading. `stream` may be given to begin elsewhere (`RecordStream.starts`), and to see its `positions` meanwhile: while
    nothing waits, what is before them was given out. Raises OperatorError.
    """
    stream = stream or RecordStream(request, now_ms)
    buffer: deque[ConsumedRecord] = deque()
    held_bytes = dropped = dropped_total = 0
    arrived, room = asyncio.Event(), asyncio.Event()

    async def pump() -> None:
        nonlocal held_bytes, dropped
        async for records in stream.batches(client):
            for record in records:
                size = record_bytes(record)
                while buffer and (len(buffer) >= records_max or held_bytes + size > bytes_max):
                    if drop:
                        held_bytes -= record_bytes(buffer.popleft())
                        dropped += 1
                    else:
                        room.clear()
                        await room.wait()
                buffer.append(record)
                held_bytes += size
                arrived.set()

    pumping = asyncio.get_running_loop().create_task(pump())
    pumping.add_done_callback(lambda _: arrived.set())
    try:
        while True:
            await arrived.wait()
            arrived.clear()
            while buffer or dropped:
                records = tuple(buffer.popleft() for _ in range(min(step_records_max, len(buffer))))
                held_bytes -= sum(map(record_bytes, records))
                lost, dropped = dropped, 0
                dropped_total += lost
                room.set()
                yield FollowStep(records, lost, dropped_total, stream.progress)
            if pumping.done():
                pumping.result()
                return
    finally:
        pumping.cancel()
        await asyncio.gather(pumping, return_exceptions=True)
