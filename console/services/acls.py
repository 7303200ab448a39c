"""ACLs: who may do what, and with what. Reading only; a cluster without authorizer refuses (SECURITY_DISABLED)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from console.errors import OperatorError, operator_errors
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeAclsRequest, DescribeAclsResponse


class AclResourceType(IntEnum):
    """What an ACL is about (Kafka: org.apache.kafka.common.resource.ResourceType)."""

    UNKNOWN = 0
    ANY = 1
    TOPIC = 2
    GROUP = 3
    CLUSTER = 4
    TRANSACTIONAL_ID = 5
    DELEGATION_TOKEN = 6
    USER = 7


class AclPatternType(IntEnum):
    """How its resource's name is meant; MATCH is for filters: whatever applies to that name (Kafka: PatternType)."""

    UNKNOWN = 0
    ANY = 1
    MATCH = 2
    LITERAL = 3
    PREFIXED = 4


class AclOperation(IntEnum):
    """What may be done or not (Kafka: AclOperation)."""

    UNKNOWN = 0
    ANY = 1
    ALL = 2
    READ = 3
    WRITE = 4
    CREATE = 5
    DELETE = 6
    ALTER = 7
    DESCRIBE = 8
    CLUSTER_ACTION = 9
    DESCRIBE_CONFIGS = 10
    ALTER_CONFIGS = 11
    IDEMPOTENT_WRITE = 12
    CREATE_TOKENS = 13
    DESCRIBE_TOKENS = 14
    TWO_PHASE_COMMIT = 15


class AclPermission(IntEnum):
    """May, or may not (Kafka: AclPermissionType)."""

    UNKNOWN = 0
    ANY = 1
    DENY = 2
    ALLOW = 3


_Number = TypeVar("_Number", bound=IntEnum)


def _known(kind: type[_Number], number: int) -> _Number:
    return kind(number) if number in kind._value2member_map_ else kind(0)


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One of them. What a newer cluster says and nobody here knows is UNKNOWN."""

    resource_type: AclResourceType
    resource_name: str
    pattern_type: AclPatternType
    principal: str
    """"User:ada"; "User:*" is everybody."""
    host: str
    """An address; "*" is everywhere."""
    operation: AclOperation
    permission: AclPermission


@dataclass(frozen=True, slots=True)
class AclFilter:
    """Which ACLs; None and ANY leave open."""

    resource_type: AclResourceType = AclResourceType.ANY
    resource_name: str | None = None
    pattern_type: AclPatternType = AclPatternType.ANY
    principal: str | None = None
    host: str | None = None
    operation: AclOperation = AclOperation.ANY
    permission: AclPermission = AclPermission.ANY


async def describe_acls(client: ClusterClient, wanted: AclFilter) -> list[Acl]:
    """Those that match, in order. Raises OperatorError: SECURITY_DISABLED where there is no authorizer."""
    request = DescribeAclsRequest(
        resource_type_filter=wanted.resource_type,
        resource_name_filter=wanted.resource_name,
        pattern_type_filter=wanted.pattern_type,
        principal_filter=wanted.principal,
        host_filter=wanted.host,
        operation=wanted.operation,
        permission_type=wanted.permission,
    )
    with operator_errors("ACLs"):
        response: DescribeAclsResponse = await client.request_to_any(request)
    if response.error_code:
        raise OperatorError.refused("ACLs", ErrorCode.of(response.error_code), response.error_message)
    return sorted(
        Acl(
            _known(AclResourceType, resource.resource_type),
            resource.resource_name,
            _known(AclPatternType, resource.pattern_type),
            each.principal,
            each.host,
            _known(AclOperation, each.operation),
            _known(AclPermission, each.permission_type),
        )
        for resource in response.resources
        for each in resource.acls
    )
