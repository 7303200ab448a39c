"""A group measured over the wire, against an embedded cluster; what time has passed is said, not waited for."""

import time

from console.lag.burrow import LagStatus
from console.lag.commit_log import read_commits
from console.lag.lag_time import LagTimeSource
from console.lag.measure import measure_group
from console.lag.retention import RetentionState
from console.services.groups import describe_groups
from engine.net.cluster_client import ClusterClient
from engine.net.coordinators import find_coordinators
from engine.sim.world import Shape, World
from engine.types import TopicPartition
from tests.unit.console.embedded import commit, make_topic, produce

MINUTE = 60_000


def now():
    return time.time_ns() // 1_000_000


async def measured(client, group, *, later_ms=0):
    at = now() + later_ms
    (description,) = await describe_groups(client, [group], now_ms=at)
    return await measure_group(client, description, now_ms=at)


def test_lag_in_records_and_time_and_when_it_was_committed_last(room):
    topic, group = room.fresh(), room.fresh("g")

    async def story(client):
        await make_topic(client, topic, 2)
        old = now() - 10 * MINUTE
        await produce(client, topic, 5, timestamps=[old + 1000 * n for n in range(5)])
        before = now()
        await commit(client, group, {(topic, 0): 2, (topic, 1): 0})
        return before, old, await measured(client, group)

    before, old, lag = room.run(story)

    first, second = lag.partitions
    assert (first.lag, first.log_start_offset, first.log_end_offset) == (3, 0, 5)
    assert first.lag_time.source is LagTimeSource.RECORD
    assert 0 <= now() - (old + 2000) - first.lag_time.ms < 30_000
    assert before - 1000 <= first.last_commit_ms <= now()
    assert (second.lag, second.lag_time.ms, second.drain_ms) == (0, 0, 0)
    assert (lag.lag, lag.lag_ms, lag.status) == (3, first.lag_time.ms, LagStatus.OK)
    assert lag.missing == ()


def test_a_group_that_stopped_is_stop_and_never_drains(room):
    topic, group = room.fresh(), room.fresh("g")

    async def story(client):
        await make_topic(client, topic)
        await produce(client, topic, 10)
        await commit(client, group, {(topic, 0): 4})
        return await measured(client, group, later_ms=10 * MINUTE)

    lag = room.run(story)

    assert lag.partitions[0].status is LagStatus.STOP
    assert (lag.status, lag.drain_ms, lag.commit_rate, lag.production_rate) == (LagStatus.ERROR, None, 0.0, 0.0)


def test_production_is_what_came_in_the_last_minute(room):
    topic, group = room.fresh(), room.fresh("g")

    async def story(client):
        await make_topic(client, topic)
        await produce(client, topic, 40, timestamps=[now() - 5 * MINUTE] * 10 + [now() - 1000] * 30)
        await commit(client, group, {(topic, 0): 40})
        return await measured(client, group)

    lag = room.run(story)

    assert lag.production_rate == 0.5
    assert (lag.status, lag.drain_ms, lag.lag_ms) == (LagStatus.OK, 0, 0)


def test_commits_are_read_from_the_log_in_order_with_those_that_change_nothing(room):
    topic, group, other = room.fresh(), room.fresh("g"), room.fresh("g")

    async def story(client):
        await make_topic(client, topic)
        for offset in (1, 3, 3, 2):
            await commit(client, group, {(topic, 0): offset})
            await commit(client, other, {(topic, 0): 9})
        return await read_commits(client, [group, other])

    logs, missing = room.run(story)

    partition = TopicPartition(topic, 0)
    assert [each.offset for each in logs[group].commits[partition]] == [1, 3, 3, 2]
    assert [each.offset for each in logs[other].commits[partition]] == [9, 9, 9, 9]
    times = [each.timestamp_ms for each in logs[group].commits[partition]]
    assert times == sorted(times)
    assert missing == []


def test_records_that_retention_took_unread_are_counted(room):
    topic, group = room.fresh(), room.fresh("g")

    async def story(client):
        from engine.net.cluster_client import Versioned
        from engine.protocol.messages import DeleteRecordsRequest

        await make_topic(client, topic)
        await produce(client, topic, 10)
        await commit(client, group, {(topic, 0): 2})
        request = DeleteRecordsRequest(
            topics=[
                DeleteRecordsRequest.DeleteRecordsTopic(
                    name=topic,
                    partitions=[DeleteRecordsRequest.DeleteRecordsPartition(partition_index=0, offset=6)],
                )
            ],
            timeout_ms=5_000,
        )
        view = await client.known_view([topic])
        await client.request_to(view.leader(topic, 0), Versioned(DeleteRecordsRequest, lambda _: request))
        return await measured(client, group)

    lag = room.run(story)

    assert (lag.retention, lag.lost_records) == (RetentionState.LOST, 4)


def test_records_near_the_end_of_their_time_are_told(room):
    topic, group = room.fresh(), room.fresh("g")

    async def story(client):
        await make_topic(client, topic, retention_ms=60 * MINUTE)
        await produce(client, topic, 2, timestamps=[now() - 58 * MINUTE] * 2)
        await commit(client, group, {(topic, 0): 0})
        return await measured(client, group)

    lag = room.run(story)

    assert lag.retention is RetentionState.SOON
    assert MINUTE < lag.partitions[0].retention.remaining_ms <= 2 * MINUTE


def test_without_the_log_of_commits_the_rest_is_told_and_what_is_missing_is_named(room, monkeypatch):
    topic, group = room.fresh(), room.fresh("g")
    monkeypatch.setattr("console.lag.commit_log.CONSUMER_OFFSETS_TOPIC", "hidden-from-us")

    async def story(client):
        await make_topic(client, topic)
        await produce(client, topic, 10)
        await commit(client, group, {(topic, 0): 4})
        return await measured(client, group)

    lag = room.run(story)

    (partition,) = lag.partitions
    assert (lag.status, partition.status, partition.commit_rate, partition.drain_ms) == (None, None, None, None)
    assert (partition.lag, partition.log_start_offset, partition.production_rate) == (6, 0, 10 / 60)
    assert [each.what for each in lag.missing] == ["times of commits"]


def test_with_a_dead_broker_the_rest_is_measured():
    async def story(world):
        client = ClusterClient(
            world.bootstrap, request_timeout_ms=3_000, retry_timeout_ms=20_000, randomness=world.randomness.stream("c")
        )
        async with client:
            await commit(client, "g", {("orders", partition): 0 for partition in range(3)})
            coordinator = (await find_coordinators(client, ["g"]))[0]["g"]
            view = await client.metadata(["orders"])
            dead = next(node for node in (1, 2, 3) if node != coordinator and view.leader("orders", node - 1) >= 0)
            led = [partition for partition in range(3) if view.leader("orders", partition) == dead]
            world.nodes[dead].kill()
            (description,) = await describe_groups(client, ["g"], now_ms=1_000_000)
            return led, dead, description, await measure_group(client, description, now_ms=1_000_000)

    world = World(7, shape=Shape(nodes=3, partitions=3))

    async def run():
        await world.start()
        await world.create_topic("orders", 3)
        return await world.client_process.spawn(story(world))

    try:
        led, dead, description, lag = world.loop.run_until_complete(run())
    finally:
        world.close()

    assert any(f"broker {dead}" in str(each) for each in description.missing)
    assert [each.partition for each in lag.partitions] == [0, 1, 2]
    assert all(each.lag == 0 for each in lag.partitions if each.partition not in led)
