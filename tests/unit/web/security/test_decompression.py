"""Decompression bombs: what is small on the wire and huge in memory, in topics and in bodies of requests."""

import gzip
import json

import pytest
from confluent_kafka import Producer

from engine.cluster import Cluster
from tests.unit.web.api.served import Served

VALUE_BYTES = 40_000_000
COUNT = 5


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with (
        Cluster.running(nodes=1) as cluster,
        Served(cluster.bootstrap_servers, tmp_path_factory.mktemp("bombs")) as served,
    ):
        producer = Producer(
            {
                "bootstrap.servers": cluster.bootstrap_servers,
                "compression.type": "zstd",
                "message.max.bytes": 100_000_000,
                "batch.num.messages": 1,
            }
        )
        for _ in range(COUNT):
            producer.produce("bombs", value=bytes(VALUE_BYTES))
            assert producer.flush(60) == 0
        yield served


def test_a_page_of_bombs_is_short_ends_early_and_goes_on(api):
    seen, query = [], {"topic": "bombs", "start": "beginning", "limit": 50}
    for _ in range(COUNT + 2):
        answer = api.get("/api/records", **query)
        assert answer.status == 200, answer
        assert len(answer.body) < 100_000
        page = answer.json()
        seen += [each["offset"] for each in page["records"]]
        if page["is_complete"]:
            break
        assert len(page["records"]) < COUNT  # not all 200 MB at once
        query = {**query, "cursor": page["newer"]}
    assert seen == list(range(COUNT))


def test_a_bomb_in_full_is_its_beginning(api):
    answer = api.get("/api/topics/bombs/partitions/0/records/1")
    assert len(answer.body) < 1_000_000
    value = answer.json()["record"]["value"]
    assert value["size_bytes"] == VALUE_BYTES
    assert value["is_preview"]
    assert value.get("value") is None


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_packed_bodies_are_not_unpacked(api, encoding):
    bomb = gzip.compress(json.dumps({"sql": "select 1", "parameters": {"a": "x" * 50_000_000}}).encode())
    assert len(bomb) < 100_000
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    answer = api.ask("POST", "/api/sql", bomb, headers=headers)
    assert answer.status == 415
    assert "Content-Encoding" in answer.json()["message"] + answer.json()["hint"]
