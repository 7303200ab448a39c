"""What the API holds for each open cluster: results of SQL, plans of changes, streams that run. It goes with the cluster."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from console.changes.door import Plan
from console.open_cluster import OpenCluster
from web.api.errors import ApiError, not_found
from web.api.limits import PLAN_AGE_MS_MAX, PLANS_MAX, STREAMS_MAX
from web.api.records.senders import Senders

if TYPE_CHECKING:
    from web.api.sql.store import ResultStore


class Plans:
    """Plans that were shown and wait to be carried out. Pure but for their names."""

    def __init__(self, *, plans_max: int = PLANS_MAX, age_ms_max: int = PLAN_AGE_MS_MAX) -> None:
        self._plans: OrderedDict[str, tuple[int, Plan]] = OrderedDict()
        self._plans_max = plans_max
        self._age_ms_max = age_ms_max

    def keep(self, plan: Plan, now_ms: int) -> str:
        """Its name; the oldest goes when there are too many."""
        name = secrets.token_hex(8)
        self._plans[name] = (now_ms, plan)
        while len(self._plans) > self._plans_max:
            self._plans.popitem(last=False)
        return name

    def take(self, name: str, now_ms: int) -> Plan:
        """The plan, once. Raises ApiError."""
        _, plan = self.look(name, now_ms)
        del self._plans[name]
        return plan

    def look(self, name: str, now_ms: int) -> tuple[int, Plan]:
        found = self._plans.get(name)
        if found is None or now_ms - found[0] > self._age_ms_max:
            self._plans.pop(name, None)
            raise not_found(f"there is no plan {name!r} (any more): plan again")
        return found


class ClusterState:
    """Of one cluster."""

    def __init__(self) -> None:
        self.plans = Plans()
        self.senders = Senders()
        self.streams = 0
        self._results: ResultStore | None = None

    def results(self, make: Callable[[], ResultStore]) -> ResultStore:
        if self._results is None:
            self._results = make()
        return self._results

    def check_streams(self) -> None:
        """Raises ApiError when there are too many."""
        if self.streams >= STREAMS_MAX:
            raise ApiError(429, f"{STREAMS_MAX} streams are open", hint="Close some: each open tail is one.")

    @contextmanager
    def stream(self) -> Iterator[None]:
        """While a tail, a search or an export runs. Raises ApiError when there are too many."""
        self.check_streams()
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    async def close(self) -> None:
        await self.senders.close()
        if self._results is not None:
            await self._results.close()


_states: WeakKeyDictionary[OpenCluster, ClusterState] = WeakKeyDictionary()


def state_of(cluster: OpenCluster) -> ClusterState:
    """What is held for that cluster."""
    state = _states.get(cluster)
    if state is None:
        state = _states[cluster] = ClusterState()
    return state


async def close_all() -> None:
    """Ends what runs in the background, for all clusters. Before the clusters are closed."""
    for state in list(_states.values()):
        await state.close()
