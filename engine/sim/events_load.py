"""A topic that does not stay as it is: its beginning is deleted, by request and by retention, and its partitions grow.

Its producer and reader follow both. What was deleted cannot be judged at the end, so this topic has a history of its own;
the judges excuse what is before a partition's log start, and complain when that is further on than anybody had asked for.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

from engine.net.client import ClientConnection
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ListOffsetsRequest, ListOffsetsResponse
from engine.sim.checker import check
from engine.sim.clients import BROKEN, REQUEST_TIMEOUT_MS, Report, SimProducer, SimReader
from engine.sim.history import History, Log, Violation
from engine.types import TopicPartition

EVENTS_TOPIC = "events"
PARTITIONS = 2
PARTITIONS_MAX = 6
METADATA_AGE_S = 1.0
"""How often clients look for new partitions."""
EARLIEST = -2
_TRIES = 50


class Deletions:
    """What anybody has asked to be deleted."""

    def __init__(self) -> None:
        self._before: dict[TopicPartition, int] = {}
        self.is_bounded = True
        """False once retention, or "everything there is", was asked for: then nobody knows how far it goes."""

    def asked(self, place: TopicPartition, before_offset: int) -> None:
        """Records of `place` before that offset may go, whether the answer is heard or not."""
        self._before[place] = max(before_offset, self._before.get(place, 0))

    def bound(self, place: TopicPartition) -> int:
        """The furthest log start that `place` may have."""
        return self._before.get(place, 0)


class EventsProducer(SimProducer):
    """An idempotent producer that finds new partitions."""

    async def keep_sending(self, sends_per_second: float) -> None:
        following = asyncio.create_task(self._follow(), name=f"{self.name} metadata")
        try:
            await super().keep_sending(sends_per_second)
        finally:
            following.cancel()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(METADATA_AGE_S)
            await self.refresh()
            self.take_up_partitions()


class EventsReader(SimReader):
    """A reader that finds new partitions, and goes on at the log start when its position was deleted."""

    async def run(self) -> None:
        readers: dict[int, asyncio.Task[None]] = {}
        while True:
            await self.refresh()
            for partition in sorted(self.leaders):
                if partition not in readers:
                    readers[partition] = asyncio.create_task(self._read(partition), name=f"{self.name} {partition}")
            await asyncio.sleep(METADATA_AGE_S)

    async def _out_of_range(self, partition: int) -> bool:
        for _ in range(_TRIES):
            try:
                connection, epoch = await self.leader_connection(partition)
                start = await self._earliest(connection, partition, epoch)
            except BROKEN:
                start = None
            if start is not None and start > self.positions[partition]:
                self.positions[partition] = start
                self._consumer.log_starts.setdefault(TopicPartition(self.topic, partition), []).append(start)
                return True
            # A leader that has just been elected may be behind with its log start or its high watermark.
            await self.back_off()
            await self.refresh()
        return False

    async def _earliest(self, connection: ClientConnection, partition: int, epoch: int) -> int | None:
        topic = ListOffsetsRequest.ListOffsetsTopic(
            name=self.topic,
            partitions=[
                ListOffsetsRequest.ListOffsetsPartition(
                    partition_index=partition, current_leader_epoch=epoch, timestamp=EARLIEST
                )
            ],
        )
        request = ListOffsetsRequest(replica_id=-1, topics=[topic])
        answer: ListOffsetsResponse = await connection.request(request, timeout_ms=REQUEST_TIMEOUT_MS)
        row = answer.topics[0].partitions[0]
        return row.offset if row.error_code == ErrorCode.NONE else None


class EventsLoad:
    """The topic's clients, their history, and its judge. `act` starts a client program that may crash."""

    def __init__(
        self,
        bootstrap: Sequence[tuple[str, int]],
        stream: Callable[[str], random.Random],
        report: Report,
    ) -> None:
        self._bootstrap = bootstrap
        self._stream = stream
        self._report = report
        self.history = History()
        self.deletions = Deletions()
        self.producers: list[EventsProducer] = []
        self.readers: list[EventsReader] = []

    async def produce(self, session: str, sends_per_second: float) -> None:
        """The main function of a producer session."""
        producer = EventsProducer(
            session, self._bootstrap, EVENTS_TOPIC, self._stream(session), self.history, self._report
        )
        self.producers.append(producer)
        await producer.start()
        await producer.keep_sending(sends_per_second)

    async def read(self, session: str) -> None:
        """The main function of a reader session."""
        reader = EventsReader(session, self._bootstrap, EVENTS_TOPIC, self._stream(session), self.history, self._report)
        self.readers.append(reader)
        await reader.run()

    def judge(self, logs: Mapping[TopicPartition, Log], log_starts: Mapping[TopicPartition, int]) -> list[Violation]:
        """What is wrong at the end. `logs` and `log_starts` are those of all topics."""
        ours = {place: log for place, log in logs.items() if place.topic == EVENTS_TOPIC}
        found = check(self.history, ours, log_starts)
        if self.deletions.is_bounded:
            for place in ours:
                start, bound = log_starts.get(place, 0), self.deletions.bound(place)
                if start > bound:
                    found.append(
                        Violation("deleted-too-much", f"{place} begins at {start}; at most {bound} was asked for")
                    )
        return found
