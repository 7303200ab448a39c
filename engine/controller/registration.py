"""A controller makes itself known to the cluster: its endpoints and the features it supports (KIP-919).

Without it nobody can ask controllers to describe themselves, and no feature can be raised, because the active controller
must know that all the others support it. (Kafka: ControllerRegistrationManager.)
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable
from typing import Any, Protocol

from engine.errors import KafkaError
from engine.metadata.delta import MetadataDelta
from engine.metadata.features import SUPPORTED_FEATURES
from engine.metadata.image import MetadataImage
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ControllerRegistrationRequest, ControllerRegistrationResponse
from engine.types import Endpoint

logger = logging.getLogger(__name__)

_BACKOFF_MS = 100
_BACKOFF_MS_MAX = 10_000


class Channel(Protocol):
    """The way to the active controller (`engine.broker.controller_channel`)."""

    def send(self, request: Any, *, timeout_ms: int | None = None) -> Awaitable[Any]: ...

    def close(self) -> None:
        """Drop the connection; the next `send` makes another."""
        ...


class ControllerRegistrar:
    """A `MetadataPublisher` that registers this controller whenever the image does not have this life of it."""

    def __init__(self, node_id: int, incarnation_id: bytes, endpoints: Iterable[Endpoint], channel: Channel) -> None:
        self._request = ControllerRegistrationRequest(
            controller_id=node_id,
            incarnation_id=incarnation_id,
            zk_migration_ready=False,
            listeners=[
                ControllerRegistrationRequest.Listener(name=name, host=host, port=port)
                for name, host, port in endpoints
            ],
            features=[
                ControllerRegistrationRequest.Feature(name=name, min_supported_version=low, max_supported_version=high)
                for name, (low, high) in SUPPORTED_FEATURES.items()
            ],
        )
        self._channel = channel
        self._registered = False
        self._task: asyncio.Task[None] | None = None
        self._stopped = False

    @property
    def is_registered(self) -> bool:
        """The committed metadata has this life of this controller."""
        return self._registered

    def on_image(self, delta: MetadataDelta, image: MetadataImage) -> None:
        known = image.controllers.get(self._request.controller_id)
        self._registered = known is not None and known.incarnation_id == self._request.incarnation_id
        # Before the first features are finalized there is no cluster to register with.
        if not self._registered and image.features and self._task is None and not self._stopped:
            self._task = asyncio.get_running_loop().create_task(
                self._register(), name=f"register controller {self._request.controller_id}"
            )

    async def _register(self) -> None:
        """Try until the metadata shows it."""
        backoff_ms = _BACKOFF_MS
        try:
            while not self._registered:
                try:
                    response: ControllerRegistrationResponse = await self._channel.send(self._request)
                    if response.error_code:
                        logger.warning(
                            "controller %d could not register: %s (%s)",
                            self._request.controller_id,
                            ErrorCode.of(response.error_code).name,
                            response.error_message,
                        )
                except KafkaError as error:
                    logger.info("controller %d could not register yet: %s", self._request.controller_id, error)
                await asyncio.sleep(backoff_ms / 1_000)
                backoff_ms = min(backoff_ms * 2, _BACKOFF_MS_MAX)
        finally:
            self._task = None
            self._channel.close()

    def stop(self) -> None:
        self._stopped = True
        if self._task is not None:
            self._task.cancel()
            self._task = None
