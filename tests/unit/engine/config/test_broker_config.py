"""A node's configuration out of its properties."""

import pytest

from engine.config import BrokerConfig, Voter, parse_properties
from engine.errors import ConfigError
from engine.types import Endpoint

COMBINED = {
    "node.id": "1",
    "process.roles": "broker,controller",
    "listeners": "PLAINTEXT://:9092,CONTROLLER://:9093",
    "advertised.listeners": "PLAINTEXT://here:9092",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": "1@here:9093,2@there:9093",
}
BROKER = {
    "node.id": "4",
    "process.roles": "broker",
    "listeners": "PLAINTEXT://:9092",
    "controller.listener.names": "CONTROLLER",
    "controller.quorum.voters": "1@here:9093",
}


def read(properties: dict[str, str] = COMBINED, /, **changes: str | None) -> BrokerConfig:
    """`properties` with `changes` (dots as underscores; None takes one away)."""
    changed = dict(properties)
    for name, value in changes.items():
        if value is None:
            del changed[name.replace("_", ".")]
        else:
            changed[name.replace("_", ".")] = value
    return BrokerConfig.from_properties(changed)


def problem(properties: dict[str, str] = COMBINED, /, **changes: str | None) -> str:
    with pytest.raises(ConfigError) as caught:
        read(properties, **changes)
    return str(caught.value)


def test_a_kafka_server_properties_file_is_understood() -> None:
    config = read(num_partitions="3", broker_rack="north")

    assert (config.node_id, config.is_broker, config.is_controller, config.rack) == (1, True, True, "north")
    assert config.listeners == (Endpoint("PLAINTEXT", "", 9092), Endpoint("CONTROLLER", "", 9093))
    assert config.broker_listeners == (Endpoint("PLAINTEXT", "", 9092),)
    assert config.controller_listeners == (Endpoint("CONTROLLER", "", 9093),)
    assert config.advertised_listeners == (Endpoint("PLAINTEXT", "here", 9092),)
    assert config.quorum_voters == (Voter(1, "here", 9093), Voter(2, "there", 9093))
    assert config.inter_broker_listener == "PLAINTEXT"
    assert config.get_int("num.partitions") == 3
    assert config.explicit("num.partitions")
    assert not config.explicit("default.replication.factor")
    assert config.warnings == ()


def test_ipv6_addresses_stand_in_brackets() -> None:
    config = read(listeners="PLAINTEXT://[::1]:9092,CONTROLLER://:9093", controller_quorum_voters="1@[::1]:9093")

    assert config.listeners[0] == Endpoint("PLAINTEXT", "::1", 9092)
    assert config.quorum_voters == (Voter(1, "::1", 9093),)


def test_an_unknown_property_is_named_with_its_line_and_the_nearest_name() -> None:
    text = "".join(f"{name}={value}\n" for name, value in COMBINED.items()) + "num.partitoins=3\n"

    with pytest.raises(ConfigError) as caught:
        BrokerConfig.from_properties(parse_properties(text, "server.properties"))
    assert str(caught.value) == (
        "server.properties line 7: unknown property 'num.partitoins'; did you mean num.partitions?"
    )


def test_a_property_of_earlier_kafkas_is_said_to_be_gone() -> None:
    assert "Apache Kafka 4 no longer has it, see controller.quorum.voters" in problem(zookeeper_connect="here:2181")


def test_an_ill_formed_value_is_answered_with_what_is_accepted() -> None:
    assert problem(num_partitions="0") == (
        "Invalid value 0 for configuration num.partitions: Value must be at least 1 "
        "(accepted: a 32-bit integer, [1,...])"
    )


def test_all_problems_are_said_at_once() -> None:
    lines = problem(num_partitions="many", log_retention_ms="x", nonsense="1").splitlines()

    assert len(lines) == 3


def test_what_kafka_requires_is_required() -> None:
    assert problem(node_id=None) == 'Missing required configuration "node.id" which has no default value.'
    assert "process.roles" in problem(process_roles=None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"broker_id": "2"}, "You must set `node.id` to the same value as `broker.id`."),
        ({"controller_quorum_voters": "2@there:9093"}, "must be included in the set of voters"),
        ({"controller_quorum_voters": None}, "controller.quorum.bootstrap.servers must contain"),
        ({"listeners": "PLAINTEXT://:9092"}, "controller.listener.names must"),
        ({"listeners": "CONTROLLER://:9093", "advertised_listeners": None}, "at least one broker advertised listener"),
        ({"listeners": "PLAINTEXT://:9092,CONTROLLER://:9092"}, "must have a different port"),
        ({"listeners": "PLAINTEXT://:1,PLAINTEXT://:2,CONTROLLER://:3"}, "must have a different name"),
        ({"listeners": "PLAINTEXT:9092"}, "expected NAME://host:port"),
        ({"advertised_listeners": "PLAINTEXT://0.0.0.0:9092"}, "nonroutable meta-address"),
        ({"advertised_listeners": "OTHER://here:9092"}, "No security protocol defined for listener OTHER"),
        ({"inter_broker_listener_name": "INTERNAL"}, "must be a listener name defined in advertised.listeners"),
        ({"controller_quorum_voters": "1@here"}, "{id}@{host}:{port}"),
        ({"replica_fetch_wait_max_ms": "40000"}, "replica.socket.timeout.ms should always be at least"),
        ({"broker_session_timeout_ms": "1000"}, "below broker.session.timeout.ms"),
        ({"max_connections_per_ip": "0"}, "max.connections.per.ip can be set to zero only if"),
    ],
)
def test_properties_that_contradict_each_other_are_refused(changes: dict[str, str | None], expected: str) -> None:
    """Kafka: KafkaConfig.validateValues."""
    assert expected in problem(**changes)


def test_a_broker_alone_must_not_be_a_voter_nor_listen_as_a_controller() -> None:
    read(BROKER)
    assert "must not be included in the set of voters" in problem(BROKER, node_id="1")
    assert "must not contain a value appearing in the 'listeners'" in problem(
        BROKER, listeners="PLAINTEXT://:9092,CONTROLLER://:9093"
    )


def test_a_controller_alone_listens_only_as_a_controller() -> None:
    config = read(process_roles="controller", listeners="CONTROLLER://here:9093", advertised_listeners=None)

    assert config.advertised_controller_listeners == (Endpoint("CONTROLLER", "here", 9093),)
    assert "must only contain KRaft controller listeners" in problem(process_roles="controller")


def test_listeners_that_need_tls_or_sasl_are_refused() -> None:
    assert "SASL_SSL, which is not built yet" in problem(
        listeners="PLAINTEXT://:9092,SASL_SSL://:9094,CONTROLLER://:9093",
        listener_security_protocol_map="PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
    )


def test_what_has_no_effect_is_accepted_with_a_warning() -> None:
    config = read(num_io_threads="16", ssl_keystore_password="secret", num_network_threads="3")

    assert config.warnings == (
        "num.io.threads=16 has no effect here: nothing here for it to steer",
        "ssl.keystore.password has no effect here: not built yet",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("authorizer_class_name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
        ("remote_log_storage_system_enable", "true"),
        ("create_topic_policy_class_name", "com.example.Policy"),
        ("config_providers", "file"),
    ],
)
def test_what_would_promise_too_much_is_refused(name: str, value: str) -> None:
    """An authorizer that is accepted and never asked would leave everything open."""
    assert "asks for what this engine does not have" in problem(**{name: value})


def test_a_listener_prefix_is_known_and_said_to_have_no_effect() -> None:
    config = BrokerConfig.from_properties({**COMBINED, "listener.name.plaintext.max.connections": "5"})

    assert "only max.connections, for all listeners" in config.warnings[0]
    assert "listener.name.plaintext.max.connectoins" in problem(
        {**COMBINED, "listener.name.plaintext.max.connectoins": "5"}
    )


def test_topics_take_the_strongest_broker_synonym() -> None:
    """Kafka: ServerTopicConfigSynonyms: milliseconds before minutes before hours."""
    assert read().topic_defaults()["retention.ms"] == 168 * 3_600_000
    assert read(log_retention_hours="1").topic_defaults()["retention.ms"] == 3_600_000
    assert read(log_retention_hours="1", log_retention_minutes="2").topic_defaults()["retention.ms"] == 120_000
    assert read(log_retention_ms="5", log_retention_minutes="2").topic_defaults()["retention.ms"] == 5
    assert read(log_retention_hours="-1").topic_defaults()["retention.ms"] == -1
    assert read(log_flush_scheduler_interval_ms="7").topic_defaults()["flush.ms"] == 7
    assert read(message_max_bytes="100").topic_defaults()["max.message.bytes"] == 100


def test_a_topics_own_configs_are_stronger_than_the_brokers() -> None:
    values = read(log_retention_ms="5").topic_config({"retention.ms": "6", "from.a.newer.kafka": "x"})

    assert values["retention.ms"] == 6
    assert "from.a.newer.kafka" not in values


def test_a_topics_configs_can_be_had_as_text() -> None:
    texts = read().topic_config_texts({"retention.ms": " 6 "})

    assert (texts["retention.ms"], texts["cleanup.policy"], texts["preallocate"]) == ("6", "delete", "false")
    assert "internal.segment.bytes" not in texts


def test_dynamic_configs_are_stronger_than_the_file_and_per_broker_than_cluster_wide() -> None:
    """KIP-226."""
    config = read(log_retention_ms="1", min_insync_replicas="1")
    changed = config.with_dynamic({"log.retention.ms": "3"}, {"log.retention.ms": "2", "min.insync.replicas": "2"})

    assert changed.get_long("log.retention.ms") == 3
    assert changed.topic_defaults()["retention.ms"] == 3
    assert changed.topic_defaults()["min.insync.replicas"] == 2
    assert config.topic_defaults()["retention.ms"] == 1


def test_a_dynamic_config_that_cannot_be_used_is_left_out_and_said() -> None:
    """Kafka: DynamicBrokerConfig drops it and goes on; a bad record must not stop a broker."""
    config = read().with_dynamic({"num.partitions": "2", "log.retention.ms": "x", "log.roll.ms": "9"})

    assert config.get_int("num.partitions") == 1
    assert config.value("log.retention.ms") is None
    assert config.get_long("log.roll.ms") == 9
    assert len(config.warnings) == 2


def test_log_dirs_are_stronger_than_log_dir() -> None:
    assert read(log_dir="/a").log_dirs == ("/a",)
    assert read(log_dir="/a", log_dirs="/b, /c").log_dirs == ("/b", "/c")
    assert read(log_dirs="/b,/c").metadata_log_dir == "/b"
    assert read(log_dirs="/b,/c", metadata_log_dir="/m").metadata_log_dir == "/m"


def test_a_combined_node_needs_nobody_else() -> None:
    config = BrokerConfig.combined(7, {"num.partitions": "4"})

    assert config.node_id == 7
    assert config.get_int("num.partitions") == 4
    assert [voter.node_id for voter in config.quorum_voters] == [7]
