"""DescribeConfigs (key 32), v1-4, on the brokers' listeners.

Shows the configs of topics, brokers and groups: value, source, synonyms, type, and in v3 documentation.
- topic: all of its configs; UNKNOWN_TOPIC_OR_PARTITION when there is none of that name
- broker: this broker's own (another id is INVALID_REQUEST: ask that broker), "" the dynamic default of all
- group: all group configs, whether or not such a group exists
- v1: synonyms and source   v2: nothing new   v3: type and documentation   v4: flexible versions
- `configuration_keys` null or empty means all; keys that do not exist are left out
Errors stay within their resource. Kafka: ConfigHelper.
Not implemented: broker loggers (there is no log4j) and client metrics (KIP-714), both INVALID_REQUEST.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.config.describe import (
    ConfigEntry,
    describe_broker,
    describe_cluster_default,
    describe_group,
    describe_topic,
)
from engine.config.validation import NOT_BUILT, ResourceType
from engine.errors import KafkaError
from engine.handlers.registry import handles
from engine.metadata.topic_names import why_invalid
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeConfigsRequest, DescribeConfigsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.config import BrokerConfig
    from engine.metadata.image import MetadataImage
    from engine.net.context import RequestContext


@handles(ApiKey.DESCRIBE_CONFIGS, versions=(1, 4))
def handle(broker: Broker, context: RequestContext, request: DescribeConfigsRequest) -> DescribeConfigsResponse:
    image = broker.metadata.image
    return describe_configs(broker.config, image, request)


def describe_configs(
    config: BrokerConfig, image: MetadataImage, request: DescribeConfigsRequest
) -> DescribeConfigsResponse:
    """The whole answer of the node that `config` belongs to, by what `image` says was set."""
    config = config.with_dynamic(
        image.config(ResourceType.BROKER, str(config.node_id)), image.config(ResourceType.BROKER, "")
    )
    return DescribeConfigsResponse(
        results=[_result(config, image, resource, request) for resource in request.resources]
    )


def _result(
    config: BrokerConfig,
    image: MetadataImage,
    resource: DescribeConfigsRequest.DescribeConfigsResource,
    request: DescribeConfigsRequest,
) -> DescribeConfigsResponse.DescribeConfigsResult:
    try:
        entries = _entries(config, image, resource.resource_type, resource.resource_name)
    except KafkaError as error:
        return DescribeConfigsResponse.DescribeConfigsResult(
            error_code=int(error.code),
            error_message=error.message,
            resource_type=resource.resource_type,
            resource_name=resource.resource_name,
            configs=[],
        )
    if resource.configuration_keys:
        wanted = frozenset(resource.configuration_keys)
        entries = [entry for entry in entries if entry.name in wanted]
    return DescribeConfigsResponse.DescribeConfigsResult(
        error_code=0,
        error_message=None,
        resource_type=resource.resource_type,
        resource_name=resource.resource_name,
        configs=[_config(entry, request) for entry in entries],
    )


def _entries(config: BrokerConfig, image: MetadataImage, resource_type: int, name: str) -> list[ConfigEntry]:
    if resource_type == ResourceType.TOPIC:
        invalid = why_invalid(name)
        if invalid is not None:
            raise KafkaError(ErrorCode.INVALID_TOPIC_EXCEPTION, invalid)
        if name not in image.topic_ids:
            raise KafkaError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"There is no topic {name!r}")
        return describe_topic(config, image.config(ResourceType.TOPIC, name))
    if resource_type == ResourceType.BROKER:
        if not name:
            return describe_cluster_default(config)
        if _broker_id(name) != config.node_id:
            raise KafkaError(
                ErrorCode.INVALID_REQUEST,
                f"Unexpected broker id, expected {config.node_id} or empty string, but received {name}",
            )
        return describe_broker(config)
    if resource_type == ResourceType.GROUP:
        if not name:
            raise KafkaError(ErrorCode.INVALID_REQUEST, "Group name must not be empty")
        return describe_group(config, image.config(ResourceType.GROUP, name))
    if resource_type == ResourceType.BROKER_LOGGER:
        raise KafkaError(ErrorCode.INVALID_REQUEST, "There are no log4j loggers in this engine to describe")
    if resource_type == ResourceType.CLIENT_METRICS:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Client metrics are part of KIP-714, {NOT_BUILT}")
    raise KafkaError(ErrorCode.INVALID_REQUEST, f"Unexpected resource type {resource_type} for resource {name}")


def _broker_id(name: str) -> int:
    try:
        return int(name)
    except ValueError:
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Broker id must be an integer, but it is: {name}") from None


def _config(
    entry: ConfigEntry, request: DescribeConfigsRequest
) -> DescribeConfigsResponse.DescribeConfigsResourceResult:
    synonyms = entry.synonyms if request.include_synonyms else ()
    return DescribeConfigsResponse.DescribeConfigsResourceResult(
        name=entry.name,
        value=entry.value,
        read_only=entry.is_read_only,
        config_source=int(entry.source),
        is_sensitive=entry.is_sensitive,
        synonyms=[
            DescribeConfigsResponse.DescribeConfigsSynonym(
                name=synonym.name, value=synonym.value, source=int(synonym.source)
            )
            for synonym in synonyms
        ],
        config_type=int(entry.type),
        documentation=entry.documentation if request.include_documentation else None,
    )
