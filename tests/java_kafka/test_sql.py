"""`stoker sql`."""

import csv
import io

import pytest


@pytest.fixture
def events(stoker, topic, lines):
    """A topic of 100 records in 2 partitions: keys a to e, JSON values with n and its parity."""
    name = topic(partitions=2)
    texts = [f'{"abcde"[n % 5]}|{{"n":{n},"even":{"true" if n % 2 == 0 else "false"}}}' for n in range(100)]
    stoker("produce", name, lines(*texts), "--key-separator", "|")
    return f'"{name}"'


def test_a_topic_is_asked_in_sql(stoker, events):
    rows = stoker(
        "sql", f"select value->>'$.even' even, count(*) n from {events} group by 1 order by 1", "-o", "json"
    ).json

    assert rows == [{"even": "false", "n": 50}, {"even": "true", "n": 50}]


def test_the_newest_come_first_across_partitions(stoker, events):
    rows = stoker(
        "sql", f"select value->>'$.n' n from {events} order by timestamp desc, n desc limit 3", "-o", "jsonl"
    ).records

    assert len(rows) == 3


def test_every_output_has_every_row(stoker, events, tmp_path):
    statement = f"select partition, offset, key from {events} order by 1, 2"

    rows = stoker("sql", statement, "-o", "jsonl").records
    assert len(rows) == 100
    assert stoker("sql", statement, "-o", "json").json == rows
    table = list(csv.DictReader(io.StringIO(stoker("sql", statement, "-o", "csv").out)))
    assert [(int(each["partition"]), int(each["offset"]), each["key"]) for each in table] == [
        (each["partition"], each["offset"], each["key"]) for each in rows
    ]
    file = tmp_path / "out.parquet"
    assert "100 rows" in stoker("sql", statement, "-o", f"parquet={file}").err
    import pyarrow.parquet as pq

    assert pq.read_table(file).to_pylist() == rows
    assert len(stoker("sql", statement).lines) == 101


def test_parameters_are_values_and_never_sql(stoker, events):
    counted = stoker("sql", f"select count(*) n from {events} where key = $k", "-p", "k=a", "-o", "json").json
    nothing = stoker(
        "sql", f"select count(*) n from {events} where key = $k", "-p", "k=a' or '1'='1", "-o", "json"
    ).json

    assert (counted, nothing) == ([{"n": 20}], [{"n": 0}])


def test_the_plan_is_shown_and_nothing_is_read(stoker, events):
    (scan,) = stoker(
        "sql", f"select key from {events} where partition = 1 and offset < 5", "--explain", "-o", "json"
    ).json

    assert scan["records"] == 5
    assert scan["columns"] == ["key"]
    assert scan["ranges"] == [{"partition": 1, "start": 0, "end": 5}]


def test_the_clusters_own_tables_are_joined_with_events(stoker, events):
    rows = stoker(
        "sql",
        f"select e.partition, any_value(p.high_watermark) - count(*) rest from {events} e"
        f" join partitions p on p.topic = '{events[1:-1]}' and p.partition = e.partition group by 1 order by 1",
        "-o",
        "json",
    ).json

    assert [each["rest"] for each in rows] == [0, 0]


@pytest.mark.parametrize(
    "table", ["brokers", "topics", "partitions", "replicas", "configs", "consumer_groups", "group_offsets", "quorum"]
)
def test_every_table_of_the_cluster_can_be_had(stoker, table):
    stoker("sql", f"select * from kafka.{table}", "-o", "json")


def test_what_is_cut_is_said(stoker, events):
    cut = stoker("sql", f"select * from {events}", "--limit-rows", 7, "-o", "jsonl")

    assert len(cut.lines) == 7
    assert "showing the first 7 rows" in cut.err


def test_words_that_are_off_and_tables_that_are_not_there(stoker, events):
    assert "cannot be parsed" in stoker("sql", "selec 1", code=2).err
    assert "only statements that read" in stoker("sql", f"drop table {events}", code=2).err
    assert "there is no topic or table nonsense" in stoker("sql", "select * from nonsense", code=1).err


def test_a_statement_in_a_file_and_a_saved_one(stoker, tmp_path):
    file = tmp_path / "one.sql"
    file.write_text("select 1 as one;\n")

    assert stoker("sql", file, "--save", "first", "-o", "json").json == [{"one": 1}]
    assert stoker("sql", "--saved", "first", "-o", "json").json == [{"one": 1}]
