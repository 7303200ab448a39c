"""SQL over 1,000,000 events of 100 B in a topic: over the wire, from local files, again, by key, by offsets, the newest.

Beside it what a user would do without: confluent-kafka's consumer into a table of DuckDB. Cold figures are of a fresh
worker, which is started before the clock is.
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path

import psutil
from benching import Stoker, Table, heading, temporary_directory

from console.client_config import client_config
from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.partitioner import partition_for_key
from console.records.search import SearchRequest, search
from console.sql.results import SqlLimits
from console.sql.service import SqlService
from engine.net.cluster_client import ClusterClient

EVENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
PARTITIONS = 12
USERS = 10_000

SCAN = "select count(*), count(distinct key), sum(value_size), max(timestamp) from events"
GROUP = "select value->>'$.status' status, count(*) from events group by 1 order by 1"


def value(number):
    """100 bytes of JSON."""
    text = f'{{"n":{number},"status":"{("open", "paid", "sent")[number % 3]}","amount":{number % 977}.50,"note":"'
    return f'{text}{"x" * (98 - len(text))}"}}'.encode()


def fill(bootstrap):
    from confluent_kafka import Producer

    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "linger.ms": 50,
            "batch.size": 262144,
            "queue.buffering.max.messages": 2_000_000,
        }
    )
    for number in range(EVENTS):
        key = b"user-%d" % (number % USERS)
        producer.produce("events", value(number), key, partition=partition_for_key(key, PARTITIONS))
        if number % 10_000 == 0:
            producer.poll(0)
    assert producer.flush(100) == 0


async def timed(service, sql, **limits):
    """Seconds, rows and what was read."""
    began = time.monotonic()
    rows = []
    async with service.run(sql, None, SqlLimits(time_ms=None, **limits)) as result:
        async for page in result:
            rows += page.rows()
    return time.monotonic() - began, rows, result.statistics


def cpu_seconds(service):
    """Of this process and the worker."""
    return time.process_time() + sum(psutil.Process(service.worker_pid).cpu_times()[:2])


async def repeated(service, sql, times=5, **limits):
    """The median, in seconds."""
    return statistics.median([(await timed(service, sql, **limits))[0] for _ in range(times)])


async def searched(client, condition):
    """Seconds and this process's CPU seconds of a search through everything."""
    began, cpu = time.monotonic(), time.process_time()
    async for each in search(client, SearchRequest(("events",), RecordFilter((condition,))), 2**41):
        step = each
    assert (step.scanned, step.undecodable) == (EVENTS, 0)
    return time.monotonic() - began, time.process_time() - cpu, step.matched


async def search_table(client):
    print("\nSearches over the wire (console/records/search), in the order of time.\n")
    table = Table("looked for", "records/s", "client µs", "matches")
    for name, condition in (
        ("text, seldom", Condition(Part.VALUE, Match.CONTAINS, '"n":4711,')),
        ("RE2, seldom", Condition(Part.VALUE, Match.REGEX, '"n":47[0-9]1,"s[a-z]*"')),
        ("JSON path", Condition(Part.VALUE, Match.JSON, "4711", path="n")),
        ("text, in every third record", Condition(Part.VALUE, Match.CONTAINS, "paid")),
    ):
        seconds, cpu, matched = await searched(client, condition)
        table.row(name, EVENTS / seconds, cpu / EVENTS * 1e6, matched)


async def measure(bootstrap, data_dir):
    config = client_config(bootstrap, {})
    async with ClusterClient(config.bootstrap) as client:
        print("Whole scans: count, distinct keys, sizes, latest time; four columns are decoded.\n")
        table = Table("from", "first, s", "records/s", "MB/s", "again, ms", "times faster", "CPU of the first, s")
        for name, where in (("the wire", None), ("local files", Path(data_dir))):
            async with SqlService(client, data_dir=where) as service:
                await service.warm_up()
                await timed(service, "select 1")
                began = cpu_seconds(service)
                first, rows, read = await timed(service, SCAN)
                cpu = cpu_seconds(service) - began
                assert rows[0][:3] == (EVENTS, min(USERS, EVENTS), 100 * EVENTS), rows
                assert read.from_files == (where is not None)
                again = await repeated(service, SCAN)
                table.row(name, first, EVENTS / first, read.bytes_read / first / 1e6, again * 1000, first / again, cpu)
        for name, where in (("the wire, JSON by status", None), ("local files, JSON by status", Path(data_dir))):
            async with SqlService(client, data_dir=where) as service:
                await service.warm_up()
                await timed(service, "select 1")
                began = cpu_seconds(service)
                first, rows, read = await timed(service, GROUP)
                cpu = cpu_seconds(service) - began
                assert sum(count for _, count in rows) == EVENTS
                again = await repeated(service, GROUP)
                table.row(name, first, EVENTS / first, read.bytes_read / first / 1e6, again * 1000, first / again, cpu)
        print("\nSingle questions, ms: the first is of a worker that has read nothing yet.\n")
        table = Table("question", "first, wire", "first, files", "again")
        questions = [
            ("newest 50 by time", "select * from events order by timestamp desc limit 50", {}),
            ("newest 50 by offset", "select * from events order by offset desc limit 50", {}),
            (
                "1,000 offsets",
                "select key, value from events where partition = 3 and offset between 40000 and 40999",
                {},
            ),
            ("a key, its partition trusted", "select * from events where key = 'user-4711'", {"key_partitioner": True}),
            ("a key, wherever it is", "select * from events where key = 'user-4711'", {}),
            ("count(*)", "select count(*) from events", {}),
            ("count(*) by partition", "select partition, count(*) from events group by 1", {}),
            ("lag of all groups", "select * from group_offsets", {}),
        ]
        for name, sql, limits in questions:
            firsts = []
            for where in (None, Path(data_dir)):
                async with SqlService(client, data_dir=where) as service:
                    await service.warm_up()
                    await timed(service, "select * from brokers")
                    firsts.append((await timed(service, sql, **limits))[0] * 1000)
                    again = await repeated(service, sql, **limits) * 1000
            table.row(name, *firsts, again)
        await search_table(client)


def beside(bootstrap):
    """confluent-kafka's consumer, rows into lists, lists through Arrow into DuckDB: as fast as it goes by hand."""
    import duckdb
    import pyarrow as pa
    from confluent_kafka import Consumer, TopicPartition

    began = time.monotonic()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition("events", each, 0) for each in range(PARTITIONS)])
    keys, values, timestamps = [], [], []
    while len(keys) < EVENTS:
        for message in consumer.consume(10_000, timeout=5):
            keys.append(message.key())
            values.append(message.value())
            timestamps.append(message.timestamp()[1])
        assert time.monotonic() - began < 100
    consumer.close()
    events = pa.table({"key": keys, "value": values, "timestamp": timestamps})  # noqa: F841 - DuckDB finds it by name
    connection = duckdb.connect()
    loaded = time.monotonic() - began
    sql = "select count(*), count(distinct key), sum(octet_length(value)), max(timestamp) from events"
    assert connection.sql(sql).fetchall()[0][0] == EVENTS
    return loaded, time.monotonic() - began


def main():
    heading(f"SQL over {EVENTS:,} events of 100 B in {PARTITIONS} partitions, one node")
    with temporary_directory() as data_dir, Stoker(nodes=1, data_dir=data_dir) as cluster:
        cluster.create_topic("events", PARTITIONS)
        fill(cluster.bootstrap)
        asyncio.run(measure(cluster.bootstrap, data_dir))
        print("\nBy hand: confluent-kafka into DuckDB, the same question.\n")
        loaded, answered = beside(cluster.bootstrap)
        table = Table("", "loaded, s", "answered, s", "records/s")
        table.row("confluent-kafka, Arrow, DuckDB", loaded, answered, EVENTS / answered)


if __name__ == "__main__":
    main()
