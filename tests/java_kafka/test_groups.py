"""`stoker groups`, with groups that librdkafka and the Java protocol make."""

import contextlib
import time
import uuid

import pytest


@pytest.fixture
def group():
    return f"g-{uuid.uuid4().hex[:8]}"


@contextlib.contextmanager
def consumer(kafka, group, topic, **config):
    """A member of the group with partitions assigned."""
    from confluent_kafka import Consumer

    member = Consumer(
        {
            "bootstrap.servers": kafka.bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "client.id": "the-client",
            **config,
        }
    )
    try:
        member.subscribe([topic])
        yield member
    finally:
        member.close()


def read(member, count):
    """So many records."""
    got = []
    deadline = time.monotonic() + 20
    while len(got) < count and time.monotonic() < deadline:
        message = member.poll(0.2)
        if message is not None and message.error() is None:
            got.append(message)
    assert len(got) == count
    return got


def test_lag_members_and_assignments_of_a_group_that_reads(stoker, topic, lines, kafka, group):
    name = topic(partitions=2)
    stoker("produce", name, lines("a", "b", "c", "d", "e"), "-p", 0)
    with consumer(kafka, group, name) as member:
        message = read(member, 2)[-1]
        member.commit(message=message, asynchronous=False)

        described = stoker("groups", "describe", group, "-o", "json").json
        listed = {each["group_id"]: each for each in stoker("groups", "list", "-o", "json").json}

    by_partition = {each["partition"]: each for each in described["partitions"]}
    assert by_partition[0]["committed_offset"] == 2
    assert by_partition[0]["log_end_offset"] == 5
    assert by_partition[0]["lag"] == 3
    assert by_partition[0]["lag_ms"] >= 0
    assert by_partition[1]["committed_offset"] is None
    assert by_partition[0]["client_id"] == "the-client"
    assert described["state"] == "Stable"
    assert described["members"][0]["assignment"] == [f"{name}-0", f"{name}-1"]
    assert (listed[group]["lag"], listed[group]["member_count"], listed[group]["type"]) == (3, 1, "classic")


def test_a_group_without_members_keeps_its_offsets(stoker, topic, lines, kafka, group):
    name = topic()
    stoker("produce", name, lines("a", "b"))
    with consumer(kafka, group, name) as member:
        member.commit(message=read(member, 2)[-1], asynchronous=False)

    described = stoker("groups", "describe", group, "-o", "json").json
    shown = stoker("groups", "describe", group)

    assert (described["state"], described["lag"], described["members"]) == ("Empty", 0, [])
    assert "nobody reads" in shown.err
    assert group not in stoker("groups", "list", "--lagging", "-q").lines
    assert group in stoker("groups", "list", "--state", "empty", "-q").lines


def test_lag_in_time_is_the_age_of_the_next_record(stoker, topic, lines, kafka, group):
    name = topic()
    old = int(time.time() * 1000) - 3_600_000
    stoker("produce", name, lines('{"value": "read"}', f'{{"value": "unread", "timestamp": {old}}}'), "--json")
    with consumer(kafka, group, name) as member:
        member.commit(message=read(member, 1)[-1], asynchronous=False)

    row = stoker("groups", "describe", group, "-o", "json").json["partitions"][0]

    assert (row["committed_offset"], row["lag"]) == (1, 1)
    assert 3_600_000 <= row["lag_ms"] < 3_700_000


def test_a_group_that_does_not_exist_is_named(stoker):
    assert "group nope: GROUP_ID_NOT_FOUND" in stoker("groups", "describe", "nope", code=1).err


def test_groups_of_the_new_protocol(stoker, topic, lines, apache_only, group):
    """KIP-848."""
    name = topic(partitions=2)
    stoker("produce", name, lines("a", "b"), "-p", 0)
    with consumer(apache_only, group, name, **{"group.protocol": "consumer"}) as member:
        member.commit(message=read(member, 1)[-1], asynchronous=False)

        described = stoker("groups", "describe", group, "-o", "json").json

    assert (described["type"], described["state"], described["lag"]) == ("consumer", "Stable", 1)
    assert described["members"][0]["assignment"] == [f"{name}-0", f"{name}-1"]


def test_status_rates_and_time_to_be_level(stoker, topic, lines, kafka, group):
    name = topic()
    stoker("produce", name, lines(*"abcdefghij"))
    with consumer(kafka, group, name) as member:
        for message in read(member, 4):
            member.commit(message=message, asynchronous=False)
    before = int(time.time() * 1000)

    described = stoker("groups", "describe", group, "-o", "json").json
    shown = stoker("groups", "describe", group).out
    plain = stoker("groups", "describe", group, "--no-time", "-o", "json").json

    row = described["partitions"][0]
    assert (described["status"], row["status"], row["lag"]) == ("OK", "OK", 6)
    assert (row["log_start_offset"], row["lag_time_source"]) == (0, "record")
    assert row["production_rate"] == pytest.approx(10 / 60)
    assert row["commit_rate"] > 1
    assert 0 < row["drain_ms"] < 60_000
    assert 0 <= before - row["last_commit_timestamp"] < 30_000
    assert row["retention"] == "safe"
    assert row["retention_remaining_ms"] > 6 * 86_400_000
    assert "Level" in shown
    assert (plain["status"], plain["partitions"][0]["commit_rate"]) == (None, None)
