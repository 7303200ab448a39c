"""Properties of topics."""

from __future__ import annotations

from typing import Annotated

import msgspec

from console.changes.kinds import AlterConfig
from console.errors import OperatorError, operator_errors
from console.services.configs import Resource, ResourceType
from web.api.errors import api_error, bad_request
from web.api.names import ConfigName, TopicName
from web.api.operations import Asked, Call, operation
from web.api.v3.config_entries import (
    Alterations,
    AlterationsBody,
    NewValueBody,
    alter_configs,
    changes_of,
    check_known,
    get_config,
    list_all,
    list_configs,
    set_config,
)
from web.api.v3.errors import as_confluent
from web.api.v3.links import carry_out, links_of
from web.api.v3.partitions import ClusterOnly, TopicAsked
from web.api.v3.shapes import ConfigData, Listing, TopicFailure, TopicFailures

_ALL = "/v3/clusters/{cluster_id}/topics/-/configs"
_TOPIC = "/v3/clusters/{cluster_id}/topics/{topic_name}/configs"


class TopicAlterations(Asked, kw_only=True):
    """A topic, and properties of it."""

    topic_name: TopicName
    configs: Alterations


class TopicsAlterationsBody(Asked, kw_only=True):
    """Several topics, and properties of each."""

    data: Annotated[list[TopicAlterations], msgspec.Meta(min_length=1, max_length=1_000)]
    validate_only: bool = False


class AlterOfTopics(ClusterOnly, kw_only=True):
    """Properties of several topics."""

    body: TopicsAlterationsBody


class OfTopicNamed(TopicAsked, kw_only=True):
    """A property of a topic."""

    name: ConfigName


class SetOfTopic(OfTopicNamed, kw_only=True):
    """A property of a topic, and its value."""

    body: NewValueBody


class AlterOfTopic(TopicAsked, kw_only=True):
    """Properties of a topic."""

    body: AlterationsBody


def _topic(asked: TopicAsked) -> Resource:
    return Resource(ResourceType.TOPIC, asked.topic_name)


@operation("GET", _ALL, tag="v3", summary="List properties of every topic")
async def list_v3_all_topic_configs(call: Call, asked: ClusterOnly) -> Listing[ConfigData]:
    """Without Kafka's internal topics. What a broker did not answer is in the header X-Missing."""
    links = await links_of(call, asked.cluster_id)
    with operator_errors("topics"):
        topics = (await call.cluster.client.metadata(None)).topics
    names = sorted(name for name, each in topics.items() if not each.is_internal)
    data = await list_all(call, links, [Resource(ResourceType.TOPIC, name) for name in names])
    return Listing(kind="KafkaTopicConfigList", metadata=links.list_metadata("topics", "-", "configs"), data=data)


@operation(
    "POST",
    _ALL + ":alter",
    tag="v3",
    summary="Change properties of several topics",
    status=207,
    also={204: "All of it was done (or, with `validate_only`, could be)."},
    changes=True,
)
async def alter_v3_topics_configs(call: Call, asked: AlterOfTopics) -> TopicFailures:
    """Each topic by itself, all of its properties or none. A topic or property that is not there: 404, and nothing is
    done."""
    links = await links_of(call, asked.cluster_id)
    wanted: dict[Resource, dict[str, str | None]] = {}
    for each in asked.body.data:
        resource = Resource(ResourceType.TOPIC, each.topic_name)
        if resource in wanted:
            raise bad_request(f"body.data: {each.topic_name} is named twice")
        wanted[resource] = changes_of(each.configs, f"body.data: {each.topic_name}")
    for resource, changes in wanted.items():
        await check_known(call, links, resource, changes)
    failures = []
    for resource, changes in wanted.items():
        try:
            await carry_out(call, AlterConfig(resource, changes), validate_only=asked.body.validate_only)
        except OperatorError as error:
            failure = as_confluent(api_error(error)).failure
            failures.append(
                TopicFailure(topic_name=resource.name, error_code=failure.error_code, message=failure.message)
            )
    if not failures:
        call.reply.status = 204
    return TopicFailures(failures=failures)


@operation("GET", _TOPIC, tag="v3", summary="List properties of a topic")
async def list_v3_topic_configs(call: Call, asked: TopicAsked) -> Listing[ConfigData]:
    at = ("topics", asked.topic_name, "configs")
    return await list_configs(call, asked.cluster_id, _topic(asked), "KafkaTopicConfigList", *at)


@operation("POST", _TOPIC + ":alter", tag="v3", summary="Change properties of a topic", status=204, changes=True)
async def alter_v3_topic_configs(call: Call, asked: AlterOfTopic) -> None:
    await alter_configs(call, asked.cluster_id, _topic(asked), asked.body)


@operation("GET", _TOPIC + "/{name}", tag="v3", summary="Get a property of a topic")
async def get_v3_topic_config(call: Call, asked: OfTopicNamed) -> ConfigData:
    return await get_config(call, asked.cluster_id, _topic(asked), asked.name)


@operation("PUT", _TOPIC + "/{name}", tag="v3", summary="Set a property of a topic", status=204, changes=True)
async def set_v3_topic_config(call: Call, asked: SetOfTopic) -> None:
    await set_config(call, asked.cluster_id, _topic(asked), asked.name, asked.body.value)


@operation("DELETE", _TOPIC + "/{name}", tag="v3", summary="Remove a property of a topic", status=204, changes=True)
async def reset_v3_topic_config(call: Call, asked: OfTopicNamed) -> None:
    await set_config(call, asked.cluster_id, _topic(asked), asked.name, None)
