"""Decoded chunks of topics, kept in the worker from query to query: the second look at a topic fetches only its new end.

A chunk covers offsets [start, next) of one partition of one topic (by id, so that a topic made anew is another one) and has
the columns that queries asked for so far. Bounded by bytes; what was not used for longest goes first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

import pyarrow as pa

Place = tuple[str, int]
"""Topic id (or name, where the brokers are too old for ids) and partition."""


@dataclass(slots=True, eq=False)
class Chunk:
    """Rows of one partition between two offsets."""

    place: Place
    start: int
    next: int
    rows: int
    columns: dict[str, pa.Array]
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.measure()

    def measure(self) -> None:
        """Sets `size`, in bytes."""
        # `value` and `value_bytes` share what they hold, which counts once.
        buffers = {
            buffer.address: buffer.size
            for array in self.columns.values()
            for buffer in array.buffers()
            if buffer is not None
        }
        self.size = 512 + sum(buffers.values())


class Piece(NamedTuple):
    """Offsets [start, end) of a partition: in `chunk`, or to be fetched when it is None."""

    partition: int
    start: int
    end: int
    chunk: Chunk | None


class ChunkCache:
    """`limit` is in bytes."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._by_place: dict[Place, list[Chunk]] = {}
        self._recent: OrderedDict[int, Chunk] = OrderedDict()
        self._keys: dict[int, int] = {}
        self._numbers = count()

    def pieces(self, place: Place, start: int, end: int, columns: Collection[str]) -> list[Piece]:
        """[start, end) in order, cut into what is here with all of `columns` and what is not."""
        pieces: list[Piece] = []
        position = start
        chunks = self._by_place.get(place, [])
        index = max(0, bisect_right(chunks, start, key=lambda chunk: chunk.start) - 1)
        for chunk in chunks[index:]:
            if chunk.start >= end:
                break
            if chunk.next <= position or not all(name in chunk.columns for name in columns):
                continue
            first, last = max(position, chunk.start), min(end, chunk.next)
            if (first, last) != (chunk.start, chunk.next) and "offset" not in chunk.columns:
                continue  # it cannot be cut
            if first > position:
                pieces.append(Piece(place[1], position, first, None))
            pieces.append(Piece(place[1], first, last, chunk))
            self._recent.move_to_end(self._keys[id(chunk)])
            position = last
        if position < end:
            pieces.append(Piece(place[1], position, end, None))
        return pieces

    def add(self, chunk: Chunk) -> None:
        """Keeps `chunk` in place of those it covers, unless it is larger than everything may be."""
        if chunk.size > self.limit // 4:
            return
        chunks = self._by_place.setdefault(chunk.place, [])
        for other in [each for each in chunks if each.start >= chunk.start and each.next <= chunk.next]:
            self._remove(other)
        chunks = self._by_place.setdefault(chunk.place, [])
        chunks.insert(bisect_right(chunks, chunk.start, key=lambda each: each.start), chunk)
        key = next(self._numbers)
        self._keys[id(chunk)] = key
        self._recent[key] = chunk
        self.size += chunk.size
        self._shrink()

    def extend(self, chunk: Chunk, columns: dict[str, pa.Array]) -> None:
        """Adds columns to a chunk, whether it is in the cache or not (yet, or any more)."""
        before = chunk.size
        chunk.columns.update(columns)
        chunk.measure()
        if id(chunk) in self._keys:
            self.size += chunk.size - before
            self._shrink()

    def _shrink(self) -> None:
        while self.size > self.limit:
            self._remove(next(iter(self._recent.values())))

    def columns_of(self, topic: str) -> set[str]:
        """Columns that any chunk of the topic has."""
        return {
            name
            for place, chunks in self._by_place.items()
            if place[0] == topic
            for each in chunks
            for name in each.columns
        }

    def _remove(self, chunk: Chunk) -> None:
        del self._recent[self._keys.pop(id(chunk))]
        chunks = self._by_place[chunk.place]
        chunks.remove(chunk)
        if not chunks:
            del self._by_place[chunk.place]
        self.size -= chunk.size
