"""Heartbeat (key 12), v0-4.

A member of a classic group is alive. REBALANCE_IN_PROGRESS tells it to join again; while the coordinator still loads
the group it is believed without a look.
- v1: throttle time   v3: group instance id (KIP-345)   v4: flexible
Not implemented: authorization.
Kafka: GroupCoordinatorService.heartbeat, GroupMetadataManager.classicGroupHeartbeat.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.registry import handles
from engine.protocol.api import ApiKey
from engine.protocol.messages import HeartbeatRequest, HeartbeatResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext


@handles(ApiKey.HEARTBEAT, versions=(0, 4), keeps_body=False)
def handle(broker: Broker, context: RequestContext, request: HeartbeatRequest) -> HeartbeatResponse:
    return broker.groups.heartbeat(request)
