"""AlterConfigs (key 33), v0-2, on both kinds of listener. Brokers check what is theirs and forward the rest.

Replaces all configs of each resource: what is not named goes back to its default. Deprecated since 2.3; use key 44.
- v1: nothing new   v2: flexible versions
Not implemented: log levels of a broker (resource type 8), alter.config.policy.class.name.
Kafka: ConfigAdminManager on the broker, ConfigurationControlManager.legacyAlterConfigs on the controller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.broker_configs import check_for_this_broker
from engine.handlers.forwarding import forward
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import AlterConfigsRequest, AlterConfigsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller


@handles(ApiKey.ALTER_CONFIGS, versions=(0, 2))
async def handle(broker: Broker, context: RequestContext, request: AlterConfigsRequest) -> AlterConfigsResponse:
    refused = check_for_this_broker(broker.node_id, request.resources)
    response = AlterConfigsResponse()
    if len(refused) < len(request.resources):
        rest = [resource for index, resource in enumerate(request.resources) if index not in refused]
        response = await forward(broker, AlterConfigsRequest(resources=rest, validate_only=request.validate_only))
    for index, error in refused.items():
        resource = request.resources[index]
        response.responses.append(
            AlterConfigsResponse.AlterConfigsResourceResponse(
                error_code=error.code,
                error_message=error.message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
        )
    return response


@handles(ApiKey.ALTER_CONFIGS, versions=(0, 2), listener=ListenerKind.CONTROLLER)
async def handle_on_controller(
    controller: Controller, context: RequestContext, request: AlterConfigsRequest
) -> AlterConfigsResponse:
    try:
        return await controller.alter_configs(request)
    except KafkaError as error:
        response: AlterConfigsResponse = error_response(request, error)
        return response
