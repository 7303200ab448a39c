"""The table of configs against the facts of Apache Kafka 4.3 and against itself."""

import pytest

from engine.config import BROKER_CONFIGS, GROUP_CONFIGS, TOPIC_CONFIGS, ConfigDefinition, Scope
from engine.config.definition import ConfigType, Required, parse_text, value_text
from engine.errors import ConfigError

ALL = [*TOPIC_CONFIGS.values(), *BROKER_CONFIGS.values(), *GROUP_CONFIGS.values()]


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.name)
def test_each_default_is_accepted_by_its_own_rule_and_survives_its_text_form(row: ConfigDefinition) -> None:
    if isinstance(row.default, Required) or row.default is None:
        return
    text = row.default_text
    assert text is not None
    if row.default == () and text == "":
        assert parse_text(row.name, row.type, text) == ()  # some lists may be missing, but not be given empty
        return
    assert row.parse(text) == row.default


def test_each_synonym_is_a_broker_config_of_the_same_kind_of_value() -> None:
    for row in [*TOPIC_CONFIGS.values(), *GROUP_CONFIGS.values()]:
        for synonym in row.synonyms:
            kinds = {row.type, BROKER_CONFIGS[synonym.name].type}
            assert len(kinds) == 1 or kinds == {ConfigType.INT, ConfigType.LONG}, (row.name, synonym)


def test_all_topic_configs_of_kafka_4_3_are_there() -> None:
    """Kafka: LogConfig.configNames of 4.3.0, which has 33 and one internal."""
    assert len(TOPIC_CONFIGS) == 34
    assert [name for name, row in TOPIC_CONFIGS.items() if row.internal] == ["internal.segment.bytes"]


def test_dynamic_scopes_are_kafkas() -> None:
    """Kafka: DynamicBrokerConfig.dynamicConfigUpdateModes."""
    assert BROKER_CONFIGS["node.id"].scope is Scope.READ_ONLY
    assert BROKER_CONFIGS["listeners"].scope is Scope.PER_BROKER
    assert BROKER_CONFIGS["min.insync.replicas"].scope is Scope.CLUSTER_WIDE
    assert sum(row.scope is not Scope.READ_ONLY for row in BROKER_CONFIGS.values()) == 102, "as many as 4.3.0 lists"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5"),
        (1.0, "1.0"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (1e7, "1.0E7"),
        (0.0001, "1.0E-4"),
        (float("nan"), "NaN"),
        (("a", "b"), "a,b"),
        ((), ""),
        (True, "true"),
        (None, None),
    ],
)
def test_values_print_as_java_prints_them(value: object, text: str | None) -> None:
    """Java: Double.toString; Kafka: ConfigDef.convertToString."""
    assert value_text(value) == text  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (ConfigType.INT, " 5 ", 5),
        (ConfigType.INT, "+5", 5),
        (ConfigType.LONG, "-9223372036854775808", -(2**63)),
        (ConfigType.DOUBLE, "1e-1", 0.1),
        (ConfigType.DOUBLE, "2f", 2.0),
        (ConfigType.BOOLEAN, "TRUE", True),
        (ConfigType.LIST, " a , b,c ", ("a", "b", "c")),
        (ConfigType.LIST, "  ", ()),
        (ConfigType.STRING, " x ", "x"),
    ],
)
def test_text_is_read_as_kafka_reads_it(kind: ConfigType, raw: str, value: object) -> None:
    """Kafka: ConfigDef.parseType."""
    assert parse_text("c", kind, raw) == value


@pytest.mark.parametrize(
    ("kind", "raw", "reason"),
    [
        (ConfigType.INT, "2147483648", "Not a number of type INT"),
        (ConfigType.INT, "1_000", "Not a number of type INT"),
        (ConfigType.SHORT, "40000", "Not a number of type SHORT"),
        (ConfigType.LONG, "9" * 5000, "Not a number of type LONG"),
        (ConfigType.LONG, "0x10", "Not a number of type LONG"),
        (ConfigType.DOUBLE, "x", "Not a number of type DOUBLE"),
        (ConfigType.BOOLEAN, "yes", "Expected value to be either true or false"),
    ],
)
def test_text_of_the_wrong_type_is_refused_in_kafkas_words(kind: ConfigType, raw: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_text("c", kind, raw)
    assert str(caught.value) == f"Invalid value {raw} for configuration c: {reason}"
