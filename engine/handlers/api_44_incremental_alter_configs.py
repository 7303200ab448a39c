"""IncrementalAlterConfigs (key 44), v0-1, on both kinds of listener. Brokers check what is theirs and forward the rest.

Sets (0), deletes (1), appends to (2) or subtracts from (3) configs of topics, brokers and groups (KIP-339).
- per resource all or nothing; validate_only checks and changes nothing
- with eligible leader replicas, min.insync.replicas cannot be set on a single broker (KIP-966)
- v1: flexible versions
Not implemented: log levels of a broker (resource type 8), alter.config.policy.class.name.
Kafka: ConfigAdminManager on the broker, ConfigurationControlManager.incrementalAlterConfigs on the controller.
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
from engine.protocol.messages import IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller


@handles(ApiKey.INCREMENTAL_ALTER_CONFIGS, versions=(0, 1))
async def handle(
    broker: Broker, context: RequestContext, request: IncrementalAlterConfigsRequest
) -> IncrementalAlterConfigsResponse:
    refused = check_for_this_broker(broker.node_id, request.resources)
    response = IncrementalAlterConfigsResponse()
    if len(refused) < len(request.resources):
        rest = [resource for index, resource in enumerate(request.resources) if index not in refused]
        response = await forward(
            broker, IncrementalAlterConfigsRequest(resources=rest, validate_only=request.validate_only)
        )
    for index, error in refused.items():
        resource = request.resources[index]
        response.responses.append(
            IncrementalAlterConfigsResponse.AlterConfigsResourceResponse(
                error_code=error.code,
                error_message=error.message,
                resource_type=resource.resource_type,
                resource_name=resource.resource_name,
            )
        )
    return response


@handles(ApiKey.INCREMENTAL_ALTER_CONFIGS, versions=(0, 1), listener=ListenerKind.CONTROLLER)
async def handle_on_controller(
    controller: Controller, context: RequestContext, request: IncrementalAlterConfigsRequest
) -> IncrementalAlterConfigsResponse:
    try:
        return await controller.incremental_alter_configs(request)
    except KafkaError as error:
        response: IncrementalAlterConfigsResponse = error_response(request, error)
        return response
