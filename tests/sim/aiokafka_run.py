"""One run of unmodified aiokafka against the stub broker: prints what happened. `python aiokafka_run.py SEED`."""

import asyncio
import os
import sys

sys.path.insert(0, os.path.dirname(__file__))

from stub_broker import PARTITIONS, StubBroker

from engine.sim.aiokafka_time import aiokafka_in
from engine.sim.loop import SimLoop
from engine.sim.network import SimNetwork
from engine.sim.randomness import SimRandomness
from engine.sim.trace import Trace


def run(seed, records=300):
    """(trace hash, records read per partition, virtual seconds)"""
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

    randomness = SimRandomness(seed)
    loop = SimLoop(randomness.stream("loop"))
    trace = Trace()
    network = SimNetwork(loop, randomness.part("network"), trace=trace)
    server = network.new_process("broker", network.add_host("broker"))
    client = network.new_process("client", network.add_host("client"))
    workload = randomness.stream("workload")

    async def produce(topic):
        producer = AIOKafkaProducer(bootstrap_servers="broker:9092", linger_ms=5, enable_idempotence=True)
        await producer.start()
        for index in range(records):
            await producer.send(topic, b"%06d" % index, key=b"%d" % workload.randrange(50))
            await asyncio.sleep(workload.expovariate(20))
        await producer.stop()

    async def consume():
        consumer = AIOKafkaConsumer(bootstrap_servers="broker:9092", group_id=None, auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([TopicPartition(topic, index) for topic in ("orders", "events") for index in range(PARTITIONS)])
        seen = {}
        for _ in range(2 * records):
            record = await consumer.getone()
            seen.setdefault(f"{record.topic}-{record.partition}", []).append((record.offset, record.value))
        await consumer.stop()
        return seen

    async def main():
        await server.spawn(StubBroker("broker").start())
        reading = client.spawn(consume())
        await asyncio.gather(client.spawn(produce("orders")), client.spawn(produce("events")))
        return await asyncio.wait_for(reading, 60)

    began = loop.now_ns
    with aiokafka_in(loop, randomness.stream("aiokafka")):
        seen = loop.run_until_complete(main())
        loop.raise_unretrieved()
    elapsed = (loop.now_ns - began) / 1e9
    loop.close()
    return trace.hash, seen, elapsed


if __name__ == "__main__":
    result, found, seconds = run(int(sys.argv[1]))
    print(result, sum(map(len, found.values())), seconds)
