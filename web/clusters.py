"""The clusters that this web console has open: the one it was started on, and those of the contexts file on demand."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from console.contexts import load_contexts
from console.errors import OperatorError
from console.open_cluster import OpenCluster
from console.target import Target, find_target

OPEN_MAX = 16
"""Clusters open at once."""


class Clusters:
    """Opens each cluster once and keeps it open, for all pages together. The first is the default.

    In addresses, pages of the default cluster are at `/topics`, those of another at `/clusters/NAME/topics`.
    """

    def __init__(self, default: OpenCluster, open_target: Callable[[Target], OpenCluster] | None = None) -> None:
        self.default = default
        self._open_target = open_target or (lambda target: OpenCluster(target, face="web"))
        self._others: dict[str, OpenCluster] = {}

    def names(self) -> list[str]:
        """The default's name, then those of the contexts file."""
        contexts = load_contexts().contexts
        return [self.default.name, *(name for name in contexts if name != self.default.name)]

    def get(self, name: str | None) -> OpenCluster:
        """The cluster of that name, opened when it is not. Raises OperatorError when there is no such context."""
        if name is None or name == self.default.name:
            return self.default
        cluster = self._others.get(name)
        if cluster is None:
            if len(self._others) >= OPEN_MAX:
                raise OperatorError(f"{OPEN_MAX} clusters are open", hint="Restart the console to close some.")
            target = find_target(context_name=name, readonly=self.default.readonly)
            cluster = self._others[name] = self._open_target(target)
            cluster.start()
        return cluster

    def opened(self, name: str) -> OpenCluster | None:
        """The cluster of that name, if it is open."""
        return self.default if name == self.default.name else self._others.get(name)

    async def forget(self, name: str) -> None:
        """Closes the cluster of that name: its context is another now, or gone. The default stays."""
        cluster = self._others.pop(name, None)
        if cluster is not None:
            await cluster.close()

    async def close(self) -> None:
        """Closes those that were opened here; the default is its owner's."""
        others, self._others = list(self._others.values()), {}
        for cluster in others:
            await cluster.close()


def cluster_of(request: Request) -> OpenCluster:
    """The cluster that a request is about: `{cluster}` in its path, else the default. Raises OperatorError."""
    clusters: Clusters = request.app.state.clusters
    return clusters.get(request.path_params.get("cluster"))
