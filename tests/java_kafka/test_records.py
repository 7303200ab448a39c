"""`stoker produce` and `stoker tail`."""

import json
import threading
import time

import pytest


def test_keys_values_and_headers_come_back(stoker, topic, lines):
    name = topic()

    said = stoker("produce", name, lines("alice:1", "bob:2"), "-K", ":", "-H", "source=test", "-o", "json").json

    assert (said["acknowledged_records"], said["failed_records"]) == (2, 0)
    records = stoker("tail", name, "-e", "-o", "jsonl").records
    assert [(each["key"], each["value"], each["offset"]) for each in records] == [("alice", "1", 0), ("bob", "2", 1)]
    assert records[0]["headers"] == [{"key": "source", "value": "test", "encoding": "utf-8"}]
    assert records[0]["timestamp_type"] == "create_time"


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_codec_is_read_back(stoker, topic, codec):
    name = topic(partitions=2)

    stoker("produce", name, "--count", 500, "--size", 100, "--compression", codec)

    values = sorted(each["value"] for each in stoker("tail", name, "-e", "-o", "jsonl").records)
    assert len(values) == 500
    assert all(len(value) == 100 for value in values)


@pytest.mark.parametrize("acks", ["all", "1", "0"])
def test_every_kind_of_acknowledgement_delivers(stoker, topic, lines, acks):
    name = topic()

    stoker("produce", name, lines("x", "y"), "--acks", acks)
    deadline = time.monotonic() + 10
    while len(got := stoker("tail", name, "-e", "--format", "%v").lines) < 2 and time.monotonic() < deadline:
        pass

    assert got == ["x", "y"]


def test_a_tombstone_is_a_null_and_not_an_empty_value(stoker, topic, lines):
    name = topic(cleanup_policy="compact")

    stoker("produce", name, lines("gone:NULL", "empty:"), "-K", ":", "--null", "NULL")

    assert [each["value"] for each in stoker("tail", name, "-e", "-o", "jsonl").records] == [None, ""]


def test_what_tail_writes_produce_reads_back_to_the_byte(stoker, topic, lines, name):
    """Binary keys, repeated headers, tombstones, timestamps and partitions survive."""
    source, copy = topic(partitions=2), f"{name}-copy"
    stoker("topics", "create", copy, "-p", 2)
    stoker(
        "produce",
        source,
        lines(
            '{"key": "/w==", "key_encoding": "base64", "value": null, "timestamp": 1700000000000, "partition": 1}',
            '{"key": "k", "value": {"n": 9007199254740993}, "headers": [{"key": "h", "value": "1"}, {"key": "h"}]}',
        ),
        "--json",
    )
    written = stoker("tail", source, "-e", "-o", "jsonl")
    stoker("produce", copy, lines(*written.lines), "--json")

    copied = stoker("tail", copy, "-e", "-o", "jsonl").records
    originals = written.records

    def content(record):
        return {key: value for key, value in record.items() if key not in ("topic", "offset")}

    assert [content(each) for each in copied] == [content(each) for each in originals]
    assert originals[0]["key_encoding"] == "base64"
    assert json.loads(originals[1]["value"]) == {"n": 9007199254740993}


def test_the_newest_records_are_the_newest_of_all_partitions(stoker, topic, lines):
    name = topic(partitions=3)
    for number in range(6):
        timestamp = 1_700_000_000_000 + number
        record = {"value": str(number), "partition": number % 3, "timestamp": timestamp}
        stoker("produce", name, lines(json.dumps(record)), "--json")

    assert stoker("tail", name, "--from", "-4", "-e", "--format", "%v").lines == ["2", "3", "4", "5"]
    assert stoker("tail", name, "--from", "-1", "-e", "--format", "%v").lines == ["5"]


def test_topics_are_merged_by_time(stoker, topic, lines, name):
    first, second = topic(), f"{name}-second"
    stoker("topics", "create", second)
    for number in range(4):
        record = {"value": str(number), "timestamp": 1_700_000_000_000 + number}
        stoker("produce", (first, second)[number % 2], lines(json.dumps(record)), "--json")

    assert stoker("tail", first, second, "-e", "--format", "%v").lines == ["0", "1", "2", "3"]


def test_reading_begins_and_ends_where_it_is_told(stoker, topic, lines):
    name = topic()
    base = 1_700_000_000_000
    stoker(
        "produce",
        name,
        lines(*(json.dumps({"value": str(n), "timestamp": base + n * 1000}) for n in range(10))),
        "--json",
    )

    def values(*words):
        return "".join(stoker("tail", name, *words, "--format", "%v").lines)

    assert values("--from", "3", "-e") == "3456789"
    assert values("--from", "3", "--until", "6") == "345"
    assert values("--from", f"@{base + 7000}", "-e") == "789"
    assert values("--until", f"@{base + 2000}") == "01"
    assert values("--from", "beginning", "-n", "2") == "01"
    assert values("--from", "end", "-e") == ""
    assert values("--from", "5m", "-e") == ""
    assert values("--from", "99", "-e") == ""


def test_filters_by_key_expression_and_partition(stoker, topic, lines):
    name = topic(partitions=3)
    stoker("produce", name, lines("a:one", "b:two", "a:three"), "-K", ":", "-p", 2)
    stoker("produce", name, lines("a:four"), "-K", ":", "-p", 0, "-H", "trace=abc")

    def values(*words):
        return sorted(stoker("tail", name, "-e", *words, "--format", "%v").lines)

    assert values("--key", "b", "--all-partitions") == ["two"]
    assert values("--header", "trace=abc") == values("--header", "trace") == ["four"]
    assert values("--contains", "FOU", "--ignore-case") == ["four"]
    assert values("--grep", "o", "--invert") == ["three"]
    assert values("--grep", "^t[hw]") == ["three", "two"]
    assert values("--grep", "trace=ab") == ["four"]
    assert values("--partition", "2") == ["one", "three", "two"]
    assert values("--partition", "2", "--key", "a", "--grep", "ee$") == ["three"]


def test_a_format_string_writes_the_bytes_as_they_are(stoker, topic, lines):
    name = topic()
    stoker("produce", name, lines(b"k|\xff\x00"), "-K", "|", "-H", "h=x")

    out = stoker("tail", name, "-e", "--format", r"%t\t%p %o %k=%v %h %K %S%%\n").out

    assert out.encode("utf-8", "surrogateescape") == f"{name}\t0 0 k=".encode() + b"\xff\x00 h=x 1 2%\n"


def test_following_shows_records_as_they_arrive(stoker, topic, lines, kafka):
    from console.cli import run

    name = topic(partitions=2)
    path = lines("one", "two", "three")
    sender = threading.Timer(0.7, lambda: run(["produce", name, str(path), "-b", kafka.bootstrap]))
    sender.start()
    try:
        assert sorted(stoker("tail", name, "-n", 3, "--format", "%v").lines) == ["one", "three", "two"]
    finally:
        sender.join()


def test_a_record_that_is_too_large_is_refused_and_named(stoker, topic, lines):
    name = topic(max_message_bytes=1000)

    refused = stoker("produce", name, lines("x" * 5000), code=1)

    assert "MESSAGE_TOO_LARGE" in refused.err
    assert "max.message.bytes" in refused.err


def test_a_batch_that_is_too_large_is_split(stoker, topic):
    name = topic(max_message_bytes=2000)

    said = stoker("produce", name, "--count", 200, "--size", 200, "-o", "json").json

    assert (said["acknowledged_records"], said["failed_records"]) == (200, 0)
    values = stoker("tail", name, "-e", "--format", "%v").lines
    assert [value.split(" ")[1] for value in values] == [str(number) for number in range(1, 201)]


def test_a_partition_that_does_not_exist_is_said(stoker, topic, lines):
    name = topic(partitions=2)

    assert "has no partition 7, only 0 to 1" in stoker("produce", name, lines("x"), "-p", 7, code=2).err
    assert "has no partition 7, only 0 to 1" in stoker("tail", name, "-p", 7, code=2).err


def test_a_bad_line_is_named_and_what_came_before_it_is_sent(stoker, topic, lines):
    name = topic()

    refused = stoker("produce", name, lines("a:1", "no separator"), "-K", ":", code=1)

    assert "line 2: no key separator ':'" in refused.err
    assert "Acknowledged 1 record " in refused.err
    assert stoker("tail", name, "-e", "--format", "%v").lines == ["1"]


def test_a_dry_run_of_produce_sends_nothing(stoker, topic, lines):
    name = topic()

    assert "Would send 2 records" in stoker("produce", name, lines("a", "b"), "--dry-run").err
    assert stoker("tail", name, "-e").out == ""


def test_a_topic_is_created_on_first_use_where_the_cluster_does_that(stoker, name, lines):
    stoker("produce", name, lines("first"))

    assert stoker("tail", name, "-e", "--format", "%v").lines == ["first"]


def test_keys_go_where_the_java_client_sends_them(stoker, topic, lines, kafka):
    """librdkafka's murmur2 partitioner is an independent copy of the Java client's."""
    from confluent_kafka import Producer

    name = topic(partitions=7)
    keys = [f"key-{number}" for number in range(50)] + ["", "ü", "x" * 100]
    judge = Producer({"bootstrap.servers": kafka.bootstrap, "partitioner": "murmur2_random"})
    for key in keys:
        judge.produce(name, key=key.encode(), value=b"theirs")
    judge.flush(10)
    stoker("produce", name, lines(*(f"{key}:ours" for key in keys)), "-K", ":")

    where = {"ours": {}, "theirs": {}}
    for record in stoker("tail", name, "-e", "-o", "jsonl").records:
        where[record["value"]][record["key"]] = record["partition"]

    assert where["ours"] == where["theirs"]
    assert len(where["ours"]) == len(keys)


def test_markers_and_aborted_records_are_hidden(stoker, topic, apache_only):
    from confluent_kafka import Producer

    name = topic()
    producer = Producer({"bootstrap.servers": apache_only.bootstrap, "transactional.id": name})
    producer.init_transactions(10)
    for value, ends in (("kept", producer.commit_transaction), ("aborted", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(name, value.encode())
        producer.flush(10)
        ends(10)

    assert stoker("tail", name, "-e", "--format", "%v").lines == ["kept", "aborted"]
    assert stoker("tail", name, "-e", "--committed", "--format", "%v").lines == ["kept"]
    assert stoker("tail", name, "-e", "--committed", "--from", "-1", "--format", "%v").lines == ["kept"]
