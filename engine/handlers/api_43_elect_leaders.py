"""ElectLeaders (key 43), v0-2, on both kinds of listener. Brokers forward it; the active controller decides.

Elects the preferred replica (0), or anyone alive where there is no leader (1: unclean, may lose records).
- topic_partitions null: all, without those that need no election (ELECTION_NOT_NEEDED)
- v0 knows only preferred elections   v1: election type and a top-level error (KIP-460)
Not implemented: none. Kafka: ReplicationControlManager.electLeaders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.forwarding import forward
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import ElectLeadersRequest, ElectLeadersResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller


@handles(ApiKey.ELECT_LEADERS, versions=(0, 2))
async def handle(broker: Broker, context: RequestContext, request: ElectLeadersRequest) -> ElectLeadersResponse:
    response: ElectLeadersResponse = await forward(broker, request)
    return _fitting(response, context.api_version)


@handles(ApiKey.ELECT_LEADERS, versions=(0, 2), listener=ListenerKind.CONTROLLER)
async def handle_on_controller(
    controller: Controller, context: RequestContext, request: ElectLeadersRequest
) -> ElectLeadersResponse:
    try:
        response = await controller.elect_leaders(request)
    except KafkaError as error:
        response = error_response(request, error)
    return _fitting(response, context.api_version)


def _fitting(response: ElectLeadersResponse, api_version: int) -> ElectLeadersResponse:
    """Version 0 has errors per partition only."""
    if api_version == 0:
        response.error_code = 0
    return response
