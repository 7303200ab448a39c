"""`stoker records`: search, browse, latest, count, export and import."""

import json

import pytest

BASE_MS = 1_700_000_000_000


@pytest.fixture
def filled(stoker, topic, lines):
    """A topic of three partitions with the numbers 0 to 29 by time."""
    name = topic(partitions=3)
    records = ({"value": {"n": n}, "partition": n % 3, "timestamp": BASE_MS + n, "key": f"k{n % 5}"} for n in range(30))
    stoker("produce", name, lines(*map(json.dumps, records)), "--json")
    return name


def numbers(outcome):
    return [json.loads(record["value"])["n"] for record in outcome.records]


def test_a_search_says_what_it_found_and_what_it_looked_at(stoker, filled):
    found = stoker("records", "search", filled, "--grep", "[05]}$", "-o", "jsonl")

    assert numbers(found) == [0, 5, 10, 15, 20, 25]
    assert "6 matches in 30 of 30 records scanned." in found.err
    assert numbers(stoker("records", "search", filled, "--json", "n=7", "-o", "jsonl")) == [7]
    where = "(value->>'$.n')::int > 25 and partition = 0"
    assert numbers(stoker("records", "search", filled, "--where", where, "-o", "jsonl")) == [27]
    assert numbers(stoker("tail", filled, "-e", "--where", where, "-o", "jsonl")) == [27]
    assert numbers(stoker("records", "search", filled, "--from", f"@{BASE_MS + 28}", "-o", "jsonl")) == [28, 29]


def test_a_search_goes_on_where_it_was(stoker, filled, tmp_path):
    state = tmp_path / "state.json"
    words = ("records", "search", "--state", state, "-n", 4, "-o", "jsonl")
    first = stoker(*words[:2], filled, *words[2:], "--grep", "[0369]}$")
    assert "; not finished." in first.err
    found = numbers(first)
    for _ in range(10):
        if not state.exists():
            break
        more = stoker(*words)
        found += numbers(more)

    assert found == [n for n in range(30) if n % 10 in (0, 3, 6, 9)]
    assert "12 matches in 30 of 30 records scanned." in more.err


def test_expressions_that_make_no_sense_are_refused_before_anything_is_read(stoker, name):
    assert "no look-arounds" in stoker("records", "search", name, "--grep", "(?=x)", code=2).err
    assert "should be PATH=VALUE" in stoker("records", "search", name, "--json", "x", code=2).err
    assert "Missing argument" in stoker("records", "search", code=2).err


def test_pages_lead_to_each_other(stoker, filled):
    page = stoker("records", "browse", filled, "-n", 10, "-o", "jsonl")
    assert numbers(page) == list(range(29, 19, -1))

    (older,) = [line.removeprefix("older: --cursor ") for line in page.err.splitlines() if line.startswith("older")]
    assert numbers(stoker("records", "browse", filled, "-n", 3, "--cursor", older, "-o", "jsonl")) == [19, 18, 17]
    assert numbers(stoker("records", "browse", filled, "-n", 3, "--from", "beginning", "-o", "jsonl")) == [0, 1, 2]


def test_a_key_is_found_in_its_partition_as_the_java_client_chooses_it(stoker, topic, lines):
    name = topic(partitions=7)
    stoker("produce", name, lines(*(f"key-{n}:{n}" for n in range(40))), "-K", ":")

    found = stoker("records", "search", name, "--key", "key-17", "-o", "jsonl")

    assert [record["value"] for record in found.records] == ["17"]
    assert "1 match in" in found.err
    assert "of 40 records" not in found.err


def test_the_latest_of_every_key(stoker, topic, lines):
    name = topic(cleanup_policy="compact")
    stoker("produce", name, lines("a:1", "b:1", "a:2", "b:NULL", "c:1"), "-K", ":", "--null", "NULL")

    view = stoker("records", "latest", name, "-o", "jsonl")

    assert [(record["key"], record["value"]) for record in view.records] == [("a", "2"), ("c", "1")]
    assert "3 keys (1 tombstone) in 5 records" in view.err
    assert [record["key"] for record in stoker("records", "latest", name, "--tombstones", "-o", "jsonl").records] == [
        "a", "b", "c",
    ]  # fmt: skip


def test_counts_are_at_most_until_they_are_counted(stoker, filled):
    assert "≤ 10" in stoker("records", "count", filled).out
    assert "≤ 30 records in all." in stoker("records", "count", filled).err
    exact = stoker("records", "count", filled, "--exact", "-o", "json").json
    assert [(row["records"], row["exact"], row["hidden"]) for row in exact] == [(10, True, 0)] * 3


@pytest.mark.parametrize("ending", ["jsonl", "csv"])
def test_what_is_exported_is_imported_to_the_byte(stoker, topic, lines, tmp_path, name, ending):
    source, copy = topic(partitions=2), f"{name}-copy"
    stoker("topics", "create", copy, "-p", 2)
    stoker(
        "produce",
        source,
        lines(
            '{"key": "/w==", "key_encoding": "base64", "value": null, "timestamp": 1700000000000, "partition": 1}',
            '{"key": "", "value": "a\\rb\\nc,\\"d\\u0000", "headers": [{"key": "h", "value": "1"}, {"key": "h"}]}',
        ),
        "--json",
    )
    file = tmp_path / f"records.{ending}"

    said = stoker("records", "export", source, file, "-o", "json").json
    assert said["records"] == 2
    assert "exists" in stoker("records", "export", source, file, code=2).err
    assert "Would send 2 records" in stoker("records", "import", copy, file, "--dry-run").err
    assert stoker("records", "import", copy, file, "-o", "json").json["acknowledged_records"] == 2

    def content(name):
        found = stoker("tail", name, "-e", "-o", "jsonl").records
        return [{key: value for key, value in each.items() if key not in ("topic", "offset")} for each in found]

    assert content(copy) == content(source)


def test_parquet_is_for_sql_engines(stoker, filled, tmp_path):
    import duckdb

    file = tmp_path / "records.parquet"
    stoker("records", "export", filled, file, "--json", "n=3")

    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT key, value, partition FROM '{file}'").fetchall()
    assert rows == [(b"k3", b'{"n":3}', 0)]
    assert "not imported" in stoker("records", "import", filled, file, code=2).err


def test_a_hostile_record_is_shown_and_never_obeyed(stoker, topic, lines):
    name = topic()
    hostile = {
        "value": "\x1b[2J\x1b]0;owned\x07 \u202eevil\r\n",
        "headers": [{"key": f"h\x1b{n}", "value": "\x9b2J"} for n in range(10_000)],
    }
    stoker("produce", name, lines(json.dumps(hostile)), "--json")

    for words in (("tail", name, "-e"), ("records", "search", name), ("records", "browse", name)):
        out = stoker(*words).out
        assert not set(out) & {"\x1b", "\x07", "\x9b", "\r", "\u202e"}
        assert "\\x1b[2J" in out
    assert len(stoker("records", "search", name, "--header", "h\x1b77", "-o", "jsonl").records[0]["headers"]) == 10_000


def test_a_record_of_20_mb_is_found_and_exported(stoker, topic, tmp_path, kafka):
    """A batch of one record; the brokers take it because the topic says so."""
    if kafka.is_apache:
        pytest.skip("the brokers' replica.fetch and socket limits of the test cluster are Kafka's defaults")
    name = topic(max_message_bytes=32 * 1024 * 1024)
    file = tmp_path / "large.jsonl"
    file.write_text(json.dumps({"key": "big", "value": "x" * 20_000_000 + "needle"}) + "\n" + '{"value":"small"}\n')
    stoker("records", "import", name, file)

    found = stoker("records", "search", name, "--contains", "needle", "-o", "jsonl").records

    assert [(record["key"], len(record["value"])) for record in found] == [("big", 20_000_006)]
    assert stoker("records", "export", name, tmp_path / "out.csv", "-o", "json").json["records"] == 2


def test_markers_and_aborted_records_are_shown_as_such_when_asked_for(stoker, topic, apache_only):
    from confluent_kafka import Producer

    name = topic()
    producer = Producer({"bootstrap.servers": apache_only.bootstrap, "transactional.id": name})
    producer.init_transactions(10)
    for value, ends in (("kept", producer.commit_transaction), ("aborted", producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(name, value.encode())
        producer.flush(10)
        ends(10)

    records = stoker("tail", name, "-e", "--aborted", "--markers", "-o", "jsonl").records
    assert [record.get("control") or record["value"] for record in records] == ["kept", "commit", "aborted", "abort"]
    assert [record.get("aborted", False) for record in records] == [False, False, True, False]
    assert "≤ 4" in stoker("records", "count", name).out
    (row,) = stoker("records", "count", name, "--exact", "--committed", "-o", "json").json
    assert (row["records"], row["exact"], row["hidden"]) == (1, True, 3)
