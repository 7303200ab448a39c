"""DeleteAcls (key 31), v1-3, on both kinds of listener.

SECURITY_DISABLED for each filter, as in Kafka without an authorizer; see `api_29_describe_acls`. Kafka's brokers forward it
to the controller, which answers the same.
- v2: flexible versions   v3: user resource type (KIP-373)
Not implemented: authorizers. Kafka: AclApis.handleDeleteAcls, DeleteAclsRequest.getErrorResponse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.api_29_describe_acls import NO_AUTHORIZER
from engine.handlers.registry import ListenerKind, handles
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DeleteAclsRequest, DeleteAclsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller


@handles(ApiKey.DELETE_ACLS, versions=(1, 3))
@handles(ApiKey.DELETE_ACLS, versions=(1, 3), listener=ListenerKind.CONTROLLER)
def handle(node: Broker | Controller, context: RequestContext, request: DeleteAclsRequest) -> DeleteAclsResponse:
    refused = DeleteAclsResponse.DeleteAclsFilterResult(
        error_code=ErrorCode.SECURITY_DISABLED, error_message=NO_AUTHORIZER
    )
    return DeleteAclsResponse(filter_results=[refused] * len(request.filters))
