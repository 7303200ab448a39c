"""What a learner can do to the world, as values: frozen, JSON-able, validated and bounded when they are read.

Each action is a small struct with a tag; `Action` is any of them. What they do is in `classroom.acting`; an action that
cannot be done now (a node that is down already, a message that has arrived) changes nothing, and the timeline says so.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

NODES_MAX = 9
NodeId = Annotated[int, Meta(ge=1, le=NODES_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[A-Za-z0-9._-]+$")]
Text = Annotated[str, Meta(max_length=200)]
Partition = Annotated[int, Meta(ge=0, le=11)]
Milliseconds = Annotated[int, Meta(ge=0, le=600_000)]
CLIENTS = 0
"""In place of a node id: the machine on which the clients run."""
HostId = Annotated[int, Meta(ge=CLIENTS, le=NODES_MAX)]


class _Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", omit_defaults=True):
    pass


# ---- nodes


class Kill(_Action, frozen=True, tag="kill"):
    """Kill -9: its connections are reset, what it wrote stays in the page cache."""

    node: NodeId


class Stop(_Action, frozen=True, tag="stop"):
    """Ask it to go: it hands its leaders over first (controlled shutdown)."""

    node: NodeId


class Restart(_Action, frozen=True, tag="restart"):
    """Start a node that is down; one that is up is killed first."""

    node: NodeId


class Pause(_Action, frozen=True, tag="pause"):
    """It stands still, as in a long garbage collection; its connections stay open."""

    node: NodeId


class Resume(_Action, frozen=True, tag="resume"):
    """It goes on, believing that no time has passed."""

    node: NodeId


class Wipe(_Action, frozen=True, tag="wipe"):
    """Kill it and empty its disk, as if the disk had been replaced."""

    node: NodeId


class PowerCut(_Action, frozen=True, tag="power-cut"):
    """The machine goes dark: what was not synced to its disk is gone. Several nodes: a whole room goes dark."""

    nodes: Annotated[tuple[NodeId, ...], Meta(min_length=1, max_length=NODES_MAX)]


class AddNode(_Action, frozen=True, tag="add-node"):
    """A new broker with an empty disk joins (no voter of the quorum)."""

    node: NodeId
    rack: Name | None = None


class RemoveNode(_Action, frozen=True, tag="remove-node"):
    """The node is stopped and taken out of the cluster's list of brokers."""

    node: NodeId


class SkewClock(_Action, frozen=True, tag="skew-clock"):
    """Its wall clock is off by that much (0: right again)."""

    node: NodeId
    offset_ms: Annotated[int, Meta(ge=-31_536_000_000, le=31_536_000_000)] = 0


# ---- network


class Cut(_Action, frozen=True, tag="cut"):
    """No byte gets from one host to another; nor back when `both_ways`. 0 is the clients' machine."""

    source: HostId
    to: HostId
    both_ways: bool = True


class Partitioned(_Action, frozen=True, tag="partition"):
    """Hosts of different sets cannot reach each other. Who is in no set reaches everybody."""

    sets: Annotated[tuple[Annotated[tuple[HostId, ...], Meta(max_length=NODES_MAX + 1)], ...], Meta(max_length=5)]


class Heal(_Action, frozen=True, tag="heal"):
    """Every link works again, at its normal speed."""


class SlowDown(_Action, frozen=True, tag="slow-down"):
    """Everything to and from the node takes this much longer (0: as before)."""

    node: NodeId
    by_ms: Milliseconds = 0


class Hold(_Action, frozen=True, tag="hold"):
    """Keep a message in flight until it is released; what follows on its connection waits behind it."""

    message: Annotated[str, Meta(max_length=60)]


class Release(_Action, frozen=True, tag="release"):
    """Let a held message go on."""

    message: Annotated[str, Meta(max_length=60)]


class Delay(_Action, frozen=True, tag="delay"):
    """A message takes this much longer."""

    message: Annotated[str, Meta(max_length=60)]
    by_ms: Milliseconds


class Drop(_Action, frozen=True, tag="drop"):
    """A message never arrives: its connection breaks, for TCP would send anything less again."""

    message: Annotated[str, Meta(max_length=60)]


# ---- disks


class FillDisk(_Action, frozen=True, tag="fill-disk"):
    """The disk has only this much room left."""

    node: NodeId
    left_bytes: Annotated[int, Meta(ge=0, le=1 << 30)] = 0


class BreakDisk(_Action, frozen=True, tag="break-disk"):
    """From now on writes (or syncs, or reads) of its disk fail."""

    node: NodeId
    operation: Annotated[str, Meta(pattern="^(pwrite|fsync|pread)$")] = "pwrite"


class RepairDisk(_Action, frozen=True, tag="repair-disk"):
    """The disk has room and works again. A node that gave up must be restarted."""

    node: NodeId


# ---- the cluster


class CreateTopic(_Action, frozen=True, tag="create-topic"):
    """A new topic. `replicas` says on which nodes: a list for each partition, its leader first."""

    topic: Name
    partitions: Annotated[int, Meta(ge=1, le=12)] = 1
    replication: Annotated[int, Meta(ge=1, le=NODES_MAX)] = 3
    configs: Annotated[dict[Name, Text], Meta(max_length=20)] = {}
    replicas: Annotated[tuple[tuple[NodeId, ...], ...], Meta(max_length=12)] = ()


class DeleteTopic(_Action, frozen=True, tag="delete-topic"):
    """And all its records."""

    topic: Name


class SetConfig(_Action, frozen=True, tag="set-config"):
    """Change a topic's configuration; without a value it goes back to the default."""

    topic: Name
    name: Name
    value: Text | None = None


class Elect(_Action, frozen=True, tag="elect"):
    """kafka-leader-election: the preferred replica, or (unclean) whoever is alive."""

    topic: Name
    partition: Partition
    unclean: bool = False


class TakeAway(_Action, frozen=True, tag="take-away"):
    """Take away a safeguard that Kafka has since a bug of its past, and see what happens without it."""

    safeguard: Annotated[str, Meta(max_length=60)]


class GiveBack(_Action, frozen=True, tag="give-back"):
    """Put a safeguard back that was taken away."""

    safeguard: Annotated[str, Meta(max_length=60)]


# ---- clients


class AddProducer(_Action, frozen=True, tag="add-producer"):
    """A producer that sends `rate` records a second, at most `count` (0: for ever). Keys go round through `keys`."""

    name: Name
    topic: Name
    acks: Annotated[int, Meta(ge=-1, le=1)] = -1
    idempotent: bool = True
    keys: Annotated[tuple[Text, ...], Meta(max_length=20)] = ()
    rate: Annotated[float, Meta(gt=0, le=50)] = 2.0
    count: Annotated[int, Meta(ge=0, le=100_000)] = 0
    partition: Partition | None = None
    retries: Annotated[int, Meta(ge=0, le=1000)] = 1000


class ProduceByHand(_Action, frozen=True, tag="produce"):
    """One record, from a producer of its own without idempotence."""

    topic: Name
    value: Text
    key: Text | None = None
    partition: Partition | None = None
    acks: Annotated[int, Meta(ge=-1, le=1)] = -1


class AddConsumer(_Action, frozen=True, tag="add-consumer"):
    """A consumer of every partition, without a group; its rack chooses the replica it reads from (KIP-392)."""

    name: Name
    topic: Name
    rack: Name | None = None


class AddMember(_Action, frozen=True, tag="add-member"):
    """A member of a consumer group."""

    name: Name
    group: Name
    topic: Name
    assignor: Annotated[str, Meta(pattern="^(range|roundrobin|sticky|cooperative-sticky)$")] = "range"
    commit: Annotated[str, Meta(pattern="^(after|before|auto|never)$")] = "after"
    """When it commits: after or before it has processed what it read, from time to time (auto), or never."""
    process_ms: Milliseconds = 20
    """How long it works on one record."""
    static: bool = False
    """With group.instance.id (KIP-345)."""


class CrashClient(_Action, frozen=True, tag="crash-client"):
    """The program dies without a word."""

    name: Name


class RestartClient(_Action, frozen=True, tag="restart-client"):
    """A program that crashed is started again."""

    name: Name


class PauseClient(_Action, frozen=True, tag="pause-client"):
    """The program stands still."""

    name: Name


class ResumeClient(_Action, frozen=True, tag="resume-client"):
    """And goes on."""

    name: Name


class RemoveClient(_Action, frozen=True, tag="remove-client"):
    """The program ends in good order: a producer stops sending, a member leaves its group."""

    name: Name


Action = (
    Kill | Stop | Restart | Pause | Resume | Wipe | PowerCut | AddNode | RemoveNode | SkewClock
    | Cut | Partitioned | Heal | SlowDown | Hold | Release | Delay | Drop
    | FillDisk | BreakDisk | RepairDisk
    | CreateTopic | DeleteTopic | SetConfig | Elect | TakeAway | GiveBack
    | AddProducer | ProduceByHand | AddConsumer | AddMember
    | CrashClient | RestartClient | PauseClient | ResumeClient | RemoveClient
)  # fmt: skip
"""Any of them."""

ACTIONS: tuple[type[_Action], ...] = tuple(_Action.__subclasses__())
"""Every kind, in the order of this text; for menus."""


def tag_of(action: Action | type[_Action]) -> str:
    """Its stable name, as in JSON and on command lines."""
    return str(action.__struct_config__.tag)
