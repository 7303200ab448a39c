"""What the views ask: the one place between them and the console. Tests put another in its stead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from console.errors import OperatorError
from console.history.snapshot import Snapshot, take_snapshot
from console.open_cluster import OpenCluster
from engine.net.cluster_view import address_text
from engine.runtime import Clock, SystemClock
from tui.past import Past

if TYPE_CHECKING:
    from console.audit import AuditTrail
    from console.changes.door import Plan
    from console.changes.kinds import Change
    from console.history.model import SeriesAnswer
    from console.history.queries import SeriesQuestion
    from console.lag.tracker import LagTracker
    from console.services.brokers import BrokerListing
    from console.services.configs import ConfigDescription, Resource
    from console.services.groups import GroupDescription


class Source:
    """An open cluster as the views see it. `cluster` is for views that need more of it (records, SQL)."""

    def __init__(self, cluster: OpenCluster, *, clock: Clock | None = None) -> None:
        self.cluster = cluster
        self.snapshot: Snapshot | None = None
        """The newest, whoever took it."""
        self.failure: OperatorError | None = None
        """Why the newest try failed; None when it did not."""
        self.past = Past()
        self._clock = clock or SystemClock()

    @property
    def name(self) -> str:
        """Of the context; without one the address, of which `-b` may name many."""
        name = self.cluster.name
        return self.address if ":" in name else name

    @property
    def address(self) -> str:
        """The first bootstrap server, and how many more there are."""
        first, *more = self.cluster.client.bootstrap
        return address_text(*first) + (f" +{len(more)}" if more else "")

    @property
    def readonly(self) -> bool:
        return self.cluster.readonly

    @property
    def tracker(self) -> LagTracker:
        return self.cluster.sampler.tracker

    def now_ms(self) -> int:
        """The wall clock."""
        return self._clock.now_ms()

    async def refresh(self) -> None:
        """Looks at the cluster now, for `snapshot` or `failure`. Never raises."""
        try:
            self._take(await take_snapshot(self.cluster.client, self.now_ms()))
        except OperatorError as error:
            self.failure = error

    async def passes(self) -> AsyncIterator[None]:
        """Looks once at once, then after every pass of the sampler: `snapshot` and `failure` are new then."""
        await self.refresh()
        yield
        # Only now: opening the history is slower than the first look.
        self.cluster.start()
        async for snapshot in self.cluster.snapshots():
            self.failure = self.cluster.failure
            if snapshot is not None and self.failure is None:
                self._take(snapshot)
            yield

    def _take(self, snapshot: Snapshot) -> None:
        self.failure = None
        if self.snapshot is None or snapshot.at_ms >= self.snapshot.at_ms:
            # Only the sampler looks at processes.
            if snapshot.usage is None and self.snapshot is not None:
                from dataclasses import replace

                snapshot = replace(snapshot, usage=self.snapshot.usage)
            self.snapshot = snapshot
            self.past.observe(snapshot)

    async def close(self) -> None:
        await self.cluster.close()

    # questions; all raise OperatorError

    async def config(self, resource: Resource) -> ConfigDescription:
        from console.services.configs import describe_config

        return await describe_config(self.cluster.client, resource, documentation=True)

    async def brokers(self) -> BrokerListing:
        from console.services.brokers import list_brokers

        return await list_brokers(self.cluster.client)

    async def group(self, group_id: str) -> GroupDescription:
        from console.services.groups import describe_groups

        (found,) = await describe_groups(self.cluster.client, [group_id], now_ms=self.now_ms())
        return found

    async def audit(self) -> AuditTrail:
        return await asyncio.to_thread(self.cluster.audit.read)

    async def series(self, question: SeriesQuestion) -> SeriesAnswer:
        return await self.cluster.series(question)

    async def plan(self, change: Change) -> Plan:
        return await self.cluster.door.plan(change)

    async def plan_undo(self, audit_id: str) -> Plan:
        return await self.cluster.door.plan_undo(audit_id)
