"""AlterPartition (key 56), v2-3, on the controllers' listeners only.

A leader asks for another ISR; the controller checks every member (INELIGIBLE_REPLICA) and answers with the new state.
- epochs: FENCED_LEADER_EPOCH, INVALID_UPDATE_VERSION, STALE_BROKER_EPOCH; NOT_CONTROLLER when the leader knows more than we
- v2: topic ids (KIP-841)   v3: broker epochs of the members (KIP-903)
Not implemented: none. Kafka: ReplicationControlManager.alterPartition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import AlterPartitionRequest, AlterPartitionResponse

if TYPE_CHECKING:
    from engine.controller.controller import Controller


@handles(ApiKey.ALTER_PARTITION, versions=(2, 3), listener=ListenerKind.CONTROLLER)
async def handle(
    controller: Controller, context: RequestContext, request: AlterPartitionRequest
) -> AlterPartitionResponse:
    try:
        return await controller.alter_partition(request, context.api_version)
    except KafkaError as error:
        response: AlterPartitionResponse = error_response(request, error)
        return response
