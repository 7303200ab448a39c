"""DescribeConfigs and ListConfigResources (Kafka: ConfigHelper, KafkaApis.handleListConfigResources)."""

from types import SimpleNamespace
from typing import Any

import pytest

from engine.config import BrokerConfig
from engine.config.describe import ConfigSource
from engine.config.validation import ResourceType
from engine.handlers import api_32_describe_configs, api_74_list_config_resources
from engine.metadata.image import BrokerRegistration, MetadataImage
from engine.net.context import RequestContext
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    DescribeConfigsRequest,
    DescribeConfigsResponse,
    ListConfigResourcesRequest,
    ListConfigResourcesResponse,
)
from engine.types import Endpoint

TOPIC_ID = bytes(range(16))


def registration(broker_id: int, *, fenced: bool = False) -> BrokerRegistration:
    return BrokerRegistration(
        id=broker_id,
        epoch=1,
        incarnation_id=TOPIC_ID,
        endpoints=(Endpoint("PLAINTEXT", "here", 9092),),
        security_protocols=(0,),
        features=(),
        rack=None,
        fenced=fenced,
        in_controlled_shutdown=False,
    )


IMAGE = MetadataImage(
    topic_ids={"orders": TOPIC_ID},
    brokers={1: registration(1), 2: registration(2, fenced=True)},
    configs={
        (ResourceType.TOPIC, "orders"): {"retention.ms": "5"},
        (ResourceType.BROKER, "1"): {"log.roll.ms": "9"},
        (ResourceType.BROKER, ""): {"min.insync.replicas": "2"},
        (ResourceType.GROUP, "g"): {"consumer.session.timeout.ms": "46000"},
    },
)
BROKER: Any = SimpleNamespace(config=BrokerConfig.combined(1), metadata=SimpleNamespace(image=IMAGE))


def context(api_key: int, version: int) -> RequestContext:
    return RequestContext(
        api_key=api_key,
        api_version=version,
        correlation_id=1,
        client_id=None,
        listener="PLAINTEXT",
        peer_host="127.0.0.1",
    )


def describe(
    resource_type: int, name: str, keys: list[str] | None = None, *, version: int = 4, **wanted: bool
) -> DescribeConfigsResponse.DescribeConfigsResult:
    resource = DescribeConfigsRequest.DescribeConfigsResource(
        resource_type=resource_type, resource_name=name, configuration_keys=keys
    )
    request = DescribeConfigsRequest(resources=[resource], **wanted)
    response = api_32_describe_configs.handle(BROKER, context(32, version), request)
    again = DescribeConfigsResponse.decode(response.encode(version), version)  # what the client gets to see
    return again.results[0]


def test_a_topics_configs_are_described_with_their_sources() -> None:
    result = describe(ResourceType.TOPIC, "orders", include_synonyms=True, include_documentation=True)
    configs = {config.name: config for config in result.configs}

    assert (result.error_code, result.resource_name, len(configs)) == (0, "orders", 33)
    assert (configs["retention.ms"].value, configs["retention.ms"].config_source) == ("5", ConfigSource.TOPIC_CONFIG)
    assert configs["min.insync.replicas"].config_source == ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG
    assert configs["min.insync.replicas"].value == "2"
    assert [synonym.name for synonym in configs["segment.bytes"].synonyms] == ["log.segment.bytes"]
    assert configs["segment.bytes"].documentation


@pytest.mark.parametrize("keys", [None, []])
def test_no_keys_mean_all_keys(keys: list[str] | None) -> None:
    assert len(describe(ResourceType.TOPIC, "orders", keys).configs) == 33


def test_only_the_keys_asked_for_come_and_unknown_ones_are_left_out() -> None:
    result = describe(ResourceType.TOPIC, "orders", ["segment.ms", "no.such.config"])

    assert [config.name for config in result.configs] == ["segment.ms"]
    assert result.configs[0].synonyms == []
    assert result.configs[0].documentation is None


def test_version_1_has_neither_types_nor_documentation() -> None:
    config = describe(ResourceType.TOPIC, "orders", ["segment.ms"], version=1).configs[0]

    assert (config.config_type, config.documentation) == (0, "")


def test_a_broker_describes_itself_with_its_dynamic_configs() -> None:
    configs = {config.name: config for config in describe(ResourceType.BROKER, "1").configs}

    assert (configs["log.roll.ms"].value, configs["log.roll.ms"].read_only) == ("9", False)
    assert configs["log.roll.ms"].config_source == ConfigSource.DYNAMIC_BROKER_CONFIG
    assert configs["node.id"].read_only


def test_the_empty_broker_name_stands_for_the_dynamic_default() -> None:
    configs = describe(ResourceType.BROKER, "").configs

    assert [(config.name, config.value) for config in configs] == [("min.insync.replicas", "2")]


def test_a_group_is_described_whether_or_not_it_exists() -> None:
    (config,) = describe(ResourceType.GROUP, "g", ["consumer.session.timeout.ms"]).configs
    assert (config.value, config.config_source) == ("46000", ConfigSource.GROUP_CONFIG)
    (config,) = describe(ResourceType.GROUP, "nobody", ["consumer.session.timeout.ms"]).configs
    assert (config.value, config.config_source) == ("45000", ConfigSource.DEFAULT_CONFIG)


@pytest.mark.parametrize(
    ("resource_type", "name", "code"),
    [
        (ResourceType.TOPIC, "nothing", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (ResourceType.TOPIC, "no/such", ErrorCode.INVALID_TOPIC_EXCEPTION),
        (ResourceType.BROKER, "2", ErrorCode.INVALID_REQUEST),
        (ResourceType.BROKER, "two", ErrorCode.INVALID_REQUEST),
        (ResourceType.GROUP, "", ErrorCode.INVALID_REQUEST),
        (ResourceType.BROKER_LOGGER, "1", ErrorCode.INVALID_REQUEST),
        (ResourceType.CLIENT_METRICS, "m", ErrorCode.INVALID_REQUEST),
        (99, "x", ErrorCode.INVALID_REQUEST),
    ],
)
def test_what_cannot_be_described_is_an_error_of_that_resource(resource_type: int, name: str, code: ErrorCode) -> None:
    result = describe(resource_type, name)

    assert (result.error_code, result.configs) == (code, [])
    assert result.error_message


def resources(version: int, *kinds: int) -> tuple[int, list[tuple[int, str]]]:
    request = ListConfigResourcesRequest(resource_types=list(kinds))
    response = api_74_list_config_resources.handle(BROKER, context(74, version), request)
    again = ListConfigResourcesResponse.decode(response.encode(version), version)
    return again.error_code, [(r.resource_type, r.resource_name) for r in again.config_resources]


def test_all_that_can_have_configs_is_listed() -> None:
    """KIP-1142. A fenced broker is not shown."""
    assert resources(1) == (0, [(ResourceType.GROUP, "g"), (ResourceType.BROKER, "1"), (ResourceType.TOPIC, "orders")])


def test_only_the_kinds_asked_for_are_listed() -> None:
    assert resources(1, ResourceType.TOPIC) == (0, [(ResourceType.TOPIC, "orders")])


def test_a_kind_that_does_not_exist_is_unsupported() -> None:
    assert resources(1, ResourceType.TOPIC, 99) == (ErrorCode.UNSUPPORTED_VERSION, [])


def test_version_0_lists_client_metrics_of_which_there_are_none() -> None:
    assert resources(0) == (0, [])
