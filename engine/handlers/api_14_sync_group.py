"""SyncGroup (key 14), v0-5.

A member of a new generation asks for its assignment, the leader brings everybody's. Answered when the leader's
assignment is in `__consumer_offsets`, with REBALANCE_IN_PROGRESS if the group changes before.
- v1: throttle time   v3: group instance id (KIP-345)   v4: flexible   v5: protocol type and name (KIP-559)
Not implemented: authorization.
Kafka: KafkaApis.handleSyncGroupRequest, GroupMetadataManager.classicGroupSync.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.groups.responses import sync_error
from engine.handlers.registry import handles
from engine.net.server import Pending
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import SyncGroupRequest, SyncGroupResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext

_FIRST_VERSION_WITH_PROTOCOL = 5


@handles(ApiKey.SYNC_GROUP, versions=(0, 5))
def handle(broker: Broker, context: RequestContext, request: SyncGroupRequest) -> SyncGroupResponse | Pending:
    names_protocol = request.protocol_type is not None and request.protocol_name is not None
    if context.api_version >= _FIRST_VERSION_WITH_PROTOCOL and not names_protocol:
        # Optional on the wire, required in meaning (Kafka: SyncGroupRequest.areMandatoryProtocolTypeAndNamePresent).
        return sync_error(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    pending = Pending()
    broker.groups.sync(request, pending.complete)
    return pending
