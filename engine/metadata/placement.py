"""Where the replicas of new partitions go: striped over racks, then over brokers (Kafka: StripedReplicaPlacer).

Racks are taken in turn, the starting rack moving on by one with every partition; within a rack its unfenced brokers are
taken in turn, each round one further on, and fenced ones only when the rack has no more of the others. The first
replica, the one that will lead, is always on an unfenced broker. After as many partitions as there are unfenced brokers
everything is shuffled, so that the pattern does not repeat. Random starting points keep small topics from all starting
on the same broker.
"""

from __future__ import annotations

import random

from engine.errors import KafkaError
from engine.metadata.image import MetadataImage
from engine.protocol.errors import ErrorCode


class _Brokers:
    """Brokers taken in turn: every epoch starts one further on and hands out each broker once."""

    __slots__ = ("_epoch", "_index", "_offset", "ids")

    def __init__(self) -> None:
        self.ids: list[int] = []
        self._index = 0
        self._offset = 0
        self._epoch = 0

    def start(self, source: random.Random) -> None:
        if self.ids:
            self.ids.sort()
            self._offset = source.randrange(len(self.ids))

    def next(self, epoch: int) -> int:
        """The next broker, -1 when this epoch has handed out all."""
        ids = self.ids
        if not ids:
            return -1
        if self._epoch != epoch:
            self._epoch = epoch
            self._index = 0
            self._offset = (self._offset + 1) % len(ids)
        if self._index >= len(ids):
            return -1
        broker = ids[(self._index + self._offset) % len(ids)]
        self._index += 1
        return broker


class _Rack:
    __slots__ = ("fenced", "unfenced")

    def __init__(self) -> None:
        self.fenced = _Brokers()
        self.unfenced = _Brokers()

    def next(self, epoch: int) -> int:
        broker = self.unfenced.next(epoch)
        return broker if broker >= 0 else self.fenced.next(epoch)


class _Racks:
    """The racks of a cluster, taken in turn."""

    def __init__(self, image: MetadataImage, source: random.Random) -> None:
        self._source = source
        self._racks: dict[str | None, _Rack] = {}
        self.broker_count = 0
        self.unfenced_count = 0
        for broker in image.brokers.values():
            cordoned = broker.cordoned_log_dirs
            # Brokers on their way out, and those that take no new replicas at all, do not count (KIP-1066).
            if broker.in_controlled_shutdown or (
                cordoned and broker.log_dirs and set(broker.log_dirs) <= set(cordoned)
            ):
                continue
            rack = self._racks.setdefault(broker.rack, _Rack())
            (rack.fenced if broker.fenced else rack.unfenced).ids.append(broker.id)
            self.broker_count += 1
            self.unfenced_count += not broker.fenced
        for rack in self._racks.values():
            rack.fenced.start(source)
            rack.unfenced.start(source)
        self._names = sorted(self._racks, key=lambda name: (name is not None, name or ""))
        self._offset = source.randrange(len(self._names)) if self._names else 0
        self._epoch = 0

    def place(self, replica_count: int) -> list[int]:
        """Brokers of one partition, the leader first."""
        # With a single unfenced broker there is nothing to vary, and a new epoch each time is what lets it be reused.
        if self._epoch == self.unfenced_count and self.unfenced_count > 1:
            self._shuffle()
            self._epoch = 0
        names, racks, epoch = self._names, self._racks, self._epoch
        if self._offset >= len(names):
            self._offset = 0
        first = self._offset
        while (leader := racks[names[first]].unfenced.next(epoch)) < 0:
            first = (first + 1) % len(names)
        replicas = [leader]
        rack_index, skip = self._offset, first
        while len(replicas) < replica_count:
            if rack_index == skip:
                skip = -1  # the leader's rack is passed over once, then takes its turn
            else:
                broker = racks[names[rack_index]].next(epoch)
                if broker >= 0:
                    replicas.append(broker)
            rack_index = (rack_index + 1) % len(names)
        self._epoch += 1
        self._offset += 1
        return replicas

    def _shuffle(self) -> None:
        self._source.shuffle(self._names)
        for rack in self._racks.values():
            self._source.shuffle(rack.fenced.ids)
            self._source.shuffle(rack.unfenced.ids)


def place_replicas(
    image: MetadataImage, partition_count: int, replication_factor: int, source: random.Random
) -> list[list[int]]:
    """Replicas of `partition_count` new partitions. INVALID_REPLICATION_FACTOR when the brokers do not suffice."""
    racks = _Racks(image, source)
    if replication_factor <= 0:
        reason = f"Invalid replication factor {replication_factor}: the replication factor must be positive."
    elif racks.unfenced_count == 0:
        reason = "All brokers are currently fenced."
    elif replication_factor > racks.broker_count:
        reason = (
            f"The target replication factor of {replication_factor} cannot be reached because only "
            f"{racks.broker_count} broker(s) are registered."
        )
    else:
        return [racks.place(replication_factor) for _ in range(partition_count)]
    raise KafkaError(ErrorCode.INVALID_REPLICATION_FACTOR, reason)
