"""The sample data and the demo's consumer groups against Apache Kafka: our loader, producer and classic group members."""

import asyncio

import pytest

from console.client_config import client_config
from console.demo.flow import CLEANSER_GROUP, STOPPED_GROUP, DemoFlow
from console.demo.groups import GROUPS
from console.demo.loader import load
from console.demo.samples import samples
from console.services.group_changes import group_standing
from engine.net.cluster_client import ClusterClient
from engine.runtime import SystemClock

pytestmark = pytest.mark.java

SECONDS_MAX = 60


async def standings(client):
    return {group.group_id: await group_standing(client, group.group_id) for group in GROUPS}


async def story(bootstrap):
    async with ClusterClient(bootstrap) as client:
        flow = DemoFlow(bootstrap, speed=20)
        loaded = await flow.start()
        try:
            async with asyncio.timeout(SECONDS_MAX):
                while True:
                    found = await standings(client)
                    if all(each.committed for each in found.values()):
                        break
                    await asyncio.sleep(0.2)
            first = {name: sum(each.offset for each in one.committed.values()) for name, one in found.items()}
            async with asyncio.timeout(SECONDS_MAX):
                while True:
                    found = await standings(client)
                    shipped = sum(each.offset for each in found["shipping"].committed.values())
                    if shipped > first["shipping"]:
                        break
                    await asyncio.sleep(0.2)
            others = {name: await group_standing(client, name) for name in (STOPPED_GROUP, CLEANSER_GROUP)}
        finally:
            await flow.stop()
        again = await load(client, None, None, ending_at_ms=SystemClock().now_ms())
        return loaded, found, others, again


def test_apache_kafka_takes_the_samples_and_the_demos_groups(apache):
    loaded, found, others, again = asyncio.run(story(client_config(apache.bootstrap, {}).bootstrap))

    expected = {topic.name: len(sample.records(topic.name)) for sample in samples() for topic in sample.topics}
    assert {each.topic: each.loaded_records for each in loaded} == expected
    for group in GROUPS:
        assert {at.topic for at in found[group.group_id].committed} == {group.topic}
    assert all(one.committed for one in others.values())
    assert {each.loaded_records for each in again} == {0}
