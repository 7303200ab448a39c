"""Kafka's UUIDs in text."""

import random

import pytest

from engine.protocol.uuids import ZERO_UUID, uuid_from_text, uuid_to_text


def test_text_is_22_characters_of_url_safe_base64() -> None:
    """Kafka: Uuid.toString."""
    assert uuid_to_text(ZERO_UUID) == "A" * 22
    assert uuid_to_text(bytes(15) + b"\x01") == "AAAAAAAAAAAAAAAAAAAAAQ"
    assert uuid_to_text(b"\xfb\xff" * 8) == "-__7__v_-__7__v_-__7_w"


def test_text_and_bytes_are_two_forms_of_the_same() -> None:
    rng = random.Random(1)
    for _ in range(200):
        uuid = rng.randbytes(16)
        assert uuid_from_text(uuid_to_text(uuid)) == uuid
        assert uuid_from_text(uuid_to_text(uuid) + "==") == uuid


@pytest.mark.parametrize(
    "text", ["", "A", "A" * 21, "A" * 25, "A" * 20 + "!!", "A" * 20 + "+/", "é" * 22, "A" * 10 + " " + "A" * 11]
)
def test_what_is_no_uuid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="uuid"):
        uuid_from_text(text)


def test_bytes_of_another_length_have_no_text() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        uuid_to_text(b"short")
