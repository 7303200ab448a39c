"""Metadata (key 3), v0-13.

Brokers, topics and partitions as this broker's image has them; creates topics that are asked for and do not exist, if
both client and auto.create.topics.enable allow it.
- no topics named: all of them (v0: an empty list; v1+: null; an empty list then means none)
- an unknown name is UNKNOWN_TOPIC_OR_PARTITION, or INVALID_TOPIC_EXCEPTION when it can be no topic
- creation goes through the active controller and is waited for; what cannot be created says why, and what was created
  but has not reached this broker yet is UNKNOWN_TOPIC_OR_PARTITION, which clients retry (Kafka answers that at once)
- a partition without a leader is LEADER_NOT_AVAILABLE; a leader without this listener is LISTENER_NOT_FOUND (v6+)
- the controller id is a live broker, as in every KRaft cluster (KIP-590)
- v0: unreachable replicas are left out, with REPLICA_NOT_AVAILABLE   v1: rack, controller, internal   v2: cluster id
  v4: allow_auto_topic_creation   v5: offline replicas   v7: leader epoch   v8: authorized operations
  v10: topic ids in the answer   v11: no cluster operations any more   v12: topic ids in the request   v13: KIP-1102
Not implemented: none. (REBOOTSTRAP_REQUIRED is never sent, as in Kafka's own broker.)
Kafka: KafkaApis.handleTopicMetadataRequest, AutoTopicCreationManager.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.authorized_operations import CLUSTER_OPERATIONS, TOPIC_OPERATIONS
from engine.handlers.registry import handles
from engine.handlers.topic_descriptions import TopicView, alive_brokers, controller_for_clients
from engine.metadata.answers import error_response
from engine.metadata.internal_topics import creatable_topic
from engine.metadata.topic_names import is_internal, why_invalid
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import CreateTopicsRequest, MetadataRequest, MetadataResponse
from engine.protocol.uuids import ZERO_UUID

if TYPE_CHECKING:
    from engine.broker.broker import Broker

_CREATE_TIMEOUT_MS = 5_000


@handles(ApiKey.METADATA, versions=(0, 13))
async def handle(broker: Broker, context: RequestContext, request: MetadataRequest) -> MetadataResponse:
    version = context.api_version
    try:
        names, topics = _wanted(broker, request, version)
    except KafkaError as error:
        return MetadataResponse(topics=_all_failed(request, error), error_code=error.code)
    refusals: dict[str, ErrorCode] = {}
    if request.allow_auto_topic_creation and broker.config.get_bool("auto.create.topics.enable") and names is not None:
        missing = [name for name in names if name not in broker.metadata.image.topic_ids]
        if missing:
            refusals = await _create(broker, missing)
    image = broker.metadata.image  # after the wait
    view = TopicView(image, context.listener, filter_unavailable=version == 0, name_missing_listener=version >= 6)
    if names is None:
        topics += [view.topic(topic) for topic in image.topics_by_id.values()]
    else:
        for name in names:
            topic = image.topic(name)
            if topic is not None:
                topics.append(view.topic(topic))
            else:
                topics.append(_missing(name, refusals.get(name)))
    if version >= 8 and request.include_topic_authorized_operations:
        for described in topics:
            if described.name is not None:
                described.topic_authorized_operations = TOPIC_OPERATIONS
    response = MetadataResponse(
        brokers=[
            MetadataResponse.MetadataResponseBroker(
                node_id=registration.id, host=endpoint.host, port=endpoint.port, rack=registration.rack
            )
            for registration, endpoint in alive_brokers(image, context.listener)
        ],
        cluster_id=image.cluster_id,
        controller_id=controller_for_clients(image, broker.node_id),
        topics=topics,
    )
    if 8 <= version <= 10 and request.include_cluster_authorized_operations:
        response.cluster_authorized_operations = CLUSTER_OPERATIONS
    return response


def _wanted(
    broker: Broker, request: MetadataRequest, version: int
) -> tuple[list[str] | None, list[MetadataResponse.MetadataResponseTopic]]:
    """Names of the topics asked for, None for all; and the answers for ids that nobody has. INVALID_REQUEST."""
    wanted = request.topics
    if wanted is None or (version == 0 and not wanted):
        return None, []
    ids: dict[bytes, None] = {}
    names: dict[str, None] = {}
    for topic in wanted:
        if version < 12 and topic.name is None:
            raise KafkaError(ErrorCode.INVALID_REQUEST, f"Topic name can not be null for version {version}")
        if version < 12 and topic.topic_id != ZERO_UUID:
            raise KafkaError(
                ErrorCode.INVALID_REQUEST, f"Topic IDs are not supported in requests for version {version}"
            )
        if topic.topic_id != ZERO_UUID:
            ids[topic.topic_id] = None
        if topic.name is not None:
            names[topic.name] = None
    if not ids:
        return list(names), []
    # One id is enough for all names to be disregarded (Kafka: useTopicId).
    known, unknown = [], []
    for topic_id in ids:
        found = broker.metadata.image.topics_by_id.get(topic_id)
        if found is not None:
            known.append(found.name)
        else:
            unknown.append(
                MetadataResponse.MetadataResponseTopic(
                    error_code=ErrorCode.UNKNOWN_TOPIC_ID, name=None, topic_id=topic_id
                )
            )
    return known, unknown


def _all_failed(request: MetadataRequest, error: KafkaError) -> list[MetadataResponse.MetadataResponseTopic]:
    return [
        MetadataResponse.MetadataResponseTopic(error_code=error.code, name=topic.name or "", topic_id=topic.topic_id)
        for topic in request.topics or []
    ]


def _missing(name: str, refusal: ErrorCode | None) -> MetadataResponse.MetadataResponseTopic:
    if why_invalid(name) is not None:
        code = ErrorCode.INVALID_TOPIC_EXCEPTION
    else:
        code = refusal or ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return MetadataResponse.MetadataResponseTopic(error_code=code, name=name, is_internal=is_internal(name))


async def _create(broker: Broker, names: list[str]) -> dict[str, ErrorCode]:
    """Ask the controller for these topics; name -> why it refused, without what clients should simply retry."""
    request = CreateTopicsRequest(
        topics=[creatable_topic(broker.config, name) for name in names if why_invalid(name) is None],
        timeout_ms=_CREATE_TIMEOUT_MS,
    )
    if not request.topics:
        return {}
    try:
        response = await broker.controller.send(request, timeout_ms=_CREATE_TIMEOUT_MS)
    except KafkaError as error:
        response = error_response(request, error)
    return {
        result.name: ErrorCode.of(result.error_code)
        for result in response.topics
        if result.error_code
        and not ErrorCode.of(result.error_code).retriable
        # Somebody was quicker: it will be in our image soon.
        and result.error_code != ErrorCode.TOPIC_ALREADY_EXISTS
    }
