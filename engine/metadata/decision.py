"""What a decision of the controller is: records to write, and the answer to give once they are committed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from engine.errors import KafkaError
from engine.metadata.apply import apply_records
from engine.metadata.image import MetadataImage
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message

R = TypeVar("R")

RECORDS_PER_OPERATION_MAX = 10_000
"""Records one request may cause (Kafka: QuorumController.MAX_RECORDS_PER_USER_OP)."""


@dataclass(slots=True)
class Decision(Generic[R]):
    """The outcome of one operation. `records` are written atomically, as one batch; empty when nothing changes."""

    records: list[Message]
    response: R


class ApiError(NamedTuple):
    """An error code and a sentence for one item of an answer (Kafka: ApiError)."""

    code: ErrorCode
    message: str | None = None

    @classmethod
    def of(cls, error: KafkaError) -> ApiError:
        return cls(error.code, error.message)


NO_ERROR = ApiError(ErrorCode.NONE)


class Draft:
    """Records being collected, and the image as it will be with them.

    Steps that build on each other read `image`, so that the second sees what the first decided. Records are applied
    only when somebody looks.
    """

    __slots__ = ("_applied", "_image", "records")

    def __init__(self, image: MetadataImage) -> None:
        self.records: list[Message] = []
        self._image = image
        self._applied = 0

    @property
    def image(self) -> MetadataImage:
        pending = self.records[self._applied :]
        if pending:
            self._applied = len(self.records)
            self._image, _ = apply_records(self._image, pending, self._image.offset + len(pending), self._image.epoch)
        return self._image

    def add(self, records: list[Message]) -> None:
        """Append `records`, as if they had been written."""
        self.records.extend(records)


def check_record_count(records: list[Message]) -> None:
    """POLICY_VIOLATION when one operation would write more than Kafka allows (Kafka: BoundedList)."""
    if len(records) > RECORDS_PER_OPERATION_MAX:
        raise KafkaError(
            ErrorCode.POLICY_VIOLATION,
            f"Unable to perform excessively large batch operation: {len(records)} records, "
            f"at most {RECORDS_PER_OPERATION_MAX} are allowed.",
        )
