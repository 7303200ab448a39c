"""The client programs of a world: which run, and what of theirs is still open at the end.

Each is an actor that faults may crash and hang; one that starts anew is another session, with another name.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from engine.sim import final_state
from engine.sim.actors import Actor
from engine.sim.aiokafka_load import AiokafkaProducerLoad, AiokafkaReaderLoad
from engine.sim.anomalies import violations_of
from engine.sim.checker import check
from engine.sim.clients import SimProducer, SimReader
from engine.sim.events_load import EVENTS_TOPIC, PARTITIONS, EventsLoad
from engine.sim.group_load import GroupMemberLoad, GroupWatch
from engine.sim.history import Log, Violation
from engine.sim.plain_producer import PlainProducer
from engine.types import TopicPartition

if TYPE_CHECKING:
    from engine.sim.world import World

TOPIC = "orders"
PLAIN_TOPIC = "clicks"
"""Where producers without idempotence write, with any acks: other promises hold there."""


class Workloads:
    """See the module's docstring."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.producers: list[SimProducer] = []
        self.plain_producers: list[PlainProducer] = []
        self.readers: list[SimReader | AiokafkaReaderLoad] = []
        self.aiokafka_producers: list[AiokafkaProducerLoad] = []
        self.groups: list[GroupWatch] = []
        self.events = EventsLoad(world.bootstrap, world.randomness.stream, world.violations.append)
        self.actors: list[Actor] = []
        """The client programs that may crash and hang."""
        self._producing: list[Actor] = []
        self._groups_wander = True

    async def start(self) -> None:
        """Create the topics and start what the world's shape says."""
        world, shape = self._world, self._world.shape
        await world.create_topic(TOPIC, shape.partitions)
        if shape.plain_producers:
            await world.create_topic(PLAIN_TOPIC, 2)
        if shape.events:
            await world.create_topic(EVENTS_TOPIC, PARTITIONS)
        for index in range(shape.producers):
            self._start_producer(f"producer-{index}")
        for index in range(shape.plain_producers):
            self._start_plain_producer(f"plain-{index}")
        for index in range(2):
            self.start_reader(f"reader-{index}")
        for index, assignor in enumerate(shape.groups):
            self._start_group(f"group-{index}", assignor)
        if shape.aiokafka:
            self._start_aiokafka()
        if shape.events:
            self._start_events()

    def stop_producing(self) -> None:
        """After the storm: nothing new is sent, and groups stay as they are."""
        self._groups_wander = False
        for actor in self._producing:
            actor.end()
        for producer in self._all_producers():
            producer.stop()

    # ---- starting

    def _act(self, name: str, main: Callable[[str], Coroutine[Any, Any, None]], crashed: Callable[[], None]) -> Actor:
        actor = Actor(name, self._world.network, self._world.client_host, main, crashed)
        self.actors.append(actor)
        actor.start()
        return actor

    def _start_producer(self, name: str) -> None:
        world = self._world
        current: list[SimProducer] = []

        async def main(session: str) -> None:
            source = world.randomness.stream(session)
            producer = SimProducer(session, world.bootstrap, TOPIC, source, world.history, world.violations.append)
            producer.duplicate_probability = lambda: world.duplicate_probability
            current.append(producer)
            self.producers.append(producer)
            await producer.start()
            await producer.keep_sending(world.shape.sends_per_second / world.shape.producers)

        def crashed() -> None:
            self.producers.remove(current.pop())

        self._producing.append(self._act(name, main, crashed))

    def _start_plain_producer(self, name: str) -> None:
        world = self._world
        current: list[PlainProducer] = []

        async def main(session: str) -> None:
            source = world.randomness.stream(session)
            producer = PlainProducer(session, world.bootstrap, PLAIN_TOPIC, source, world.history)
            current.append(producer)
            self.plain_producers.append(producer)
            await producer.run(world.shape.sends_per_second / world.shape.plain_producers)

        def crashed() -> None:
            self.plain_producers.remove(current.pop())

        self._producing.append(self._act(name, main, crashed))
        if name == "plain-0":
            self.start_reader("plain-reader", PLAIN_TOPIC)

    def start_reader(self, name: str, topic: str = TOPIC) -> None:
        """A reader of the whole topic, without a group."""
        world = self._world
        current: list[SimReader] = []

        async def main(session: str) -> None:
            source = world.randomness.stream(session)
            reader = SimReader(session, world.bootstrap, topic, source, world.history, world.violations.append)
            current.append(reader)
            self.readers.append(reader)
            await reader.run()

        def crashed() -> None:
            self.readers.remove(current.pop())

        self._act(name, main, crashed)

    def _start_events(self) -> None:
        events, rate = self.events, self._world.shape.sends_per_second

        async def produce(session: str) -> None:
            await events.produce(session, rate)

        self._producing.append(self._act("events-producer", produce, lambda: events.producers.clear()))
        self._act("events-reader", events.read, lambda: events.readers.clear())

    def _start_group(self, group_id: str, assignor: str) -> None:
        world = self._world
        watch = GroupWatch(group_id, TOPIC, world.violations.append)
        self.groups.append(watch)
        static = world.randomness.stream(group_id).random() < 0.3
        for index in range(world.shape.members):

            async def main(session: str) -> None:
                member = GroupMemberLoad(
                    session,
                    world.bootstrap,
                    TOPIC,
                    world.shape.partitions,
                    world.randomness.stream(session),
                    world.history,
                    watch,
                    assignor,
                    static=static,
                    wanders=lambda: self._groups_wander,
                )
                await member.run()

            self._act(f"{group_id}-member-{index}", main, lambda: None)

    def _start_aiokafka(self) -> None:
        world, name = self._world, "aiokafka-0"
        theirs = AiokafkaProducerLoad(name, world.bootstrap, TOPIC, world.randomness.stream(name), world.history)
        self.aiokafka_producers.append(theirs)
        world.client_process.spawn(theirs.run(world.shape.sends_per_second), name=name)
        reader = AiokafkaReaderLoad("aiokafka-reader", world.bootstrap, TOPIC, world.shape.partitions, world.history)
        self.readers.append(reader)
        world.client_process.spawn(reader.run(), name=reader.name)

    # ---- at the end

    def _all_producers(self) -> Iterator[SimProducer | PlainProducer | AiokafkaProducerLoad]:
        yield from self.producers
        yield from self.plain_producers
        yield from self.aiokafka_producers
        yield from self.events.producers

    def unsettled(self) -> str:
        """What clients still wait for; "" when nothing."""
        unanswered = sum(producer.unanswered for producer in self._all_producers())
        if unanswered:
            return f"{unanswered} records have no answer"
        nodes = self._world.nodes.values()
        ends = {topic: final_state.log_ends(nodes, topic) for topic in (TOPIC, PLAIN_TOPIC, EVENTS_TOPIC)}
        for reader in (*self.readers, *self.events.readers):
            if reader.positions != ends[reader.topic]:
                return f"{reader.name} is at {reader.positions}, the logs end at {ends[reader.topic]}"
        for group in self.groups:
            behind = {index: end for index, end in ends[TOPIC].items() if end and group.acknowledged.get(index) != end}
            if behind:
                return f"{group.group_id} has committed {group.acknowledged}, the logs end at {behind}"
        return ""

    def judge(self, logs: Mapping[TopicPartition, Log]) -> Iterator[Violation]:
        """What is wrong with what clients saw, now that everything has settled."""
        world = self._world
        lasting = {place: log for place, log in logs.items() if place.topic != EVENTS_TOPIC}
        yield from check(world.history, lasting)
        yield from violations_of(world.history)
        for group in self.groups:
            yield from group.missed(lasting)
        yield from self.events.judge(logs, final_state.log_starts(world.nodes.values(), EVENTS_TOPIC))
