"""How resources of `/v3` name each other, and the cluster that a request is about."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from console.changes.kinds import Change
from console.errors import operator_errors
from console.services.partial import Missing
from web.api.errors import not_found
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

    def metadata(self, parts: tuple[str | int, ...], *name: tuple[str, str | int | None]) -> Metadata:
        """Of a resource at `parts`; `name` is its Confluent resource name, after the cluster (None: a word by itself)."""
        crn = "".join(f"/{kind}" if each is None else f"/{kind}={str(each).strip('/')}" for kind, each in name)
        return Metadata(self_=self.url(*parts), resource_name=f"crn:///kafka={self.cluster_id}{crn}")

    def list_metadata(self, *parts: str | int) -> ListMetadata:
        return ListMetadata(self_=self.url(*parts))


async def links_of(call: Call, cluster_id: str) -> Links:
    """Raises ApiError when the cluster has another id."""
    with operator_errors("cluster"):
        found = (await call.cluster.client.known_view()).cluster_id or "unknown"
    if found != cluster_id:
        raise not_found(f"Cluster {cluster_id[:100]} cannot be found.")
    return Links(call.base_url, found)


MISSING_BYTES_MAX = 1_000


def tell_missing(call: Call, missing: Iterable[Missing]) -> None:
    """Confluent's shapes have no place for parts that nobody answered: they are told in a header."""
    words = "; ".join(f"{each.what}: {each.reason}" for each in missing)
    if words:
        call.reply.headers["X-Missing"] = re.sub(r"[^\x20-\x7e]", "?", words)[:MISSING_BYTES_MAX]


async def carry_out(call: Call, change: Change, *, validate_only: bool = False) -> None:
    """Through the door; what is like that already is left. Raises OperatorError."""
    plan = await call.cluster.door.plan(change)
    if plan.blocked is not None:
        raise plan.blocked
    if plan.difference and not validate_only:
        await plan.execute()
