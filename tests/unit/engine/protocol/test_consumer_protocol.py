"""Subscriptions and assignments of consumers in a classic group."""

import struct

import pytest

from engine.protocol.consumer_protocol import (
    decode_assignment,
    decode_subscription,
    encode_assignment,
    encode_subscription,
)
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.messages import ConsumerProtocolAssignment, ConsumerProtocolSubscription

OWNED = ConsumerProtocolSubscription.TopicPartition("orders", [0, 2])
SUBSCRIPTION = ConsumerProtocolSubscription(["orders", "trades"], b"user", [OWNED], 7, "rack-1")
ASSIGNMENT = ConsumerProtocolAssignment([ConsumerProtocolAssignment.TopicPartition("orders", [1])], None)


def test_the_version_comes_first() -> None:
    assert encode_subscription(SUBSCRIPTION, 1) == b"\x00\x01" + SUBSCRIPTION.encode(1)
    assert encode_assignment(ASSIGNMENT)[:2] == struct.pack(">h", ConsumerProtocolAssignment.MAX_VERSION)


def test_what_is_encoded_is_decoded() -> None:
    assert decode_subscription(encode_subscription(SUBSCRIPTION)) == SUBSCRIPTION
    assert decode_assignment(memoryview(encode_assignment(ASSIGNMENT))) == ASSIGNMENT
    for version in range(4):
        decoded = decode_subscription(encode_subscription(SUBSCRIPTION, version))
        assert decoded.topics == ["orders", "trades"]
        assert decoded.generation_id == (7 if version >= 2 else -1)
        assert decoded.rack_id == ("rack-1" if version >= 3 else None)


def test_a_version_from_the_future_is_read_as_the_newest_known() -> None:
    """Kafka: ConsumerProtocol.checkSubscriptionVersion; newer versions only append."""
    data = b"\x00\x63" + SUBSCRIPTION.encode(3) + b"what a later version appends"
    assert decode_subscription(data) == SUBSCRIPTION


def test_aiokafka_and_we_read_each_other() -> None:
    """An independent implementation, of version 0 and of its own subscription fields."""
    from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

    theirs = ConsumerProtocolMemberMetadata(0, ["orders", "trades"], b"user").encode()
    ours = decode_subscription(theirs)
    assert (ours.topics, ours.user_data) == (["orders", "trades"], b"user")
    assert encode_subscription(ours, 0) == theirs
    theirs = ConsumerProtocolMemberAssignment(0, [("orders", [0, 1])], b"").encode()
    assigned = decode_assignment(theirs)
    assert [(part.topic, part.partitions) for part in assigned.assigned_partitions] == [("orders", [0, 1])]
    assert encode_assignment(assigned, 0) == theirs


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff\xff\x00\x00\x00\x00", encode_subscription(SUBSCRIPTION)[:-1]])
def test_what_is_no_subscription_is_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_subscription(data)
    assert caught.value.kind is Blame.REMOTE
