"""Kafka's own topics, as this engine's encoder and as a cluster writes them."""

import asyncio
import json
import random

import pytest

from console.decoding.decoder import RecordDecoder, decoder_for
from console.decoding.model import Part
from console.records.model import ConsumedRecord
from console.records.reader import RecordReader
from console.services.offsets import start_and_end_offsets
from console.services.topic_changes import NewTopic, create_topic
from engine.cluster import Cluster
from engine.groups.records import GroupStateRecord, OffsetKey, OffsetRecord, encode_record
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.coordinators import request_to_coordinator
from engine.protocol.consumer_protocol import encode_subscription
from engine.protocol.messages import (
    ConsumerProtocolSubscription,
    GroupMetadataValue,
    OffsetCommitRequest,
    OffsetCommitValue,
    TopicRecord,
    TransactionLogKey,
    TransactionLogValue,
)
from engine.protocol.record_values import encode_coordinator_key, encode_coordinator_value, encode_metadata_record
from engine.protocol.records.batch import TimestampType
from engine.types import TopicPartition


def decode(topic, part, data, key=None):
    decoded = RecordDecoder().decode(topic, part, data, key=key)
    json.dumps(decoded.value, allow_nan=False)
    return decoded


def test_a_committed_offset():
    value = OffsetCommitValue(offset=2**60 + 1, leader_epoch=3, metadata="m", commit_timestamp=5)
    key, data = encode_record(OffsetRecord(OffsetKey("g", "orders", 2), value))
    assert decode("__consumer_offsets", Part.KEY, key).value == {
        "type": "offset_commit_key",
        "group": "g",
        "topic": "orders",
        "partition": 2,
    }
    decoded = decode("__consumer_offsets", Part.VALUE, data, key)
    assert decoded.format == "kafka"
    assert decoded.value["type"] == "offset_commit_value"
    assert (decoded.value["offset"], decoded.value["leader_epoch"]) == (2**60 + 1, 3)
    assert decode("__consumer_offsets", Part.VALUE, None, key).format == "null"


def test_a_group_with_the_subscriptions_of_its_members():
    subscription = encode_subscription(ConsumerProtocolSubscription(topics=["orders"]))
    members = [
        GroupMetadataValue.MemberMetadata(
            member_id="m1", client_id="c", client_host="/h", subscription=subscription, assignment=b"\xff"
        )
    ]
    value = GroupMetadataValue(protocol_type="consumer", generation=4, members=members)
    key, data = encode_record(GroupStateRecord("g", value))
    member = decode("__consumer_offsets", Part.VALUE, data, key).value["members"][0]
    assert member["subscription"]["topics"] == ["orders"]
    assert member["assignment"] == "/w=="
    assert member["assignment_error"]


def test_a_transactions_state_has_its_name():
    key = encode_coordinator_key(TransactionLogKey(transactional_id="tx"))
    data = encode_coordinator_value(TransactionLogValue(producer_id=7, transaction_status=4), 1)
    value = decode("__transaction_state", Part.VALUE, data, key).value
    assert (value["producer_id"], value["transaction_state"]) == (7, "CompleteCommit")


def test_a_metadata_record_has_kafkas_uuids():
    data = encode_metadata_record(TopicRecord(name="orders", topic_id=bytes(15) + b"\x01"), 0)
    value = decode("__cluster_metadata", Part.VALUE, data).value
    assert value == {"type": "topic_record", "name": "orders", "topic_id": "AAAAAAAAAAAAAAAAAAAAAQ"}


@pytest.mark.parametrize("topic", ["__consumer_offsets", "__transaction_state", "__cluster_metadata"])
def test_what_is_not_kafkas_is_bytes_with_the_error(topic):
    for key in (None, b"", b"\x00\x01", b"\x7f\xff\x00"):
        decoded = decode(topic, Part.VALUE, b"\x00\x63garbage", key)
        assert decoded.format == "bytes"
        assert decoded.error
        assert decoded.text


def test_a_column_of_keys_is_decoded_and_one_of_values_left_as_bytes():
    key, _ = encode_record(OffsetRecord(OffsetKey("g", "orders", 2), None))
    assert decoder_for("__consumer_offsets", Part.KEY, [key]).column([key])[0][0]["group"] == "g"
    assert decoder_for("__consumer_offsets", Part.VALUE, []).format == "bytes"


def test_random_changes_to_a_group_never_raise():
    members = [GroupMetadataValue.MemberMetadata(member_id="m1", client_id="c", client_host="/h")]
    value = GroupMetadataValue(protocol_type="consumer", generation=4, members=members)
    key, data = encode_record(GroupStateRecord("g", value))
    chance = random.Random(5)
    for _ in range(1_000):
        changed = bytearray(data)
        for _ in range(chance.randrange(1, 4)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        decode("__consumer_offsets", Part.VALUE, bytes(changed[: chance.randrange(1, len(changed) + 1)]), key)


async def _committed(servers):
    host, _, port = servers.split(",")[0].rpartition(":")
    async with ClusterClient([(host, int(port))], connect_timeout_ms=2_000) as client:
        partition = OffsetCommitRequest.OffsetCommitRequestPartition(partition_index=0, committed_offset=0)
        topic = OffsetCommitRequest.OffsetCommitRequestTopic(name="orders", partitions=[partition])
        await create_topic(client, NewTopic("orders", 1))
        request = Versioned(OffsetCommitRequest, lambda _: OffsetCommitRequest(group_id="g", topics=[topic]), ceiling=9)
        for _ in range(200):
            answer = await request_to_coordinator(
                client, "g", request, error_of=lambda answer: answer.topics[0].partitions[0].error_code
            )
            if not answer.topics[0].partitions[0].error_code:
                break
            # The broker has not heard of the topic yet.
            await asyncio.sleep(0.01)
        where = TopicPartition("__consumer_offsets", 0)
        start, end = (await start_and_end_offsets(client, [where])).values[where]
        async with RecordReader(client, {where: start}, {where: end}) as reader:
            return [
                ConsumedRecord(
                    where.topic,
                    where.partition,
                    each.offset,
                    each.timestamp,
                    TimestampType.CREATE_TIME,
                    each.key,
                    each.value,
                    each.headers,
                )
                async for chunk in reader.chunks()
                for each in chunk.records
            ]


def test_the_topic_of_a_cluster_is_read_with_the_same_decoder():
    with Cluster.running(nodes=1, properties={"offsets.topic.num.partitions": "1"}) as cluster:
        records = asyncio.run(asyncio.wait_for(_committed(cluster.bootstrap_servers), 30))
    key, value = RecordDecoder().record(records[0])
    assert (key.value["group"], key.value["topic"]) == ("g", "orders")
    assert value.to_json()["value"]["offset"] == 0
    assert value.to_json()["format"] == "kafka"
