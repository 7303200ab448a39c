"""Which partition a record goes to, as the Java producer decides it (Kafka: BuiltInPartitioner, Utils.murmur2)."""

from __future__ import annotations

import random
from collections.abc import Sequence

_MASK = 0xFFFFFFFF
_M = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """MurmurHash2 of `data`, 32 bits unsigned, with the seed that the Java client uses."""
    length = len(data)
    h = (0x9747B28C ^ length) & _MASK
    whole = length & ~3
    for i in range(0, whole, 4):
        k = (int.from_bytes(data[i : i + 4], "little") * _M) & _MASK
        k = ((k ^ (k >> 24)) * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    if whole < length:
        h ^= int.from_bytes(data[whole:], "little")
        h = (h * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    return h ^ (h >> 15)


def partition_for_key(key: bytes, partition_count: int) -> int:
    """The partition of `key`. The count is that of all partitions, led or not: else a key would move when one fails."""
    return (murmur2(key) & 0x7FFFFFFF) % partition_count


class StickyPartitioner:
    """Partition of records without key: the same one until it was given `stick_bytes`, then another one (KIP-794).

    Keeps batches large. Chooses among partitions that have a leader.
    """

    def __init__(self, stick_bytes: int, randomness: random.Random) -> None:
        self._stick_bytes = stick_bytes
        self._randomness = randomness
        self._current: dict[str, int] = {}
        self._given: dict[str, int] = {}

    def choose(self, topic: str, available: Sequence[int], size_bytes: int) -> int:
        """The partition for a record of that size; `available` are the partitions with a leader, not empty."""
        current = self._current.get(topic, -1)
        given = self._given.get(topic, 0)
        if given >= self._stick_bytes or current not in available:
            others = [partition for partition in available if partition != current] or list(available)
            current = self._current[topic] = self._randomness.choice(others)
            given = 0
        self._given[topic] = given + size_bytes
        return current
