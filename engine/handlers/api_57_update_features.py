"""UpdateFeatures (key 57), v0-2, on both kinds of listener. Brokers forward it; the active controller decides.

Moves finalized feature levels, all or none; every broker and controller must support the new level (KIP-584, KIP-1022).
- INVALID_UPDATE_VERSION with the reason, for the whole request
- v0: allow_downgrade   v1: upgrade_type, validate_only   v2: no per-feature results any more
Not implemented: features that are not in `engine.metadata.features.SUPPORTED_FEATURES`.
Kafka: FeatureControlManager.updateFeatures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import KafkaError
from engine.handlers.forwarding import forward
from engine.handlers.registry import ListenerKind, handles
from engine.metadata.answers import error_response
from engine.metadata.features import SAFE_DOWNGRADE
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.messages import UpdateFeaturesRequest, UpdateFeaturesResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller


@handles(ApiKey.UPDATE_FEATURES, versions=(0, 2))
async def handle(broker: Broker, context: RequestContext, request: UpdateFeaturesRequest) -> UpdateFeaturesResponse:
    if context.api_version == 0:  # into the newest form
        for update in request.feature_updates:
            if update.allow_downgrade:
                update.upgrade_type, update.allow_downgrade = SAFE_DOWNGRADE, False
    response: UpdateFeaturesResponse = await forward(broker, request)
    if context.api_version < 2 and not response.error_code:
        response.results = [
            UpdateFeaturesResponse.UpdatableFeatureResult(feature=update.feature, error_message=None)
            for update in request.feature_updates
        ]
    return response


@handles(ApiKey.UPDATE_FEATURES, versions=(0, 2), listener=ListenerKind.CONTROLLER)
async def handle_on_controller(
    controller: Controller, context: RequestContext, request: UpdateFeaturesRequest
) -> UpdateFeaturesResponse:
    try:
        return await controller.update_features(request, context.api_version)
    except KafkaError as error:
        response: UpdateFeaturesResponse = error_response(request, error)
        return response
