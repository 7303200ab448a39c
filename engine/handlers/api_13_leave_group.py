"""LeaveGroup (key 13), v0-5.

Members leave a classic group and the others rebalance; administrators take static members out by instance id alone.
- v1: throttle time   v3: several members, an answer for each (KIP-345)   v4: flexible   v5: reason (KIP-800)
- before v3 the answer of the one member is the answer of the request.
Not implemented: authorization.
Kafka: GroupCoordinatorService.leaveGroup, GroupMetadataManager.classicGroupLeave, LeaveGroupResponse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import handles
from engine.protocol.api import ApiKey
from engine.protocol.messages import LeaveGroupRequest, LeaveGroupResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext

_FIRST_VERSION_WITH_MEMBERS = 3


@handles(ApiKey.LEAVE_GROUP, versions=(0, 5), keeps_body=False)
def handle(broker: Broker, context: RequestContext, request: LeaveGroupRequest) -> LeaveGroupResponse:
    is_single = context.api_version < _FIRST_VERSION_WITH_MEMBERS
    members = [LeaveGroupRequest.MemberIdentity(member_id=request.member_id)] if is_single else request.members
    try:
        answers = broker.groups.leave(request.group_id, members)
    except KafkaError as error:
        return LeaveGroupResponse(error_code=error.code)
    if is_single:
        return LeaveGroupResponse(error_code=answers[0].error_code)
    return LeaveGroupResponse(members=answers)
