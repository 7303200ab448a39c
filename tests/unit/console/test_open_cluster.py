"""A cluster that a face has open."""

import asyncio

import pytest
from msgspec.structs import replace

from console.audit import AuditLog
from console.changes.kinds import CreateTopic
from console.client_config import client_config
from console.errors import OperatorError
from console.history.queries import SeriesQuestion
from console.open_cluster import OpenCluster, first_snapshot
from console.services.topic_changes import NewTopic
from console.target import Target
from engine.cluster import Cluster


@pytest.fixture(scope="module")
def target():
    with Cluster.running(nodes=1) as cluster:
        yield Target("test", client_config(cluster.bootstrap_servers, {}))


def opened(target, tmp_path, **options):
    return OpenCluster(
        target,
        face="web",
        audit=AuditLog(tmp_path / "audit.jsonl"),
        interval_ms=50,
        history_path=lambda _: tmp_path / "history.duckdb",
        **options,
    )


def test_it_has_the_cluster_its_past_and_sql_over_both(target, tmp_path):
    async def story():
        async with opened(target, tmp_path) as cluster:
            plan = await cluster.door.plan(CreateTopic(NewTopic("orders", 2)))
            await plan.execute()
            async for snapshot in cluster.snapshots():
                if snapshot is not None and any(each.topic == "orders" for each in snapshot.partitions):
                    break
            assert cluster.failure is None
            answer = await cluster.series(SeriesQuestion("kafka_brokers", 0, snapshot.at_ms + 1))
            assert answer.series
            async with cluster.sql.run("select count(*) from metrics where metric = 'kafka_brokers'") as result:
                rows = [row async for page in result for row in page.rows()]
            assert rows[0][0] >= 1
            assert cluster.audit.read().entries[0].face == "web"

    asyncio.run(asyncio.wait_for(story(), 30))


def test_read_only_closes_the_door(target, tmp_path):
    async def story():
        async with opened(replace(target, readonly=True), tmp_path) as cluster:
            plan = await cluster.door.plan(CreateTopic(NewTopic("never", 1)))
            with pytest.raises(OperatorError, match="read-only"):
                await plan.execute()

    asyncio.run(asyncio.wait_for(story(), 30))


def test_a_cluster_that_nobody_answers_for_opens_all_the_same_and_says_why(tmp_path):
    async def story():
        nobody = Target("nobody", client_config("127.0.0.1:1", {"socket.connection.setup.timeout.ms": "500"}))
        async with opened(nobody, tmp_path) as cluster:
            assert await first_snapshot(cluster, 5_000) is None
            assert cluster.failure is not None
            with pytest.raises(OperatorError):
                await cluster.snapshot()

    asyncio.run(asyncio.wait_for(story(), 30))
