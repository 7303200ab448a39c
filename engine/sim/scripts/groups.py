"""Stories of consumer groups: what their coordinator must refuse, keep and remember."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from engine.groups.partitioning import partition_for
from engine.protocol.messages import OffsetCommitRequest, OffsetFetchRequest
from engine.sim.assignors import ASSIGNORS, COOPERATIVE
from engine.sim.group_load import GroupMemberLoad, GroupWatch
from engine.sim.nodes import SimNode
from engine.sim.scripts.stage import Script, ScriptFailed
from engine.sim.workloads import TOPIC
from engine.types import CONSUMER_OFFSETS_TOPIC

GROUP = "g"
OFFSETS_PARTITIONS = 3
"""As worlds have them."""
EXPIRY = {"offsets.retention.minutes": "1", "offsets.retention.check.interval.ms": "1000"}
SLOW_START = {**EXPIRY, "group.initial.rebalance.delay.ms": "3000"}
PATIENT = {**EXPIRY, "offsets.commit.timeout.ms": "60000", "replica.lag.time.max.ms": "60000"}
LARGE_METADATA = {"offset.metadata.max.bytes": "32000"}
_RETENTION_S = 60.0
_SIDE = "side"


class Member(GroupMemberLoad):
    """A member that does as it is told."""

    def __init__(self, script: Script, name: str = "m", watch: GroupWatch | None = None) -> None:
        world = script.world
        watch = watch if watch is not None else GroupWatch(GROUP, TOPIC, world.violations.append)
        assignor = next(name for name in ASSIGNORS if name != COOPERATIVE)
        partitions = world.shape.partitions
        source, history = world.randomness.stream(name), world.history
        super().__init__(
            name, world.bootstrap, TOPIC, partitions, source, history, watch, assignor, wanders=lambda: False
        )
        self.watch = watch

    async def join(self) -> None:
        """Until it has an assignment, and was told where to begin. Raises ScriptFailed."""
        await self._until(self._join, "the member has no assignment")

    async def commit(self, offset: int) -> None:
        """Commit as a member."""
        self.positions[0], self._committed[0] = offset, -1
        await self._commit()

    async def commit_alone(self, offset: int, metadata: str = "", topic: str = TOPIC) -> None:
        """Commit as somebody who is no member: a consumer that assigns partitions itself."""
        partition = OffsetCommitRequest.OffsetCommitRequestPartition(
            partition_index=0, committed_offset=offset, committed_metadata=metadata
        )
        wanted = OffsetCommitRequest.OffsetCommitRequestTopic(name=topic, partitions=[partition])
        self.watch.attempted.setdefault(0, {})[offset] = None

        async def commit() -> bool:
            answer = await self._ask(OffsetCommitRequest(group_id=GROUP, topics=[wanted]), 8, timeout_ms=120_000)
            return answer is not None and self._answered(answer.topics[0].partitions[0].error_code)

        await self._until(commit, "the commit was not acknowledged")
        self.watch.committed(0, offset)

    async def begin(self) -> None:
        """Ask where to begin, until it is told. Raises ScriptFailed."""
        await self._until(lambda: self._start_at([0]), "nobody tells where to begin")

    async def committed_for(self, topic_id: bytes) -> int:
        """The offset committed for the topic of that id, -1 for none. Raises ScriptFailed when nobody tells."""
        topic = OffsetFetchRequest.OffsetFetchRequestTopics(topic_id=topic_id, partition_indexes=[0])
        group = OffsetFetchRequest.OffsetFetchRequestGroup(group_id=GROUP, topics=[topic])
        offsets: list[int] = []

        async def ask() -> bool:
            answer = await self._ask(OffsetFetchRequest(groups=[group]), 10)
            if answer is None or not self._answered(answer.groups[0].error_code):
                return False
            offsets.append(answer.groups[0].topics[0].partitions[0].committed_offset)
            return True

        await self._until(ask, "nobody tells what is committed")
        return offsets[0]

    async def leave(self) -> None:
        """Leave the group."""
        await self._leave()

    async def beat(self, seconds: float) -> None:
        """Be a member for so long, and nothing else."""
        beating = asyncio.ensure_future(self._beat())
        await asyncio.sleep(seconds)
        beating.cancel()

    def in_generation(self, generation: int) -> None:
        """Believe in another generation."""
        self._generation = generation

    @property
    def generation(self) -> int:
        return self._generation

    async def _until(self, succeeds: Callable[[], Coroutine[Any, Any, bool]], otherwise: str) -> None:
        for _ in range(200):
            if await succeeds():
                return
            await asyncio.sleep(0.1)
        raise ScriptFailed(otherwise)


async def _play(script: Script, story: Coroutine[Any, Any, None]) -> list[str]:
    """The client's part of a story, on its machine; then the judgement."""
    await script.world.client_process.spawn(story)
    return await script.judge()


async def commit_generation_fencing(script: Script) -> list[str]:
    """A member that missed a rebalance commits what it had read in its former generation, over what was read since."""
    await script.begin()
    member = Member(script)
    await script.send(10)

    async def story() -> None:
        await member.join()
        former = member.generation
        await member.commit(5)
        await member.join()
        await member.commit(9)
        if member.watch.acknowledged.get(0) != 9:
            raise ScriptFailed("the commits were not acknowledged")
        member.in_generation(former)
        await member.commit(7)
        member.positions.clear()
        await member.join()

    return await _play(script, story())


async def coordinator_answers_once_loaded(script: Script) -> list[str]:
    """KAFKA-5600. The coordinator dies; its successor has not read its log yet when a consumer asks where to begin."""
    await script.begin()
    world = script.world
    member = Member(script)
    await world.client_process.spawn(member.commit_alone(5))
    async with _another_loads(script):
        asking = world.client_process.spawn(member.begin())
        await asyncio.sleep(3)
    await asking
    return await script.judge()


async def load_reads_large_batches(script: Script) -> list[str]:
    """KAFKA-7286. A commit is larger than what a coordinator reads at once; another coordinator takes over."""
    await script.begin()
    member = Member(script)
    await script.world.client_process.spawn(member.commit_alone(5, "m" * 30_000))
    _coordinator(script).kill()
    return await _play(script, member.begin())


async def offsets_belong_to_topic_ids(script: Script) -> list[str]:
    """KAFKA-12257. A topic is deleted and created anew while the coordinator of its readers is being replaced."""
    await script.begin()
    world = script.world
    member = Member(script)
    await world.create_topic(_SIDE, 1)
    await world.client_process.spawn(member.commit_alone(5, topic=_SIDE))
    async with _another_loads(script):
        await script.delete_topic(_SIDE)
        await world.create_topic(_SIDE, 1)
    image = world.image()
    topic = None if image is None else image.topic(_SIDE)
    if topic is None:
        raise ScriptFailed("the new topic is not there")
    offset = await world.client_process.spawn(member.committed_for(topic.id))
    GroupWatch(GROUP, _SIDE, world.violations.append).fetched("m", 0, offset, -1)
    return await script.judge()


async def offsets_of_living_groups_stay(script: Script) -> list[str]:
    """KIP-211. A topic is quiet for longer than offsets are kept; the group that reads it is there all the time."""
    await script.begin()
    member = Member(script)

    async def story() -> None:
        await member.join()
        await member.commit(5)
        await member.beat(_RETENTION_S + 10)
        await member.begin()

    return await _play(script, story())


async def offsets_stay_during_rebalance(script: Script) -> list[str]:
    """KAFKA-13636. After a quiet time all members of a group are restarted; the group waits for others to join."""
    await script.begin()
    member = Member(script)

    async def story() -> None:
        await member.join()
        await member.commit(5)
        await member.beat(_RETENTION_S + 10)
        await member.leave()
        await member.join()

    return await _play(script, story())


async def pending_commits_do_not_expire(script: Script) -> list[str]:
    """An offset's time is over while its next commit waits for the replicas; the tombstone would come behind it."""
    await script.begin()
    world = script.world
    member = Member(script)
    await world.client_process.spawn(member.commit_alone(5))
    coordinator = _coordinator(script)
    others = [node for node in world.nodes.values() if node is not coordinator]
    await asyncio.sleep(_RETENTION_S - 5)
    for node in others:
        script.cut(coordinator, node)
    committing = world.client_process.spawn(member.commit_alone(9))
    await asyncio.sleep(10)
    for node in others:
        script.cut(coordinator, node, False)
    await committing
    return await _play(script, member.begin())


async def new_members_expire(script: Script) -> list[str]:
    """KAFKA-9752. A second member dies while its first join waits for the group to rebalance."""
    await script.begin()
    world = script.world
    watch = GroupWatch(GROUP, TOPIC, world.violations.append)
    world.groups.append(watch)
    first, second = Member(script, "first", watch), Member(script, "second", watch)
    await world.client_process.spawn(first.join())
    process = world.network.new_process("second", world.client_host)
    process.spawn(second.join())
    await asyncio.sleep(1)
    process.kill()
    world.client_process.spawn(first.run())
    await script.send(20)
    return await script.judge(60)


@asynccontextmanager
async def _another_loads(script: Script) -> AsyncIterator[None]:
    """The coordinator dies. Inside of the block its successor has not read its log yet."""
    points = script.world.points
    with points.in_charge():
        points.hold("groups.before_load")
        _coordinator(script).kill()
        await script.until(lambda: points.waiting.get("groups.before_load"), "another begins to load")
        yield
        points.release("groups.before_load")


def _coordinator(script: Script) -> SimNode:
    """The node that coordinates the group."""
    found = script.world.leader(partition_for(GROUP, OFFSETS_PARTITIONS), CONSUMER_OFFSETS_TOPIC)
    if found is None:
        raise ScriptFailed("the group has no coordinator")
    return found[0]
