"""The one error of the console: what went wrong, about what, and the way out. Every face shows it the same way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum

from engine.errors import ConfigError, KafkaError
from engine.net.cluster_errors import BrokerUnreachable, ClusterUnreachable, NotAuthenticated, UnsupportedByBroker
from engine.protocol.errors import ErrorCode, ProtocolError


class Blame(Enum):
    """Why it failed; the value is the exit code of the command line."""

    REFUSED = 1
    """The cluster (or this machine) said no."""
    WORDS = 2
    """What was asked makes no sense."""
    UNREACHABLE = 3
    """The cluster, or the broker that was needed, cannot be reached."""


class OperatorError(Exception):
    """`title` says what went wrong in one line, `detail` more when there is more, `hint` the way out.

    `code` is Kafka's error where one is behind it.
    """

    def __init__(
        self,
        title: str,
        detail: str = "",
        hint: str = "",
        *,
        blame: Blame = Blame.REFUSED,
        code: ErrorCode | None = None,
    ) -> None:
        super().__init__(title)
        self.title = title
        self.detail = detail
        self.hint = hint
        self.blame = blame
        self.code = code

    @classmethod
    def refused(
        cls, subject: str, code: ErrorCode, message: str | None = None, hint: str | None = None
    ) -> OperatorError:
        """Kafka's answer `code` about `subject` ("topic orders"), with the broker's own words when it sent any."""
        return cls(
            f"{subject}: {code.name}",
            message or code.text,
            HINTS.get(code, "") if hint is None else hint,
            code=code,
        )

    @classmethod
    def words(cls, title: str, hint: str = "") -> OperatorError:
        """What was asked makes no sense."""
        return cls(title, hint=hint, blame=Blame.WORDS)


HINTS: dict[ErrorCode, str] = {
    ErrorCode.UNKNOWN_TOPIC_OR_PARTITION: "`stoker topics list` shows the topics there are.",
    ErrorCode.TOPIC_ALREADY_EXISTS: "`stoker topics describe NAME` shows it; `stoker topics alter NAME` changes it.",
    ErrorCode.INVALID_REPLICATION_FACTOR: "`stoker brokers` shows how many brokers are alive: no topic can have more replicas.",
    ErrorCode.NOT_ENOUGH_REPLICAS: "`stoker topics list --under-min-isr` shows where replicas are missing.",
    ErrorCode.NOT_ENOUGH_REPLICAS_AFTER_APPEND: "`stoker topics list --under-min-isr` shows where replicas are missing.",
    ErrorCode.LEADER_NOT_AVAILABLE: "`stoker topics list --unavailable` shows partitions without leader.",
    ErrorCode.GROUP_ID_NOT_FOUND: "`stoker groups list` shows the groups there are.",
    ErrorCode.NON_EMPTY_GROUP: "Stop its members first; `stoker groups describe GROUP` shows them.",
    ErrorCode.COORDINATOR_NOT_AVAILABLE: "The group coordinator is starting or its topic __consumer_offsets has no leader.",
    ErrorCode.TOPIC_AUTHORIZATION_FAILED: "Ask for the right in an ACL of the topic.",
    ErrorCode.GROUP_AUTHORIZATION_FAILED: "Ask for the right in an ACL of the group.",
    ErrorCode.CLUSTER_AUTHORIZATION_FAILED: "Ask for the right in an ACL of the cluster.",
    ErrorCode.MESSAGE_TOO_LARGE: "Raise max.message.bytes of the topic, or compress.",
    ErrorCode.INVALID_CONFIG: "`stoker configs describe` shows the names and values in use.",
    ErrorCode.TOPIC_DELETION_DISABLED: "The brokers run with delete.topic.enable=false.",
    ErrorCode.POLICY_VIOLATION: "A policy the cluster's owner installed forbids this.",
}
"""The way out of Kafka's errors, as far as it does not depend on the request."""


@contextmanager
def operator_errors(subject: str) -> Iterator[None]:
    """Turns everything the engine's client raises about `subject` into an OperatorError."""
    try:
        yield
    except KafkaError as error:
        raise OperatorError.refused(subject, error.code, error.message) from error
    except ClusterUnreachable as error:
        raise unreachable(error) from error
    except BrokerUnreachable as error:
        broker = f"broker {error.node_id}"
        raise OperatorError(
            f"{broker} cannot be reached" if subject == broker else f"{subject}: {broker} cannot be reached",
            f"{error.address}: {error.reason}" if error.address else error.reason,
            "The address is the one the broker advertises (advertised.listeners): it must lead to it from here."
            if error.address and not error.timed_out
            else "It may have been carried out: look before you repeat it."
            if error.timed_out
            else "",
            blame=Blame.UNREACHABLE,
        ) from error
    except UnsupportedByBroker as error:
        raise OperatorError(
            f"{subject}: the cluster cannot do this",
            str(error),
            "A newer version of the brokers may.",
            code=ErrorCode.UNSUPPORTED_VERSION,
        ) from error
    except ProtocolError as error:
        raise OperatorError(f"{subject}: the broker's answer makes no sense", str(error)) from error
    except ConfigError as error:
        raise OperatorError(str(error), blame=Blame.WORDS) from error


def unreachable(error: ClusterUnreachable) -> OperatorError:
    """No address of the cluster answers, or it does not let us in."""
    if isinstance(error, NotAuthenticated):
        ((address, reason),) = error.reasons.items()
        return OperatorError(
            f"{address} does not let us in",
            reason,
            "User name, password and sasl.mechanism are in the file of --command-config or of the context.",
        )
    where = ", ".join(error.reasons) or "(no address)"
    reasons = list(dict.fromkeys(error.reasons.values()))
    detail = reasons[0] if len(reasons) == 1 else "\n".join(f"{at}: {why}" for at, why in error.reasons.items())
    return OperatorError(
        f"no cluster at {where}",
        detail,
        "Start one with `stoker up`, or name another with -b HOST:PORT.",
        blame=Blame.UNREACHABLE,
    )
