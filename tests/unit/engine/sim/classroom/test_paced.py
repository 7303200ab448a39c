"""Real sockets in paced time: a client in C talks to the simulated cluster."""

import asyncio

import pytest

from engine.sim.classroom import ClassShape, Situation
from engine.sim.classroom.actions import CreateTopic, Kill
from engine.sim.classroom.paced import PacedCluster

SITUATION = Situation(seed=7, shape=ClassShape(nodes=3, topics=(CreateTopic("orders", replicas=((1, 2, 3),)),)))


def produce(bootstrap: str, values: list[bytes]) -> list[int]:
    from confluent_kafka import Producer

    offsets: list[int] = []
    errors: list[str] = []

    def delivered(error, message):
        if error:
            errors.append(str(error))
        else:
            offsets.append(message.offset())

    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "broker.address.family": "v4"})
    for value in values:
        producer.produce("orders", value, on_delivery=delivered)
    assert producer.flush(20) == 0
    assert errors == []
    return offsets


def consume(bootstrap: str, count: int) -> list[bytes]:
    from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "g", "broker.address.family": "v4"})
    consumer.assign([TopicPartition("orders", 0, OFFSET_BEGINNING)])
    values: list[bytes] = []
    for _ in range(200):
        message = consumer.poll(0.1)
        if message is not None and message.error() is None:
            values.append(message.value())
        if len(values) >= count:
            break
    consumer.close()
    return values


def test_a_client_from_outside_produces_survives_a_failover_and_consumes():
    pytest.importorskip("confluent_kafka")

    async def main():
        paced = await PacedCluster.start(SITUATION, rate=4.0)
        try:
            bootstrap = paced.bootstrap_servers
            assert await asyncio.to_thread(produce, bootstrap, [b"one", b"two"]) == [0, 1]
            paced.room.do(Kill(node=1))
            assert await asyncio.to_thread(produce, bootstrap, [b"three"]) == [2]
            assert await asyncio.to_thread(consume, bootstrap, 3) == [b"one", b"two", b"three"]
            assert paced.room.view().partition("orders").leader == 2
            assert paced.warning == ""
        finally:
            await paced.stop()

    asyncio.run(asyncio.wait_for(main(), 90))


def test_a_paused_cluster_stands_still_and_warns():
    async def main():
        paced = await PacedCluster.start(SITUATION, rate=2.0)
        try:
            paced.pause()
            assert "nothing is answered" in paced.warning
            await asyncio.sleep(0)
            before = paced.room.now_ms
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", int(paced.bootstrap_servers.split(":")[1].split(",")[0])
            )
            writer.write(b"\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x07\xff\xff")  # ApiVersions v0, no client id
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(8), 0.2)
            assert paced.room.now_ms == before
            paced.resume()
            assert (await asyncio.wait_for(reader.readexactly(8), 10))[4:] == b"\x00\x00\x00\x07"
            assert paced.room.now_ms > before
            writer.close()
        finally:
            await paced.stop()

    asyncio.run(asyncio.wait_for(main(), 60))


@pytest.mark.parametrize("rate", [0, -1, 21])
def test_a_rate_that_cannot_be_kept_is_refused(rate):
    with pytest.raises(ValueError, match="between"):
        asyncio.run(PacedCluster.start(SITUATION, rate=rate))
