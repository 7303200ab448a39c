"""Errors with the statuses and codes of Confluent's REST Proxy (rest-utils: KafkaExceptionMapper).

Where Confluent has 500 for what only the request can mend (an assignment to brokers that are not there), it is 400 here.
"""

from __future__ import annotations

from engine.protocol.errors import ErrorCode
from web.api.errors import KAFKA_REFUSED, KAFKA_RETRIABLE, ApiError, not_found

PARTITION_NOT_FOUND = 40402
TOO_MANY_REQUESTS = 42901
PAYLOAD_ERROR = 42206
BATCH_ERROR = 42208

_OF_KAFKA = {
    ErrorCode.UNSUPPORTED_VERSION: (400, KAFKA_REFUSED),
    ErrorCode.MESSAGE_TOO_LARGE: (413, 413),
    ErrorCode.RECORD_LIST_TOO_LARGE: (413, 413),
    ErrorCode.THROTTLING_QUOTA_EXCEEDED: (429, TOO_MANY_REQUESTS),
}
_BY_NAME = {code.name: answer for code, answer in _OF_KAFKA.items()}


def as_confluent(error: ApiError) -> ApiError:
    """The same error, with its words in one line: Confluent's clients know `error_code` and `message` only."""
    failure = error.failure
    status, code = _BY_NAME.get(failure.kafka_error or "", (error.status, failure.error_code))
    if code == KAFKA_RETRIABLE:
        status = 500
    words = f"{failure.message}: {failure.detail}" if failure.detail else failure.message
    if status == 400 and failure.hint and not failure.kafka_error:
        # What would have been right; of Kafka's errors it is a command of ours.
        words = f"{words}. {failure.hint}"
    return ApiError(status, words, code=code)


def no_partition(topic: str, partition: int) -> ApiError:
    return not_found(f"Partition not found: {topic}-{partition}", PARTITION_NOT_FOUND)


def no_payload() -> ApiError:
    return unprocessable("Payload error. Request body is empty. Data is required.", PAYLOAD_ERROR)


def unprocessable(message: str, code: int) -> ApiError:
    """What Confluent calls a violated constraint."""
    return ApiError(422, message, code=code)
