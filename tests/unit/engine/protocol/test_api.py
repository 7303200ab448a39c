"""The table of API keys."""

import pytest

from engine.protocol import messages
from engine.protocol.api import API_VERSIONS, ApiKey, request_class, response_class
from engine.protocol.errors import ProtocolError


def test_every_live_key_of_kafka_4_3_is_there() -> None:
    """Kafka: ApiKeys; 4 to 7 went with ZooKeeper (KIP-896)."""
    assert list(API_VERSIONS) == [key for key in range(93) if not 4 <= key <= 7]
    assert set(ApiKey) == set(API_VERSIONS)


def test_key_names_are_those_of_the_messages() -> None:
    for key, spec in API_VERSIONS.items():
        assert spec.request_name.removesuffix("Request").upper() == key.name.replace("_", "")
        assert spec.response_name == spec.request_name.removesuffix("Request") + "Response"
        assert request_class(key) is getattr(messages, spec.request_name)
        assert response_class(int(key)) is getattr(messages, spec.response_name)


def test_requests_and_responses_agree_on_versions() -> None:
    for key, spec in API_VERSIONS.items():
        for message_class in (request_class(key), response_class(key)):
            assert key == message_class.API_KEY
            assert (spec.min_version, spec.highest_version) == (message_class.MIN_VERSION, message_class.MAX_VERSION)
            assert spec.flexible_from == message_class.FLEXIBLE_FROM


@pytest.mark.parametrize(
    ("key", "low", "high", "flexible", "listeners"),
    [
        (ApiKey.PRODUCE, 3, 13, 9, {"broker"}),
        (ApiKey.FETCH, 4, 18, 12, {"broker", "controller"}),
        (ApiKey.METADATA, 0, 13, 9, {"broker"}),
        (ApiKey.SASL_HANDSHAKE, 0, 1, None, {"broker", "controller"}),
        (ApiKey.API_VERSIONS, 0, 4, 3, {"broker", "controller"}),
        (ApiKey.OFFSET_DELETE, 0, 0, None, {"broker"}),
        (ApiKey.VOTE, 0, 2, 0, {"controller"}),
        (ApiKey.SHARE_FETCH, 1, 2, 1, {"broker"}),
    ],
)
def test_versions_are_those_of_kafka_4_3(
    key: ApiKey, low: int, high: int, flexible: int | None, listeners: set[str]
) -> None:
    """KAFKA.md, table 3.1."""
    spec = API_VERSIONS[key]
    assert (spec.min_version, spec.max_version, spec.flexible_from) == (low, high, flexible)
    assert set(spec.listeners) == listeners


def test_an_unstable_version_exists_but_is_not_the_highest_to_advertise() -> None:
    """Kafka: latestVersionUnstable, InitProducerId v6 (KIP-939)."""
    unstable = [key for key, spec in API_VERSIONS.items() if spec.latest_unstable]
    assert unstable == [ApiKey.INIT_PRODUCER_ID]
    spec = API_VERSIONS[ApiKey.INIT_PRODUCER_ID]
    assert (spec.max_version, spec.highest_version) == (5, 6)


@pytest.mark.parametrize("key", [4, 7, 93, -1])
def test_a_key_that_does_not_exist_is_refused(key: int) -> None:
    with pytest.raises(ProtocolError, match=f"no API key {key}"):
        request_class(key)
