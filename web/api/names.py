"""Types that many operations share: names, numbers and places, with their bounds."""

from __future__ import annotations

import time
from typing import Annotated

from msgspec import Meta

from console.errors import OperatorError
from console.records.positions import POSITION_WORDS, Position, parse_position
from web.api.errors import bad_request

TopicName = Annotated[
    str, Meta(pattern=r"^[a-zA-Z0-9._-]+$", max_length=249, description="The name of a topic (Kafka: Topic.validate).")
]
GroupId = Annotated[str, Meta(min_length=1, max_length=1_000, description="The id of a group.")]
MemberId = Annotated[str, Meta(min_length=1, max_length=1_000, description="The id of a group's member.")]
ConfigName = Annotated[str, Meta(min_length=1, max_length=250, description="The name of a property.")]
ClusterId = Annotated[str, Meta(min_length=1, max_length=250, description="The id of the cluster, as Kafka has it.")]
Int32 = Annotated[int, Meta(ge=0, le=2**31 - 1)]
BrokerId = Annotated[int, Meta(ge=0, le=2**31 - 1, description="The node id of a broker.")]
PartitionId = Annotated[int, Meta(ge=0, le=2**31 - 1, description="The number of a partition.")]
Offset = Annotated[int, Meta(ge=0, le=2**63 - 1, description="An offset.")]
TimeMs = Annotated[int, Meta(ge=0, le=2**53 - 1, description="ms since 1970, UTC.")]
Place = Annotated[str, Meta(min_length=1, max_length=100, description=f"A place in a topic: {POSITION_WORDS}.")]

PLACE_MAX = 2**63 - 1


def now_ms() -> int:
    """Wall clock."""
    return time.time_ns() // 1_000_000


def place(text: str) -> Position:
    """Raises ApiError."""
    try:
        position = parse_position(text, now_ms())
    except (OverflowError, ValueError, OSError) as error:
        raise bad_request(f"cannot read the position {text!r}", f"Write {POSITION_WORDS}.") from error
    except OperatorError as error:
        raise bad_request(error.title, error.hint) from error
    if not -PLACE_MAX <= position.value <= PLACE_MAX:
        raise bad_request(f"the position {text!r} is out of bounds")
    return position
