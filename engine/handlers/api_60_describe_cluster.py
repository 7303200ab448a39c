"""DescribeCluster (key 60), v0-2, on both kinds of listener.

Brokers answer with the brokers, controllers with the controllers (endpoint_type 1 and 2, v1, KIP-919): the other kind is
MISMATCHED_ENDPOINT_TYPE, anything else UNSUPPORTED_ENDPOINT_TYPE.
- brokers that are fenced are left out unless asked for (v2, KIP-1073); those without the client's listener always are
- the controller id is a live broker (KIP-590); on controllers it is the active controller
Not implemented: none. Kafka: KafkaApis.handleDescribeCluster, ControllerApis.handleDescribeCluster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.authorized_operations import CLUSTER_OPERATIONS
from engine.handlers.registry import ListenerKind, handles
from engine.handlers.topic_descriptions import controller_for_clients
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeClusterRequest, DescribeClusterResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller

_BROKERS = 1
_CONTROLLERS = 2
_NOT_ASKED = -(1 << 31)
_NAMES = {_BROKERS: "BROKER", _CONTROLLERS: "CONTROLLER"}


@handles(ApiKey.DESCRIBE_CLUSTER, versions=(0, 2))
def handle(broker: Broker, context: RequestContext, request: DescribeClusterRequest) -> DescribeClusterResponse:
    refusal = _refusal(request, _BROKERS)
    if refusal is not None:
        return refusal
    image = broker.metadata.image
    return DescribeClusterResponse(
        endpoint_type=_BROKERS,
        cluster_id=image.cluster_id,
        controller_id=controller_for_clients(image, broker.node_id),
        brokers=[
            DescribeClusterResponse.DescribeClusterBroker(
                broker_id=registration.id,
                host=endpoint.host,
                port=endpoint.port,
                rack=registration.rack,
                is_fenced=registration.fenced,
            )
            for registration in image.brokers.values()
            if (endpoint := registration.endpoint(context.listener)) is not None
            and (request.include_fenced_brokers or not registration.fenced)
        ],
        cluster_authorized_operations=_operations(request),
    )


@handles(ApiKey.DESCRIBE_CLUSTER, versions=(0, 2), listener=ListenerKind.CONTROLLER)
def handle_on_controller(
    controller: Controller, context: RequestContext, request: DescribeClusterRequest
) -> DescribeClusterResponse:
    refusal = _refusal(request, _CONTROLLERS)
    if refusal is not None:
        return refusal
    image = controller.image
    return DescribeClusterResponse(
        endpoint_type=_CONTROLLERS,
        cluster_id=controller.settings.cluster_id,
        controller_id=controller.leader_id,
        brokers=[
            DescribeClusterResponse.DescribeClusterBroker(
                broker_id=registration.id, host=endpoint.host, port=endpoint.port
            )
            for registration in sorted(image.controllers.values(), key=lambda one: one.id)
            if (endpoint := registration.endpoint(context.listener)) is not None
        ],
        cluster_authorized_operations=_operations(request),
    )


def _refusal(request: DescribeClusterRequest, own: int) -> DescribeClusterResponse | None:
    if request.endpoint_type == own:
        return None
    if request.endpoint_type not in _NAMES:
        return DescribeClusterResponse(
            error_code=ErrorCode.UNSUPPORTED_ENDPOINT_TYPE,
            error_message=f"Unsupported endpoint type {request.endpoint_type}",
        )
    return DescribeClusterResponse(
        error_code=ErrorCode.MISMATCHED_ENDPOINT_TYPE,
        error_message=f"The request was sent to an endpoint of type {_NAMES[own]}, but we wanted an endpoint of type "
        f"{_NAMES[request.endpoint_type]}",
    )


def _operations(request: DescribeClusterRequest) -> int:
    return CLUSTER_OPERATIONS if request.include_cluster_authorized_operations else _NOT_ASKED
