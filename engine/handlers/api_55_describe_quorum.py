"""DescribeQuorum (key 55), v0-2, on the brokers' listeners: forwarded to the active controller, which leads the quorum.

(What controllers answer is in `controller_raft`.) v1: fetch times (KIP-836)   v2: directory ids, nodes (KIP-853)
Kafka: KafkaApis.handleDescribeQuorumRequest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.forwarding import forward
from engine.handlers.registry import handles
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import DescribeQuorumRequest, DescribeQuorumResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker


@handles(ApiKey.DESCRIBE_QUORUM, versions=(0, 2))
async def handle(broker: Broker, context: RequestContext, request: DescribeQuorumRequest) -> DescribeQuorumResponse:
    response: DescribeQuorumResponse = await forward(broker, request)
    return response
