"""Feature levels: what this build can do, what the cluster has agreed on, and how that changes (KIP-584, KIP-1022).

Kafka: FeatureControlManager, QuorumFeatures, MetadataVersion, Feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from engine.errors import KafkaError
from engine.metadata.decision import NO_ERROR, ApiError, Decision
from engine.metadata.image import CLUSTER_DEFAULT, RESOURCE_BROKER, MetadataImage
from engine.metadata.settings import MIN_INSYNC_REPLICAS, ControllerSettings
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import (
    ConfigRecord,
    FeatureLevelRecord,
    UpdateFeaturesRequest,
    UpdateFeaturesResponse,
)

METADATA_VERSION = "metadata.version"
ELIGIBLE_LEADER_REPLICAS = "eligible.leader.replicas.version"
KRAFT_VERSION = "kraft.version"

METADATA_VERSION_LEVEL = 30
"""4.3-IV0, the only level whose records this build writes."""

# The one list of what this build honours: (lowest, highest) level. What is not here is refused when someone asks for it
# and is not advertised. group.version (KIP-848) and transaction.version (KIP-890) come in here when the coordinators
# have them; kraft.version 1 (KIP-853, voters that change) is not there: the quorum is static, level 0.
SUPPORTED_FEATURES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        METADATA_VERSION: (METADATA_VERSION_LEVEL, METADATA_VERSION_LEVEL),
        ELIGIBLE_LEADER_REPLICAS: (0, 1),
    }
)

# What a new cluster finalizes. Eligible leader replicas (KIP-966) are on by default since Apache Kafka 4.1.
BOOTSTRAP_FEATURES: Mapping[str, int] = MappingProxyType(
    {METADATA_VERSION: METADATA_VERSION_LEVEL, ELIGIBLE_LEADER_REPLICAS: 1}
)

# Upgrade types of UpdateFeatures (Kafka: FeatureUpdate.UpgradeType).
UPGRADE = 1
SAFE_DOWNGRADE = 2
UNSAFE_DOWNGRADE = 3


def elr_enabled(image: MetadataImage) -> bool:
    """Whether eligible leader replicas are on (Kafka: FeatureControlManager.isElrFeatureEnabled)."""
    return image.features.get(ELIGIBLE_LEADER_REPLICAS, 0) > 0


def bootstrap_records(settings: ControllerSettings) -> list[Message]:
    """The first records of a new cluster (Kafka: ActivationRecordsGenerator.recordsForEmptyLog).

    With eligible leader replicas on, min.insync.replicas must be the same for every broker: the controller's own value
    is written as the cluster's default, and from then on cannot be removed.
    """
    features = BOOTSTRAP_FEATURES if settings.bootstrap_features is None else settings.bootstrap_features
    level = features.get(METADATA_VERSION, METADATA_VERSION_LEVEL)
    records: list[Message] = [FeatureLevelRecord(name=METADATA_VERSION, feature_level=level)]
    records += [
        FeatureLevelRecord(name=name, feature_level=level)
        for name, level in features.items()
        if name != METADATA_VERSION and level > 0
    ]
    if features.get(ELIGIBLE_LEADER_REPLICAS, 0) > 0:
        records.append(_cluster_min_insync_replicas(settings))
    return records


def update_features(
    image: MetadataImage, settings: ControllerSettings, request: UpdateFeaturesRequest, api_version: int
) -> Decision[UpdateFeaturesResponse]:
    """UpdateFeatures: all updates or none (Kafka: QuorumController.updateFeatures, FeatureControlManager).

    From version 2 on the answer has one error for all; before, each feature has its own.
    """
    error = NO_ERROR
    records: list[Message] = []
    for update in request.feature_updates:
        upgrade_type = (
            update.upgrade_type if api_version >= 1 else (SAFE_DOWNGRADE if update.allow_downgrade else UPGRADE)
        )
        error = _update_feature(image, settings, update.feature, update.max_version_level, upgrade_type, records)
        if error.code:
            records = []
            break
    if request.validate_only and api_version >= 1:
        records = []
    response = UpdateFeaturesResponse(error_code=error.code, error_message=error.message)
    if api_version < 2 and not error.code:
        response.results = [
            UpdateFeaturesResponse.UpdatableFeatureResult(feature=update.feature, error_message=None)
            for update in request.feature_updates
        ]
    return Decision(records, response)


def check_supported_by(feature: str, level: int, node: str, ranges: tuple[tuple[str, int, int], ...]) -> str | None:
    """Why the node with these supported ranges cannot take `level` (Kafka: QuorumFeatures.reasonNotSupported)."""
    lowest, highest = next(((low, high) for name, low, high in ranges if name == feature), (0, 0))
    if lowest <= level <= highest:
        return None
    if (lowest, highest) == (0, 0):
        return f"{node} does not support this feature."
    return f"{node} only supports versions {lowest}-{highest}"


def _update_feature(
    image: MetadataImage,
    settings: ControllerSettings,
    feature: str,
    level: int,
    upgrade_type: int,
    records: list[Message],
) -> ApiError:
    def invalid(reason: str) -> ApiError:
        return ApiError(
            ErrorCode.INVALID_UPDATE_VERSION, f"Invalid update version {level} for feature {feature}. {reason}"
        )

    if upgrade_type not in (UPGRADE, SAFE_DOWNGRADE, UNSAFE_DOWNGRADE):
        return invalid("The controller does not support the given upgrade type.")
    if level < 0:
        return invalid("A feature version cannot be less than 0.")
    reason = _why_not_supported(image, settings, feature, level)
    if reason is not None:
        return invalid(reason)
    current = image.features.get(feature, 0)
    if level < current and upgrade_type == UPGRADE:
        return invalid(
            "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade."
        )
    if level > current and upgrade_type != UPGRADE:
        return invalid("Can't downgrade to a newer version.")
    records.append(FeatureLevelRecord(name=feature, feature_level=level))
    if feature == ELIGIBLE_LEADER_REPLICAS and level > 0 and current == 0:
        records.extend(_elr_safety_records(image, settings))
    return NO_ERROR


def _why_not_supported(image: MetadataImage, settings: ControllerSettings, feature: str, level: int) -> str | None:
    """Every broker and every controller must know the level (Kafka: FeatureControlManager.reasonNotSupported)."""
    own = tuple((name, low, high) for name, (low, high) in SUPPORTED_FEATURES.items())
    reason = check_supported_by(feature, level, f"Local controller {settings.node_id}", own)
    if reason is not None:
        return reason
    for broker in image.brokers.values():
        reason = check_supported_by(feature, level, f"Broker {broker.id}", broker.features)
        if reason is not None:
            return reason
    for node_id in settings.voter_ids:
        if node_id == settings.node_id:
            continue
        controller = image.controllers.get(node_id)
        if controller is None:
            return f"controller {node_id} has not registered, and may not support this feature"
        reason = check_supported_by(feature, level, f"Controller {node_id}", controller.features)
        if reason is not None:
            return reason
    return None


def _cluster_min_insync_replicas(settings: ControllerSettings) -> ConfigRecord:
    value = settings.schema.topic_config(MIN_INSYNC_REPLICAS, {}, {}, {})
    return ConfigRecord(
        resource_type=RESOURCE_BROKER, resource_name=CLUSTER_DEFAULT, name=MIN_INSYNC_REPLICAS, value=value
    )


def _elr_safety_records(image: MetadataImage, settings: ControllerSettings) -> list[Message]:
    """min.insync.replicas set for the cluster, and on no broker (Kafka: maybeGenerateElrSafetyRecords)."""
    records: list[Message] = []
    if MIN_INSYNC_REPLICAS not in settings.cluster_configs(image):
        records.append(_cluster_min_insync_replicas(settings))
    for (resource_type, name), values in image.configs.items():
        if resource_type == RESOURCE_BROKER and name != CLUSTER_DEFAULT and MIN_INSYNC_REPLICAS in values:
            records.append(
                ConfigRecord(resource_type=RESOURCE_BROKER, resource_name=name, name=MIN_INSYNC_REPLICAS, value=None)
            )
    return records


def check_registration_features(image: MetadataImage, features: tuple[tuple[str, int, int], ...]) -> None:
    """UNSUPPORTED_VERSION unless a broker with these ranges can live with every finalized level
    (Kafka: ClusterControlManager.processRegistrationFeature)."""
    named = {name: (low, high) for name, low, high in features}
    finalized = dict(image.features)
    for name, (low, high) in named.items():
        level = finalized.pop(name, 0)
        # A feature that is not finalized counts as level 0, which brokers leave out of their range only by mistake.
        if not low <= level <= high:
            raise KafkaError(
                ErrorCode.UNSUPPORTED_VERSION,
                f"Unable to register because the broker does not support finalized version {level} of {name}. "
                f"The broker wants a version between {low} and {high}, inclusive.",
            )
    for name, level in finalized.items():
        raise KafkaError(
            ErrorCode.UNSUPPORTED_VERSION,
            f"Unable to register because the broker does not support finalized version {level} of {name}. "
            "The broker wants a version between 0 and 0, inclusive.",
        )
