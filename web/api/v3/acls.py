"""ACLs: what the cluster says of them. The embedded engine has none yet, so that the answer is 501."""

from __future__ import annotations

from web.api.errors import ApiError
from web.api.names import ClusterId
from web.api.operations import Asked, Call, operation
from web.api.v3.links import links_of

_ACLS = "/v3/clusters/{cluster_id}/acls"
_NONE = {501: "ACLs are not there: neither in the embedded engine nor in this console, yet."}


class AclsAsked(Asked, kw_only=True):
    """A cluster. Confluent's filters are known, and nothing is filtered by them."""

    cluster_id: ClusterId
    resource_type: str | None = None
    resource_name: str | None = None
    pattern_type: str | None = None
    principal: str | None = None
    host: str | None = None
    operation: str | None = None
    permission: str | None = None


async def _refuse(call: Call, cluster_id: str) -> None:
    await links_of(call, cluster_id)
    raise ApiError(
        501,
        "ACLs cannot be read or changed here yet",
        hint="kafka-acls.sh of Apache Kafka does it, for clusters that have an authorizer.",
    )


@operation("GET", _ACLS, tag="v3", summary="Search ACLs", status=501, statuses=_NONE)
async def list_v3_acls(call: Call, asked: AclsAsked) -> None:
    await _refuse(call, asked.cluster_id)


@operation("POST", _ACLS, tag="v3", summary="Create an ACL", status=501, statuses=_NONE)
async def create_v3_acl(call: Call, asked: AclsAsked) -> None:
    await _refuse(call, asked.cluster_id)


@operation("POST", _ACLS + ":batch", tag="v3", summary="Create ACLs", status=501, statuses=_NONE)
async def create_v3_acls(call: Call, asked: AclsAsked) -> None:
    await _refuse(call, asked.cluster_id)


@operation("DELETE", _ACLS, tag="v3", summary="Delete ACLs", status=501, statuses=_NONE)
async def delete_v3_acls(call: Call, asked: AclsAsked) -> None:
    await _refuse(call, asked.cluster_id)
