"""Changes by the command line: dry runs, questions, resets of groups, the audit log and its undo."""

import contextlib
import uuid

import pytest
from confluent_kafka import Consumer


@pytest.fixture
def group():
    return f"g-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def records(stoker, topic, lines):
    """A topic with ten records in partition 0 and none in partition 1."""
    name = topic(partitions=2)
    stoker("produce", name, lines(*"abcdefghij"), "-p", 0)
    return name


@contextlib.contextmanager
def member(kafka, group, topic, **config):
    """Somebody in the group who has been assigned partitions."""
    settings = {"bootstrap.servers": kafka.bootstrap, "group.id": group, "enable.auto.commit": False}
    consumer = Consumer({**settings, "auto.offset.reset": "earliest", "client.id": "the-client", **config})
    try:
        consumer.subscribe([topic])
        for _ in range(100):
            consumer.poll(0.2)
            if consumer.assignment():
                break
        assert consumer.assignment()
        yield consumer
    finally:
        consumer.close()


def committed(stoker, group):
    described = stoker("groups", "describe", group, "-o", "json", "--no-time").json
    return {each["partition"]: each["committed_offset"] for each in described["partitions"]}


def reset(stoker, group, to, *scope, code=0):
    return stoker("groups", "reset", group, "--to", to, *scope, "--execute", "-o", "json", code=code)


def test_a_reset_is_a_dry_run_unless_told(stoker, records, group):
    shown = stoker("groups", "reset", group, "--to", "latest", "--topic", f"{records}:0")

    assert "NEW OFFSET" in shown.out
    assert "nothing is changed without --execute" in shown.err
    assert f"stoker groups reset {group} --to latest --topic {records}:0 --execute" in shown.err
    assert group not in stoker("groups", "list", "-q").lines


def test_offsets_are_set_shifted_clamped_and_taken_back(stoker, records, group):
    rows = reset(stoker, group, "4", "--topic", f"{records}:0").json
    assert [(row["partition"], row["committed_offset"], row["new_offset"]) for row in rows] == [(0, None, 4)]
    assert committed(stoker, group) == {0: 4}

    reset(stoker, group, "+3", "--all-topics")
    assert committed(stoker, group) == {0: 7}
    clamped = reset(stoker, group, "-50", "--all-topics")
    assert "before the first record: to 0" in clamped.json[0]["note"]
    assert committed(stoker, group) == {0: 0}

    stoker("audit", "--undo", "last")
    assert committed(stoker, group) == {0: 7}
    reset(stoker, group, "2030-01-01", "--topic", records)
    assert committed(stoker, group) == {0: 10, 1: 0}
    stoker("audit", "--undo", "last")
    assert committed(stoker, group) == {0: 7}


def test_a_group_that_somebody_is_in_is_not_reset(stoker, kafka, records, group):
    with member(kafka, group, records):
        refused = reset(stoker, group, "latest", "--topic", records, code=1)
        tried = stoker("groups", "reset", group, "--to", "latest", "--topic", records, code=1)
        undeleted = stoker("groups", "delete", group, "--yes", code=1)
        unforgotten = stoker("groups", "delete-offsets", group, "--topic", records)

    for each in (refused, tried, undeleted):
        assert f"group {group}: NON_EMPTY_GROUP" in each.err
        assert "the-client on " in each.err
        assert "hint: Stop its consumers first" in each.err
    assert tried.out
    assert "like that already" in unforgotten.err


def test_offsets_of_a_topic_that_is_read_are_not_forgotten(stoker, kafka, records, group):
    reset(stoker, group, "4", "--topic", records)
    with member(kafka, group, records):
        refused = stoker("groups", "delete-offsets", group, "--topic", records, code=1)

    assert "NON_EMPTY_GROUP" in refused.err
    stoker("groups", "delete-offsets", group, "--topic", f"{records}:0")
    assert committed(stoker, group) == {1: 0}


def test_a_consumer_goes_on_where_the_reset_put_its_group(stoker, kafka, records, group):
    reset(stoker, group, "8", "--topic", records)

    with member(kafka, group, records) as consumer:
        for _ in range(100):
            message = consumer.poll(0.2)
            if message is not None:
                break
        # The first poll may have taken it already, with the assignment.
        position = consumer.position(consumer.assignment())

    assert {each.partition: each.offset for each in position}[0] in (9, 10)


def test_a_group_of_the_new_protocol_is_reset_when_it_is_empty(stoker, apache_only, records, group):
    """KIP-848."""
    with member(apache_only, group, records, **{"group.protocol": "consumer"}):
        refused = reset(stoker, group, "latest", "--topic", records, code=1)
    assert "NON_EMPTY_GROUP" in refused.err

    reset(stoker, group, "4", "--topic", f"{records}:0")

    assert committed(stoker, group)[0] == 4


def test_a_deleted_group_comes_back_by_undo(stoker, records, group):
    reset(stoker, group, "4", "--topic", f"{records}:0")

    stoker("groups", "delete", group, "--yes")

    assert group not in stoker("groups", "list", "-q").lines
    stoker("audit", "--undo", "last")
    assert committed(stoker, group) == {0: 4}


def test_which_partitions_must_be_said(stoker, records, group):
    assert "--topic" in stoker("groups", "reset", group, "--to", "latest", code=2).err
    words = ("--topic", records, "--execute", "--dry-run")
    assert "contradict" in stoker("groups", "reset", group, "--to", "latest", *words, code=2).err
    assert (
        "cannot read the position" in stoker("groups", "reset", group, "--to", "soon", "--topic", records, code=2).err
    )


def test_what_destroys_asks_for_the_name(stoker, topic, monkeypatch):
    name = topic()
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)

    answers = iter(["something else", name])
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))
    kept = stoker("topics", "delete", name, code=1)
    assert "There is no undo." in kept.err
    assert "Nothing was done." in kept.err
    assert name in stoker("topics", "list", "-q").lines

    stoker("topics", "delete", name)
    assert name not in stoker("topics", "list", "-q").lines


def test_several_topics_are_all_looked_at_before_the_first_is_deleted(stoker, topic):
    name = topic()

    assert "UNKNOWN_TOPIC_OR_PARTITION" in stoker("topics", "delete", name, "nope", "--yes", code=1).err
    assert name in stoker("topics", "list", "-q").lines


def test_the_environment_closes_the_door(stoker, topic, monkeypatch):
    name = topic()
    monkeypatch.setenv("STOKER_READONLY", "1")

    for words in (
        ("topics", "delete", name, "-y"),
        ("topics", "delete-records", name, "--before", "latest", "-y"),
        ("topics", "elect-leaders"),
        ("groups", "reset", "g", "--to", "latest", "--topic", name, "--execute"),
        ("groups", "delete", "g", "-y"),
        ("groups", "delete-offsets", "g", "--topic", name),
        ("audit", "--undo", "last"),
    ):
        assert "read-only" in stoker(*words, code=1).err
    stoker("topics", "alter", name, "-p", 3, "--dry-run")


def test_the_audit_log_has_what_was_done_and_takes_a_config_back(stoker, topic):
    name = topic()
    stoker("configs", "alter", "topic", name, "--set", "retention.ms=5000")

    rows = stoker("audit", "-o", "json").json
    assert [row["kind"] for row in rows] == ["create-topic", "alter-config"]
    assert (rows[1]["before"], rows[1]["after"]) == ({"retention.ms": None}, {"retention.ms": "5000"})
    assert (rows[1]["result"], rows[1]["can_undo"], rows[1]["error"]) == ("done", True, None)
    assert rows[1]["command"] == f"stoker configs alter topic {name} --set retention.ms=5000"

    tried = stoker("audit", "--undo", rows[1]["id"], "--dry-run")
    assert "- retention.ms: 5000 -> (default)" in tried.err
    stoker("audit", "--undo", rows[1]["id"])
    assert stoker("topics", "describe", name, "-o", "json").json["overrides"] == {}
    shown = stoker("audit", "--show", rows[1]["id"]).out
    assert "retention.ms: - -> 5000" in shown
    assert "Undone by" in shown
    assert "undone already" in stoker("audit", "--undo", rows[1]["id"], code=2).err


def test_a_created_topic_is_taken_back_when_its_name_is_confirmed(stoker, topic, monkeypatch):
    name = topic()
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)

    assert "--yes" in stoker("audit", "--undo", "last", code=2).err
    stoker("audit", "--undo", "last", "--yes")

    assert name not in stoker("topics", "list", "-q").lines


def test_a_broker_config_changes_and_comes_back(stoker, kafka):
    node = stoker("brokers", "-o", "json").json[0]["node_id"]
    stoker("configs", "alter", "broker", node, "--set", "message.max.bytes=2000000")

    row = stoker("audit", "-o", "json").json[-1]
    assert (row["subject"], row["result"], row["error"]) == (f"broker {node}", "done", None)
    stoker("audit", "--undo", "last")
    value = next(
        each
        for each in stoker("configs", "describe", "broker", node, "-o", "json").json
        if each["name"] == "message.max.bytes"
    )
    assert value["source"] != "DYNAMIC_BROKER_CONFIG"


def test_records_that_were_produced_are_in_the_audit_log_by_their_count(stoker, records):
    row = stoker("audit", "-o", "json").json[-1]

    assert (row["kind"], row["subject"], row["result"]) == ("produce", f"topic {records}", "done")
    assert row["after"]["acknowledged_records"] == 10


def test_the_oldest_records_are_deleted(stoker, records):
    shown = stoker("topics", "delete-records", f"{records}:0", "--before", "4", "--dry-run")
    assert f"- {records}-0: from 0 -> from 4" in shown.err

    said = stoker("topics", "delete-records", f"{records}:0", "--before", "4", "--yes")

    assert "Deleted 4 records at most" in said.err
    assert stoker("partitions", records, "-o", "json").json[0]["log_start_offset"] == 4
    assert "cannot be undone" in stoker("audit", "--undo", "last", code=1).err


def test_leaders_that_are_where_they_should_be_are_left_there(stoker, records):
    assert "like that already" in stoker("topics", "elect-leaders", records).err


def test_a_context_that_is_read_only_closes_the_door(stoker, kafka, topic, monkeypatch):
    name = topic()
    stoker("contexts", "add", "production", "-b", kafka.bootstrap, "--readonly", "--use")
    monkeypatch.delenv("STOKER_BOOTSTRAP_SERVER")

    assert "read-only" in stoker("topics", "delete", name, "--yes", code=1).err
    assert "Would change (dry run)" in stoker("topics", "alter", name, "-p", 2, "--dry-run").err
    assert name in stoker("topics", "list", "-q").lines
