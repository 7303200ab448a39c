"""What goes wrong, as HTTP says it: a status, Confluent's error code, and the words of the console's OperatorError.

Codes are those of Confluent's REST Proxy (KafkaExceptionMapper, io.confluent.kafkarest.Errors): 40403 no such topic or
partition, 40002 Kafka refused, 40301 not authorized, 50003 may be tried again, 50302 no broker answers; otherwise the HTTP
status itself. `/v3` has some statuses of its own, too: see `v3.errors`.
"""

from __future__ import annotations

import msgspec

from console.errors import Blame, OperatorError
from engine.protocol.errors import ErrorCode

UNKNOWN_TOPIC_OR_PARTITION = 40403
KAFKA_REFUSED = 40002
NOT_AUTHORIZED = 40301
KAFKA_RETRIABLE = 50003
NO_BROKER = 50302


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request failed."""

    error_code: int
    """The HTTP status, or a code of Confluent's, of five digits, that says more."""
    message: str
    """In one line."""
    detail: str = ""
    hint: str = ""
    """The way out."""
    kafka_error: str | None = None
    """Kafka's name of the error, where one is behind it."""


class ApiError(Exception):
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: int | None = None,
        detail: str = "",
        hint: str = "",
        kafka_error: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.failure = Failure(
            error_code=status if code is None else code,
            message=message,
            detail=detail,
            hint=hint,
            kafka_error=kafka_error,
        )


def bad_request(message: str, hint: str = "") -> ApiError:
    """What was asked makes no sense."""
    return ApiError(400, message, hint=hint)


def not_found(message: str, code: int = 404) -> ApiError:
    return ApiError(404, message, code=code)


_NOT_THERE = {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.UNKNOWN_TOPIC_ID: UNKNOWN_TOPIC_OR_PARTITION,
    ErrorCode.GROUP_ID_NOT_FOUND: 404,
    ErrorCode.RESOURCE_NOT_FOUND: 404,
}
_FORBIDDEN = frozenset(
    {
        ErrorCode.TOPIC_AUTHORIZATION_FAILED,
        ErrorCode.GROUP_AUTHORIZATION_FAILED,
        ErrorCode.CLUSTER_AUTHORIZATION_FAILED,
        ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)


def api_error(error: OperatorError) -> ApiError:
    """The console's error as an answer."""
    kafka = error.code
    name = None if kafka is None else kafka.name
    if error.blame is Blame.UNREACHABLE:
        status, code = 503, NO_BROKER
    elif kafka in _NOT_THERE:
        status, code = 404, _NOT_THERE[kafka]
    elif kafka in _FORBIDDEN:
        status, code = 403, NOT_AUTHORIZED
    elif kafka is ErrorCode.UNSUPPORTED_VERSION:
        status, code = 501, 501
    elif kafka is not None and kafka.retriable:
        status, code = 503, KAFKA_RETRIABLE
    elif kafka is not None:
        status, code = 400, KAFKA_REFUSED
    elif error.blame is Blame.WORDS:
        status, code = 400, 400
    else:
        # Nobody's words are wrong: as things are it cannot be done.
        status, code = 409, 409
    return ApiError(status, error.title, code=code, detail=error.detail, hint=error.hint, kafka_error=name)
