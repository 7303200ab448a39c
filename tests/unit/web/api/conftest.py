"""One embedded cluster and the API over it for all tests of a worker; topics and groups of each test's own."""

import base64
import uuid

import pytest

from engine.cluster import Cluster
from engine.net.group_member import GroupMember
from engine.types import TopicPartition
from tests.unit.web.api.served import Served


@pytest.fixture(scope="session")
def embedded():
    with Cluster.running(nodes=1, properties={"offsets.topic.num.partitions": "3"}) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def api(embedded, tmp_path_factory):
    with Served(embedded.bootstrap_servers, tmp_path_factory.mktemp("api")) as served:
        yield served


@pytest.fixture(scope="session")
def v3(api):
    """Where the cluster is below /v3."""
    return f"/v3/clusters/{api.get('/v3/clusters').json()['data'][0]['cluster_id']}"


@pytest.fixture
def topic(api, v3):
    """A topic of two partitions."""
    name = f"t-{uuid.uuid4().hex[:8]}"
    made = api.post(f"{v3}/topics", {"topic_name": name, "partitions_count": 2})
    assert made.status == 201, made
    return name


@pytest.fixture
def put(api):
    """Sends records: texts, or objects as `POST …/records` takes them."""

    def put_records(topic, *records, partition=0):
        bodies = [each if isinstance(each, dict) else {"value": each} for each in records]
        answer = api.post(
            f"/api/topics/{topic}/records", {"records": [{"partition": partition, **each} for each in bodies]}
        )
        assert answer.status == 200, answer
        assert answer.json()["failed"] == 0, answer
        return answer.json()["records"]

    return put_records


@pytest.fixture
def group(api, topic, put):
    """A group with one member, which has read 2 of 5 records of partition 0; its id has a slash."""
    put(topic, "1", "2", "3", "4", "5")
    name = f"g/{uuid.uuid4().hex[:8]}"

    async def join():
        member = GroupMember(api.cluster.client, name, [topic], session_timeout_ms=45_000)
        await member.join()
        assert await member.commit({TopicPartition(topic, 0): 2, TopicPartition(topic, 1): 0})
        return member

    member = api.run(join())
    yield name
    api.run(member.leave())


def base64_of(data):
    return base64.b64encode(data).decode()
