"""FindCoordinator (key 10), v0-6.

Which broker coordinates a group: the leader of its partition of `__consumer_offsets`. The topic is created when the
first client asks; until its leaders are known the answer is COORDINATOR_NOT_AVAILABLE, and clients ask again.
- v1: key types, error message, throttle time   v3: flexible   v4: several keys (KIP-699)   v5: KIP-890   v6: KIP-932
- an unknown key type: INVALID_REQUEST; so is a share key before v6.
Not implemented: coordinators of transactions and share groups. There are none, so COORDINATOR_NOT_AVAILABLE.
Kafka: KafkaApis.getCoordinator.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import handles
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import FindCoordinatorRequest, FindCoordinatorResponse
from engine.types import CONSUMER_OFFSETS_TOPIC, Endpoint

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.net.context import RequestContext

GROUP = 0
TRANSACTION = 1
SHARE = 2
_FIRST_VERSION_WITH_KEYS = 4
_FIRST_VERSION_WITH_SHARE = 6
_NO_ERROR_MESSAGE = "NONE"
"""What Kafka sends as the message of no error (Errors.NONE.message)."""


@handles(ApiKey.FIND_COORDINATOR, versions=(0, 6))
def handle(broker: Broker, context: RequestContext, request: FindCoordinatorRequest) -> FindCoordinatorResponse:
    version = context.api_version
    if version >= _FIRST_VERSION_WITH_KEYS:
        return FindCoordinatorResponse(
            coordinators=[_coordinator(broker, context, request.key_type, key) for key in request.coordinator_keys]
        )
    found = _coordinator(broker, context, request.key_type, request.key)
    return FindCoordinatorResponse(
        error_code=found.error_code,
        error_message=found.error_message,
        node_id=found.node_id,
        host=found.host,
        port=found.port,
    )


def _coordinator(
    broker: Broker, context: RequestContext, key_type: int, key: str
) -> FindCoordinatorResponse.Coordinator:
    try:
        node_id, endpoint = _find(broker, context, key_type, key)
    except KafkaError as error:
        return FindCoordinatorResponse.Coordinator(
            key=key, node_id=-1, host="", port=-1, error_code=error.code, error_message=error.message
        )
    return FindCoordinatorResponse.Coordinator(
        key=key, node_id=node_id, host=endpoint.host, port=endpoint.port, error_message=_NO_ERROR_MESSAGE
    )


def _find(broker: Broker, context: RequestContext, key_type: int, key: str) -> tuple[int, Endpoint]:
    """Node id and address of the coordinator. KafkaError when there is none, or the request is not valid."""
    if key_type not in (GROUP, TRANSACTION, SHARE):
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"there is no key type {key_type}")
    if key_type == SHARE and context.api_version < _FIRST_VERSION_WITH_SHARE:
        raise KafkaError(ErrorCode.INVALID_REQUEST, "share keys came with version 6")
    if key_type != GROUP:
        what = "transactions" if key_type == TRANSACTION else "share groups"
        raise KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE, f"this broker does not coordinate {what}")
    image = broker.metadata.image
    if image.topic(CONSUMER_OFFSETS_TOPIC) is None:
        broker.groups.create_topic_if_missing()
        raise KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE, f"{CONSUMER_OFFSETS_TOPIC} is being created")
    partition = image.partition(CONSUMER_OFFSETS_TOPIC, broker.groups.partition_of(key))
    registration = None if partition is None else image.brokers.get(partition.leader)
    endpoint = None if registration is None else registration.endpoint(context.listener)
    if registration is None or registration.fenced or endpoint is None:
        raise KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE, f"the partition of group {key} has no leader")
    return registration.id, endpoint
