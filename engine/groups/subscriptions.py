"""Reads which topics consumers subscribe to out of their opaque metadata."""

from collections.abc import Iterable
from struct import Struct, error

_INT16 = Struct(">h")
_INT32 = Struct(">i")


def subscribed_topics_of(metadata: Iterable[bytes]) -> frozenset[str] | None:
    """All topics of these ConsumerProtocolSubscriptions; None when one of them cannot be read.

    Only the version and the topic names are looked at: they come first in every version there is or will be
    (Kafka: ClassicGroup.computeSubscribedTopics parses version 0, the prefix of all).
    """
    topics: dict[str, None] = {}
    try:
        for data in metadata:
            version: int = _INT16.unpack_from(data)[0]
            if version < 0:
                return None
            count: int = _INT32.unpack_from(data, 2)[0]
            if not 0 <= count <= len(data):
                return None
            position = 6
            for _ in range(count):
                length: int = _INT16.unpack_from(data, position)[0]
                position += 2
                if length < 0 or position + length > len(data):
                    return None
                topics[data[position : position + length].decode()] = None
                position += length
    except (error, UnicodeDecodeError):
        return None
    return frozenset(topics)
