"""Configs, features and producer ids (Kafka: ConfigurationControlManagerTest, FeatureControlManagerTest,
ProducerIdControlManagerTest)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import KafkaError
from engine.metadata.configs import alter_configs, incremental_alter_configs
from engine.metadata.features import SUPPORTED_FEATURES, update_features
from engine.metadata.producer_ids import allocate_producer_ids
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    AllocateProducerIdsRequest,
    AlterConfigsRequest,
    ClearElrRecord,
    IncrementalAlterConfigsRequest,
    UpdateFeaturesRequest,
)

TOPIC, BROKER, LOGGER, GROUP = 2, 4, 8, 32


def test_topic_configs_are_set_and_deleted(cluster: Any) -> None:
    cluster.create("orders", 1, 1)
    assert cluster.alter_configs(TOPIC, "orders", retention_ms="1000").error_code == ErrorCode.NONE
    assert cluster.image.config(TOPIC, "orders") == {"retention.ms": "1000"}
    before = len(cluster.log)
    cluster.alter_configs(TOPIC, "orders", retention_ms="1000")
    assert len(cluster.log) == before, "nothing changed"
    cluster.alter_configs(TOPIC, "orders", retention_ms=None)
    assert cluster.image.config(TOPIC, "orders") == {}


def test_a_broker_config_is_written_even_when_it_stays_the_same(cluster: Any) -> None:
    """KAFKA-14136: it makes brokers read key stores again."""
    cluster.alter_configs(BROKER, "1", log_cleaner_threads="2")
    before = len(cluster.log)
    cluster.alter_configs(BROKER, "1", log_cleaner_threads="2")
    assert len(cluster.log) == before + 1


@pytest.mark.parametrize(
    ("resource_type", "name", "changes", "code"),
    [
        (TOPIC, "nothing", {"retention_ms": "1"}, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION),
        (TOPIC, "orders", {"retention_ms": "soon"}, ErrorCode.INVALID_CONFIG),
        (TOPIC, "orders", {"no_such_config": "1"}, ErrorCode.INVALID_CONFIG),
        (TOPIC, "", {"retention_ms": "1"}, ErrorCode.INVALID_REQUEST),
        (BROKER, "77", {"log_cleaner_threads": "1"}, ErrorCode.BROKER_ID_NOT_REGISTERED),
        (BROKER, "one", {"log_cleaner_threads": "1"}, ErrorCode.INVALID_REQUEST),
        (LOGGER, "1", {"root": "DEBUG"}, ErrorCode.INVALID_REQUEST),
        (99, "x", {"a": "b"}, ErrorCode.UNSUPPORTED_VERSION),
        (TOPIC, "orders", {"cleanup_policy": "x" * 40_000}, ErrorCode.INVALID_CONFIG),
    ],
)
def test_changes_that_are_refused(
    cluster: Any, resource_type: int, name: str, changes: dict[str, str], code: ErrorCode
) -> None:
    cluster.create("orders", 1, 1)
    before = len(cluster.log)
    assert cluster.alter_configs(resource_type, name, **changes).error_code == code
    assert len(cluster.log) == before


def test_one_bad_change_spoils_its_resource_and_no_other(cluster: Any) -> None:
    cluster.create("a", 1, 1)
    cluster.create("b", 1, 1)
    config = IncrementalAlterConfigsRequest.AlterableConfig
    resource = IncrementalAlterConfigsRequest.AlterConfigsResource
    request = IncrementalAlterConfigsRequest(
        resources=[
            resource(
                resource_type=TOPIC,
                resource_name="a",
                configs=[config(name="retention.ms", value="5"), config(name="segment.bytes", value="none")],
            ),
            resource(resource_type=TOPIC, resource_name="b", configs=[config(name="retention.ms", value="5")]),
            resource(resource_type=TOPIC, resource_name="c", configs=[]),
            resource(resource_type=TOPIC, resource_name="c", configs=[]),
        ]
    )
    response = cluster.decide(incremental_alter_configs(cluster.image, cluster.settings, request))
    assert [(r.resource_name, r.error_code) for r in response.responses] == [
        ("a", ErrorCode.INVALID_CONFIG),
        ("b", ErrorCode.NONE),
        ("c", ErrorCode.INVALID_REQUEST),
    ]
    assert cluster.image.config(TOPIC, "a") == {}
    assert cluster.image.config(TOPIC, "b") == {"retention.ms": "5"}


def test_lists_are_appended_to_and_subtracted_from(cluster: Any) -> None:
    """KIP-339."""
    cluster.create("orders", 1, 1)

    def change(operation: int, value: str) -> ErrorCode:
        request = IncrementalAlterConfigsRequest(
            resources=[
                IncrementalAlterConfigsRequest.AlterConfigsResource(
                    resource_type=TOPIC,
                    resource_name="orders",
                    configs=[
                        IncrementalAlterConfigsRequest.AlterableConfig(
                            name="cleanup.policy", config_operation=operation, value=value
                        )
                    ],
                )
            ]
        )
        decision = incremental_alter_configs(cluster.image, cluster.settings, request)
        return ErrorCode(cluster.decide(decision).responses[0].error_code)

    change(2, "compact")
    assert cluster.image.config(TOPIC, "orders") == {"cleanup.policy": "delete,compact"}
    change(3, "delete")
    assert cluster.image.config(TOPIC, "orders") == {"cleanup.policy": "compact"}
    assert change(9, "x") == ErrorCode.INVALID_REQUEST


def test_the_old_way_resets_what_it_does_not_name(cluster: Any) -> None:
    cluster.create("orders", 1, 1, configs={"retention.ms": "1", "segment.bytes": "1048576"})
    config = AlterConfigsRequest.AlterableConfig(name="retention.ms", value="2")
    request = AlterConfigsRequest(
        resources=[
            AlterConfigsRequest.AlterConfigsResource(resource_type=TOPIC, resource_name="orders", configs=[config])
        ]
    )
    dry = AlterConfigsRequest(resources=request.resources, validate_only=True)
    assert not alter_configs(cluster.image, cluster.settings, dry).records
    response = cluster.decide(alter_configs(cluster.image, cluster.settings, request))
    assert response.responses[0].error_code == ErrorCode.NONE
    assert cluster.image.config(TOPIC, "orders") == {"retention.ms": "2"}


def test_with_eligible_replicas_the_minimum_is_the_same_everywhere(make_cluster: Any) -> None:
    """KIP-966."""
    cluster = make_cluster(elr=True)
    cluster.start(1)
    assert cluster.image.config(BROKER, "") == {"min.insync.replicas": "1"}, "written when the cluster began"
    assert cluster.alter_configs(BROKER, "1", min_insync_replicas="2").error_code == ErrorCode.INVALID_CONFIG
    assert cluster.alter_configs(BROKER, "", min_insync_replicas=None).error_code == ErrorCode.INVALID_CONFIG
    cluster.create("orders", 1, 1)
    cluster.alter_configs(TOPIC, "orders", min_insync_replicas="2")
    assert cluster.log[-1] == ClearElrRecord(topic_name="orders")
    cluster.alter_configs(BROKER, "", min_insync_replicas="2")
    assert cluster.log[-1] == ClearElrRecord(topic_name="")


def test_whoever_was_eligible_still_is_where_nobody_is_in_sync(make_cluster: Any) -> None:
    """Nothing can have been committed since. Without them only an unclean election would bring the partition back."""
    cluster = make_cluster(elr=True)
    cluster.start(1, 2, 3)
    cluster.create("orders", 1, 3)
    cluster.alter_configs(TOPIC, "orders", min_insync_replicas="3")
    cluster.fence(1)
    assert cluster.image.partition("orders", 0).elr == (1,)
    cluster.alter_configs(TOPIC, "orders", min_insync_replicas="2")
    assert cluster.image.partition("orders", 0).elr == (), "the others may commit without it"
    cluster.fence(2, 3)
    before = cluster.image.partition("orders", 0)
    assert before.isr == ()
    assert before.elr
    cluster.alter_configs(TOPIC, "orders", min_insync_replicas=None)
    after = cluster.image.partition("orders", 0)
    assert (after.isr, after.elr, after.last_known_elr) == ((), before.elr, before.last_known_elr)
    cluster.unfence(after.elr[0])
    assert cluster.image.partition("orders", 0).leader == after.elr[0]


def update(cluster: Any, feature: str, level: int, upgrade_type: int = 1, version: int = 2) -> Any:
    request = UpdateFeaturesRequest(
        feature_updates=[
            UpdateFeaturesRequest.FeatureUpdateKey(feature=feature, max_version_level=level, upgrade_type=upgrade_type)
        ]
    )
    return cluster.decide(update_features(cluster.image, cluster.settings, request, version))


def test_a_feature_is_raised_when_everyone_supports_it(cluster: Any) -> None:
    feature = "eligible.leader.replicas.version"
    assert update(cluster, feature, 1).error_code == ErrorCode.NONE
    assert cluster.image.features[feature] == 1
    assert cluster.image.config(BROKER, "") == {"min.insync.replicas": "1"}
    assert update(cluster, feature, 0).error_code == ErrorCode.INVALID_UPDATE_VERSION
    assert update(cluster, feature, 0, upgrade_type=2).error_code == ErrorCode.NONE
    assert feature not in cluster.image.features


def test_a_broker_that_does_not_know_a_feature_holds_everyone_back(cluster: Any) -> None:
    cluster.register(4, features={"metadata.version": SUPPORTED_FEATURES["metadata.version"]})
    response = update(cluster, "eligible.leader.replicas.version", 1)
    assert response.error_code == ErrorCode.INVALID_UPDATE_VERSION
    assert "Broker 4 does not support this feature" in response.error_message


@pytest.mark.parametrize(
    ("feature", "level", "upgrade_type"),
    [
        ("transaction.version", 2, 1),
        ("metadata.version", 31, 1),
        ("metadata.version", 25, 2),
        ("metadata.version", -1, 1),
        ("eligible.leader.replicas.version", 1, 0),
        ("eligible.leader.replicas.version", 1, 2),
    ],
)
def test_feature_updates_that_are_refused(cluster: Any, feature: str, level: int, upgrade_type: int) -> None:
    before = len(cluster.log)
    assert update(cluster, feature, level, upgrade_type).error_code == ErrorCode.INVALID_UPDATE_VERSION
    assert len(cluster.log) == before


def test_old_versions_list_a_result_per_feature(cluster: Any) -> None:
    response = update(cluster, "eligible.leader.replicas.version", 1, version=1)
    assert [(r.feature, r.error_code) for r in response.results] == [("eligible.leader.replicas.version", 0)]


def test_producer_ids_are_never_given_twice(cluster: Any) -> None:
    """KIP-730."""
    request = AllocateProducerIdsRequest(broker_id=1, broker_epoch=cluster.image.brokers[1].epoch)
    first = cluster.decide(allocate_producer_ids(cluster.image, request))
    second = cluster.decide(allocate_producer_ids(cluster.image, request))
    assert (first.producer_id_start, first.producer_id_len) == (0, 1000)
    assert second.producer_id_start == 1000
    with pytest.raises(KafkaError) as caught:
        allocate_producer_ids(cluster.image, AllocateProducerIdsRequest(broker_id=1, broker_epoch=0))
    assert caught.value.code == ErrorCode.STALE_BROKER_EPOCH
