"""AssignReplicasToDirs (key 73), v0, on the controllers' listeners only.

A broker says in which of its log directories its replicas live; a replica leads only from a directory that is online.
- per request: STALE_BROKER_EPOCH, INVALID_REQUEST (too many)
- per partition: UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION, NOT_LEADER_OR_FOLLOWER (no replica of it)
Not implemented: none. Kafka: ReplicationControlManager.handleAssignReplicasToDirs (KIP-858).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import AssignReplicasToDirsRequest, AssignReplicasToDirsResponse

if TYPE_CHECKING:
    from engine.controller.controller import Controller


@handles(ApiKey.ASSIGN_REPLICAS_TO_DIRS, versions=(0, 0), listener=ListenerKind.CONTROLLER)
async def handle(
    controller: Controller, context: RequestContext, request: AssignReplicasToDirsRequest
) -> AssignReplicasToDirsResponse:
    try:
        return await controller.assign_replicas_to_dirs(request)
    except KafkaError as error:
        response: AssignReplicasToDirsResponse = error_response(request, error)
        return response
