"""Blocks of producer ids for brokers to hand out (KIP-730; Kafka: ProducerIdControlManager)."""

from __future__ import annotations

from engine.errors import KafkaError
from engine.metadata.brokers import check_broker_epoch
from engine.metadata.decision import Decision
from engine.metadata.image import MetadataImage
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import AllocateProducerIdsRequest, AllocateProducerIdsResponse, ProducerIdsRecord

BLOCK_SIZE = 1_000
_INT64_MAX = (1 << 63) - 1


def allocate_producer_ids(
    image: MetadataImage, request: AllocateProducerIdsRequest
) -> Decision[AllocateProducerIdsResponse]:
    """The next block, never given out before. STALE_BROKER_EPOCH, or UNKNOWN_SERVER_ERROR once int64 is used up."""
    check_broker_epoch(image, request.broker_id, request.broker_epoch)
    first = image.producer_ids.next_producer_id
    if first > _INT64_MAX - BLOCK_SIZE:
        raise KafkaError(
            ErrorCode.UNKNOWN_SERVER_ERROR,
            "Exhausted all producerIds as the next block's end producerId has exceeded the int64 type limit",
        )
    record = ProducerIdsRecord(
        broker_id=request.broker_id, broker_epoch=request.broker_epoch, next_producer_id=first + BLOCK_SIZE
    )
    return Decision([record], AllocateProducerIdsResponse(producer_id_start=first, producer_id_len=BLOCK_SIZE))
