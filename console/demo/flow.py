"""The demo alive: every sample goes on where its records end, at its gentle rate and with the time of now.

Generators run as tasks on the caller's loop and send through one producer. A stream processor turns new articles into
cleansed ones and commits how far it came as the group `article-cleanser`; the group `nightly-report` stands half-way
through the orders without members, as one does whose program was stopped. Groups with members are in `groups`.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import math
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from console.demo.groups import GROUPS, UNHURRIED, DemoGroup, consume
from console.demo.loader import LoadedTopic, Progress, end_offsets, load
from console.demo.samples import PACKAGE, Sample, SampleTopic, samples
from console.errors import OperatorError
from console.records.producer import RecordProducer
from console.records.producing import Delivery, NewRecord
from console.records.reader import RecordReader
from console.services.group_changes import commit_offsets, group_standing
from console.services.group_offsets import CommittedOffset
from engine.net.cluster_client import ClusterClient
from engine.net.connection_security import PLAINTEXT, ConnectionSecurity
from engine.runtime import Clock, SystemClock
from engine.types import TopicPartition

CLEANSER_GROUP = "article-cleanser"
STOPPED_GROUP = "nightly-report"
STOPPED_TOPIC = "orders"

_AGAIN_SECONDS = 1.0
_GAP_SECONDS_MAX = 20.0
_BEAT_SECONDS = 1.5
"""Records of that time are sent together."""

_log = logging.getLogger(__name__)


class DemoFlow:
    """`start` loads what is missing and returns; the flow goes on until `stop`.

    `speed` multiplies the rates. A task that fails says so in the log and begins anew: brokers come and go in a demo.
    """

    def __init__(
        self,
        bootstrap: Sequence[tuple[str, int]],
        *,
        clock: Clock | None = None,
        randomness: random.Random | None = None,
        speed: float = 1.0,
        progress: Progress | None = None,
        security: ConnectionSecurity = PLAINTEXT,
    ) -> None:
        self._bootstrap = tuple(bootstrap)
        self._security = security
        self._clock = clock or SystemClock()
        self._randomness = randomness or random.Random(1)
        self._speed = speed
        self._progress = progress
        self._held = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> tuple[LoadedTopic, ...]:
        """Creates the topics, loads the samples so that they end now, and sets everything going. Raises OperatorError."""
        try:
            client = await self._held.enter_async_context(
                ClusterClient(self._bootstrap, client_id="stoker-demo", security=self._security)
            )
            outcome = await load(client, None, self._progress, ending_at_ms=self._clock.now_ms())
            cleanser = await _begin_groups(client)
            # Not as a context: what waits at the end need not be sent, and the cluster may be gone by then.
            producer = RecordProducer(client, self._clock)
            self._held.push_async_callback(producer.close)
        except BaseException:
            await self._held.aclose()
            raise
        loop = asyncio.get_running_loop()
        for sample in samples():
            pace = random.Random(self._randomness.getrandbits(64))
            self._tasks.append(loop.create_task(_again(sample.name, self._generating(client, producer, sample, pace))))
        self._tasks.append(loop.create_task(_again(CLEANSER_GROUP, self._cleansing(client, producer, cleanser))))
        for group in GROUPS:
            for _ in range(group.members):
                self._tasks.append(loop.create_task(_again(group.group_id, self._consuming(group))))
        return outcome

    async def stop(self) -> None:
        """Ends every task and closes the connections. Idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._held.aclose()

    def _consuming(self, group: DemoGroup) -> Callable[[], Awaitable[None]]:
        return lambda: consume(self._bootstrap, group, self._security)

    def _generating(
        self, client: ClusterClient, producer: RecordProducer, sample: Sample, pace: random.Random
    ) -> Callable[[], Awaitable[None]]:
        async def generate() -> None:
            written = 0
            for topic in sample.topics:
                if topic.derived_from is None:
                    written += sum((await end_offsets(client, topic)).values())
            clock, beat = asyncio.get_running_loop().time, _BEAT_SECONDS / self._speed
            due = clock()
            sent: list[Delivery] = []
            for topic_name, record in sample.generated(written):
                due += min(pace.expovariate(sample.live_per_second * self._speed), _GAP_SECONDS_MAX)
                # All samples send at the same moments, so that each broker gets one request for all of them.
                wait = math.ceil(due / beat) * beat - clock()
                if wait > 0:
                    for delivery in sent:
                        await delivery.result()
                    sent = []
                    await asyncio.sleep(wait)
                sent.append(await producer.send(topic_name, record))

        return generate

    def _cleansing(
        self, client: ClusterClient, producer: RecordProducer, positions: dict[TopicPartition, int]
    ) -> Callable[[], Awaitable[None]]:
        cleanse = importlib.import_module(f"{PACKAGE}.stream_processing.cleanse").cleanse
        (derived,) = (topic for sample in samples() for topic in sample.topics if topic.derived_from is not None)

        async def process() -> None:
            async with RecordReader(client, positions, unreachable_timeout_ms=None, limits=UNHURRIED) as reader:
                async for chunk in reader.chunks():
                    sent: list[Delivery] = []
                    for made in chunk.records:
                        value = _cleansed(cleanse, made.value)
                        if value is not None:
                            record = NewRecord(made.key, value, made.headers)
                            sent.append(await producer.send(derived.name, record))
                    for delivery in sent:
                        await delivery.result()
                    if chunk.next_offset > positions[chunk.partition]:
                        positions[chunk.partition] = chunk.next_offset
                        await commit_offsets(client, CLEANSER_GROUP, _commits({chunk.partition: chunk.next_offset}))

        return process


def _cleansed(cleanse: Callable[[Any], Any], value: bytes | None) -> bytes | None:
    """The record's value, cleansed; None for what is dropped, and for what people sent there that is no article."""
    try:
        article = None if value is None else cleanse(json.loads(value))
    except (ValueError, KeyError, TypeError):
        return None
    return None if article is None else json.dumps(article, ensure_ascii=False, separators=(",", ":")).encode()


async def _again(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Works for ever; what makes it pause is told once, not every second."""
    told = ""
    while True:
        try:
            await work()
        except OperatorError as error:
            reason = f"{error.title} ({error.detail})" if error.detail else error.title
            if reason != told:
                _log.warning("demo: %s pauses: %s", name, reason)
            told = reason
        except Exception:
            _log.exception("demo: %s begins anew", name)
        await asyncio.sleep(_AGAIN_SECONDS)


async def _begin_groups(client: ClusterClient) -> dict[TopicPartition, int]:
    """Commits the groups' first offsets, where there are none yet, and says where the cleanser is to go on."""
    topics = {topic.name: topic for sample in samples() for topic in sample.topics}
    (derived,) = (topic for topic in topics.values() if topic.derived_from is not None)
    assert derived.derived_from is not None
    if not await _committed(client, STOPPED_GROUP):
        ends = await _ends(client, topics[STOPPED_TOPIC])
        await commit_offsets(client, STOPPED_GROUP, _commits({at: end // 2 for at, end in ends.items()}))
    # What the sample has of cleansed articles is made of what it has of articles.
    positions = await _ends(client, topics[derived.derived_from])
    held = await _committed(client, CLEANSER_GROUP)
    positions.update({at: offset for at, offset in held.items() if at in positions})
    if not held:
        await commit_offsets(client, CLEANSER_GROUP, _commits(positions))
    return positions


async def _ends(client: ClusterClient, topic: SampleTopic) -> dict[TopicPartition, int]:
    return {TopicPartition(topic.name, number): end for number, end in (await end_offsets(client, topic)).items()}


async def _committed(client: ClusterClient, group_id: str) -> dict[TopicPartition, int]:
    standing = await group_standing(client, group_id)
    return {partition: each.offset for partition, each in standing.committed.items()}


def _commits(offsets: Mapping[TopicPartition, int]) -> dict[TopicPartition, CommittedOffset]:
    return {partition: CommittedOffset(offset, -1, None) for partition, offset in offsets.items()}
