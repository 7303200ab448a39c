"""An embedded cluster for the tests of services: topics with records, groups with commits, all over the wire."""

import asyncio
import itertools
from contextlib import contextmanager

from console.records.producer import RecordProducer
from console.records.producing import NewRecord
from console.services.topic_changes import NewTopic, create_topic
from engine.cluster import Cluster
from engine.net.cluster_client import ClusterClient
from engine.net.coordinators import request_to_coordinator
from engine.protocol.messages import OffsetCommitRequest
from engine.runtime import SystemClock

_names = itertools.count(1)


@contextmanager
def embedded_cluster(nodes):
    with Cluster.running(nodes=nodes, properties={"offsets.topic.num.partitions": "3"}) as cluster:
        yield cluster


def bootstrap_of(cluster):
    return [
        (host, int(port)) for host, _, port in (each.rpartition(":") for each in cluster.bootstrap_servers.split(","))
    ]


class Room:
    """Runs an async test against the cluster: `room.run(story)` with `story(client)`."""

    def __init__(self, cluster):
        self.cluster = cluster

    def fresh(self, what="t"):
        return f"{what}-{next(_names)}"

    def run(self, story, timeout_s=60):
        async def main():
            async with ClusterClient(bootstrap_of(self.cluster), connect_timeout_ms=2_000) as client:
                return await story(client)

        return asyncio.run(asyncio.wait_for(main(), timeout_s))


async def make_topic(client, name, partitions=1, **configs):
    named = {key.replace("_", "."): str(value) for key, value in configs.items()}
    await create_topic(client, NewTopic(name, partitions, configs=named))
    for _ in range(200):
        view = await client.metadata([name])
        if len(view.topics[name].partitions) == partitions and all(
            each.leader_id >= 0 for each in view.topics[name].partitions
        ):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"topic {name} did not come up")


async def produce(client, topic, count, *, partition=0, timestamps=None):
    async with RecordProducer(client, SystemClock()) as producer:
        for number in range(count):
            timestamp = None if timestamps is None else timestamps[number]
            await producer.send(topic, NewRecord(None, b"%d" % number, partition=partition, timestamp=timestamp))
        await producer.flush()


async def commit(client, group, offsets):
    """Commits without being a member; `offsets` by topic and partition."""
    topics = {}
    for (topic, partition), offset in offsets.items():
        topics.setdefault(topic, []).append(
            OffsetCommitRequest.OffsetCommitRequestPartition(partition_index=partition, committed_offset=offset)
        )
    request = OffsetCommitRequest(
        group_id=group,
        topics=[
            OffsetCommitRequest.OffsetCommitRequestTopic(name=name, partitions=each) for name, each in topics.items()
        ],
    )
    from engine.net.cluster_client import Versioned

    response = await request_to_coordinator(
        client,
        group,
        Versioned(OffsetCommitRequest, lambda _: request, ceiling=9),
        error_of=lambda answer: answer.topics[0].partitions[0].error_code,
    )
    assert all(not each.error_code for topic in response.topics for each in topic.partitions), response
