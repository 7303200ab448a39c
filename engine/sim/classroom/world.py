"""The steppable world of the classroom. The contract is in the package's docstring."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import msgspec

from engine.runtime import safeguards
from engine.sim.actors import Actor
from engine.sim.classroom.acting import Acting, Refused, topic_request
from engine.sim.classroom.actions import Action, CreateTopic, DeleteTopic, SetConfig, tag_of
from engine.sim.classroom.clients import ClientState
from engine.sim.classroom.explain import Event, differences
from engine.sim.classroom.keeping import Keeper
from engine.sim.classroom.looking import Looker
from engine.sim.classroom.panel import Panel
from engine.sim.classroom.pinpoint import pinpoint
from engine.sim.classroom.recording import Recording
from engine.sim.classroom.situation import ACTIONS_MAX, MOMENT_MS_MAX, Situation, Step
from engine.sim.classroom.timeline import Timeline
from engine.sim.classroom.view import ClientView, EventView, InvariantView, LostView, WorldView
from engine.sim.links import Link, LinkProfile
from engine.sim.loop import START_NS, SimulationError
from engine.sim.monitor import SELDOM
from engine.sim.nodes import CLIENT_PORT, SimNode
from engine.sim.process import ProcessState
from engine.sim.world import Shape, World
from engine.types import TopicPartition

TICK_NS = 20_000_000
"""The judges look, and the timeline is told, at every multiple of this."""
VIEW_EVERY_TICKS = 5
_BOOT_MS_MAX = 60_000

DEFAULT_PROPERTIES = {
    "offsets.topic.num.partitions": "1",
    "replica.lag.time.max.ms": "2000",
    "log.retention.check.interval.ms": "1000",
    "log.cleaner.backoff.ms": "500",
}
"""Faster than Kafka's defaults, so that a lesson takes minutes."""


class Classroom:
    """See the package's docstring. ValueError for moments that cannot be; SituationError comes from the readers."""

    def __init__(
        self, situation: Situation | None = None, *, node_properties: Mapping[int, Mapping[str, str]] | None = None
    ) -> None:
        """The world of `situation`, played up to its `until_ms`.

        `node_properties` are properties of single nodes that no situation carries (`paced` has its ports there).
        """
        situation = situation if situation is not None else Situation()
        self.seed = situation.seed
        self.shape = situation.shape
        shape = situation.shape
        self.world = World(
            situation.seed,
            level="calm",
            shape=Shape(
                nodes=shape.nodes,
                min_insync_replicas=1,
                producers=0,
                properties={**DEFAULT_PROPERTIES, **shape.properties},
            ),
            plan=(),
        )
        self.without: tuple[str, ...] = tuple(sorted(shape.without))
        self.slow: dict[int, int] = {}
        """Node -> how many ms longer everything to and from it takes."""
        self.clients: dict[str, tuple[ClientState, Actor]] = {}
        self.broken = ""
        """Why the simulation cannot go on; "" while it can."""
        self.refused = ""
        """Why the last action was not done; "" when it was."""
        self.timeline = Timeline()
        self.recording = Recording()
        self.panel = Panel()
        self._voters = frozenset(self.world.nodes)
        self._hands: dict[tuple[str, int], ClientState] = {}
        self._steps: list[Step] = []
        self._latest: WorldView | None = None
        self._ticks = 0
        self._ran = -1
        """Callbacks that had run at the last tick."""
        self._tick_view: WorldView | None = None
        self._client_views: tuple[ClientView, ...] = ()
        self._now_ns = START_NS
        self._closed = False
        world = self.world
        world.base_profile = world.network.link_profile = LinkProfile(
            latency_ns=shape.latency_ms * 1_000_000, jitter_ns=200_000, split_probability=0.0
        )
        for node, rack in zip(world.nodes.values(), shape.racks, strict=False):
            node.properties["broker.rack"] = rack
        for node_id, properties in (node_properties or {}).items():
            world.nodes[node_id].properties.update(properties)
        self._acting = Acting(self)
        self._looker = Looker(self)
        self._keeper = Keeper(self)
        self._boot()
        for step in situation.steps:
            if step.at_ns > self.now_ns:
                self._play_to(START_NS + step.at_ns)
            self.do(step.action)
        if situation.until_ms > self.now_ms:
            self.jump_to(situation.until_ms)

    # ---- time

    @property
    def now_ns(self) -> int:
        """Virtual nanoseconds since the world began."""
        return self._now_ns - START_NS

    @property
    def now_ms(self) -> float:
        """Virtual milliseconds since the world began."""
        return (self._now_ns - START_NS) / 1e6

    @property
    def trace_hash(self) -> str:
        """A function of what has happened; equal situations at equal moments have equal ones, in any process."""
        return self.world.trace.hash

    def advance(self, by_ms: float) -> None:
        """Play that much virtual time."""
        self._play_to(self._now_ns + int(by_ms * 1e6))

    def jump_to(self, at_ms: float) -> None:
        """Play up to that moment. ValueError for the past: see `fork_at`."""
        if at_ms < self.now_ms:
            raise ValueError(f"{at_ms} ms is past; the world stands at {self.now_ms:.3f} ms")
        if at_ms > MOMENT_MS_MAX:
            raise ValueError(f"a world lasts at most {MOMENT_MS_MAX} ms")
        self._play_to(START_NS + int(at_ms * 1e6))

    def step(self) -> bool:
        """Play the next instant at which anything runs. False when nothing will ever run again."""
        next_ns = None if self.broken else self.world.loop.next_ns()
        if next_ns is None:
            return False
        self._play_to(max(next_ns, self._now_ns))
        return True

    def step_event(self, limit_ms: float = 10_000) -> bool:
        """Play until the timeline has a new line, at most `limit_ms`. False when it got none."""
        before = self.event_count
        until_ms = self.now_ms + limit_ms
        while not self.broken and self.now_ms < until_ms:
            self._play_to(self._next_tick_ns)
            if self.event_count > before:
                return True
        return False

    @property
    def _next_tick_ns(self) -> int:
        return START_NS + (self._ticks + 1) * TICK_NS

    def _play_to(self, until_ns: int) -> None:
        if self._closed:
            raise ValueError("this classroom is closed")
        if until_ns - START_NS > MOMENT_MS_MAX * 1_000_000:
            raise ValueError(f"a world lasts at most {MOMENT_MS_MAX} ms")
        self._latest = None
        with self._undisturbed():
            while self._next_tick_ns <= until_ns and not self.broken:
                self._run(self._next_tick_ns)
                self._ticks += 1
                self._tick()
            if not self.broken:
                stood = self._now_ns, self.world.loop.callbacks
                self._run(until_ns)
                if stood != (self._now_ns, self.world.loop.callbacks):
                    self._latest = None

    def _run(self, until_ns: int) -> None:
        loop = self.world.loop
        try:
            with ExitStack() as stack:
                for name in self.without:
                    stack.enter_context(safeguards.without(name))
                loop.run_until_ns(until_ns)
        except SimulationError as error:
            self.broken = f"{type(error).__name__}: {error}"
            self._add(Event("broken", "The simulation cannot go on.", self.broken[:2_000], is_bad=True))
        self._now_ns = max(self._now_ns, until_ns, loop.now_ns)

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """No log lines and no garbage collection meanwhile: neither is the situation's."""
        logger = logging.getLogger("engine")
        level = logger.level
        enabled = gc.isenabled()
        logger.setLevel(logging.CRITICAL + 1)
        gc.disable()
        try:
            yield
        finally:
            logger.setLevel(level)
            if enabled:
                gc.enable()

    def _boot(self) -> None:
        """The cluster starts, and the shape's topics are made."""
        world = self.world

        async def boot() -> None:
            await world.start()
            for topic in self.shape.topics:
                for _ in range(200):
                    answer = await world.ask(topic_request(topic, self.shape.nodes))
                    if answer is not None and answer.topics[0].error_code in (0, 36):
                        break
                    if answer is not None and answer.topics[0].error_code not in (7, 38, 41):
                        raise SimulationError(f"topic {topic.topic}: {answer.topics[0].error_message}")
                for index in range(len(topic.replicas) or topic.partitions):
                    while world.leader(index, topic.topic) is None:
                        await _pause()

        booting = world.loop.create_task(boot(), name="boot")
        while not booting.done() and not self.broken and self.now_ms < _BOOT_MS_MAX:
            self._play_to(self._next_tick_ns)
        if not self.broken and booting.done() and booting.exception() is not None:
            self.broken = str(booting.exception())
        for _ in range(10):  # until every follower follows
            self._play_to(self._next_tick_ns)

    # ---- doing

    def do(self, action: Action) -> EventView:
        """Do it now, and note it. Returns its line of the timeline, which says so when it could not be done."""
        if self._closed:
            raise ValueError("this classroom is closed")
        if len(self._steps) >= ACTIONS_MAX:
            raise ValueError(f"a situation has at most {ACTIONS_MAX} actions")
        at_ns = self._now_ns
        self._steps.append(Step(at_ns - START_NS, action))
        told: list[Event] = []
        self.refused = self.broken

        def act() -> None:
            subject = f"node-{getattr(action, 'node', '')}" if hasattr(action, "node") else getattr(action, "name", "")
            self.world.network.record(f"action {tag_of(action)}")
            try:
                text, why = self._acting.act(action)
                told.append(Event("action", text, why, subject=subject))
            except Refused as refused:
                self.refused = str(refused)
                told.append(Event("action", f"{tag_of(action)}: nothing was done, for {refused}.", subject=subject))

        loop = self.world.loop
        loop.now_ns = max(loop.now_ns, at_ns)
        if isinstance(action, DeleteTopic):
            self._keeper.forget(action.topic)
        elif isinstance(action, CreateTopic):
            self._keeper.note_configs(action.topic, action.configs)
        elif isinstance(action, SetConfig):
            self._keeper.note_configs(action.topic, {action.name: action.value or ""})
        place = self.timeline.place
        if not self.broken:
            loop.call_soon(act, context=contextvars.Context())
            self._latest = None
            with self._undisturbed():
                self._run(at_ns)
        event = self._add(told[0] if told else Event("action", f"{tag_of(action)}: the world stands still."), place)
        self._latest = None
        return event

    def new_node(self, node_id: int, rack: str | None) -> SimNode:
        """A broker that is no voter; down, with an empty disk. For `AddNode`."""
        world = self.world
        properties = world.node_properties(node_id)
        properties["process.roles"] = "broker"
        properties["listeners"] = f"PLAINTEXT://node-{node_id}:{CLIENT_PORT}"
        if rack is not None:
            properties["broker.rack"] = rack
        part = world.randomness.part(f"node-{node_id}")
        node = SimNode(node_id, world.network, part, world.trace, properties)
        node.on_failure = world._node_failed
        node.note = world.sometimes.note
        world.nodes[node_id] = node
        world.monitor.watch(node)
        return node

    @property
    def cluster_id(self) -> str:
        return next(iter(self.world.nodes.values()))._cluster_id

    def is_voter(self, node_id: int) -> bool:
        """Whether it takes part in the quorum (brokers that were added do not)."""
        return node_id in self._voters

    def hand(self, topic: str, acks: int) -> ClientState:
        """Who sends the records made by hand."""
        state = self._hands.get((topic, acks))
        if state is None:
            name = "hand" if acks == -1 else f"hand-acks-{acks}"
            state = self._hands[topic, acks] = ClientState(name, "producer", topic, acks=acks)
        return state

    def link_profile(self, link: Link) -> LinkProfile:
        """How a link behaves when nothing is wrong with it."""
        return self.world.link_profile(link)

    def present_profile(self, link: Link) -> LinkProfile:
        """How a link behaves now, slow nodes counted."""
        base = self.link_profile(link)
        source, _, to = link.name.partition("->")
        extra_ms = sum(ms for node, ms in self.slow.items() if f"node-{node}" in (source, to) and source != to)
        if not extra_ms:
            return base
        return LinkProfile(base.latency_ns + extra_ms * 1_000_000, base.jitter_ns, split_probability=0.0)

    def slow_ms(self, node_id: int) -> int:
        return self.slow.get(node_id, 0)

    # ---- the timeline

    def note(self, kind: str, text: str, why: str = "") -> None:
        """Something that an action led to later."""
        self._add(Event(kind, text, why))

    def _add(self, event: Event, place: int | None = None) -> EventView:
        return self.timeline.add(event, self.now_ms, place)

    @property
    def event_count(self) -> int:
        """How many lines the timeline has had."""
        return self.timeline.count

    def events(self, first: int = 0, last: int | None = None) -> tuple[EventView, ...]:
        """The lines with numbers from `first` up to `last` (exclusive), as far as they are kept."""
        return self.timeline.lines(first, last)

    # ---- looking

    def view(self) -> WorldView:
        """The world as it stands."""
        if self._latest is None:
            self._latest = self._looker.look()
        return self._latest

    def view_at(self, at_ms: float) -> WorldView:
        """The newest view that was kept of that moment or before; the present one for the present and the future."""
        kept = None if at_ms >= self.now_ms else self.recording.at(at_ms)
        return self.view() if kept is None else kept

    def kept_moments(self) -> tuple[float, ...]:
        """The moments (ms) of which a view was kept."""
        return self.recording.moments

    def _tick(self) -> None:
        """Judges look, the timeline is told, and now and then the view is kept."""
        world = self.world
        before = self._tick_view
        if before is not None and self._is_idle():
            self._take_tick(self._looker.later(before))
            return
        try:
            world.monitor.look()
        except (KeyError, AttributeError, AssertionError) as error:  # a judge must not end the lesson
            self.broken = f"a judge failed: {error!r}"
        for node in world.nodes.values():
            if node.has_failed and node.failed is None and node.node is not None:
                node.failed = node.node.failed
                if not node.may_fail and node.failed is not None:
                    world._node_failed(node, node.failed)
        view = self._looker.look()
        gone, self._looker.gone = self._looker.gone, []
        if before is not None:
            for event in differences(before, view, gone):
                self._add(event)
        for event in self._keeper.look(view, self._looker, gone):
            self._add(event)
        for event in self.panel.look(world.violations, self.now_ms, world.loop.callbacks):
            self._add(event)
        if view.events != self.event_count:
            view = msgspec.structs.replace(
                view,
                events=self.event_count,
                invariants=self.panel.views,
                lost=self._keeper.lost,
                counts=self._looker.counts(),
            )
        self._take_tick(view)

    def _is_idle(self) -> bool:
        """Whether nothing ran since the tick before, so that nobody would see anything else. The dear judges look all
        the same: time alone may be what they mind."""
        monitor, ran = self.world.monitor, self.world.loop.callbacks
        is_idle = ran == self._ran and (monitor.looks + 1) % SELDOM != 0
        self._ran = ran
        monitor.looks += is_idle
        return is_idle

    def _take_tick(self, view: WorldView) -> None:
        self._tick_view = self._latest = view
        if self._ticks % VIEW_EVERY_TICKS == 0:
            self.recording.keep(view)

    def pinpoint(self, name: str) -> bool:
        """Find the very event after which an invariant that is violated no longer held, and keep the view of it, by
        playing the world up to there once more. False when it is not violated, or not seen that way."""
        known = self.panel.violated(name)
        if known is None or known.cause:
            return known is not None
        exact = pinpoint(self, known)
        if exact is None:
            return False
        found = self.panel.name_event(name, exact)
        self._latest = None
        shown = tuple(found if each.name == name else each for each in exact.view.invariants)
        self.recording.insert(msgspec.structs.replace(exact.view, invariants=shown), found.at_ms)
        return True

    def _look_at_clients(self) -> None:
        before = {view.name: view for view in self._client_views}
        views = []
        for state, actor in self.clients.values():
            status = "running"
            if actor.process.state is ProcessState.PAUSED:
                status = "paused"
            elif state.is_over:
                status = "over"
            elif actor.process.state is ProcessState.DEAD:
                status = "crashed"
            views.append(_client_view(state, status))
        views.extend(_client_view(state, "running") for state in self._hands.values())
        self._client_views = tuple(
            before[view.name] if view.name in before and before[view.name] == view else view for view in views
        )

    def client_views(self) -> tuple[ClientView, ...]:
        self._look_at_clients()
        return self._client_views

    def client_states(self) -> list[ClientState]:
        """Of every client, those made by hand too."""
        return [state for state, _ in self.clients.values()] + list(self._hands.values())

    def invariant_views(self) -> tuple[InvariantView, ...]:
        return self.panel.views

    def lost_views(self) -> tuple[LostView, ...]:
        return self._keeper.lost

    def processed_twice(self) -> int:
        return self._keeper.processed_twice

    def skipped(self) -> int:
        return self._keeper.skipped

    def log_values(self, topic: str, partition: int, node: int) -> dict[int, str]:
        """Offset -> value (shortened) of everything on that node's disk, as of the last look."""
        log = self._looker.log(node, TopicPartition(topic, partition))
        return {} if log is None else {offset: record.value for offset, record in log.records.items()}

    # ---- situations

    def situation(self) -> Situation:
        """What would play to this very moment again."""
        return Situation(self.seed, self.shape, tuple(self._steps), int(self.now_ns // 1_000_000))

    def fork_at(self, at_ms: float) -> Classroom:
        """A world of its own that stands at a past moment: what was done later is cut off, and it can go on otherwise."""
        if not 0 <= at_ms <= self.now_ms:
            raise ValueError(f"{at_ms} ms is not between 0 and {self.now_ms:.3f} ms")
        return Classroom(self.situation().cut_at(int(at_ms)))

    def close(self) -> None:
        """Let go of the world. The views stay."""
        if not self._closed:
            self._closed = True
            with self._undisturbed():
                self.world.close()


def _client_view(state: ClientState, status: str) -> ClientView:
    return ClientView(
        state.name,
        state.kind,
        status,
        state.topic,
        state.group,
        state.acks,
        state.idempotent,
        state.sent,
        state.acked,
        state.failed,
        state.read,
        len(state.processed),
        state.last_error,
        tuple(sorted(state.positions.items())),
        tuple(sorted(state.reads_from.items())),
    )


async def _pause() -> None:

    await asyncio.sleep(0.05)
