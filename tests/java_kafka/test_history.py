"""One pass of the sampler against a real cluster: nothing is missing, and the figures are true."""

import asyncio

from console.history.queries import SeriesQuestion
from console.history.sampler import Sampler
from engine.net.cluster_client import ClusterClient


def test_a_pass_sees_everything_and_is_kept(kafka, stoker, topic, lines, tmp_path):
    name = topic(partitions=2)
    stoker("produce", name, lines("a", "b", "c"), "-p", 1)
    addresses = [(host, int(port)) for host, _, port in (each.rpartition(":") for each in kafka.bootstrap.split(","))]

    async def story():
        async with ClusterClient(addresses) as client:
            sampler = Sampler(client, history_path=lambda _: tmp_path / "h.duckdb")
            snapshot = await sampler.sample()
            question = SeriesQuestion(
                "kafka_topic_partition_current_offset", snapshot.at_ms - 1, snapshot.at_ms, {"topic": name}, buckets=1
            )
            answer = await sampler.history.series(question)
            await sampler.stop()
            return snapshot, sampler.metrics_text(), answer, sampler.history_error

    snapshot, text, answer, error = asyncio.run(asyncio.wait_for(story(), 60))

    assert (snapshot.missing, error) == ((), None)
    assert f"kafka_brokers {kafka.broker_count}" in text
    assert f'kafka_topic_partition_current_offset{{topic="{name}",partition="1"}} 3' in text
    assert "stoker_quorum_leader" in text
    assert [(line.labels["partition"], line.values) for line in answer.series] == [("0", [0]), ("1", [3])]
    assert sum(sum(each.values()) for key, each in snapshot.sizes.items() if key.topic == name) > 0
