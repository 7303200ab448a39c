"""The delta between two images that no run of records connects: before and after a snapshot was loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.metadata.delta import MetadataDelta, TopicDelta
from engine.metadata.image import MetadataImage


def image_difference(before: MetadataImage, after: MetadataImage) -> MetadataDelta:
    """What changed from `before` to `after`. Costs as much as the images hold."""
    delta = MetadataDelta(before=before, after=after, is_snapshot=True)
    for topic_id, old_topic in before.topics_by_id.items():
        if topic_id not in after.topics_by_id:
            delta.removed_topics[topic_id] = old_topic
    for topic_id, topic in after.topics_by_id.items():
        old = before.topics_by_id.get(topic_id)
        if old is None:
            delta.topics[topic_id] = TopicDelta(None, topic, dict(topic.partitions))
        elif old is not topic:
            changed = {
                index: partition
                for index, partition in topic.partitions.items()
                if old.partitions.get(index) != partition
            }
            if changed:
                delta.topics[topic_id] = TopicDelta(old, topic, changed)
    delta.brokers = _changes(before.brokers, after.brokers)
    delta.controllers = _changes(before.controllers, after.controllers)
    for key in {**before.configs, **after.configs}:
        values = _changes(before.configs.get(key, {}), after.configs.get(key, {}))
        if values:
            delta.configs[key] = values
    delta.features = {name: level or 0 for name, level in _changes(before.features, after.features).items()}
    delta.producer_ids_changed = before.producer_ids != after.producer_ids
    delta.client_quotas_changed = before.client_quotas != after.client_quotas
    delta.scram_changed = before.scram_credentials != after.scram_credentials
    delta.acls_changed = before.acls != after.acls
    delta.delegation_tokens_changed = before.delegation_tokens != after.delegation_tokens
    return delta


def _changes(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[Any, Any]:
    """Key -> new value, None for what is gone."""
    changes: dict[Any, Any] = {key: None for key in before if key not in after}
    changes.update({key: value for key, value in after.items() if before.get(key) != value})
    return changes
