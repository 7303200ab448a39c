"""The changes there are: what an operator can ask for, as values.

They can be written down (`stored`), so their fields are plain: an undo is one of them, kept in the audit log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from console.services.configs import Resource
from console.services.partition_changes import ElectionType
from console.services.topic_changes import NewTopic


@dataclass(frozen=True, slots=True)
class CreateTopic:
    """Creates a topic."""

    topic: NewTopic


@dataclass(frozen=True, slots=True)
class AlterTopic:
    """Raises the number of partitions of a topic to `partition_count`, and sets (None: removes) properties of it."""

    name: str
    partition_count: int | None = None
    configs: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DeleteTopic:
    """Deletes a topic; with `topic_id` (22 characters) only when it is still that one, not another of its name."""

    name: str
    topic_id: str | None = None


@dataclass(frozen=True, slots=True)
class AlterConfig:
    """Sets (None: removes) properties of a topic, a broker, all brokers, a group, ..."""

    resource: Resource
    changes: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class PartitionScope:
    """A topic, or some of its partitions (empty: all)."""

    topic: str
    partitions: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.topic + (f":{','.join(map(str, self.partitions))}" if self.partitions else "")


class TargetKind(Enum):
    """Where the offsets of a group can be set to (Kafka: kafka-consumer-groups --reset-offsets)."""

    EARLIEST = "earliest"
    LATEST = "latest"
    OFFSET = "offset"
    TIMESTAMP = "timestamp"
    """ms since 1970: the first record that is not older; the end where there is none."""
    SHIFT = "shift"
    """So many offsets on from (negative: back before) what is committed."""


@dataclass(frozen=True, slots=True)
class OffsetTarget:
    """A place in each partition; `word` is how the command line writes it."""

    kind: TargetKind
    value: int = 0

    @property
    def word(self) -> str:
        match self.kind:
            case TargetKind.OFFSET:
                return str(self.value)
            case TargetKind.TIMESTAMP:
                return f"@{self.value}"
            case TargetKind.SHIFT:
                return f"{self.value:+d}"
            case _:
                return str(self.kind.value)


@dataclass(frozen=True, slots=True)
class ResetOffsets:
    """Sets the committed offsets of a group without members to `target`; no `scope`: all it has committed for."""

    group_id: str
    target: OffsetTarget
    scope: tuple[PartitionScope, ...] = ()


@dataclass(frozen=True, slots=True)
class GroupOffset:
    """The offset of one partition, with the consumer's note. `offset` None: nothing committed."""

    topic: str
    partition: int
    offset: int | None
    leader_epoch: int = -1
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class SetOffsets:
    """Sets, or forgets, the committed offsets of a group as they are given, wherever the logs begin and end by now."""

    group_id: str
    offsets: tuple[GroupOffset, ...]


@dataclass(frozen=True, slots=True)
class DeleteOffsets:
    """Forgets committed offsets of a group."""

    group_id: str
    scope: tuple[PartitionScope, ...]


@dataclass(frozen=True, slots=True)
class DeleteGroup:
    """Deletes a group without members."""

    group_id: str


@dataclass(frozen=True, slots=True)
class DeleteRecords:
    """Deletes the records of a topic before a place (LATEST: all of them)."""

    scope: PartitionScope
    before: OffsetTarget


@dataclass(frozen=True, slots=True)
class ElectLeaders:
    """Elects leaders of those partitions; no `scope`: of all that need it."""

    scope: tuple[PartitionScope, ...] = ()
    election: ElectionType = ElectionType.PREFERRED


Change = (
    CreateTopic
    | AlterTopic
    | DeleteTopic
    | AlterConfig
    | ResetOffsets
    | SetOffsets
    | DeleteOffsets
    | DeleteGroup
    | DeleteRecords
    | ElectLeaders
)

KINDS: dict[str, type[Change]] = {
    "create-topic": CreateTopic,
    "alter-topic": AlterTopic,
    "delete-topic": DeleteTopic,
    "alter-config": AlterConfig,
    "reset-offsets": ResetOffsets,
    "set-offsets": SetOffsets,
    "delete-offsets": DeleteOffsets,
    "delete-group": DeleteGroup,
    "delete-records": DeleteRecords,
    "elect-leaders": ElectLeaders,
}
"""By the name the audit log has."""


def kind_name(change: Change) -> str:
    """Its name in the audit log."""
    return next(name for name, kind in KINDS.items() if type(change) is kind)
