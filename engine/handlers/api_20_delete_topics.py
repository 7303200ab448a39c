"""DeleteTopics (key 20), v1-6, on both kinds of listener. Brokers forward it; the active controller decides.

- by name, from v6 also by id; naming a topic twice in either way is INVALID_REQUEST
- delete.topic.enable=false: TOPIC_DELETION_DISABLED (v3+), INVALID_REQUEST before
- v5: error messages   v6: topic ids
Not implemented: quotas (throttle_time_ms is 0). Kafka: ControllerApis.deleteTopics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.forwarding import forward
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DeleteTopicsRequest, DeleteTopicsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller


@handles(ApiKey.DELETE_TOPICS, versions=(1, 6))
async def handle(broker: Broker, context: RequestContext, request: DeleteTopicsRequest) -> DeleteTopicsResponse:
    if context.api_version < 6:  # the newest version names topics elsewhere
        request = DeleteTopicsRequest(
            topics=[DeleteTopicsRequest.DeleteTopicState(name=name) for name in request.topic_names],
            timeout_ms=request.timeout_ms,
        )
    response: DeleteTopicsResponse = await forward(broker, request)
    if context.api_version < 3:
        for result in response.responses:
            if result.error_code == ErrorCode.TOPIC_DELETION_DISABLED:  # which those versions do not know
                result.error_code = ErrorCode.INVALID_REQUEST
    return response


@handles(ApiKey.DELETE_TOPICS, versions=(1, 6), listener=ListenerKind.CONTROLLER)
async def handle_on_controller(
    controller: Controller, context: RequestContext, request: DeleteTopicsRequest
) -> DeleteTopicsResponse:
    try:
        return await controller.delete_topics(request, context.api_version)
    except KafkaError as error:
        response: DeleteTopicsResponse = error_response(request, error)
        return response
