"""How resources of `/v3` name each other, and the cluster that a request is about."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from console.changes.kinds import Change
from console.errors import operator_errors
from web.api.errors import UNKNOWN_TOPIC_OR_PARTITION, ApiError, not_found
from web.api.operations import Call
from web.api.v3.shapes import ListMetadata, Metadata, Related


@dataclass(frozen=True, slots=True)
class Links:
    """Of one cluster."""

    base: str
    cluster_id: str

    def url(self, *parts: str | int) -> str:
        """The address of what is there below the cluster."""
        path = "".join(f"/{quote(str(each), safe=':-')}" for each in parts)
        return f"{self.base}/v3/clusters/{quote(self.cluster_id, safe='')}{path}"

    def related(self, *parts: str | int) -> Related:
        return Related(related=self.url(*parts))

    def metadata(self, parts: tuple[str | int, ...], *name: tuple[str, str | int]) -> Metadata:
        """Of a resource at `parts`; `name` is its Confluent resource name, after the cluster."""
        crn = "".join(f"/{kind}={quote(str(each), safe='')}" for kind, each in name)
        return Metadata(self_=self.url(*parts), resource_name=f"crn:///kafka={quote(self.cluster_id, safe='')}{crn}")

    def list_metadata(self, *parts: str | int) -> ListMetadata:
        return ListMetadata(self_=self.url(*parts))


async def links_of(call: Call, cluster_id: str) -> Links:
    """Raises ApiError when the cluster has another id."""
    with operator_errors("cluster"):
        found = (await call.cluster.client.known_view()).cluster_id or "unknown"
    if found != cluster_id:
        raise not_found(f"Cluster {cluster_id[:100]} cannot be found.")
    return Links(call.base_url, found)


def no_topic(name: str) -> ApiError:
    return not_found(f"This server does not host this topic-partition: {name}", UNKNOWN_TOPIC_OR_PARTITION)


async def carry_out(call: Call, change: Change, *, validate_only: bool = False) -> None:
    """Through the door; what is like that already is left. Raises OperatorError."""
    plan = await call.cluster.door.plan(change)
    if plan.blocked is not None:
        raise plan.blocked
    if plan.difference and not validate_only:
        await plan.execute()
