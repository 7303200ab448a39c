"""ListConfigResources (key 74), v0-1, on the brokers' listeners.

Names everything that can have configs, of the kinds asked for, in the order of their names (KIP-1142).
- v0 was ListClientMetricsResources and lists client metrics only (KIP-1000)
- v1: resource types; none means all kinds; a kind that does not exist makes the whole answer UNSUPPORTED_VERSION
- topics: all; brokers: those that are up, on the listener asked; groups: those with configs of their own
Kafka: KafkaApis.handleListConfigResources.
Not implemented: broker loggers and client metrics, of which there are none to list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.config.validation import ResourceType
from engine.handlers.registry import handles
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ListConfigResourcesRequest, ListConfigResourcesResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.metadata.image import MetadataImage
    from engine.net.context import RequestContext

_LISTED: Final = (
    ResourceType.GROUP,
    ResourceType.CLIENT_METRICS,
    ResourceType.BROKER_LOGGER,
    ResourceType.BROKER,
    ResourceType.TOPIC,
)


@handles(ApiKey.LIST_CONFIG_RESOURCES, versions=(0, 1))
def handle(broker: Broker, context: RequestContext, request: ListConfigResourcesRequest) -> ListConfigResourcesResponse:
    kinds: list[int]
    if context.api_version == 0:
        kinds = [ResourceType.CLIENT_METRICS]
    else:
        kinds = list(request.resource_types) or list(_LISTED)
    if any(kind not in _LISTED for kind in kinds):
        return ListConfigResourcesResponse(error_code=int(ErrorCode.UNSUPPORTED_VERSION), config_resources=[])
    image = broker.metadata.image
    return ListConfigResourcesResponse(
        error_code=0,
        config_resources=[
            ListConfigResourcesResponse.ConfigResource(resource_name=name, resource_type=int(kind))
            for kind in _LISTED
            if kind in kinds
            for name in _names(image, kind, context.listener)
        ],
    )


def _names(image: MetadataImage, kind: ResourceType, listener: str) -> list[str]:
    if kind is ResourceType.TOPIC:
        return sorted(image.topic_ids)
    if kind is ResourceType.BROKER:
        up = (b for b in image.brokers.values() if not b.fenced and b.endpoint(listener) is not None)
        return [str(broker.id) for broker in up]
    if kind is ResourceType.GROUP:
        return sorted(name for resource_type, name in image.configs if resource_type == ResourceType.GROUP)
    return []
