"""`ask`: a statement against an embedded cluster, through the real worker. One cluster and one worker for all tests."""

import asyncio
import contextlib
import threading
import uuid

import pytest

from console.client_config import client_config
from console.sql.results import SqlLimits
from console.sql.service import SqlService
from engine.cluster import Cluster
from engine.net.cluster_client import ClusterClient
from engine.protocol.messages import CreateTopicsRequest, ProduceRequest
from engine.protocol.records.record import Record, build_batch


class Answer:
    def __init__(self, columns, rows, statistics):
        self.columns = [column.name for column in columns]
        self.types = [column.type for column in columns]
        self.rows = rows
        self.statistics = statistics


class Asker:
    """A cluster, a client and a service on a loop of their own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.services = []

    def do(self, coroutine, timeout=60):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    async def start(self):
        self.cluster = Cluster(nodes=1, properties={"offsets.topic.num.partitions": "1"})
        await self.cluster.start()
        self.client = ClusterClient(client_config(self.cluster.bootstrap_servers, {}).bootstrap)
        self.service = self.new_service()

    async def stop(self):
        for service in self.services:
            await service.close()
        await self.client.close()
        await self.cluster.stop()

    def new_service(self, **options):
        service = SqlService(self.client, **options)
        self.services.append(service)
        return service

    def __call__(self, sql, parameters=None, service=None, **limits):
        return self.do(self.run(sql, parameters, service or self.service, **limits))

    async def run(self, sql, parameters, service, **limits):
        rows = []
        async with service.run(sql, parameters, SqlLimits(**limits)) as result:
            async for page in result:
                rows += page.rows()
        return Answer(result.columns, rows, result.statistics)

    def explain(self, sql, parameters=None, **limits):
        return self.do(self.service.explain(sql, parameters, SqlLimits(**limits)))

    def topic(self, name=None, partitions=1, configs=None):
        name = name or f"t_{uuid.uuid4().hex[:8]}"
        topic = CreateTopicsRequest.CreatableTopic(
            name=name,
            num_partitions=partitions,
            replication_factor=1,
            configs=[
                CreateTopicsRequest.CreatableTopicConfig(name=key, value=value)
                for key, value in (configs or {}).items()
            ],
        )
        response = self.do(self.client.request_to_controller(CreateTopicsRequest(topics=[topic], timeout_ms=10_000)))
        assert response.topics[0].error_code in (0, 36), response.topics[0]
        self.do(self._led(name, partitions))
        return name

    async def _led(self, name, partitions):
        for _ in range(500):
            view = await self.client.metadata([name])
            topic = view.topics[name]
            if len(topic.partitions) == partitions and all(each.leader_id >= 0 for each in topic.partitions):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"{name} has no leaders")

    def produce(self, topic, *records, partition=0, **batch):
        """Records are (key, value) or (key, value, timestamp) or with headers; one batch."""
        built = []
        for index, record in enumerate(records):
            key, value, *rest = record
            timestamp = rest[0] if rest else 1_700_000_000_000 + index
            built.append(Record(index, timestamp, key, value, rest[1] if len(rest) > 1 else []))
        self.send(topic, build_batch(built, **batch), partition)

    def send(self, topic, data, partition=0):
        request = ProduceRequest(
            acks=-1,
            timeout_ms=10_000,
            topic_data=[
                ProduceRequest.TopicProduceData(
                    name=topic,
                    topic_id=self.client.view.topics[topic].topic_id,
                    partition_data=[ProduceRequest.PartitionProduceData(index=partition, records=data)],
                )
            ],
        )
        response = self.do(self.client.request_to(self.client.view.leader(topic, partition), request))
        answer = response.responses[0].partition_responses[0]
        assert answer.error_code == 0, answer


@pytest.fixture(scope="session")
def asker():
    asker = Asker()
    asker.do(asker.start())
    yield asker
    with contextlib.suppress(Exception):
        asker.do(asker.stop())
    asker.loop.call_soon_threadsafe(asker.loop.stop)


@pytest.fixture
def ask(asker):
    return asker


@pytest.fixture(scope="session")
def orders(asker):
    """3 partitions of 1000 records: key k0 to k99, JSON with n and status, timestamps a second apart by n."""
    name = asker.topic("orders", 3)
    for partition in range(3):
        for start in range(0, 1000, 100):
            records = []
            for index in range(start, start + 100):
                n = 3 * index + partition
                status = b"paid" if n % 2 else b"open"
                value = b'{"n":%d,"status":"%s"}' % (n, status)
                records.append((b"k%d" % (n % 100), value, 1_700_000_000_000 + n * 1000))
            asker.produce(name, *records, partition=partition)
    return name
