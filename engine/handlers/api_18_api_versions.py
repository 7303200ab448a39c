"""ApiVersions (key 18), v0-4, on every listener.

Says which APIs this listener serves in which versions, and the cluster's features. Derived from the registry alone.
- A version we do not know is answered in v0 with UNSUPPORTED_VERSION and our ApiVersions range (KIP-511).
- v3: client software name and version (checked: INVALID_REQUEST), finalized features (KIP-584)
- v4: supported features with minimum 0 (KAFKA-17011); older versions leave those out
- Produce is advertised from 0 although 0-2 are refused (KAFKA-18659).
Kafka: KafkaApis.handleApiVersionsRequest, ApiVersionsResponse.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.handlers.registry import ListenerKind, handlers, handles
from engine.metadata.features import SUPPORTED_FEATURES
from engine.metadata.image import MetadataImage
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import ApiVersionsRequest, ApiVersionsResponse

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.controller.controller import Controller

_SOFTWARE = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?")


@handles(ApiKey.API_VERSIONS, versions=(0, 4))
def handle(broker: Broker, context: RequestContext, request: ApiVersionsRequest) -> ApiVersionsResponse:
    return _answer(context, request, ListenerKind.BROKER, broker.metadata.image)


@handles(ApiKey.API_VERSIONS, versions=(0, 4), listener=ListenerKind.CONTROLLER)
def handle_on_controller(
    controller: Controller, context: RequestContext, request: ApiVersionsRequest
) -> ApiVersionsResponse:
    return _answer(context, request, ListenerKind.CONTROLLER, controller.image)


def _answer(
    context: RequestContext, request: ApiVersionsRequest, kind: ListenerKind, image: MetadataImage
) -> ApiVersionsResponse:
    version = context.api_version
    if version >= 3 and not (
        _SOFTWARE.fullmatch(request.client_software_name) and _SOFTWARE.fullmatch(request.client_software_version)
    ):
        return ApiVersionsResponse(error_code=int(ErrorCode.INVALID_REQUEST))
    response = ApiVersionsResponse(
        api_keys=[
            ApiVersionsResponse.ApiVersion(
                api_key=int(handler.api_key),
                min_version=handler.advertised_min_version,
                max_version=handler.max_version,
            )
            for _, handler in sorted(handlers(kind).items())
        ]
    )
    if version >= 3:
        response.supported_features = [
            ApiVersionsResponse.SupportedFeatureKey(name=name, min_version=lowest, max_version=highest)
            for name, (lowest, highest) in sorted(SUPPORTED_FEATURES.items())
            if version >= 4 or lowest > 0
        ]
        response.finalized_features_epoch = image.offset
        response.finalized_features = [
            ApiVersionsResponse.FinalizedFeatureKey(name=name, min_version_level=level, max_version_level=level)
            for name, level in sorted(image.features.items())
        ]
    return response


def unsupported_version(_owner: object, _context: RequestContext) -> ApiVersionsResponse:
    """The v0 answer to a version we do not know: error 35 and the one line that helps (KIP-511)."""
    return ApiVersionsResponse(
        error_code=int(ErrorCode.UNSUPPORTED_VERSION),
        api_keys=[ApiVersionsResponse.ApiVersion(api_key=int(ApiKey.API_VERSIONS), min_version=0, max_version=4)],
    )
