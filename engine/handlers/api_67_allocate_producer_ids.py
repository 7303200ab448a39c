"""AllocateProducerIds (key 67), v0, on the controllers' listeners only.

The next block of 1,000 producer ids for one broker to hand out; no id is ever given twice (KIP-730).
Not implemented: none. Kafka: ProducerIdControlManager.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import AllocateProducerIdsRequest, AllocateProducerIdsResponse

if TYPE_CHECKING:
    from engine.controller.controller import Controller


@handles(ApiKey.ALLOCATE_PRODUCER_IDS, versions=(0, 0), listener=ListenerKind.CONTROLLER)
async def handle(
    controller: Controller, context: RequestContext, request: AllocateProducerIdsRequest
) -> AllocateProducerIdsResponse:
    try:
        return await controller.allocate_producer_ids(request)
    except KafkaError as error:
        response: AllocateProducerIdsResponse = error_response(request, error)
        return response
