"""DescribeAcls (key 29), v1-3, on both kinds of listener.

There is no authorizer, and so there are no ACLs to describe: SECURITY_DISABLED, which is what Kafka answers without
`authorizer.class.name`, and not an empty list, which would say that nobody but superusers may do anything.
- v2: flexible versions   v3: user resource type (KIP-373)
Not implemented: authorizers. Kafka: AclApis.handleDescribeAcls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.registry import ListenerKind, handles
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeAclsRequest, DescribeAclsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller

NO_AUTHORIZER = "No Authorizer is configured."
"""Kafka's words (AclApis)."""


@handles(ApiKey.DESCRIBE_ACLS, versions=(1, 3))
@handles(ApiKey.DESCRIBE_ACLS, versions=(1, 3), listener=ListenerKind.CONTROLLER)
def handle(node: Broker | Controller, context: RequestContext, request: DescribeAclsRequest) -> DescribeAclsResponse:
    return DescribeAclsResponse(error_code=ErrorCode.SECURITY_DISABLED, error_message=NO_AUTHORIZER)
