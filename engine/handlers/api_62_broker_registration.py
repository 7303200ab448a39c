"""BrokerRegistration (key 62), v0-4, on the controllers' listeners only.

A broker starts: it gets its epoch, and stays fenced until a heartbeat says that it has read that (KIP-631).
- DUPLICATE_BROKER_REGISTRATION while another process with its id is alive; INCONSISTENT_CLUSTER_ID; INVALID_REGISTRATION
- v1: ZooKeeper migration (refused)   v2: log directories (KIP-858)   v3: previous broker epoch (KIP-966)
Not implemented: none. Kafka: ClusterControlManager.registerBroker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import BrokerRegistrationRequest, BrokerRegistrationResponse

if TYPE_CHECKING:
    from engine.controller.controller import Controller


@handles(ApiKey.BROKER_REGISTRATION, versions=(0, 4), listener=ListenerKind.CONTROLLER)
async def handle(
    controller: Controller, context: RequestContext, request: BrokerRegistrationRequest
) -> BrokerRegistrationResponse:
    try:
        return await controller.register_broker(request, context.api_version)
    except KafkaError as error:
        response: BrokerRegistrationResponse = error_response(request, error)
        return response
