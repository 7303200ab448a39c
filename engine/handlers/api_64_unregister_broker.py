"""UnregisterBroker (key 64), v0, on both kinds of listener. Brokers forward it; the active controller decides.

Forgets a broker for good: it leaves every ISR, its replicas stay assigned (KIP-185, KIP-631).
BROKER_ID_NOT_REGISTERED when there is none of that id. A broker that still runs registers again.
Not implemented: none. Kafka: ReplicationControlManager.unregisterBroker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.forwarding import forward
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import UnregisterBrokerRequest, UnregisterBrokerResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller


@handles(ApiKey.UNREGISTER_BROKER, versions=(0, 0))
async def handle(broker: Broker, context: RequestContext, request: UnregisterBrokerRequest) -> UnregisterBrokerResponse:
    response: UnregisterBrokerResponse = await forward(broker, request)
    return response


@handles(ApiKey.UNREGISTER_BROKER, versions=(0, 0), listener=ListenerKind.CONTROLLER)
async def handle_on_controller(
    controller: Controller, context: RequestContext, request: UnregisterBrokerRequest
) -> UnregisterBrokerResponse:
    try:
        return await controller.unregister_broker(request)
    except KafkaError as error:
        response: UnregisterBrokerResponse = error_response(request, error)
        return response
