"""aiokafka as an independent client of the world: a producer it wrote itself, and consumers in a group.

The judges get the same history from it as from the laboratory's own clients. It must run inside
`engine.sim.aiokafka_time.aiokafka_in`. When its producer gives up (a fatal error, a delivery that timed out), a new
session begins: order and idempotence are promised within one only.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import Any

from engine.sim.history import Fate, History, Polled, Send
from engine.types import TopicPartition


class AiokafkaProducerLoad:
    """Sends unique values, keyed and unkeyed, with acks=all and idempotence, until told to stop."""

    def __init__(
        self, name: str, bootstrap: Sequence[tuple[str, int]], topic: str, source: random.Random, history: History
    ) -> None:
        self.name = name
        self.unanswered = 0
        self.sessions = 0
        self._bootstrap = ",".join(f"{host}:{port}" for host, port in bootstrap)
        self._topic = topic
        self._source = source
        self._history = history
        self._stopping = False

    async def run(self, sends_per_second: float) -> None:
        """Until `stop`; every record is answered for when it returns."""
        while not self._stopping:
            self.sessions += 1
            await self._session(f"{self.name}.{self.sessions}", sends_per_second)

    def stop(self) -> None:
        """Send no more."""
        self._stopping = True

    async def _session(self, session: str, sends_per_second: float) -> None:
        from aiokafka import AIOKafkaProducer
        from aiokafka.errors import KafkaError

        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id=session,
            enable_idempotence=True,
            linger_ms=self._source.choice((0, 5, 50)),
            request_timeout_ms=20_000,
        )
        try:
            await producer.start()
        except KafkaError:
            await producer.stop()
            await asyncio.sleep(0.5)
            return
        failed = False
        count = 0
        waiting: dict[asyncio.Task[None], None] = {}

        async def answer(future: Any, send: Send) -> None:
            nonlocal failed
            try:
                metadata = await future
            except KafkaError as error:
                send.error = repr(error)  # it may be in the log all the same
                failed = True
            else:
                send.fate = Fate.ACKNOWLEDGED
                send.topic_partition = TopicPartition(metadata.topic, metadata.partition)
                send.offset = metadata.offset
            self.unanswered -= 1

        try:
            while not self._stopping and not failed:
                value = b"%s:%06d" % (session.encode(), count)
                key = b"%d" % self._source.randrange(20) if self._source.random() < 0.7 else None
                send = self._history.send(session, count, value, 0)
                count += 1
                self.unanswered += 1
                try:
                    future = await producer.send(self._topic, value, key=key)
                except KafkaError as error:
                    send.error = repr(error)
                    self.unanswered -= 1
                    break
                task = asyncio.create_task(answer(future, send))
                waiting[task] = None
                task.add_done_callback(lambda done: waiting.pop(done, None))
                await asyncio.sleep(self._source.expovariate(sends_per_second))
            if waiting:
                await asyncio.wait(list(waiting), timeout=60)
        finally:
            await producer.stop()


class AiokafkaReaderLoad:
    """Reads all partitions by assignment, from the beginning."""

    def __init__(
        self,
        name: str,
        bootstrap: Sequence[tuple[str, int]],
        topic: str,
        partitions: int,
        history: History,
    ) -> None:
        self.name = name
        self.positions: dict[int, int] = dict.fromkeys(range(partitions), 0)
        self._bootstrap = ",".join(f"{host}:{port}" for host, port in bootstrap)
        self.topic = topic
        self._history = history
        self._consumer_history = history.consumer(name)

    async def run(self) -> None:
        """For ever."""
        from aiokafka import AIOKafkaConsumer
        from aiokafka import TopicPartition as TheirTopicPartition
        from aiokafka.errors import KafkaError

        while True:
            consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap, client_id=self.name, group_id=None, auto_offset_reset="none"
            )
            try:
                await consumer.start()
                consumer.assign([TheirTopicPartition(self.topic, index) for index in self.positions])
                for index, position in self.positions.items():
                    consumer.seek(TheirTopicPartition(self.topic, index), position)
                while True:
                    record = await consumer.getone()
                    place = TopicPartition(record.topic, record.partition)
                    self._consumer_history.records.append(Polled(place, record.offset, record.value or b""))
                    self.positions[record.partition] = record.offset + 1
            except KafkaError:
                await asyncio.sleep(0.5)
            finally:
                await consumer.stop()
