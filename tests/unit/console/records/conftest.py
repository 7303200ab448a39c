"""A cluster of two nodes in a thread of its own, a client of it, and topics that are filled as a test says."""

import uuid

import pytest

from console.records.producer import RecordProducer
from console.records.producing import NewRecord
from engine.cluster import Cluster
from engine.net.cluster_client import ClusterClient, Versioned
from engine.protocol.messages import ProduceRequest

BASE_MS = 1_700_000_000_000


class FixedClock:
    def now_ms(self):
        return BASE_MS


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def embedded():
    with Cluster.running(nodes=2) as cluster:
        yield cluster


@pytest.fixture
async def live(anyio_backend, embedded):
    """A client of the embedded cluster."""
    servers = [address.rsplit(":", 1) for address in embedded.bootstrap_servers.split(",")]
    async with ClusterClient([(host, int(port)) for host, port in servers]) as client:
        yield client


class Topics:
    """Makes and fills topics."""

    def __init__(self, cluster, client):
        self._cluster = cluster
        self._client = client

    def make(self, partitions=1, **configs):
        name = f"t-{uuid.uuid4().hex[:8]}"
        settings = {key.replace("_", "."): str(value) for key, value in configs.items()}
        self._cluster.call(self._cluster.create_topic(name, partitions=partitions, configs=settings))
        return name

    async def fill(self, name, records, **options):
        """`records`: NewRecord, or (partition, timestamp after BASE_MS, value) or with a key."""
        async with RecordProducer(self._client, FixedClock(), **options) as producer:
            deliveries = [await producer.send(name, new(record)) for record in records]
            await producer.flush()
            return [await delivery.result() for delivery in deliveries]

    async def put(self, name, partition, batch):
        """A batch as it is; returns the broker's error code."""
        view = await self._client.metadata([name])
        topic = view.topics[name]

        def build(version):
            data = [ProduceRequest.PartitionProduceData(index=partition, records=batch)]
            named = {"topic_id": topic.topic_id} if version >= 13 else {"name": name}
            return ProduceRequest(
                acks=-1,
                timeout_ms=10_000,
                topic_data=[ProduceRequest.TopicProduceData(**named, partition_data=data)],
            )

        response = await self._client.request_to(view.leader(name, partition), Versioned(ProduceRequest, build))
        return response.responses[0].partition_responses[0].error_code


def new(record):
    if isinstance(record, NewRecord):
        return record
    partition, after, value, *key = record
    return NewRecord(key[0] if key else None, value, (), partition, BASE_MS + after)


@pytest.fixture
def topics(embedded, live):
    return Topics(embedded, live)
