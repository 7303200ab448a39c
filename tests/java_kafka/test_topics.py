"""`stoker topics` and `stoker partitions`."""

import csv
import io


def test_a_created_topic_is_listed_with_its_shape(stoker, name):
    stoker("topics", "create", name, "--partitions", 4, "--replication-factor", 1)

    listed = {each["name"]: each for each in stoker("topics", "list", "-o", "json").json}

    assert listed[name]["partition_count"] == 4
    assert listed[name]["replication_factor"] == 1
    assert listed[name]["records_at_most"] == 0
    assert listed[name]["health"] == "ok"
    assert len(listed[name]["topic_id"]) == 22


def test_what_was_created_is_said_by_the_cluster_itself(stoker, name):
    said = stoker("topics", "create", name, "-p", 2, "-c", "retention.ms=1000000", "-o", "json").json

    assert (said["name"], said["partition_count"], said["configs"]) == (name, 2, {"retention.ms": "1000000"})


def test_creating_a_topic_twice_is_refused_with_kafkas_error_and_the_way_out(stoker, topic):
    name = topic()

    refused = stoker("topics", "create", name, code=1)

    assert f"topic {name}: TOPIC_ALREADY_EXISTS" in refused.err
    assert "hint: " in refused.err
    assert "Traceback" not in refused.err


def test_if_not_exists_makes_a_second_create_harmless(stoker, topic):
    stoker("topics", "create", topic(), "--if-not-exists")


def test_more_replicas_than_brokers_are_refused(stoker, kafka, name):
    refused = stoker("topics", "create", name, "--replication-factor", kafka.broker_count + 1, code=1)

    assert "INVALID_REPLICATION_FACTOR" in refused.err
    assert "stoker brokers" in refused.err


def test_a_dry_run_creates_nothing_and_shows_the_command(stoker, name):
    shown = stoker("topics", "create", name, "--partitions", 3, "--dry-run")

    assert f"+ topic {name}: 3 partitions" in shown.err
    assert f"stoker topics create {name} --partitions 3" in shown.err
    assert name not in stoker("topics", "list", "-q").lines


def test_a_dry_run_is_checked_by_the_cluster(stoker, topic):
    assert "TOPIC_ALREADY_EXISTS" in stoker("topics", "create", topic(), "--dry-run", code=1).err


def test_read_only_refuses_every_change(stoker, topic, lines):
    name = topic()

    for words in (
        ("topics", "create", "other"),
        ("topics", "alter", name, "-p", 2),
        ("topics", "delete", name, "--yes"),
        ("configs", "alter", "topic", name, "--set", "retention.ms=1"),
        ("produce", name, lines("x")),
    ):
        assert "read-only" in stoker(*words, "--readonly", code=1).err
    assert stoker("topics", "describe", name, "-o", "json").json["records_at_most"] == 0


def test_describe_shows_partitions_and_what_is_overridden(stoker, topic):
    name = topic(partitions=2, retention_ms=86400000)

    described = stoker("topics", "describe", name, "-o", "json").json

    assert [each["partition"] for each in described["partitions"]] == [0, 1]
    assert all(each["leader"] in each["isr"] for each in described["partitions"])
    assert described["overrides"] == {"retention.ms": "86400000"}
    assert "retention.ms=86400000" in stoker("topics", "describe", name).out


def test_a_topic_that_does_not_exist_is_named(stoker):
    for words in (
        ("topics", "describe", "nope"),
        ("partitions", "nope"),
        ("tail", "nope"),
        ("topics", "delete", "nope", "-y"),
    ):
        assert "topic nope: UNKNOWN_TOPIC_OR_PARTITION" in stoker(*words, code=1).err


def test_alter_adds_partitions_and_changes_configs(stoker, topic):
    name = topic(partitions=1, cleanup_policy="compact")

    shown = stoker("topics", "alter", name, "-p", 3, "-c", "retention.ms=5000", "--delete-config", "cleanup.policy")

    assert "~ partitions: 1 -> 3" in shown.err
    assert "+ retention.ms: " in shown.err
    assert "- cleanup.policy: compact -> (default)" in shown.err
    described = stoker("topics", "describe", name, "-o", "json").json
    assert described["partition_count"] == 3
    assert described["overrides"] == {"retention.ms": "5000"}


def test_a_dry_run_of_alter_changes_nothing(stoker, topic):
    name = topic()

    shown = stoker("topics", "alter", name, "-p", 3, "-c", "retention.ms=5000", "--dry-run")

    assert "~ partitions: 1 -> 3" in shown.err
    assert f"stoker topics alter {name} --partitions 3 --config retention.ms=5000" in shown.err
    described = stoker("topics", "describe", name, "-o", "json").json
    assert (described["partition_count"], described["overrides"]) == (1, {})


def test_altering_to_what_it_is_changes_nothing(stoker, topic):
    name = topic(partitions=2, retention_ms=5000)

    assert "like that already" in stoker("topics", "alter", name, "-p", 2, "-c", "retention.ms=5000").err


def test_fewer_partitions_are_refused(stoker, topic):
    assert "INVALID_PARTITIONS" in stoker("topics", "alter", topic(partitions=3), "-p", 2, code=1).err


def test_an_unknown_config_and_an_impossible_value_are_refused(stoker, topic, name):
    assert "INVALID_CONFIG" in stoker("topics", "create", name, "-c", "no.such=1", code=1).err
    assert "INVALID_CONFIG" in stoker("topics", "alter", topic(), "-c", "retention.ms=soon", code=1).err


def test_delete_needs_yes_when_there_is_nobody_to_ask(stoker, topic, monkeypatch):
    name = topic()
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)

    assert "--yes" in stoker("topics", "delete", name, code=2).err
    assert f"- topic {name}" in stoker("topics", "delete", name, "--dry-run").err
    assert name in stoker("topics", "list", "-q").lines


def test_delete_removes_the_topic(stoker, topic):
    name = topic()

    stoker("topics", "delete", name, "--yes")

    assert name not in stoker("topics", "list", "-q").lines


def test_filters_find_only_what_is_in_that_state(stoker, topic):
    name = topic(retention_ms=5000)

    overridden = {
        each["name"]: each["overrides"] for each in stoker("topics", "list", "--with-overrides", "-o", "json").json
    }

    assert overridden[name] == {"retention.ms": "5000"}
    for state in ("--under-replicated", "--unavailable", "--under-min-isr"):
        assert name not in stoker("topics", "list", state, "-q").lines


def test_every_output_has_the_same_keys(stoker, topic):
    name = topic()

    as_json = next(each for each in stoker("topics", "list", "-o", "json").json if each["name"] == name)
    as_lines = next(each for each in stoker("topics", "list", "-o", "jsonl").records if each["name"] == name)
    as_csv = next(
        each for each in csv.DictReader(io.StringIO(stoker("topics", "list", "-o", "csv").out)) if each["name"] == name
    )

    assert as_json == as_lines
    assert list(as_csv) == list(as_json)


def test_partitions_show_offsets_and_leader(stoker, topic, lines):
    name = topic(partitions=2)
    stoker("produce", name, lines("a", "b", "c"), "--partition", 1)

    rows = stoker("partitions", name, "-o", "json").json

    assert [(row["partition"], row["log_start_offset"], row["high_watermark"]) for row in rows] == [
        (0, 0, 0),
        (1, 0, 3),
    ]
    assert all(row["leader"] == row["replicas"][0] for row in rows)
    assert rows[1]["size_bytes"] > 0
