"""Brokers forward what controllers decide (KIP-590), and controllers answer it (Kafka: KafkaApisTest, ConfigAdminManagerTest,
ControllerApisTest)."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from engine.errors import KafkaError
from engine.handlers import (
    api_19_create_topics,
    api_20_delete_topics,
    api_33_alter_configs,
    api_37_create_partitions,
    api_43_elect_leaders,
    api_44_incremental_alter_configs,
    api_55_describe_quorum,
    api_56_alter_partition,
    api_57_update_features,
    api_62_broker_registration,
    api_63_broker_heartbeat,
    api_64_unregister_broker,
    api_67_allocate_producer_ids,
    api_70_controller_registration,
)
from engine.handlers.registry import ListenerKind, handlers
from engine.net.context import RequestContext
from engine.protocol.api import API_VERSIONS, request_class, response_class
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    AlterConfigsRequest,
    AlterPartitionRequest,
    CreateTopicsRequest,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)

FORWARDED = {
    19: api_19_create_topics,
    20: api_20_delete_topics,
    33: api_33_alter_configs,
    37: api_37_create_partitions,
    43: api_43_elect_leaders,
    44: api_44_incremental_alter_configs,
    55: api_55_describe_quorum,
    57: api_57_update_features,
    64: api_64_unregister_broker,
}
CONTROLLER_ONLY = {
    56: api_56_alter_partition,
    62: api_62_broker_registration,
    63: api_63_broker_heartbeat,
    67: api_67_allocate_producer_ids,
    70: api_70_controller_registration,
}


def context(key: int, version: int | None = None) -> RequestContext:
    spec = API_VERSIONS[key]  # type: ignore[index]
    return RequestContext(key, spec.max_version if version is None else version, 1, "test", "PLAINTEXT", "127.0.0.1")


class Channel:
    """Answers with what it was given, or fails."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.sent: list[Any] = []
        self.timeout_ms: int | None = None

    async def send(self, request: Any, *, timeout_ms: int | None = None) -> Any:
        self.sent.append(request)
        self.timeout_ms = timeout_ms
        if isinstance(self.answer, KafkaError):
            raise self.answer
        return self.answer


def ask(module: Any, channel: Channel, request: Any, version: int | None = None) -> Any:
    broker: Any = SimpleNamespace(controller=channel, node_id=1)
    key = type(request).API_KEY
    return asyncio.run(module.handle(broker, context(key, version), request))


@pytest.mark.parametrize("key", FORWARDED)
def test_the_controllers_answer_is_the_brokers_answer(key: int) -> None:
    answer = response_class(key)()
    channel = Channel(answer)
    request = request_class(key)()
    if key in (33, 44):  # nothing of it would be left to forward otherwise
        request.resources.append(type(request).AlterConfigsResource(resource_type=2, resource_name="t"))  # type: ignore[attr-defined]
    assert ask(FORWARDED[key], channel, request) is answer
    assert len(channel.sent) == 1


@pytest.mark.parametrize("key", FORWARDED)
def test_without_a_controller_the_client_is_told_why(key: int) -> None:
    channel = Channel(KafkaError(ErrorCode.REQUEST_TIMED_OUT, "no controller is known"))
    response = ask(FORWARDED[key], channel, request_class(key)())
    spec = API_VERSIONS[key]  # type: ignore[index]
    assert type(response) is response_class(key)
    assert response.encode(spec.max_version)
    if hasattr(response, "error_code"):
        assert response.error_code == ErrorCode.REQUEST_TIMED_OUT


def test_each_topic_says_why_it_was_not_created() -> None:
    request = CreateTopicsRequest(topics=[CreateTopicsRequest.CreatableTopic(name="a")], timeout_ms=7_000)
    channel = Channel(KafkaError(ErrorCode.REQUEST_TIMED_OUT, "no controller is known"))
    response = ask(api_19_create_topics, channel, request)
    assert [(t.name, t.error_code, t.error_message) for t in response.topics] == [
        ("a", ErrorCode.REQUEST_TIMED_OUT, "no controller is known")
    ]
    assert channel.timeout_ms == 8_000, "the client's time, and some for the way"


def test_old_deletions_are_brought_into_the_newest_form() -> None:
    result = DeleteTopicsResponse.DeletableTopicResult(name="a", error_code=ErrorCode.TOPIC_DELETION_DISABLED)
    channel = Channel(DeleteTopicsResponse(responses=[result]))
    response = ask(api_20_delete_topics, channel, DeleteTopicsRequest(topic_names=["a"], timeout_ms=5), 1)
    assert channel.sent == [DeleteTopicsRequest(topics=[DeleteTopicsRequest.DeleteTopicState(name="a")], timeout_ms=5)]
    assert response.responses[0].error_code == ErrorCode.INVALID_REQUEST, "which version 1 knows"
    assert response.encode(1)


def test_old_feature_updates_are_brought_into_the_newest_form() -> None:
    update = UpdateFeaturesRequest.FeatureUpdateKey(feature="f", max_version_level=1, allow_downgrade=True)
    channel = Channel(UpdateFeaturesResponse())
    response = ask(api_57_update_features, channel, UpdateFeaturesRequest(feature_updates=[update]), 0)
    sent = channel.sent[0].feature_updates[0]
    assert (sent.upgrade_type, sent.allow_downgrade) == (2, False)
    assert channel.sent[0].encode(2)
    assert [r.feature for r in response.results] == ["f"]


@pytest.mark.parametrize(
    ("module", "request_class_"),
    [
        (api_33_alter_configs, AlterConfigsRequest),
        (api_44_incremental_alter_configs, IncrementalAlterConfigsRequest),
    ],
)
def test_configs_of_a_broker_are_only_taken_by_that_broker(module: Any, request_class_: Any) -> None:
    """Kafka: ConfigAdminManager.preprocess."""

    def resource(resource_type: int, name: str) -> Any:
        return request_class_.AlterConfigsResource(resource_type=resource_type, resource_name=name)

    resources = [
        resource(2, "orders"),
        resource(4, ""),
        resource(4, "1"),
        resource(4, "2"),
        resource(4, "x"),
        resource(8, "1"),
        resource(2, "twice"),
        resource(2, "twice"),
    ]
    channel = Channel(IncrementalAlterConfigsResponse())
    response = ask(module, channel, request_class_(resources=resources, validate_only=True))
    assert [(r.resource_type, r.resource_name) for r in channel.sent[0].resources] == [(2, "orders"), (4, ""), (4, "1")]
    assert channel.sent[0].validate_only
    assert [(r.resource_name, r.error_code) for r in response.responses] == [
        ("2", ErrorCode.INVALID_REQUEST),
        ("x", ErrorCode.INVALID_REQUEST),
        ("1", ErrorCode.INVALID_REQUEST),
        ("twice", ErrorCode.INVALID_REQUEST),
        ("twice", ErrorCode.INVALID_REQUEST),
    ]
    assert "expected 1, but received 2" in response.responses[0].error_message


def test_nothing_is_forwarded_when_nothing_is_left() -> None:
    channel = Channel(IncrementalAlterConfigsResponse())
    logger = IncrementalAlterConfigsRequest.AlterConfigsResource(resource_type=8, resource_name="1")
    ask(api_44_incremental_alter_configs, channel, IncrementalAlterConfigsRequest(resources=[logger]))
    assert channel.sent == []


class Standby:
    """A controller that is not active: every operation says so."""

    def __getattr__(self, name: str) -> Any:
        async def refuse(*arguments: Any) -> Any:
            raise KafkaError(ErrorCode.NOT_CONTROLLER, "elsewhere")

        return refuse


@pytest.mark.parametrize("key", [*(k for k in FORWARDED if k != 55), *CONTROLLER_ONLY])
def test_a_standby_controller_says_so_in_every_version(key: int) -> None:
    spec = API_VERSIONS[key]  # type: ignore[index]
    handler = handlers(ListenerKind.CONTROLLER)[key]
    for version in range(handler.min_version, handler.max_version + 1):
        response = asyncio.run(handler.function(Standby(), context(key, version), request_class(key)()))
        assert response.encode(version)
        if hasattr(response, "error_code") and (key, version) != (43, 0):  # which has errors per partition only
            assert response.error_code == ErrorCode.NOT_CONTROLLER
    assert (handler.min_version, handler.max_version) == (spec.min_version, spec.max_version)


def test_every_version_that_exists_is_served() -> None:
    for kind, keys in (
        (ListenerKind.BROKER, [3, 46, 60, 75, *FORWARDED]),
        (ListenerKind.CONTROLLER, [32, 60, *(k for k in FORWARDED if k != 55), *CONTROLLER_ONLY]),
    ):
        for key in keys:
            spec = API_VERSIONS[key]  # type: ignore[index]
            handler = handlers(kind)[key]
            assert (handler.min_version, handler.max_version) == (spec.min_version, spec.max_version), spec.key.name


def test_alter_partition_of_an_old_life_fails_as_a_whole() -> None:
    class Stale:
        async def alter_partition(self, request: Any, version: int) -> Any:
            raise KafkaError(ErrorCode.STALE_BROKER_EPOCH)

    stale: Any = Stale()
    response = asyncio.run(api_56_alter_partition.handle(stale, context(56), AlterPartitionRequest()))
    assert response.error_code == ErrorCode.STALE_BROKER_EPOCH
