"""Values that every room of the engine speaks of."""

from typing import NamedTuple


class TopicPartition(NamedTuple):
    """One partition of one topic. Text form and directory name: `topic-partition`."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}"


class OffsetAndEpoch(NamedTuple):
    """A position in a log: the next offset, and the leader epoch of the record before it."""

    offset: int
    epoch: int


class LeaderAndEpoch(NamedTuple):
    """Who leads, and since which epoch. `leader_id` is -1 while nobody is known to."""

    leader_id: int
    epoch: int


class Endpoint(NamedTuple):
    """Where a listener can be reached: its name (PLAINTEXT, CONTROLLER, ...), host and port."""

    listener: str
    host: str
    port: int


CLUSTER_METADATA = TopicPartition("__cluster_metadata", 0)
CONSUMER_OFFSETS_TOPIC = "__consumer_offsets"
TRANSACTION_STATE_TOPIC = "__transaction_state"
INTERNAL_TOPICS = frozenset({CONSUMER_OFFSETS_TOPIC, TRANSACTION_STATE_TOPIC, "__share_group_state"})
