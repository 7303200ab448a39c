"""CreatePartitions (key 37), v0-3, on both kinds of listener. Brokers forward it; the active controller decides.

Adds partitions to topics, per topic all or none; never moves records, never removes any.
- the same number or fewer: INVALID_PARTITIONS; assignments must be as many as are added, with the topic's replication factor
- v2: flexible versions   v3: KIP-599
Not implemented: quotas (throttle_time_ms is 0). Kafka: ReplicationControlManager.createPartitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.forwarding import forward
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import CreatePartitionsRequest, CreatePartitionsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller


@handles(ApiKey.CREATE_PARTITIONS, versions=(0, 3))
async def handle(broker: Broker, context: RequestContext, request: CreatePartitionsRequest) -> CreatePartitionsResponse:
    response: CreatePartitionsResponse = await forward(broker, request)
    return response


@handles(ApiKey.CREATE_PARTITIONS, versions=(0, 3), listener=ListenerKind.CONTROLLER)
async def handle_on_controller(
    controller: Controller, context: RequestContext, request: CreatePartitionsRequest
) -> CreatePartitionsResponse:
    try:
        return await controller.create_partitions(request)
    except KafkaError as error:
        response: CreatePartitionsResponse = error_response(request, error)
        return response
