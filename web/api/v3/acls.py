"""ACLs, which the cluster is asked for. One without authorizer (the embedded one) refuses, and so does this, in its words."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, TypeVar
from urllib.parse import urlencode

import msgspec

from console.services.acls import (
    Acl,
    AclFilter,
    AclOperation,
    AclPatternType,
    AclPermission,
    AclResourceType,
    describe_acls,
)
from web.api.errors import ApiError, bad_request
from web.api.names import ClusterId
from web.api.operations import Asked, Call, operation
from web.api.v3.links import Links, links_of
from web.api.v3.shapes import AclData, Listing, ListMetadata, Metadata

_ACLS = "/v3/clusters/{cluster_id}/acls"
_NOT_YET = {501: "The cluster has ACLs, and they cannot be changed from here yet."}

Word = TypeVar("Word", bound=IntEnum)
Name = Annotated[str, msgspec.Meta(max_length=1_000, description="In full; none leaves it open.")]


def _one_of(kind: type[IntEnum]) -> msgspec.Meta:
    return msgspec.Meta(max_length=50, description=f"{', '.join(each.name for each in kind)}; in any letter case.")


ResourceTypeWord = Annotated[str, _one_of(AclResourceType)]
PatternTypeWord = Annotated[str, _one_of(AclPatternType)]
OperationWord = Annotated[str, _one_of(AclOperation)]
PermissionWord = Annotated[str, _one_of(AclPermission)]


class SearchAsked(Asked, kw_only=True):
    """A cluster, and which of its ACLs."""

    cluster_id: ClusterId
    resource_type: ResourceTypeWord = "ANY"
    resource_name: Name = ""
    pattern_type: PatternTypeWord = "ANY"
    principal: Name = ""
    host: Name = ""
    operation: OperationWord = "ANY"
    permission: PermissionWord = "ANY"


class DeleteAsked(Asked, kw_only=True):
    """A cluster, and which of its ACLs are to go: all that match."""

    cluster_id: ClusterId
    resource_type: ResourceTypeWord
    pattern_type: PatternTypeWord
    operation: OperationWord
    permission: PermissionWord
    resource_name: Name = ""
    principal: Name = ""
    host: Name = ""


class NewAcl(Asked, kw_only=True):
    """An ACL to create."""

    resource_type: ResourceTypeWord
    resource_name: Name
    pattern_type: PatternTypeWord
    principal: Name
    host: Name
    operation: OperationWord
    permission: PermissionWord


class NewAcls(Asked, kw_only=True):
    """ACLs to create."""

    data: Annotated[list[NewAcl], msgspec.Meta(min_length=1, max_length=1_000)]


class CreateAsked(Asked, kw_only=True):
    """A cluster, and an ACL to create in it."""

    cluster_id: ClusterId
    body: NewAcl


class CreateBatchAsked(Asked, kw_only=True):
    """A cluster, and ACLs to create in it."""

    cluster_id: ClusterId
    body: NewAcls


class DeletedAcls(msgspec.Struct, kw_only=True):
    """The ACLs that are gone."""

    data: list[AclData]


def _read(name: str, text: str, kind: type[Word], *refused: str) -> Word:
    """Raises ApiError."""
    found = kind.__members__.get(text.upper())
    if found is None or found.name in ("UNKNOWN", *refused):
        words = ", ".join(each for each in kind.__members__ if each not in ("UNKNOWN", *refused))
        raise bad_request(f"{name} cannot be {text[:50]!r}", f"One of {words}.")
    return found


def _filter(asked: SearchAsked | DeleteAsked) -> AclFilter:
    """Raises ApiError."""
    return AclFilter(
        _read("resource_type", asked.resource_type, AclResourceType),
        asked.resource_name or None,
        _read("pattern_type", asked.pattern_type, AclPatternType),
        asked.principal or None,
        asked.host or None,
        _read("operation", asked.operation, AclOperation),
        _read("permission", asked.permission, AclPermission),
    )


def _check_new(new: NewAcl) -> None:
    """Raises ApiError (Confluent: AclManagerImpl.validateAclCreateParameters)."""
    _read("resource_type", new.resource_type, AclResourceType, "ANY")
    _read("pattern_type", new.pattern_type, AclPatternType, "ANY", "MATCH")
    _read("operation", new.operation, AclOperation, "ANY")
    _read("permission", new.permission, AclPermission, "ANY")


def _address(links: Links, **query: str) -> str:
    return f"{links.url('acls')}?{urlencode(query)}"


def _data(links: Links, acl: Acl) -> AclData:
    query = {
        "resource_type": acl.resource_type.name,
        "resource_name": acl.resource_name,
        "pattern_type": acl.pattern_type.name,
        "principal": acl.principal,
        "host": acl.host,
        "operation": acl.operation.name,
        "permission": acl.permission.name,
    }
    metadata = Metadata(self_=_address(links, **query))
    return AclData(kind="KafkaAcl", metadata=metadata, cluster_id=links.cluster_id, **query)


@operation("GET", _ACLS, tag="v3", summary="Search ACLs")
async def list_v3_acls(call: Call, asked: SearchAsked) -> Listing[AclData]:
    """400 (Kafka: SECURITY_DISABLED) where the cluster has no authorizer."""
    links = await links_of(call, asked.cluster_id)
    found = await describe_acls(call.cluster.client, _filter(asked))
    query = {name: getattr(asked, name) for name in asked.__struct_fields__ if name != "cluster_id"}
    metadata = ListMetadata(self_=_address(links, **query))
    return Listing(kind="KafkaAclList", metadata=metadata, data=[_data(links, each) for each in found])


async def _refuse(call: Call) -> ApiError:
    """What the cluster says when it has no ACLs; else what is not there here."""
    await describe_acls(call.cluster.client, AclFilter())
    return ApiError(501, "ACLs cannot be changed from here yet", detail="kafka-acls of Apache Kafka changes them")


@operation("POST", _ACLS, tag="v3", summary="Create an ACL", status=201, statuses=_NOT_YET, changes=True)
async def create_v3_acl(call: Call, asked: CreateAsked) -> None:
    """400 (Kafka: SECURITY_DISABLED) where the cluster has no authorizer."""
    await links_of(call, asked.cluster_id)
    _check_new(asked.body)
    raise await _refuse(call)


@operation("POST", _ACLS + ":batch", tag="v3", summary="Create ACLs", status=201, statuses=_NOT_YET, changes=True)
async def create_v3_acls(call: Call, asked: CreateBatchAsked) -> None:
    """400 (Kafka: SECURITY_DISABLED) where the cluster has no authorizer."""
    await links_of(call, asked.cluster_id)
    for each in asked.body.data:
        _check_new(each)
    raise await _refuse(call)


@operation("DELETE", _ACLS, tag="v3", summary="Delete ACLs", statuses=_NOT_YET, changes=True)
async def delete_v3_acls(call: Call, asked: DeleteAsked) -> DeletedAcls:
    """400 (Kafka: SECURITY_DISABLED) where the cluster has no authorizer."""
    await links_of(call, asked.cluster_id)
    _filter(asked)
    raise await _refuse(call)
