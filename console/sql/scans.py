"""Raw record batches of offset ranges for a worker: fetched from the partitions' leaders side by side, a little ahead."""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.errors import OperatorError, operator_errors
from console.records.fetching import FetchLimits, fetch_request
from console.services.offsets import EARLIEST, list_offsets
from engine.net.cluster_client import ClusterClient
from engine.net.cluster_errors import BrokerUnreachable
from engine.net.deadlines import Deadline
from engine.net.partition_requests import PASSING
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition

AHEAD_BYTES_MAX = 16 * 1024 * 1024
"""Fetched and not yet taken, at most (and one answer more)."""

_FIRST_BYTES = 64 * 1024
_PARTITION_BYTES_MAX = 2 * 1024 * 1024
_FETCH_BYTES_MAX = 8 * 1024 * 1024

_SPAN = struct.Struct(">qi11xi30xi")  # base offset, length, last offset delta, records count


@dataclass(frozen=True, slots=True)
class RawChunk:
    """Whole batches of one partition that cover offsets [start, next)."""

    partition: int
    start: int
    next: int
    data: Any
    records: int
    """In the batches, control records too."""
    aborted: tuple[tuple[int, int], ...] = ()
    """First offset and producer id of transactions that were aborted; only told to read_committed."""


def whole_batches(data: Any, start: int, end: int) -> tuple[int, int, int]:
    """Of the batches in `data`: bytes of the whole ones that begin before `end`, the offset after them (`start` when
    there is none), and their records."""
    position, after, records = 0, start, 0
    size = len(data)
    unpack = _SPAN.unpack_from
    while size - position >= 61:
        base, length, delta, count = unpack(data, position)
        if length < 49 or position + 12 + length > size or base >= end:
            break
        position += 12 + length
        after = max(after, base + delta + 1)
        records += count
    else:
        return position, after, records
    if position < size and size - position >= 61 and _SPAN.unpack_from(data, position)[0] >= end:
        after = max(after, end)  # compaction left nothing between
    return position, after, records


_CONTROL_OR_COMPRESSED = 0b100111
"""Attributes of a batch that has to be looked into by who knows more."""


def batches_holding(data: Any, keys: Sequence[bytes]) -> Any:
    """Of whole batches those in which a record may have one of `keys`: each where the bytes of a key, behind its length,
    occur; and those that are compressed or control batches."""
    needles = [_varint(len(key)) + key for key in keys]
    raw = bytes(data)
    kept: list[tuple[int, int]] = []
    position = 0
    sought = [(raw.find(needle), needle) for needle in needles]
    while position < len(raw):
        stop = position + 12 + _SPAN.unpack_from(raw, position)[1]
        if raw[position + 22] & _CONTROL_OR_COMPRESSED:
            holds = True
        else:
            sought = [(raw.find(needle, position) if 0 <= at < position else at, needle) for at, needle in sought]
            holds = any(0 <= at < stop for at, _ in sought)
        if holds:
            if kept and kept[-1][1] == position:
                kept[-1] = (kept[-1][0], stop)
            else:
                kept.append((position, stop))
        position = stop
    if kept == [(0, len(raw))]:
        return data
    return b"".join([raw[start:stop] for start, stop in kept])


def _varint(length: int) -> bytes:
    """A length as records have it: zigzag, seven bits a byte."""
    left = length << 1
    found = bytearray()
    while left > 127:
        found.append(left & 127 | 128)
        left >>= 7
    found.append(left)
    return bytes(found)


class WireScan:
    """One scan over ranges of a topic. `chunks` gives what was fetched, in the order it came; `close` stops it."""

    def __init__(
        self,
        client: ClusterClient,
        topic: str,
        ranges: Sequence[tuple[int, int, int]],
        *,
        isolation: int = 0,
        channel: str = "sql",
    ) -> None:
        self._client = client
        self._topic = topic
        self._positions = {partition: start for partition, start, end in ranges if start < end}
        self._ends = {partition: end for partition, _, end in ranges}
        self._isolation = isolation
        self._channel = channel
        self._fetched: deque[RawChunk] = deque()
        self._ahead = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._portion: dict[int, int] = {}
        self._done = False
        self._error: BaseException | None = None
        self._task = asyncio.get_running_loop().create_task(self._run())
        self.skipped: dict[int, tuple[int, int]] = {}
        """Offsets [from, to) by partition that were deleted before they could be read."""

    async def chunks(self) -> AsyncIterator[RawChunk]:
        """Raises OperatorError."""
        while True:
            while self._fetched:
                chunk = self._fetched.popleft()
                self._ahead -= len(chunk.data)
                if self._ahead < AHEAD_BYTES_MAX:
                    self._room.set()
                yield chunk
            if self._error is not None:
                raise self._error
            if self._done:
                return
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Stops fetching. Idempotent."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        try:
            with operator_errors(f"topic {self._topic}"):
                await self._fetch_all()
        except OperatorError as error:
            self._error = error
        finally:
            self._done = True
            self._changed.set()

    async def _fetch_all(self) -> None:
        client = self._client
        deadline = Deadline(client.retry_timeout_ms)
        tries = 0
        while self._positions:
            before = dict(self._positions)
            tries += 1
            view = await (client.known_view([self._topic]) if tries == 1 else client.metadata([self._topic]))
            by_leader: dict[int, list[int]] = {}
            for partition in self._positions:
                by_leader.setdefault(view.leader(self._topic, partition), []).append(partition)
            lost = by_leader.pop(-1, [])
            loop = asyncio.get_running_loop()
            tasks = [
                loop.create_task(self._fetch_from(node_id, view.topics, each)) for node_id, each in by_leader.items()
            ]
            try:
                reasons = [await task for task in tasks]
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            if not self._positions:
                return
            if self._positions != before:
                deadline, tries = Deadline(client.retry_timeout_ms), 1
            if not await client.backoff.wait(tries, client.randomness, deadline):
                partition = min(self._positions)
                why = (
                    "the partition has no leader" if partition in lost else next((each for each in reasons if each), "")
                )
                raise OperatorError(
                    f"partition {self._topic}-{partition}: cannot be read from offset {self._positions[partition]} on",
                    why,
                )

    async def _fetch_from(self, node_id: int, topics: Mapping[str, Any], partitions: Sequence[int]) -> str:
        """Reads those partitions from their leader, until they are done or it does not answer any more (says why)."""
        pending = list(partitions)
        while pending:
            await self._room.wait()
            positions = {TopicPartition(self._topic, each): self._positions[each] for each in pending}
            # The broker fills its answer in our order, so the order turns.
            portion = max(self._portion.get(each, _FIRST_BYTES) for each in pending)
            limits = FetchLimits(max_bytes=_FETCH_BYTES_MAX, partition_max_bytes=portion)
            request = fetch_request(topics, positions, limits, isolation=self._isolation)
            try:
                response = await self._client.request_to(node_id, request, channel=self._channel)
            except BrokerUnreachable as error:
                return str(error)
            code = ErrorCode.of(response.error_code)
            if code != ErrorCode.NONE:
                return f"{code.name}: {code.text}"
            for answer in response.responses:
                for data in answer.partitions:
                    reason = await self._take(data)
                    if reason:
                        return reason
            pending = [each for each in pending[1:] + pending[:1] if each in self._positions]
        return ""

    async def _take(self, data: Any) -> str:
        partition = data.partition_index
        start = self._positions.get(partition)
        if start is None:
            return ""
        error = ErrorCode.of(data.error_code)
        if error == ErrorCode.OFFSET_OUT_OF_RANGE:
            return await self._skip_deleted(partition, start)
        if error != ErrorCode.NONE:
            if error in PASSING:
                return f"{error.name}: {error.text}"
            raise OperatorError.refused(f"partition {self._topic}-{partition}", error)
        records = data.records
        if not records:
            return ""
        end = self._ends[partition]
        size, after, count = whole_batches(records, start, end)
        if after <= start:
            # One batch larger than the limit always comes whole (KIP-74), so this is damage.
            raise OperatorError(
                f"partition {self._topic}-{partition}: what the broker sends at offset {start} is no record batch"
            )
        self._portion[partition] = min(_PARTITION_BYTES_MAX, self._portion.get(partition, _FIRST_BYTES) * 4)
        after = min(after, end)
        aborted = tuple((each.first_offset, each.producer_id) for each in data.aborted_transactions or ())
        self._put(RawChunk(partition, start, after, memoryview(records)[:size], count, aborted))
        if after >= end:
            del self._positions[partition]
        else:
            self._positions[partition] = after
        return ""

    async def _skip_deleted(self, partition: int, start: int) -> str:
        """Retention was faster: goes on where the log begins now."""
        where = TopicPartition(self._topic, partition)
        answers = await list_offsets(self._client, {where: EARLIEST}, patience_ms=2_000)
        found = answers.values.get(where)
        if found is None or found.offset <= start:
            return f"offset {start} is out of range"
        end = self._ends[partition]
        first = self.skipped.get(partition, (start, start))[0]
        self.skipped[partition] = (first, min(found.offset, end))
        self._put(RawChunk(partition, start, min(found.offset, end), b"", 0))
        if found.offset >= end:
            del self._positions[partition]
        else:
            self._positions[partition] = found.offset
        return ""

    def _put(self, chunk: RawChunk) -> None:
        self._fetched.append(chunk)
        self._ahead += len(chunk.data)
        if self._ahead >= AHEAD_BYTES_MAX:
            self._room.clear()
        self._changed.set()
