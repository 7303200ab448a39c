"""ControllerRegistration (key 70), v0, on the controllers' listeners only.

A controller tells where it can be reached and what it supports (KIP-919).
Not implemented: none. Kafka: ClusterControlManager.registerController.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import ControllerRegistrationRequest, ControllerRegistrationResponse

if TYPE_CHECKING:
    from engine.controller.controller import Controller


@handles(ApiKey.CONTROLLER_REGISTRATION, versions=(0, 0), listener=ListenerKind.CONTROLLER)
async def handle(
    controller: Controller, context: RequestContext, request: ControllerRegistrationRequest
) -> ControllerRegistrationResponse:
    try:
        return await controller.register_controller(request)
    except KafkaError as error:
        response: ControllerRegistrationResponse = error_response(request, error)
        return response
