"""Every message that the library kio knows, in every version: the same bytes both ways, the same values by name.

kio is an independent implementation made from Apache Kafka's definitions. What it lacks (records of the metadata log and
of the coordinators) is in `test_messages_against_kafka.py`.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.protocol.message import Message

Make = Callable[..., Message]


def assert_both_ways(kio: Any, entity: Any, message: Message, version: int) -> None:
    ours = message.encode(version)
    theirs = kio.decode(entity, ours)
    kio.assert_same(message, theirs, message.SCHEMA.root, version)
    again = kio.encode(theirs)
    assert again == ours
    assert type(message).decode(again, version) == message


@pytest.fixture
def entity(kio: Any, message_class: type[Message], version: int) -> Any:
    found = kio.entity(message_class, version)
    if found is None:
        assert message_class.SCHEMA.kind not in ("request", "response", "header")
        pytest.skip("kio has no such message")
    return found


def test_bytes_and_values_are_those_of_kio(
    kio: Any, entity: Any, make_message: Make, message_class: type[Message], version: int
) -> None:
    """KIP-482 and the message definitions of Apache Kafka 4.3."""

    @settings(max_examples=5, deadline=None, database=None, derandomize=True)
    @given(seed=st.integers(0, 2**32))
    def check(seed: int) -> None:
        assert_both_ways(kio, entity, make_message(message_class, version, seed, kio_limits=True), version)

    check()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_bytes_and_values_are_those_of_kio_at_length(
    kio: Any, entity: Any, make_message: Make, message_class: type[Message], version: int
) -> None:
    @settings(max_examples=200, deadline=None, database=None)
    @given(seed=st.integers(0, 2**64))
    def check(seed: int) -> None:
        assert_both_ways(kio, entity, make_message(message_class, version, seed, kio_limits=True), version)

    check()
