"""Kafka's own topics, as this engine's encoder and as a cluster writes them."""

import json

import pytest

from console.decoding.decoder import RecordDecoder, decoder_for
from console.decoding.model import Part
from engine.groups.records import GroupStateRecord, OffsetKey, OffsetRecord, encode_record
from engine.protocol.consumer_protocol import encode_subscription
from engine.protocol.messages import (
    ConsumerProtocolSubscription,
    GroupMetadataValue,
    OffsetCommitValue,
    TopicRecord,
    TransactionLogKey,
    TransactionLogValue,
)
from engine.protocol.record_values import encode_coordinator_key, encode_coordinator_value, encode_metadata_record


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
