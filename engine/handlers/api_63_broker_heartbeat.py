"""BrokerHeartbeat (key 63), v0-2, on the controllers' listeners only.

Keeps a broker alive; unfences it, fences it, and takes it through a controlled shutdown (KIP-631).
- STALE_BROKER_EPOCH from an earlier life of the broker
- v1: failed log directories (KIP-858)   v2: cordoned log directories (KIP-1066)
Not implemented: none. Kafka: ReplicationControlManager.processBrokerHeartbeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import BrokerHeartbeatRequest, BrokerHeartbeatResponse

if TYPE_CHECKING:
    from engine.controller.controller import Controller


@handles(ApiKey.BROKER_HEARTBEAT, versions=(0, 2), listener=ListenerKind.CONTROLLER)
async def handle(
    controller: Controller, context: RequestContext, request: BrokerHeartbeatRequest
) -> BrokerHeartbeatResponse:
    try:
        return await controller.broker_heartbeat(request)
    except KafkaError as error:
        response: BrokerHeartbeatResponse = error_response(request, error)
        return response
