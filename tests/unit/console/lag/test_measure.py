"""A group measured over the wire, against an embedded cluster; what time has passed is said, not waited for."""

import time

from console.lag.burrow import LagStatus
from console.lag.commit_log import read_commits
from console.lag.lag_time import LagTimeSource
from console.lag.measure import measure_group
from console.lag.retention import RetentionState
from console.services.groups import describe_groups
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
