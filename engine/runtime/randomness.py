"""Randomness by named stream, so that one more draw in one concern does not reshuffle the others."""

import random
from typing import Protocol


class Randomness(Protocol):
    """Named streams of random numbers.

    In the laboratory every stream is derived from the world's seed, the node and the stream's name; in production each
    is seeded by the operating system. Well-known names: "raft" (election jitter), "placement" (replica placement),
    "ids" (uuids, producer and session ids), "network" (reconnect jitter), "groups" (member ids).
    """

    def stream(self, name: str) -> random.Random:
        """The stream of that name; the same object each time it is asked for."""
        ...

    def uuid(self) -> bytes:
        """A fresh random (version 4) uuid as 16 bytes; never one whose text form starts with "-" (Kafka: Uuid.randomUuid)."""
        ...


class SystemRandomness:
    """Streams seeded by the operating system."""

    def __init__(self) -> None:
        self._streams: dict[str, random.Random] = {}

    def stream(self, name: str) -> random.Random:
        stream = self._streams.get(name)
        if stream is None:
            stream = self._streams[name] = random.Random(random.SystemRandom().getrandbits(128))
        return stream

    def uuid(self) -> bytes:
        return random_uuid(self.stream("ids"))


def random_uuid(source: random.Random) -> bytes:
    """A version 4 uuid drawn from `source`: 16 bytes whose base64url text does not start with "-".

    Kafka reserves the zero uuid and uuid(0, 1), and avoids a leading dash because command lines take it for an option
    (Kafka: Uuid.randomUuid).
    """
    while True:
        raw = bytearray(source.randbytes(16))
        raw[6] = (raw[6] & 0x0F) | 0x40
        raw[8] = (raw[8] & 0x3F) | 0x80
        if raw[0] >> 2 != 62:  # 62 is "-" in base64url
            return bytes(raw)


def unguessable_text(byte_count: int) -> str:
    """So many random bytes as base64url text. Never out of a stream: who has seen earlier ones must not guess the next."""
    import secrets

    return secrets.token_urlsafe(byte_count)
