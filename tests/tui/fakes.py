"""A cluster that exists only as a snapshot, and screens as text: what the tests of views stand on."""

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path

from console.audit import AuditEntry, AuditTrail
from console.changes.draft import Difference
from console.errors import Blame, OperatorError
from console.history.snapshot import GroupProgress, Snapshot
from console.lag.tracker import LagTracker
from console.local_machine import LocalUsage, MachineUsage, ProcessUsage
from console.services.brokers import BrokerListing
from console.services.configs import ConfigDescription, ConfigEntry, ConfigSource
from console.services.group_members import GroupMember, GroupMembership
from console.services.groups import GroupDescription, GroupSummary
from console.services.log_dirs import LogDir
from console.services.quorum import Quorum, QuorumReplica, QuorumRole
from engine.net.cluster_view import BrokerView, PartitionView
from engine.types import TopicPartition
from tui.app import StokerApp
from tui.past import Past

NOW_MS = 1_780_000_000_000
HOSTILE = "or\x1b[31mders\u202egnp\u200b\n\u4f60\u597d\u0301\u0301\u0301\u0301e\ufe0f[b]x[/b]"


def partition_view(number, leader=1, replicas=(1, 2, 3), isr=None, epoch=4, offline=()):
    return PartitionView(
        number, leader, epoch, tuple(replicas), tuple(replicas if isr is None else isr), tuple(offline), 0
    )


def broker_view(node_id):
    return BrokerView(node_id, "kafka", 9091 + node_id, f"rack-{node_id}")


def snapshot_of(topics, *, brokers=(1, 2, 3), groups=None, at_ms=NOW_MS, quorum=True, usage=False, missing=()):
    """`topics`: name to list of (partition view, start, end). `groups`: id to (state, members, {(topic, n): offset})."""
    partitions, offsets, sizes = {}, {}, {}
    for name, each in topics.items():
        for view, start, end in each:
            key = TopicPartition(name, view.partition)
            partitions[key] = view
            if view.leader_id >= 0:
                offsets[key] = (start, end)
            sizes[key] = {node: (end - start) * 120 for node in view.replicas if node in brokers}
    found = {}
    for group_id, (state, members, committed) in (groups or {}).items():
        keyed = {TopicPartition(*key): offset for key, offset in committed.items()}
        found[group_id] = GroupProgress(
            group_id, "classic", state, 2, members, keyed, frozenset(keyed if members else ())
        )
    held = {node: sum(each.get(node, 0) for each in sizes.values()) for node in brokers}
    return Snapshot(
        at_ms,
        "MkU3OEVBNTcwNTJENDM2Qg",
        {node: broker_view(node) for node in brokers},
        partitions,
        offsets,
        sizes,
        tuple(LogDir(node, "/data", 10**11, 6 * 10**10, len(partitions), held[node], None) for node in brokers),
        found,
        the_quorum() if quorum else None,
        the_usage(at_ms) if usage else None,
        tuple(missing),
    )


def the_quorum():
    def replica(node, role, end, lag):
        return QuorumReplica(
            node,
            "AAAAAAAAAAAAAAAAAAAAAQ",
            role,
            end,
            lag,
            NOW_MS - 200,
            NOW_MS - 2_500,
            (f"CONTROLLER://kafka:1909{node}",),
        )

    return Quorum(
        1, 7, 1_234,
        (replica(1, QuorumRole.LEADER, 1_240, 0), replica(2, QuorumRole.VOTER, 1_240, 0), replica(3, QuorumRole.VOTER, 1_200, 40)),
    )  # fmt: skip


def the_usage(at_ms):
    seconds = (at_ms - NOW_MS) / 1000 + 100
    processes = tuple(
        ProcessUsage(4_000 + node, (node,), seconds * 0.1 * node, 90_000_000 + node * 10**6, 12, 80, 1_000, 2_000)
        for node in (1, 2, 3)
    )
    machine = MachineUsage(4, seconds * 2, 16 * 2**30, 10 * 2**30, 0, 0, 0, 0)
    return LocalUsage(processes, machine, ())


def ordinary(at_ms=NOW_MS, step=0, **options):
    """A small cluster; `step` moves it on."""
    topics = {
        "orders": [(partition_view(n, leader=1 + n % 3, replicas=(1 + n % 3, 1 + (n + 1) % 3, 1 + (n + 2) % 3)), 0, 1_000 * (n + 1) + 50 * step) for n in range(3)],
        "payments": [(partition_view(0), 10, 510 + step)],
        "page-views": [(partition_view(n), 0, 250_000 + 900 * step) for n in range(6)],
        "__consumer_offsets": [(partition_view(n), 0, 40) for n in range(3)],
    }  # fmt: skip
    groups = {
        "billing": ("Stable", 2, {("orders", n): 1_000 * (n + 1) + 45 * step for n in range(3)}),
        "nightly": ("Empty", 0, {("orders", 0): 100, ("payments", 0): 10}),
    }
    return snapshot_of(topics, groups=groups, at_ms=at_ms, usage=True, **options)


def degraded(at_ms=NOW_MS):
    """Broker 3 is gone, and a partition has no leader."""
    topics = {
        "orders": [(partition_view(0, 1, isr=(1, 2)), 0, 10), (partition_view(1, -1, replicas=(3,), isr=(3,), offline=(3,)), 0, 10)],
        "payments": [(partition_view(0, 2, replicas=(3, 2, 1), isr=(2, 1)), 0, 7)],
        "fine": [(partition_view(0, 1, replicas=(1, 2)), 0, 7)],
    }  # fmt: skip
    return snapshot_of(topics, brokers=(1, 2), at_ms=at_ms)


def huge(partitions=10_000):
    return snapshot_of(
        {"big": [(partition_view(n), 0, n * 10) for n in range(partitions)]},
        groups={f"group-{n:05}": ("Stable", 1, {("big", n % partitions): n}) for n in range(2_000)},
    )


def hostile():
    return snapshot_of(
        {HOSTILE: [(partition_view(0), 0, 10)], "w" * 249: [(partition_view(0), 0, 10)]},
        groups={HOSTILE: ("Stable", 1, {(HOSTILE, 0): 3})},
    )


def empty():
    return snapshot_of({})


UNREACHABLE = OperatorError(
    "no cluster at kafka:9092", "connection refused", "Start one with `stoker up`.", blame=Blame.UNREACHABLE
)


def entry(name, value, *, own=False, documentation="What it does.", read_only=False, sensitive=False, kind="string"):
    source = ConfigSource.DYNAMIC_TOPIC_CONFIG if own else ConfigSource.DEFAULT_CONFIG
    return ConfigEntry(name, value, source, sensitive, read_only, kind, documentation, own)


CONFIGS = (
    entry("cleanup.policy", "compact", own=True, documentation="What happens to old records."),
    entry("max.message.bytes", "1048588", kind="int"),
    entry("retention.ms", "604800000", kind="long"),
    entry("ssl.keystore.password", None, sensitive=True, kind="password"),
    entry("log.dirs", "/data", read_only=True),
)

AUDIT = AuditTrail(
    (
        AuditEntry(
            "aaaa0001", NOW_MS - 60_000, "ada", "desk", "cli", "MkU3OEVBNTcwNTJENDM2Qg", "kafka:9092", "create-topic",
            "topic orders", "stoker topics create orders", {"exists": False}, {"exists": True}, "done",
            undo={"kind": "delete-topic"},
        ),
        AuditEntry(
            "aaaa0002", NOW_MS - 30_000, "ada", "desk", "tui", "MkU3OEVBNTcwNTJENDM2Qg", "kafka:9092", "alter-config",
            "topic orders", "stoker configs alter topic orders retention.ms=1", {"retention.ms": None}, {"retention.ms": "1"},
            "failed", "INVALID_CONFIG: no",
        ),
    ),
    0,
)  # fmt: skip


OTHERWISE = {
    "huge": {
        "configs": tuple(entry(f"property.{n:03}", "v" * (n % 200)) for n in range(300)),
        "trail": AuditTrail(
            tuple(
                replace(
                    AUDIT.entries[1],
                    id=f"aaaa{n:04}",
                    at_ms=NOW_MS - n * 1_000,
                    before={f"property.{n:03}": None for n in range(200)},
                    after={f"property.{n:03}": "v" * n for n in range(200)},
                )
                for n in range(3_000)
            ),
            7,
        ),
    },
    "hostile": {
        "configs": (entry(HOSTILE, HOSTILE, own=True, documentation=HOSTILE),),
        "trail": AuditTrail(
            (replace(AUDIT.entries[1], subject=HOSTILE, command=HOSTILE, error=HOSTILE, after={HOSTILE: HOSTILE}),), 0
        ),
    },
}
"""What the console knows beside the cluster's snapshot, by state."""


@dataclass
class FakePlan:
    """As the door's plan, of a change that does nothing but be noted."""

    change: object
    done: list
    subject: str = "topic orders"
    difference: tuple = (Difference("~", "retention.ms", "1", "2"),)
    risks: tuple = ("Think of it.",)
    command: str = "stoker topics alter orders"
    destroys: str | None = None
    loss: str = ""
    outcome: str = ""
    blocked: OperatorError | None = None
    undo_note: str = ""

    async def execute(self):
        self.done.append(self.change)
        return FakeResult()


@dataclass
class FakeResult:
    audit_id: str = "aaaa0009"
    undo: object = "undo"
    undo_note: str = ""
    unverified: tuple = ()


@dataclass
class FakeSource:
    """What the app asks, answered from memory."""

    snapshot: Snapshot | None = None
    failure: OperatorError | None = None
    name: str = "local"
    address: str = "kafka:9092 +2"
    readonly: bool = False
    tracker: LagTracker = field(default_factory=LagTracker)
    past: Past = field(default_factory=Past)
    configs: tuple = CONFIGS
    trail: AuditTrail = field(default_factory=lambda: AuditTrail((), 0))
    done: list = field(default_factory=list)
    undone: list = field(default_factory=list)
    plan_with: dict = field(default_factory=dict)
    refreshed: int = 0
    closed: bool = False
    cluster: object = None
    member_count: int = 0
    """Of every group; 0: as the snapshot says."""
    member_name: str = "client"

    def __post_init__(self):
        self._passed = asyncio.Event()
        self._waits = False
        if self.snapshot is not None:
            first, self.snapshot = self.snapshot, None
            self.show(first)

    def show(self, snapshot):
        """The next look at the cluster, without telling."""
        self.snapshot, self.failure = snapshot, None
        self.past.observe(snapshot)
        ends = {partition: end for partition, (_, end) in snapshot.offsets.items()}
        groups = {each.group_id: (each.committed, each.assigned) for each in snapshot.groups.values()}
        self.tracker.observe(snapshot.at_ms, ends, groups)

    def pass_over(self, snapshot=None, failure=None):
        """A look at the cluster, as the sampler's."""
        if snapshot is not None:
            self.show(snapshot)
        self.failure = failure
        self._passed.set()

    def now_ms(self):
        return NOW_MS + 10_000

    async def refresh(self):
        self.refreshed += 1

    @property
    def is_seen(self):
        """Whether the app has been told of all looks at the cluster."""
        return self.closed or (self._waits and not self._passed.is_set())

    async def passes(self):
        yield
        while True:
            self._waits = True
            await self._passed.wait()
            self._waits = False
            self._passed.clear()
            yield

    async def close(self):
        self.closed = True

    async def config(self, resource):
        if self.failure is not None:
            raise self.failure
        return ConfigDescription(resource, self.configs)

    async def brokers(self):
        return BrokerListing((), True, ())

    async def group(self, group_id):
        if self.failure is not None:
            raise self.failure
        progress = self.snapshot.groups[group_id]
        many = self.member_count or progress.member_count or 0
        members = tuple(
            GroupMember(
                f"member-{n}", None, f"{self.member_name}-{n}", "10.0.0.9", None,
                tuple(sorted(progress.assigned))[n::many], None,
            )
            for n in range(many)
        )  # fmt: skip
        summary = GroupSummary(group_id, "classic", progress.state, "consumer", 2, len(members), 1, 0)
        return GroupDescription(summary, GroupMembership(progress.state, "range", members), (), ())

    async def audit(self):
        if isinstance(self.trail, Exception):
            raise self.trail
        return self.trail

    async def series(self, question):
        raise OperatorError("there is no history")

    async def plan(self, change):
        return FakePlan(change, self.done, **self.plan_with)

    async def plan_undo(self, audit_id):
        self.undone.append(audit_id)
        return FakePlan(f"undo {audit_id}", self.done, **self.plan_with)


def app_of(source, start=None, **options):
    options.setdefault("theme", "stoker-dark")
    # What fails in a view fails the test.
    options.setdefault("debug", True)
    return StokerApp(source, start=start, **options)


WAIT_SECONDS = 60
"""How long a state is waited for: far more than it takes on a machine that is busy with others."""


async def settle(pilot):
    """Until everything that was set off is done: looks at the cluster, workers, and repaints."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + WAIT_SECONDS
    quiet = 0
    # Twice in a row: what a widget does with a message may set off a worker.
    while quiet < 2 and pilot.app.is_running and not pilot.app._exit:
        await pilot.pause()
        waiting = unfinished(pilot.app)
        quiet = 0 if waiting else quiet + 1
        assert clock() < deadline, f"it did not settle: {waiting}"
    if pilot.app.is_running:
        await pilot.pause()


def unfinished(app):
    """What is still to be done before the screen is as it stays: nothing that goes on for ever, nor what waits for a person."""
    waiting = [each for each in app.workers if not each.is_finished and not _goes_on(app, each)]
    if app.keys_wait:
        waiting.append("keys")
    if not getattr(app.source, "is_seen", True):
        waiting.append("a look at the cluster")
    return waiting


def _goes_on(app, worker):
    # A change waits for its plan first, then for the answer to the dialog that shows it.
    asks = worker.group in ("change", "edit", "run") and app.screen.is_modal
    return asks or worker.group in ("follow", "lab")


def screen_text(app):
    """What the screen shows, line by line."""
    height = app.size.height
    lines = app.screen._compositor.render_strips()
    return [line.text.rstrip() for line in lines[:height]]


def screen_styles(app):
    """Its styles, a line per line of the screen: runs of "letter and length", and what the letters stand for."""
    names, lines = {}, []
    for strip in app.screen._compositor.render_strips()[: app.size.height]:
        runs = []
        for segment in strip:
            style = segment.style
            text = "" if style is None else _style_text(style)
            letter = names.setdefault(text, chr(ord("a") + len(names)) if len(names) < 26 else f"{{{len(names)}}}")
            length = segment.cell_length
            if runs and runs[-1][0] == letter:
                runs[-1][1] += length
            else:
                runs.append([letter, length])
        lines.append(" ".join(f"{letter}{length}" for letter, length in runs))
    return lines, [f"{letter} = {text or 'plain'}" for text, letter in names.items()]


def _style_text(style):
    parts = [name for name in ("bold", "dim", "italic", "underline", "reverse") if getattr(style, name)]
    if style.color is not None and style.color.triplet is not None:
        parts.append(style.color.triplet.hex)
    elif style.color is not None:
        parts.append(style.color.name)
    if style.bgcolor is not None:
        parts.append("on " + (style.bgcolor.triplet.hex if style.bgcolor.triplet else style.bgcolor.name))
    return " ".join(parts)


SNAPSHOTS = Path(__file__).parent / "snapshots"


def screen_snapshot(app, styled=True):
    lines = [f"|{line}" for line in screen_text(app)]
    if not styled:
        return "\n".join(lines) + "\n"
    runs, names = screen_styles(app)
    # Lines of one style pattern are said once: only what changes is a line of its own.
    return "\n".join([*lines, "", *runs_short(runs), "", *names]) + "\n"


def runs_short(runs):
    short, count = [], 0
    for at, run in enumerate(runs):
        count += 1
        if at + 1 == len(runs) or runs[at + 1] != run:
            short.append(f"{count}x {run}")
            count = 0
    return short
