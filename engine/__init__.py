"""The broker, the quorum and everything they stand on: a Kafka-compatible cluster with no front end.

    from engine import Cluster

    async with Cluster(nodes=3) as cluster:
        ...  # any Kafka client, at cluster.bootstrap_servers

Importing `engine` loads nothing else; `Cluster` is found when it is asked for. What lives here: the protocol, the log, the
pure cores of the quorum, metadata, replication and groups, the shell around them, nodes and clusters, and the laboratory.
What may not: anything an operator looks at (that is `console`, `web`, `tui`).
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.cluster import Cluster as Cluster

__all__ = ["Cluster"]


def __getattr__(name: str) -> Any:
    if name == "Cluster":
        from engine.cluster import Cluster

        return Cluster
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
