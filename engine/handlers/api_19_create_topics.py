"""CreateTopics (key 19), v2-7, on both kinds of listener. Brokers forward it; the active controller decides.

Topics that can be created are, in one atomic batch; the others have their error. Answered once committed.
- -1 partitions or replicas mean the cluster's default (KIP-464, v4); a manual assignment asks for both to be -1
- names: INVALID_TOPIC_EXCEPTION, also for one that differs from another only in "." and "_"
- more than 10,000 partitions in one request: POLICY_VIOLATION
- v5: number of partitions, replication factor and configs in the answer (KIP-525)   v7: topic ids
Not implemented: create.topic.policy.class.name (plug-ins are Java classes), quotas (throttle_time_ms is 0).
Kafka: ReplicationControlManager.createTopics, ControllerApis.createTopics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.forwarding import forward
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import CreateTopicsRequest, CreateTopicsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller


@handles(ApiKey.CREATE_TOPICS, versions=(2, 7))
async def handle(broker: Broker, context: RequestContext, request: CreateTopicsRequest) -> CreateTopicsResponse:
    response: CreateTopicsResponse = await forward(broker, request)
    return response


@handles(ApiKey.CREATE_TOPICS, versions=(2, 7), listener=ListenerKind.CONTROLLER)
async def handle_on_controller(
    controller: Controller, context: RequestContext, request: CreateTopicsRequest
) -> CreateTopicsResponse:
    try:
        return await controller.create_topics(request)
    except KafkaError as error:
        response: CreateTopicsResponse = error_response(request, error)
        return response
