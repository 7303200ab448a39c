"""Which function answers which request. ApiVersions is derived from this and from nothing else.

A handler is a function `(broker_or_controller, context, request) -> response`, plain or async, registered by

    @handles(ApiKey.METADATA, versions=(0, 13))
    async def handle(broker: Broker, context: RequestContext, request: MetadataRequest) -> MetadataResponse: ...

The same module may register two functions: one for the broker listeners, one for the controller's. Handlers raise
nothing for what Kafka has an error code for; a `KafkaError` that escapes is turned into the response's top-level
`error_code` by the dispatcher where the response has one, as the last resort.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from engine.net.dispatch import Direct, Handler
from engine.protocol.api import ApiKey

Function = TypeVar("Function", bound=Callable[..., Any])


class ListenerKind(Enum):
    """On which side of a node a request is served (Kafka: "listeners" in the message definitions)."""

    BROKER = "broker"
    CONTROLLER = "controller"


_handlers: dict[ListenerKind, dict[int, Handler]] = {ListenerKind.BROKER: {}, ListenerKind.CONTROLLER: {}}
_loaded = False


def handles(
    api_key: ApiKey,
    *,
    versions: tuple[int, int],
    listener: ListenerKind = ListenerKind.BROKER,
    advertised_min_version: int | None = None,
    keeps_body: bool = True,
    direct: Direct | None = None,
) -> Callable[[Function], Function]:
    """Register the decorated function for `api_key` in `versions` (inclusive) on that kind of listener.

    `advertised_min_version` is what ApiVersions says where Kafka itself says something else than it serves (Produce,
    KAFKA-18659). `keeps_body=False` promises that no byte field of the request is used after the function returned.
    `direct` is the short way for the usual form of the request (`engine.net.dispatch.Direct`).
    """

    def register(function: Function) -> Function:
        table = _handlers[listener]
        assert api_key not in table, f"{api_key.name} has two handlers on {listener.value} listeners"
        table[api_key] = Handler(
            api_key,
            versions,
            function,
            advertised_min_version=advertised_min_version,
            keeps_body=keeps_body,
            direct=direct,
        )
        return function

    return register


def handlers(listener: ListenerKind) -> dict[int, Handler]:
    """The table for one kind of listener; imports every `api_*` module on first use."""
    global _loaded
    if not _loaded:
        import engine.handlers as package

        for module in pkgutil.iter_modules(package.__path__):
            if module.name.startswith(("api_", "controller_")):
                importlib.import_module(f"engine.handlers.{module.name}")
        _loaded = True
    return _handlers[listener]
