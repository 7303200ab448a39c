"""DeleteGroups (key 42), v0-2.

Deletes groups without members, with their offsets; a result for each group, once that is replicated.
NON_EMPTY_GROUP for a group with members, GROUP_ID_NOT_FOUND for one that does not exist.
- v1: throttle time   v2: flexible
Not implemented: authorization.
Kafka: KafkaApis.handleDeleteGroupsRequest, GroupCoordinatorShard.deleteGroups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.registry import handles
from engine.protocol.api import ApiKey
from engine.protocol.messages import DeleteGroupsRequest, DeleteGroupsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext


@handles(ApiKey.DELETE_GROUPS, versions=(0, 2))
async def handle(broker: Broker, context: RequestContext, request: DeleteGroupsRequest) -> DeleteGroupsResponse:
    return DeleteGroupsResponse(results=await broker.groups.delete_groups(request.groups_names))
