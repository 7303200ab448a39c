"""`stoker cluster`, `brokers`, `quorum`, `configs`, `contexts`, and what happens when there is no cluster."""

import socket
import time


def test_the_cluster_is_healthy_and_says_what_it_is(stoker, kafka, topic):
    topic(partitions=3)

    said = stoker("cluster", "-o", "json").json

    assert said["broker_count"] == kafka.broker_count
    assert said["healthy"] is True
    assert said["unavailable_partitions"] == said["under_replicated_partitions"] == 0
    assert said["controller"] in range(1, kafka.broker_count + 1)
    assert len(said["cluster_id"]) == 22
    assert "metadata.version" in said["finalized_features"]


def test_brokers_say_what_they_lead_and_hold(stoker, kafka, topic):
    topic(partitions=3)

    rows = stoker("brokers", "-o", "json").json

    assert [row["node_id"] for row in rows] == list(range(1, kafka.broker_count + 1))
    assert sum(row["leaders"] for row in rows) >= 3
    assert sum(row["is_controller"] for row in rows) == 1
    assert all(row["state"] == "alive" and row["size_bytes"] is not None for row in rows)


def test_the_quorum_has_one_leader(stoker, kafka):
    said = stoker("quorum", "-o", "json").json

    assert [row["role"] for row in said["replicas"]].count("leader") == 1
    assert len(said["replicas"]) == kafka.broker_count
    assert said["replicas"][0]["node_id"] == said["leader"]
    assert said["high_watermark"] > 0


def test_configs_of_a_topic_say_where_each_value_is_from(stoker, topic):
    name = topic(retention_ms=5000)

    rows = {row["name"]: row for row in stoker("configs", "describe", "topic", name, "-o", "json").json}

    assert rows["retention.ms"]["value"] == "5000"
    assert rows["retention.ms"]["source"] == "DYNAMIC_TOPIC_CONFIG"
    assert rows["cleanup.policy"]["source"] == "DEFAULT_CONFIG"
    assert "retention.ms" in stoker("configs", "describe", "topic", name).out
    assert "segment.index.bytes" not in stoker("configs", "describe", "topic", name).out


def test_a_topic_config_is_changed_and_taken_back(stoker, topic):
    name = topic()

    stoker("configs", "alter", "topic", name, "--set", "retention.ms=7000", "--set", "segment.bytes=2000000")
    shown = stoker("configs", "alter", "topic", name, "--delete", "retention.ms", "--dry-run")
    assert "- retention.ms: 7000 -> (default)" in shown.err
    assert stoker("topics", "describe", name, "-o", "json").json["overrides"]["retention.ms"] == "7000"
    stoker("configs", "alter", "topic", name, "--delete", "retention.ms")

    assert stoker("topics", "describe", name, "-o", "json").json["overrides"] == {"segment.bytes": "2000000"}


def test_a_broker_config_is_changed_for_all_brokers_and_taken_back(stoker):
    def value():
        rows = {row["name"]: row for row in stoker("configs", "describe", "broker", "1", "-o", "json").json}
        return rows["log.retention.ms"]["value"], rows["log.retention.ms"]["source"]

    def becomes(expected):
        # A broker applies what the metadata says a moment after it has it.
        deadline = time.monotonic() + 10
        while value() != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        return value()

    before = value()
    stoker("configs", "alter", "broker", "--set", "log.retention.ms=123456789")
    changed = becomes(("123456789", "DYNAMIC_DEFAULT_BROKER_CONFIG"))
    stoker("configs", "alter", "broker", "--delete", "log.retention.ms")

    assert changed == ("123456789", "DYNAMIC_DEFAULT_BROKER_CONFIG")
    assert becomes(before) == before


def test_a_config_that_is_read_only_is_refused(stoker):
    refused = stoker("configs", "alter", "broker", "1", "--set", "node.id=7", code=1)

    assert "INVALID_REQUEST" in refused.err or "INVALID_CONFIG" in refused.err


def test_a_context_names_a_cluster_and_may_be_read_only(stoker, kafka, monkeypatch, topic):
    name = topic()
    monkeypatch.delenv("STOKER_BOOTSTRAP_SERVER")

    stoker("contexts", "add", "here", "-b", kafka.bootstrap, "--readonly", "--use")

    assert name in stoker("topics", "list", "-q").lines
    assert "read-only" in stoker("topics", "delete", name, "--yes", code=1).err
    listed = stoker("contexts", "list", "-o", "json").json
    assert [(each["name"], each["current"], each["readonly"]) for each in listed] == [("here", True, True)]
    stoker("contexts", "remove", "here")
    assert stoker("contexts", "list", "-o", "json").json == []


def test_client_properties_are_read_and_what_has_no_effect_is_said(stoker, tmp_path):
    path = tmp_path / "client.properties"
    path.write_text("client.id=me\nrequest.timeout.ms=5000\nsasl.mechanism=PLAIN\nno.such=1\n")

    said = stoker("topics", "list", "-q", "--command-config", path)

    assert "line 3: sasl.mechanism has no effect" in said.err
    assert "line 4: no.such is not a property" in said.err


def test_a_cluster_that_cannot_be_reached_is_exit_code_3(stoker):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    refused = stoker("topics", "list", "-b", f"127.0.0.1:{port}", code=3)

    assert f"no cluster at 127.0.0.1:{port}" in refused.err
    assert "connection refused" in refused.err
    assert "Traceback" not in refused.err


def test_words_that_are_off_are_exit_code_2(stoker):
    for words in (
        ("topics", "lst"),
        ("topics", "list", "--no-such"),
        ("topics", "list", "-o", "xml"),
        ("topics", "create"),
        ("topics", "create", "x", "-c", "noequals"),
        ("tail", "x", "--from", "yesteryear"),
        ("configs", "describe", "broker", "one"),
        ("topics", "list", "-b", "host:port"),
    ):
        assert "Traceback" not in stoker(*words, code=2).err
