"""10,000 groups with 10 partitions each: listed with lag, sampled, as metrics. Aim: the list in 2 s of our own processor.

Beside it, what one would write with kafka-python's admin: one question per group, and the ends of the partitions.
"""

import asyncio
import gc
import time

from benching import Stoker, Table, heading, number, temporary_directory
from kafka.admin import KafkaAdminClient

from console.history.sampler import Sampler
from console.records.producer import RecordProducer
from console.records.producing import NewRecord
from console.services.groups import list_groups
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.coordinators import find_coordinators
from engine.protocol.messages import OffsetCommitRequest
from engine.runtime import SystemClock

GROUPS = 10_000
PARTITIONS = 10
LISTED_BY_OTHERS = 300


def commit_request(group):
    partitions = [
        OffsetCommitRequest.OffsetCommitRequestPartition(partition_index=index, committed_offset=index)
        for index in range(PARTITIONS)
    ]
    topics = [OffsetCommitRequest.OffsetCommitRequestTopic(name="orders", partitions=partitions)]
    request = OffsetCommitRequest(group_id=group, topics=topics)
    return Versioned(OffsetCommitRequest, lambda _: request, ceiling=9)


async def prepare(client):
    async with RecordProducer(client, SystemClock()) as producer:
        for index in range(PARTITIONS):
            for _ in range(20):
                await producer.send("orders", NewRecord(None, b"x", partition=index))
        await producer.flush()
    names = [f"group-{index:05}" for index in range(GROUPS)]
    # The first question makes __consumer_offsets.
    await find_coordinators(client, names[:1])
    coordinators, errors = await find_coordinators(client, names)
    assert not errors, errors
    for start in range(0, GROUPS, 200):
        answers = await asyncio.gather(
            *(client.request_to(coordinators[name], commit_request(name)) for name in names[start : start + 200])
        )
        assert not any(each.error_code for answer in answers for each in answer.topics[0].partitions)


class Clocks:
    """Wall time, and processor time of this process."""

    def __enter__(self):
        gc.collect()
        self.wall, self.cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_):
        self.wall, self.cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu


async def ours(bootstrap, table):
    addresses = [(host, int(port)) for host, _, port in (each.rpartition(":") for each in bootstrap.split(","))]
    async with ClusterClient(addresses) as client:
        await prepare(client)
        with Clocks() as clocks:
            listing = await list_groups(client)
        assert len(listing.groups) == GROUPS
        assert not listing.missing, listing.missing
        expected = 20 * PARTITIONS - sum(range(PARTITIONS))
        assert all(group.lag == expected for group in listing.groups)
        table.row("list of groups with lag", clocks.wall, clocks.cpu, GROUPS / clocks.wall)
        with temporary_directory() as directory:
            sampler = Sampler(client, history_path=lambda _: f"{directory}/h.duckdb")
            for name in ("first pass of the sampler (everything is new)", "next pass", "next pass"):
                with Clocks() as clocks:
                    await sampler.sample()
                table.row(name, clocks.wall, clocks.cpu, GROUPS / clocks.wall)
            assert sampler.history_error is None, sampler.history_error.detail
            size = await sampler.history.size_bytes()
            with Clocks() as clocks:
                text = sampler.metrics_text()
            table.row("/metrics text", clocks.wall, clocks.cpu, GROUPS / clocks.wall)
            await sampler.stop()
        return f"\nThe text has {number(len(text) / 1e6)} MB, the history {number(size / 1e6)} MB after three passes."


def others(bootstrap, table):
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        with Clocks() as clocks:
            for index in range(LISTED_BY_OTHERS):
                offsets = admin.list_group_offsets(f"group-{index:05}")
                assert len(offsets) >= 1
        rate = LISTED_BY_OTHERS / clocks.wall
        scale = GROUPS / LISTED_BY_OTHERS
        table.row(
            f"kafka-python admin, offsets of one group at a time ({LISTED_BY_OTHERS}, scaled up)",
            clocks.wall * scale,
            clocks.cpu * scale,
            rate,
        )
    finally:
        admin.close()


def main():
    heading(f"{GROUPS:,} groups with {PARTITIONS} partitions")
    with Stoker(3) as cluster:
        cluster.create_topic("orders", PARTITIONS, 1)
        table = Table("", "s", "our processor s", "groups/s")
        words = asyncio.run(ours(cluster.bootstrap, table))
        others(cluster.bootstrap, table)
        print(words)


if __name__ == "__main__":
    main()
