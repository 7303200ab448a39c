"""The demo's consumer groups: one healthy, one slow, one that rewinds. Members of Kafka's classic kind, through our client."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from console.errors import OperatorError, operator_errors
from console.records.fetching import FetchLimits
from console.records.reader import RecordReader
from console.services.group_changes import group_standing
from engine.net.cluster_client import ClusterClient
from engine.net.connection_security import PLAINTEXT, ConnectionSecurity
from engine.net.group_member import GroupMember
from engine.types import TopicPartition

_TURN_SECONDS = 3.0
"""Between commits, and heartbeats (Kafka's heartbeat.interval.ms)."""
_LEAVE_SECONDS = 1.0

UNHURRIED = FetchLimits(max_wait_ms=4_000, min_bytes=64 * 1024)
"""What trickles in is fetched every four seconds."""


@dataclass(frozen=True, slots=True)
class DemoGroup:
    """A group over one topic. Each member takes `per_second` records a second at most, and starts over after
    `rewind_after_turns` turns (of three seconds); None: never."""

    group_id: str
    topic: str
    members: int
    per_second: float
    rewind_after_turns: int | None = None


GROUPS = (
    DemoGroup("shipping", "orders", 2, 500),
    DemoGroup("page-statistics", "page-views", 1, 1.5),
    DemoGroup("fraud-check", "account-events", 1, 25, rewind_after_turns=30),
)
"""Healthy; slower than its topic; reading everything again now and then."""


async def consume(
    bootstrap: Sequence[tuple[str, int]], group: DemoGroup, security: ConnectionSecurity = PLAINTEXT
) -> None:
    """One member of the group, until it is cancelled: then it leaves. Raises OperatorError."""
    async with ClusterClient(bootstrap, client_id=group.group_id, security=security) as client:
        member = GroupMember(client, group.group_id, [group.topic])
        try:
            with operator_errors(f"group {group.group_id}"):
                while True:
                    assigned = await member.join()
                    while await _read(client, member, group, assigned):
                        await member.commit(dict.fromkeys(assigned, 0))
        finally:
            # Best effort: a cluster that is gone drops the member by itself.
            with suppress(Exception):
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await member.leave()


async def _read(
    client: ClusterClient, member: GroupMember, group: DemoGroup, assigned: Sequence[TopicPartition]
) -> bool:
    """Reads and commits; returns true when it is time to start over, false when the member has to join again."""
    held = (await group_standing(client, group.group_id)).committed
    positions = {partition: held[partition].offset if partition in held else 0 for partition in assigned}
    committed = {partition: held[partition].offset for partition in assigned if partition in held}
    async with RecordReader(client, positions, unreachable_timeout_ms=None, limits=UNHURRIED) as reader:

        async def take() -> None:
            async for chunk in reader.chunks():
                for record in chunk.records:
                    await asyncio.sleep(1 / group.per_second)
                    positions[chunk.partition] = record.offset + 1
                positions[chunk.partition] = chunk.next_offset

        taking = asyncio.get_running_loop().create_task(take())
        try:
            turns = 0
            while group.rewind_after_turns is None or turns < group.rewind_after_turns:
                turns += 1
                done, _ = await asyncio.wait([taking], timeout=_TURN_SECONDS)
                if done and assigned:
                    taking.result()
                    raise OperatorError(f"group {group.group_id}: reading ended")
                if done:
                    await asyncio.sleep(_TURN_SECONDS)  # more members than partitions
                moved = {at: offset for at, offset in positions.items() if offset != committed.get(at)}
                if not await member.heartbeat() or (moved and not await member.commit(moved)):
                    return False
                committed.update(moved)
            return True
        finally:
            taking.cancel()
            await asyncio.gather(taking, return_exceptions=True)
