"""DescribeGroups (key 15), v0-6.

State, protocol and members of classic groups; member metadata only while a group is stable. A group that does not exist
is "Dead" without an error, and from v6 on also GROUP_ID_NOT_FOUND (KIP-1043).
- v1: throttle time   v3: authorized operations   v4: group instance id (KIP-345)   v5: flexible
Not implemented: authorization. Without it every operation is allowed, which is what v3+ answers when asked.
Kafka: KafkaApis.handleDescribeGroupsRequest, GroupMetadataManager.describeGroups.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.registry import handles
from engine.protocol.api import ApiKey
from engine.protocol.messages import DescribeGroupsRequest, DescribeGroupsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext

# Bits of AclOperation that a group supports: READ 3, DELETE 6, DESCRIBE 8, DESCRIBE_CONFIGS 10, ALTER_CONFIGS 11
# (Kafka: AclEntry.supportedOperations(GROUP)).
_ALL_GROUP_OPERATIONS = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11


@handles(ApiKey.DESCRIBE_GROUPS, versions=(0, 6), keeps_body=False)
def handle(broker: Broker, context: RequestContext, request: DescribeGroupsRequest) -> DescribeGroupsResponse:
    groups = broker.groups.describe(request.groups, context.api_version)
    if request.include_authorized_operations:
        for group in groups:
            if not group.error_code:
                group.authorized_operations = _ALL_GROUP_OPERATIONS
    return DescribeGroupsResponse(groups=groups)
