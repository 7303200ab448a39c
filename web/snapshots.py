"""The newest snapshot as pages need it: there or not, how old, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.errors import OperatorError
from console.history.snapshot import Snapshot
from console.open_cluster import OpenCluster, first_snapshot
from console.services.partial import Missing

PATIENCE_MS = 1_500
"""A page rather begins without figures than waits longer for the first ones."""


@dataclass(frozen=True, slots=True)
class Current:
    """What is known now. `failure` says why the newest pass failed; then `snapshot` is an older one, or None."""

    snapshot: Snapshot | None
    failure: OperatorError | None
    missing: Sequence[Missing]
    """Parts that nobody answered, the failure among them."""

    @property
    def at_ms(self) -> int | None:
        return None if self.snapshot is None else self.snapshot.at_ms


async def current(cluster: OpenCluster) -> Current:
    """The newest snapshot, waited for when there is none yet. Never fails."""
    snapshot = cluster.latest or await first_snapshot(cluster, PATIENCE_MS)
    failure = cluster.failure
    missing = [] if snapshot is None else list(snapshot.missing)
    if failure is not None:
        what = "the cluster" if snapshot is None else "everything since then"
        missing.insert(0, Missing(what, f"{failure.title}. {failure.detail}".strip()))
    elif snapshot is None:
        missing.insert(0, Missing("the cluster", "it has not answered yet"))
    return Current(snapshot, failure, missing)
