"""What the clients of a run saw: sends with their fate, polls with what they returned. Pure data, for the judges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from engine.types import TopicPartition


class Fate(Enum):
    """What a producer was told about a record."""

    UNKNOWN = "unknown"
    """No answer, or one that leaves it open (a timeout): it may be in the log or not."""
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    """An answer that says it was not written."""


@dataclass(slots=True)
class Send:
    """One record sent by one producer session. Values are unique in a run."""

    producer: str
    """The session: a producer that starts anew gets another name, since order and idempotence end there."""
    sequence: int
    """Order in which the session sent it."""
    value: bytes
    sent_ns: int
    fate: Fate = Fate.UNKNOWN
    topic_partition: TopicPartition | None = None
    """Known once acknowledged, or when the producer chose it itself."""
    offset: int = -1
    error: str = ""
    acks: int = -1
    """-1 all, 1 the leader, 0 nobody: only what all acknowledged may not be lost."""
    key: bytes = b""
    """For who compares what is left of each key."""
    is_idempotent: bool = True
    """Without it a retry may write twice, and out of order."""


@dataclass(frozen=True, slots=True)
class Polled:
    """One record returned to a consumer."""

    topic_partition: TopicPartition
    offset: int
    value: bytes


@dataclass(slots=True)
class Consumer:
    """All records one consumer was given, in order. A new assignment starts a new consumer here."""

    name: str
    records: list[Polled] = field(default_factory=list)
    is_assigned: bool = True
    """By hand (assign), not by a group (subscribe)."""
    polls: list[int] = field(default_factory=list)
    """Where polls ended: lengths of `records` after each. Empty when each record was polled alone."""
    log_starts: dict[TopicPartition, list[int]] = field(default_factory=dict)
    """Where it went on when it was told that its position is gone, and that the log begins there."""


Log = dict[int, bytes]
"""Offset -> value of a partition, as it stands at the end."""


@dataclass(slots=True)
class History:
    """Everything clients saw in one run."""

    sends: list[Send] = field(default_factory=list)
    consumers: list[Consumer] = field(default_factory=list)

    def send(
        self,
        producer: str,
        sequence: int,
        value: bytes,
        now_ns: int,
        *,
        acks: int = -1,
        is_idempotent: bool = True,
    ) -> Send:
        """A record is about to be sent."""
        made = Send(producer, sequence, value, now_ns, acks=acks, is_idempotent=is_idempotent)
        self.sends.append(made)
        return made

    def consumer(self, name: str, *, is_assigned: bool = True) -> Consumer:
        """A consumer with a fresh position."""
        made = Consumer(name, is_assigned=is_assigned)
        self.consumers.append(made)
        return made

    def acknowledged(self) -> Iterable[Send]:
        """Sends that the cluster promised to keep."""
        return (send for send in self.sends if send.fate is Fate.ACKNOWLEDGED)


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never be. `kind` is a stable name (see `checker`), `detail` a sentence."""

    kind: str
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"
