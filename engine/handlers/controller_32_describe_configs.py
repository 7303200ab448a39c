"""DescribeConfigs (key 32), v1-4, on the controllers' listeners: as on the brokers', of this controller (KIP-919).

Kafka: ControllerApis.handleDescribeConfigsRequest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.handlers.api_32_describe_configs import describe_configs
from engine.handlers.registry import ListenerKind, handles
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import DescribeConfigsRequest, DescribeConfigsResponse

if TYPE_CHECKING:
    from engine.controller.controller import Controller


@handles(ApiKey.DESCRIBE_CONFIGS, versions=(1, 4), listener=ListenerKind.CONTROLLER)
def handle(controller: Controller, context: RequestContext, request: DescribeConfigsRequest) -> DescribeConfigsResponse:
    return describe_configs(controller.config, controller.image, request)
