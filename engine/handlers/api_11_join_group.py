"""JoinGroup (key 11), v0-9.

A member joins a classic group, or joins again in a rebalance. The answer waits until the join phase closes: all members
have joined, the rebalance timeout is over, or for an empty group group.initial.rebalance.delay.ms without newcomers.
- v0: the session timeout is the rebalance timeout too   v1: rebalance timeout   v2: throttle time
- v4: MEMBER_ID_REQUIRED (KIP-394)   v5: static members (KIP-345)   v6: flexible   v7: protocol type (KIP-559)
- v8: reason (KIP-800)   v9: skip assignment (KIP-814)
Not implemented: authorization; groups of KIP-848.
Kafka: GroupCoordinatorService.joinGroup, GroupMetadataManager.classicGroupJoin, JoinGroupResponse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.registry import handles
from engine.net.server import Pending
from engine.protocol.api import ApiKey
from engine.protocol.messages import JoinGroupRequest, JoinGroupResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext

_FIRST_VERSION_WITH_NULL_PROTOCOL = 7


@handles(ApiKey.JOIN_GROUP, versions=(0, 9))
def handle(broker: Broker, context: RequestContext, request: JoinGroupRequest) -> Pending:
    version = context.api_version
    if version == 0:
        request.rebalance_timeout_ms = request.session_timeout_ms
    pending = Pending()

    def reply(response: JoinGroupResponse) -> None:
        if version < _FIRST_VERSION_WITH_NULL_PROTOCOL and response.protocol_name is None:
            response.protocol_name = ""
        pending.complete(response)

    broker.groups.join(context, request, reply)
    return pending
