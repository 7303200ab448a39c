"""InitProducerId (key 22), v0-5.

A producer id for an idempotent producer: always a fresh one with epoch 0, also when the producer names the one it had
(KIP-360: without a transactional id there is nothing to fence).
- v1: throttle time   v2: flexible   v3: producer id and epoch (KIP-360)   v4, v5: error codes (KIP-588, KIP-890)
- a producer id without an epoch, or the other way round, and the empty transactional id: INVALID_REQUEST.
- v6 (KIP-939) is unstable in Apache Kafka 4.3, and not advertised there either.
Not implemented: transactional ids. There is no transaction coordinator, so COORDINATOR_NOT_AVAILABLE.
Kafka: KafkaApis.handleInitProducerIdRequest, TransactionCoordinator.handleInitProducerId.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import handles
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import InitProducerIdRequest, InitProducerIdResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext

_NONE = -1


@handles(ApiKey.INIT_PRODUCER_ID, versions=(0, 5), keeps_body=False)
async def handle(broker: Broker, context: RequestContext, request: InitProducerIdRequest) -> InitProducerIdResponse:
    if (request.producer_id == _NONE) != (request.producer_epoch == _NONE) or request.transactional_id == "":
        return _refusal(ErrorCode.INVALID_REQUEST)
    if request.transactional_id is not None:
        return _refusal(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    try:
        producer_id = await broker.producer_ids.next_id()
    except KafkaError as error:
        return _refusal(error.code)
    return InitProducerIdResponse(producer_id=producer_id, producer_epoch=0)


def _refusal(code: ErrorCode) -> InitProducerIdResponse:
    return InitProducerIdResponse(error_code=code, producer_id=_NONE, producer_epoch=_NONE)
