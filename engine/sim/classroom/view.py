"""What can be seen of the world at one moment: frozen values, JSON-able with `to_json`. Never touches the world.

Offsets are Kafka's: ends are exclusive. Times are virtual milliseconds since the world began. Objects that have not
changed since the view before are the same objects, so that faces may compare with `is`.
"""

from __future__ import annotations

import msgspec


class _Value(msgspec.Struct, frozen=True):
    pass


class RecordView(_Value, frozen=True):
    """One record as a replica holds it."""

    offset: int
    epoch: int
    """Leader epoch of its batch."""
    key: str | None
    value: str
    """At most 24 characters; "" for a tombstone (see `is_tombstone`)."""
    producer_id: int = -1
    is_control: bool = False
    is_tombstone: bool = False


class ReplicaView(_Value, frozen=True):
    """One replica's log, on its disk, whether its node runs or not."""

    node: int
    is_online: bool
    """Its node serves it now."""
    is_leader: bool
    """It believes to lead, in `epoch`. More than one may believe that: see `PartitionView.leader`."""
    in_isr: bool
    epoch: int
    """The leader epoch it knows; -1 while it is not online."""
    log_start_offset: int
    last_stable_offset: int
    high_watermark: int
    log_end_offset: int
    durable_end_offset: int
    """Records before it are on the disk; those from it on are in memory only, and gone after a power cut."""
    records: tuple[RecordView, ...]
    """The last `RECORDS_SHOWN`, oldest first."""
    epochs: tuple[tuple[int, int], ...] = ()
    """(leader epoch, first offset): what KIP-101 truncates by."""


class PartitionView(_Value, frozen=True):
    """A partition as the newest metadata that any node has says."""

    topic: str
    partition: int
    leader: int
    """-1: nobody."""
    leader_epoch: int
    replicas: tuple[int, ...]
    isr: tuple[int, ...]
    elr: tuple[int, ...]
    """Eligible leader replicas (KIP-966)."""
    logs: tuple[ReplicaView, ...]
    min_isr: int
    high_watermark: int
    """Of the leader; -1 while there is none."""
    last_known_elr: tuple[int, ...] = ()
    """Who was eligible and crashed since: the last of them may lead when nobody else is left (KIP-966)."""

    @property
    def name(self) -> str:
        return f"{self.topic}-{self.partition}"

    def log(self, node: int) -> ReplicaView | None:
        """The replica on that node."""
        return next((log for log in self.logs if log.node == node), None)


class NodeView(_Value, frozen=True):
    """One node."""

    id: int
    state: str
    """down, starting, up, stopping, or failed (it gave up by itself)."""
    is_paused: bool
    roles: tuple[str, ...]
    is_controller: bool
    """It is the active controller: it leads the quorum."""
    life: int
    is_fenced: bool
    """The controller does not count on it."""
    quorum_epoch: int
    leads: int
    """How many partitions it leads as far as it knows."""
    clock_offset_ms: int
    disk_used_bytes: int
    disk_full: bool
    disk_broken: bool
    unsynced_bytes: int
    """Written, but only in memory."""
    slow_ms: int = 0
    rack: str = ""
    is_voter: bool = True


class MessageView(_Value, frozen=True):
    """Something under way between two hosts."""

    id: str
    """For Hold, Release, Delay and Drop. A message that was moved has another one."""
    api: str
    """Kafka's name ("Fetch", "Produce", ...); "bytes" for a part of something."""
    kind: str
    """request, response, bytes, fin or reset."""
    source: str
    """node-1 ... or clients"""
    to: str
    size_bytes: int
    due_in_ms: float
    is_held: bool
    is_stalled: bool
    """The link is cut, or the receiver has no power."""

    @property
    def lane(self) -> str:
        """Its connection and direction: what all messages have in common that follow each other."""
        return self.id[: max(self.id.find("<"), self.id.find(">")) + 1]


class LinkView(_Value, frozen=True):
    """A direction between two hosts that does not work as it should."""

    source: str
    to: str
    is_cut: bool
    latency_ms: float


class VoterView(_Value, frozen=True):
    """One node's part in the metadata quorum."""

    node: int
    is_online: bool
    epoch: int
    leader: int
    """Whom it follows, or itself; -1: nobody."""
    voted_for: int
    state: str
    """leader, follower, candidate, prospective, unattached, resigned or down."""
    high_watermark: int
    log_end_offset: int


class QuorumView(_Value, frozen=True):
    """The metadata quorum (KIP-595)."""

    leader: int
    epoch: int
    high_watermark: int
    voters: tuple[VoterView, ...]
    log: tuple[str, ...]
    """The last records of the controller's log, oldest first: "offset name: what"."""


class MemberView(_Value, frozen=True):
    """A member of a group."""

    member_id: str
    client: str
    instance_id: str | None
    assignment: tuple[str, ...]
    is_leader: bool


class OffsetView(_Value, frozen=True):
    """How far a group is in one partition."""

    topic: str
    partition: int
    committed: int
    end: int
    lag: int


class GroupView(_Value, frozen=True):
    """A consumer group on its coordinator."""

    group: str
    state: str
    generation: int
    protocol: str
    coordinator: int
    members: tuple[MemberView, ...]
    offsets: tuple[OffsetView, ...]

    @property
    def lag(self) -> int:
        return sum(offset.lag for offset in self.offsets)


class ClientView(_Value, frozen=True):
    """A program on the clients' machine."""

    name: str
    kind: str
    """producer, consumer or member."""
    state: str
    """running, paused, crashed or over."""
    topic: str
    group: str = ""
    acks: int = -1
    idempotent: bool = False
    sent: int = 0
    acked: int = 0
    failed: int = 0
    read: int = 0
    processed: int = 0
    last_error: str = ""
    positions: tuple[tuple[int, int], ...] = ()
    """(partition, next offset)"""
    reads_from: tuple[tuple[int, int], ...] = ()
    """(partition, node it reads from)"""


class EventView(_Value, frozen=True):
    """One line of the timeline."""

    number: int
    at_ms: float
    kind: str
    """action, node, election, isr, truncation, high-watermark, lost, fenced, quorum, group, produce, retention,
    violation, disk, config, broken"""
    text: str
    """What happened."""
    why: str = ""
    """Its cause, in plain words."""
    kip: str = ""
    """KIP-101, ..."""
    is_bad: bool = False
    """Something was lost, or must never happen."""
    subject: str = ""
    """node-1, orders-0, a group, a client: what to highlight."""


class InvariantView(_Value, frozen=True):
    """One line of the invariants' panel."""

    name: str
    text: str
    source: str
    holds: bool
    at_ms: float = -1.0
    callback: int = -1
    """The number of the world's event after which it was first seen violated; up to a tick late until `cause` is known."""
    detail: str = ""
    cause: str = ""
    """What ran at that very event, in words; "" until it was looked for (`Classroom.pinpoint`)."""


class LostView(_Value, frozen=True):
    """A record that was acknowledged and is on no replica any more."""

    topic: str
    partition: int
    offset: int
    value: str
    acks: int
    producer: str


class CountsView(_Value, frozen=True):
    """Totals since the world began."""

    callbacks: int
    acked: int
    sent: int
    processed: int
    processed_twice: int
    """Records that members of one group processed more than once."""
    skipped: int
    """Records before a group's committed offset that no member has processed."""
    lost: int
    elections: int
    quorum_elections: int
    rebalances: int
    truncations: int


class WorldView(_Value, frozen=True):
    """Everything, at one moment."""

    now_ms: float
    nodes: tuple[NodeView, ...]
    partitions: tuple[PartitionView, ...]
    messages: tuple[MessageView, ...]
    links: tuple[LinkView, ...]
    quorum: QuorumView
    groups: tuple[GroupView, ...]
    clients: tuple[ClientView, ...]
    invariants: tuple[InvariantView, ...]
    lost: tuple[LostView, ...]
    counts: CountsView
    without: tuple[str, ...]
    """Safeguards that are taken away."""
    events: int = 0
    """How many lines the timeline had by then; `Classroom.events(first, last)` gives them."""
    broken: str = ""
    """Why the world stands still for good; "" while it runs."""

    def node(self, node_id: int) -> NodeView:
        """KeyError when there is none."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)

    def partition(self, topic: str, partition: int = 0) -> PartitionView:
        """KeyError when there is none (yet)."""
        for view in self.partitions:
            if view.topic == topic and view.partition == partition:
                return view
        raise KeyError(f"{topic}-{partition}")

    def group(self, name: str) -> GroupView:
        """KeyError when there is none (yet)."""
        for view in self.groups:
            if view.group == name:
                return view
        raise KeyError(name)

    def client(self, name: str) -> ClientView:
        """KeyError when there is none."""
        for view in self.clients:
            if view.name == name:
                return view
        raise KeyError(name)

    def to_json(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self)


RECORDS_SHOWN = 40
