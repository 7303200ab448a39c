"""The cluster's own tables, alone and joined with events."""

import datetime

import pytest

from console.sql.system_tables import SYSTEM_TABLES


@pytest.mark.parametrize("name", sorted(SYSTEM_TABLES))
def test_every_table_has_the_columns_it_declares(ask, orders, name):
    answer = ask(f"select * from kafka.{name}")

    assert answer.columns == [column for column, _, _ in SYSTEM_TABLES[name].columns]


def test_partitions_are_joined_with_events(ask, orders):
    answer = ask(
        "select o.partition, any_value(p.leader), count(*), any_value(p.high_watermark) from orders o"
        " join partitions p on p.topic = 'orders' and p.partition = o.partition group by 1 order by 1"
    )

    assert answer.rows == [(0, 1, 1000, 1000), (1, 1, 1000, 1000), (2, 1, 1000, 1000)]


def test_brokers_topics_and_quorum_say_what_the_cluster_is(ask, orders):
    assert ask("select node_id, is_controller from brokers").rows == [(1, True)]
    assert ask("select partition_count, records_at_most from topics where topic = 'orders'").rows == [(3, 3000)]
    assert ask("select node_id, role from quorum").rows == [(1, "leader")]
    assert ask("select value from configs where resource = '1' and name = 'node.id'").rows in ([("1",)], [])


def test_a_topic_goes_before_a_table_of_the_cluster_and_kafka_is_always_the_cluster(ask):
    ask.topic("replicas")
    ask.produce("replicas", (b"k", b"mine"))

    answer = ask("select value from replicas")

    assert answer.rows == [("mine",)]
    assert answer.statistics.notes == ["replicas is the topic; the cluster's own table is kafka.replicas"]
    assert ask("select count(*) > 0 from kafka.replicas where is_leader").rows == [(True,)]


def test_show_tables_lists_topics_and_tables_and_describe_their_columns(ask, orders):
    listed = {row[0]: row[1] for row in ask("show tables").rows}

    assert listed["orders"] == "topic"
    assert listed["kafka.group_offsets"] == "cluster"
    described = ask("describe orders").rows
    from console.sql.topic_columns import TOPIC_COLUMNS

    assert [(row[0], row[1]) for row in described] == [(name, kind) for name, kind, _ in TOPIC_COLUMNS]


def test_two_queries_after_one_another_do_not_see_each_others_tables(ask, orders):
    ask("select * from kafka.brokers")

    assert ask("select count(*) from duckdb_views() where not internal").rows == [(0,)]
    assert ask("select count(*) from duckdb_schemas() where schema_name = 'kafka'").rows == [(0,)]


class Temperatures:
    """A table of another room."""

    name = "metrics"
    columns = (("at", "TIMESTAMP"), ("metric", "VARCHAR"), ("value", "DOUBLE"))

    async def rows(self):
        return [(datetime.datetime(2026, 1, 1), "temperature", 21.5), (datetime.datetime(2026, 1, 2), None, None)]


def test_tables_of_other_rooms_are_tables_too(ask):
    service = ask.new_service(providers=[Temperatures()])

    assert ask('select metric, value, "at" from metrics order by metric nulls last', service=service).rows == [
        ("temperature", 21.5, datetime.datetime(2026, 1, 1)),
        (None, None, datetime.datetime(2026, 1, 2)),
    ]
    assert ("kafka.metrics", "history") in [row[:2] for row in ask("show tables", service=service).rows]


def test_group_offsets_say_when_they_were_committed_and_only_read_that_when_it_is_asked_for(ask, orders, monkeypatch):
    import time

    from console.lag import commit_log
    from tests.unit.console.embedded import commit

    before = time.time()
    ask.do(commit(ask.client, "when", {(orders, 0): 3, (orders, 1): 4}))
    ask.do(commit(ask.client, "when", {(orders, 1): 5}))
    read = []
    original = commit_log.read_commits

    async def counted(*words, **options):
        read.append(words)
        return await original(*words, **options)

    monkeypatch.setattr("console.sql.system_tables.read_commits", counted)
    rows = ask(
        "select partition, committed_offset, epoch(commit_timestamp) from group_offsets"
        " where group_id = 'when' order by partition"
    ).rows

    assert [row[:2] for row in rows] == [(0, 3), (1, 5)]
    assert all(before - 1 <= row[2] <= time.time() + 1 for row in rows)
    assert len(read) == 1
    assert ask("select group_id, lag from group_offsets where group_id = 'when'").rows
    assert len(read) == 1


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select lag from group_offsets", False),
        ("select count(*) from kafka.group_offsets g where g.lag > 0 and g.topic = '*'", False),
        ("select g.lag, b.host from group_offsets g join brokers b on true", False),
        ("select COMMIT_TIMESTAMP from group_offsets", True),
        ("select * from group_offsets", True),
        ("from group_offsets", True),
        ("select g from group_offsets g", True),
        ("select group_offsets from group_offsets", True),
        ("select lag, group_offsets from group_offsets", True),
        ("with a as (select g.* from group_offsets g) select lag from a", True),
        ("summarize group_offsets", True),
        ("select lag from group_offsets natural join topics", True),
    ],
)
def test_what_may_look_at_a_column(sql, expected):
    from console.sql.projection import may_name

    assert may_name(sql, "group_offsets", "commit_timestamp") is expected
