"""What descriptions show (Kafka: ConfigHelper)."""

from engine.config import BROKER_CONFIGS, GROUP_CONFIGS, TOPIC_CONFIGS, BrokerConfig
from engine.config.definition import ConfigType
from engine.config.describe import (
    ConfigEntry,
    ConfigSource,
    SynonymEntry,
    describe_broker,
    describe_cluster_default,
    describe_group,
    describe_topic,
)


def by_name(entries: list[ConfigEntry]) -> dict[str, ConfigEntry]:
    assert [entry.name for entry in entries] == sorted({entry.name for entry in entries})
    return {entry.name: entry for entry in entries}


def test_a_topic_shows_its_own_value_before_the_brokers() -> None:
    broker = BrokerConfig.combined(1, {"log.segment.bytes": "2000000"})
    entry = by_name(describe_topic(broker, {"segment.bytes": "3000000"}))["segment.bytes"]

    assert (entry.value, entry.source, entry.type, entry.is_read_only) == (
        "3000000",
        ConfigSource.TOPIC_CONFIG,
        ConfigType.INT,
        False,
    )
    assert entry.synonyms == (
        SynonymEntry("segment.bytes", "3000000", ConfigSource.TOPIC_CONFIG),
        SynonymEntry("log.segment.bytes", "2000000", ConfigSource.STATIC_BROKER_CONFIG),
        SynonymEntry("log.segment.bytes", "1073741824", ConfigSource.DEFAULT_CONFIG),
    )


def test_a_topic_without_configs_shows_the_brokers() -> None:
    broker = BrokerConfig.combined(1, {"message.max.bytes": "5"}).with_dynamic({}, {"min.insync.replicas": "2"})
    entries = by_name(describe_topic(broker, {}))

    assert set(entries) == {name for name, row in TOPIC_CONFIGS.items() if not row.internal}
    assert (entries["max.message.bytes"].value, entries["max.message.bytes"].source) == (
        "5",
        ConfigSource.STATIC_BROKER_CONFIG,
    )
    assert entries["min.insync.replicas"].source is ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG
    assert entries["cleanup.policy"].source is ConfigSource.DEFAULT_CONFIG


def test_a_value_from_hours_shows_no_synonyms_as_in_kafka() -> None:
    """Kafka: ConfigHelper.configSynonyms drops what stands before the config's own name, here everything."""
    entry = by_name(describe_topic(BrokerConfig.combined(1, {"log.retention.hours": "1"}), {}))["retention.ms"]

    assert (entry.value, entry.source, entry.synonyms) == ("3600000", ConfigSource.DEFAULT_CONFIG, ())


def test_a_broker_shows_all_its_configs_with_their_sources() -> None:
    broker = BrokerConfig.combined(3, {"num.partitions": "2", "ssl.key.password": "secret"}).with_dynamic(
        {"log.retention.ms": "1"}, {"log.retention.ms": "2"}
    )
    entries = by_name(describe_broker(broker))

    assert set(entries) >= {name for name, row in BROKER_CONFIGS.items() if not row.internal}
    assert (entries["node.id"].value, entries["node.id"].is_read_only) == ("3", True)
    assert entries["num.partitions"].source is ConfigSource.STATIC_BROKER_CONFIG
    assert entries["log.retention.ms"].synonyms == (
        SynonymEntry("log.retention.ms", "1", ConfigSource.DYNAMIC_BROKER_CONFIG),
        SynonymEntry("log.retention.ms", "2", ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG),
        SynonymEntry("log.retention.hours", "168", ConfigSource.DEFAULT_CONFIG),
    )
    assert not entries["log.retention.ms"].is_read_only


def test_secrets_are_never_shown() -> None:
    entry = by_name(describe_broker(BrokerConfig.combined(1, {"ssl.key.password": "secret"})))["ssl.key.password"]

    assert (entry.value, entry.is_sensitive) == (None, True)
    assert all(synonym.value is None for synonym in entry.synonyms)


def test_the_default_of_all_brokers_shows_only_what_was_set_for_all() -> None:
    broker = BrokerConfig.combined(1, {"log.retention.ms": "5"}).with_dynamic(
        {"log.roll.ms": "1"}, {"log.retention.ms": "2"}
    )
    (entry,) = describe_cluster_default(broker)

    assert (entry.name, entry.value, entry.source) == (
        "log.retention.ms",
        "2",
        ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG,
    )
    assert entry.synonyms == (SynonymEntry("log.retention.ms", "2", ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG),)


def test_a_group_shows_its_defaults() -> None:
    entries = by_name(describe_group(BrokerConfig.combined(), {}))

    assert set(entries) == set(GROUP_CONFIGS)
    assert entries["consumer.session.timeout.ms"].value == "45000"
    assert entries["consumer.session.timeout.ms"].source is ConfigSource.DEFAULT_CONFIG


def test_documentation_says_what_has_no_effect() -> None:
    entries = by_name(describe_broker(BrokerConfig.combined()))

    assert entries["num.io.threads"].documentation.endswith("Has no effect in Stoker.")
    assert all(entry.documentation for entry in entries.values())
