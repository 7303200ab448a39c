"""Changes of configs by request. The sentences are those of Apache Kafka 4.3.0's own LogConfig, printed by running it."""

import pytest

from engine.config import BrokerConfig
from engine.config.validation import (
    ConfigChange,
    Operation,
    ResourceType,
    changed,
    incremental_changes,
    legacy_changes,
    validate_configs,
    validate_topic_configs,
)
from engine.errors import KafkaError
from engine.protocol.errors import ErrorCode

BROKER = BrokerConfig.combined()
TOPIC = ResourceType.TOPIC


@pytest.mark.parametrize(
    ("name", "value", "effective"),
    [
        ("cleanup.policy", "", ()),
        ("cleanup.policy", "delete,delete", ("delete",)),
        ("cleanup.policy", "compact, delete", ("compact", "delete")),
        ("retention.ms", " 5 ", 5),
        ("preallocate", "TRUE", True),
        ("min.cleanable.dirty.ratio", "1", 1.0),
        ("leader.replication.throttled.replicas", "", ()),
        ("local.retention.ms", "100000000000", 100000000000),
        ("internal.segment.bytes", "100", 100),
        ("compression.type", "zstd", "zstd"),
        ("remote.log.copy.disable", "true", True),
    ],
)
def test_what_kafka_accepts_is_accepted(name: str, value: str, effective: object) -> None:
    assert validate_topic_configs({name: value}, BROKER)[name] == effective


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("foo", "1", "Unknown topic config name: foo"),
        ("message.format.version", "3.0", "Unknown topic config name: message.format.version"),
        (
            "cleanup.policy",
            "foo",
            "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        ("cleanup.policy", ",delete", "Configuration 'cleanup.policy' values must not be empty."),
        ("retention.ms", "abc", "Invalid value abc for configuration retention.ms: Not a number of type LONG"),
        ("retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"),
        ("retention.ms", "", "Invalid value  for configuration retention.ms: Not a number of type LONG"),
        (
            "preallocate",
            "maybe",
            "Invalid value maybe for configuration preallocate: Expected value to be either true or false",
        ),
        (
            "compression.type",
            "GZIP",
            "Invalid value GZIP for configuration compression.type: "
            "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
        (
            "compression.gzip.level",
            "0",
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        ),
        (
            "compression.lz4.level",
            "18",
            "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17",
        ),
        (
            "min.cleanable.dirty.ratio",
            "1.1",
            "Invalid value 1.1 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        ("segment.bytes", "14", "Invalid value 14 for configuration segment.bytes: Value must be at least 1048576"),
        (
            "leader.replication.throttled.replicas",
            "x",
            "Invalid value [x] for configuration leader.replication.throttled.replicas: "
            "leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following "
            "format: [partitionId]:[brokerId],[partitionId]:[brokerId],...",
        ),
        (
            "remote.storage.enable",
            "true",
            "Tiered Storage functionality is disabled in the broker. "
            "Topic cannot be configured with remote log storage.",
        ),
    ],
)
def test_what_kafka_refuses_is_refused_in_its_words(name: str, value: str, message: str) -> None:
    with pytest.raises(KafkaError) as caught:
        validate_topic_configs({name: value}, BROKER)
    assert (caught.value.code, caught.value.message) == (ErrorCode.INVALID_CONFIG, message)


def test_the_compaction_lags_must_agree_also_with_the_brokers_defaults() -> None:
    broker = BrokerConfig.combined(1, {"log.cleaner.min.compaction.lag.ms": "10"})

    with pytest.raises(KafkaError, match=r"min\.compaction\.lag\.ms \(10\) > max\.compaction\.lag\.ms \(5\)"):
        validate_topic_configs({"max.compaction.lag.ms": "5"}, broker)


def test_what_the_engine_cannot_do_is_refused_not_ignored() -> None:
    with pytest.raises(KafkaError, match="not built yet") as caught:
        validate_topic_configs({"leader.replication.throttled.replicas": "*"}, BROKER)
    assert caught.value.code is ErrorCode.INVALID_CONFIG


@pytest.mark.parametrize(
    ("configs", "name", "message"),
    [
        ({"num.partitions": "2"}, "1", "Cannot update these configs dynamically: [num.partitions]"),
        (
            {"listeners": "PLAINTEXT://:1"},
            "",
            "Cannot update these configs at default cluster level, broker id must be specified: [listeners]",
        ),
        (
            {"log.retention.ms": "x"},
            "",
            "Invalid value x for configuration log.retention.ms: Not a number of type LONG",
        ),
        (
            {"log.retention.mss": "1"},
            "",
            "Unknown broker config name: log.retention.mss; did you mean log.retention.ms?",
        ),
        ({}, "one", "Unable to parse broker name as a base 10 number."),
        ({}, "-1", "Invalid negative broker ID."),
    ],
)
def test_broker_configs_are_dynamic_only_within_their_scope(configs: dict[str, str], name: str, message: str) -> None:
    """KIP-226; Kafka: DynamicBrokerConfig.validateConfigs, which answers INVALID_REQUEST (KAFKA-13609)."""
    with pytest.raises(KafkaError) as caught:
        validate_configs(ResourceType.BROKER, name, configs, BROKER)
    assert (caught.value.code, caught.value.message) == (ErrorCode.INVALID_REQUEST, message)


def test_dynamic_broker_configs_within_their_scope_are_fine() -> None:
    validate_configs(ResourceType.BROKER, "", {"log.retention.ms": "1", "min.insync.replicas": "2"}, BROKER)
    validate_configs(ResourceType.BROKER, "1", {"max.connections": "5", "log.roll.ms": "1"}, BROKER)


@pytest.mark.parametrize(
    ("resource_type", "name", "code"),
    [
        (ResourceType.TOPIC, "", ErrorCode.INVALID_REQUEST),
        (ResourceType.GROUP, "", ErrorCode.INVALID_REQUEST),
        (ResourceType.CLIENT_METRICS, "m", ErrorCode.INVALID_REQUEST),
        (ResourceType.BROKER_LOGGER, "1", ErrorCode.INVALID_REQUEST),
        (77, "x", ErrorCode.INVALID_REQUEST),
    ],
)
def test_resources_that_cannot_have_configs_are_refused(resource_type: int, name: str, code: ErrorCode) -> None:
    with pytest.raises(KafkaError) as caught:
        validate_configs(resource_type, name, {}, BROKER)
    assert caught.value.code is code


def test_set_and_delete_change_single_configs() -> None:
    changes = [ConfigChange("retention.ms", Operation.SET, "5"), ConfigChange("segment.ms", Operation.DELETE)]
    current = {"segment.ms": "7", "flush.ms": "1"}

    result = incremental_changes(TOPIC, current, changes)

    assert result == {"retention.ms": "5", "segment.ms": None}
    assert changed(current, result) == {"retention.ms": "5", "flush.ms": "1"}


def test_append_and_subtract_change_lists_starting_from_the_default() -> None:
    """Kafka: ConfigurationControlManager.getParts."""

    def cleanup(current: dict[str, str], operation: Operation, value: str) -> str | None:
        return incremental_changes(TOPIC, current, [ConfigChange("cleanup.policy", operation, value)])["cleanup.policy"]

    assert cleanup({}, Operation.APPEND, "compact") == "delete,compact"
    assert cleanup({"cleanup.policy": "compact"}, Operation.APPEND, "compact,delete") == "compact,delete"
    assert cleanup({"cleanup.policy": "compact,delete"}, Operation.SUBTRACT, "delete") == "compact"
    assert cleanup({}, Operation.SUBTRACT, "delete") == ""


@pytest.mark.parametrize("name", ["retention.ms", "no.such.config"])
def test_only_lists_can_be_appended_to(name: str) -> None:
    with pytest.raises(KafkaError) as caught:
        incremental_changes(TOPIC, {}, [ConfigChange(name, Operation.APPEND, "1")])
    assert caught.value.code is ErrorCode.INVALID_CONFIG
    assert caught.value.message == f"Can't APPEND to key {name} because its type is not LIST."


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            [ConfigChange("a", Operation.SET, "1"), ConfigChange("a", Operation.SET, "2")],
            "Error due to duplicate config keys",
        ),
        ([ConfigChange("a", Operation.SET, None)], "Null value not supported for : a"),
    ],
)
def test_requests_that_make_no_sense_are_refused(changes: list[ConfigChange], message: str) -> None:
    with pytest.raises(KafkaError) as caught:
        incremental_changes(TOPIC, {}, changes)
    assert (caught.value.code, caught.value.message) == (ErrorCode.INVALID_REQUEST, message)


def test_the_legacy_request_replaces_everything() -> None:
    assert legacy_changes({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == {"b": "3", "c": "4", "a": None}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("listeners", "PLAINTEXT://:9999", "Listeners are read when a node starts"),
        ("listener.security.protocol.map", "A:PLAINTEXT", "Listeners are read when a node starts"),
        ("max.connections.per.ip.overrides", "127.0.0.1", "expected address:count"),
        ("max.connections.per.ip", "0", "can be set to zero only if max.connections.per.ip.overrides"),
    ],
)
def test_what_would_be_ignored_or_lock_everybody_out_is_refused_of_a_running_broker(
    name: str, value: str, message: str
) -> None:
    with pytest.raises(KafkaError, match=message) as refusal:
        validate_configs(ResourceType.BROKER, "1", {name: value}, BROKER)
    assert refusal.value.code is ErrorCode.INVALID_REQUEST


def test_no_connections_but_the_exceptions_is_fine() -> None:
    configs = {"max.connections.per.ip": "0", "max.connections.per.ip.overrides": "127.0.0.1:5"}
    validate_configs(ResourceType.BROKER, "", configs, BROKER)
