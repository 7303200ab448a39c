"""Kafka's UUIDs: 16 bytes on the wire, 22 characters of URL-safe base64 in text (Kafka: org.apache.kafka.common.Uuid)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

UUID_BYTES = 16

ZERO_UUID = bytes(UUID_BYTES)
"""Stands for "none" everywhere in the protocol."""


def uuid_to_text(uuid: bytes) -> str:
    """The 22 characters Kafka shows for `uuid`. Raises ValueError unless it has 16 bytes."""
    if len(uuid) != UUID_BYTES:
        raise ValueError(f"a uuid has {UUID_BYTES} bytes, not {len(uuid)}")
    return urlsafe_b64encode(uuid).rstrip(b"=").decode("ascii")


def uuid_from_text(text: str) -> bytes:
    """The 16 bytes behind `text`, padded or not. Raises ValueError when it is no uuid.

    Kafka: Uuid.fromString, which also refuses more than 24 characters.
    """
    if len(text) > 24:
        raise ValueError(f"{text!r} is too long for a uuid of 22 characters")
    try:
        # altchars alone would let other characters through unseen: validate=True refuses them.
        raw = (
            urlsafe_b64decode(text.rstrip("=") + "==")
            if text.replace("-", "").replace("_", "").rstrip("=").isalnum()
            else b""
        )
    except ValueError as error:
        raise ValueError(f"{text!r} is not a uuid in URL-safe base64") from error
    if len(raw) != UUID_BYTES:
        raise ValueError(f"{text!r} decodes to {len(raw)} bytes, a uuid has {UUID_BYTES}")
    return raw
