"""Makes sure that `__consumer_offsets` exists: created when a group first looks for its coordinator.

(Kafka: AutoTopicCreationManager, GroupCoordinatorService.groupMetadataTopicConfigs.)
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import CreateTopicsRequest
from engine.types import CONSUMER_OFFSETS_TOPIC

if TYPE_CHECKING:
    from engine.broker.broker import Broker

logger = logging.getLogger(__name__)

_HARMLESS = (ErrorCode.NONE, ErrorCode.TOPIC_ALREADY_EXISTS)


class OffsetsTopicCreator:
    """Asks the controller for the topic, once at a time."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._creation: asyncio.Task[None] | None = None

    def create_if_missing(self) -> None:
        """Start to create the topic unless it exists or is being created. Failures are logged and tried again when
        the next client asks; it is told COORDINATOR_NOT_AVAILABLE meanwhile."""
        if self._broker.metadata.image.topic(CONSUMER_OFFSETS_TOPIC) is not None:
            return
        if self._creation is None or self._creation.done():
            self._creation = asyncio.get_running_loop().create_task(self._create(), name="create-offsets-topic")

    async def _create(self) -> None:
        config = self._broker.config
        configs = {
            "cleanup.policy": "compact",
            "compression.type": "producer",
            "segment.bytes": str(config.get_int("offsets.topic.segment.bytes")),
        }
        topic = CreateTopicsRequest.CreatableTopic(
            name=CONSUMER_OFFSETS_TOPIC,
            num_partitions=config.get_int("offsets.topic.num.partitions"),
            replication_factor=config.get_int("offsets.topic.replication.factor"),
            configs=[
                CreateTopicsRequest.CreatableTopicConfig(name=name, value=value) for name, value in configs.items()
            ],
        )
        timeout_ms = config.get_int("request.timeout.ms")
        try:
            response = await self._broker.controller.send(CreateTopicsRequest(topics=[topic], timeout_ms=timeout_ms))
        except KafkaError as error:
            logger.warning("%s cannot be created: %s", CONSUMER_OFFSETS_TOPIC, error.message)
            return
        for result in response.topics:
            if result.error_code not in _HARMLESS:
                reason = result.error_message or ErrorCode.of(result.error_code).text
                logger.warning("%s cannot be created: %s", CONSUMER_OFFSETS_TOPIC, reason)

    def stop(self) -> None:
        """Ask for nothing more."""
        if self._creation is not None:
            self._creation.cancel()
