"""Questions about partitions, put to their leaders: one request per leader, side by side, retried as leadership moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import msgspec

from engine.net.cluster_client import ClusterClient
from engine.net.deadlines import Deadline
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition

T = TypeVar("T")

STALE_METADATA = frozenset(
    {
        ErrorCode.NOT_LEADER_OR_FOLLOWER,
        ErrorCode.LEADER_NOT_AVAILABLE,
        ErrorCode.FENCED_LEADER_EPOCH,
        ErrorCode.UNKNOWN_LEADER_EPOCH,
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.INCONSISTENT_TOPIC_ID,
        ErrorCode.REPLICA_NOT_AVAILABLE,
        ErrorCode.LISTENER_NOT_FOUND,
        ErrorCode.KAFKA_STORAGE_ERROR,
    }
)
"""Errors after which the metadata is asked for anew (Kafka: subclasses of InvalidMetadataException)."""

PASSING = STALE_METADATA | {ErrorCode.OFFSET_NOT_AVAILABLE, ErrorCode.REQUEST_TIMED_OUT}
"""Errors worth another try."""


class PartitionAnswers(msgspec.Struct, Generic[T]):
    """What the leaders said, and of which partitions nothing is known."""

    values: dict[TopicPartition, T] = msgspec.field(default_factory=dict)
    errors: dict[TopicPartition, ErrorCode] = msgspec.field(default_factory=dict)
    """Partitions whose leader answered with an error, once retrying is over."""
    missing: dict[TopicPartition, str] = msgspec.field(default_factory=dict)
    """Partitions nobody answered for: without leader, or with one that cannot be reached."""

    def why_not(self, partition: TopicPartition) -> str | None:
        """Why there is no value for `partition`, in words; None when there is one."""
        if partition in self.values:
            return None
        error = self.errors.get(partition)
        return self.missing.get(partition, "not asked") if error is None else f"{error.name}: {error.text}"


async def ask_leaders(
    client: ClusterClient,
    partitions: Iterable[TopicPartition],
    build: Callable[[int, list[TopicPartition]], Any],
    read: Callable[[Any], Iterable[tuple[TopicPartition, int, T]]],
    *,
    patience_ms: int | None = None,
) -> PartitionAnswers[T]:
    """Asks the leader of each partition; `build(node_id, partitions)` makes the request for one leader (a message or a
    `Versioned`), `read(response)` gives partition, error code and value.

    Errors of stale metadata are retried for `patience_ms` (default: the client's `retry_timeout_ms`). A leader that
    cannot be reached, or a partition without one, is not waited for: it is missing in the answer.
    """
    answers: PartitionAnswers[T] = PartitionAnswers()
    deadline = Deadline(client.retry_timeout_ms if patience_ms is None else patience_ms)
    pending = list(dict.fromkeys(partitions))
    tries = 0
    view = await client.known_view(sorted({partition.topic for partition in pending}))
    while pending:
        tries += 1
        by_leader: dict[int, list[TopicPartition]] = {}
        for partition in pending:
            by_leader.setdefault(view.leader(*partition), []).append(partition)
        for partition in by_leader.pop(-1, ()):
            topic = view.topics.get(partition.topic)
            if topic is not None and topic.error_code != ErrorCode.NONE:
                answers.errors[partition] = topic.error_code
            elif view.partition(*partition) is None:
                answers.errors[partition] = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            else:
                answers.missing[partition] = "the partition has no leader"
        partial = await client.gather(
            {
                node_id: lambda n=node_id, p=asked: client.request_to(n, build(n, p))  # type: ignore[misc]
                for node_id, asked in by_leader.items()
            }
        )
        for node_id, reason in partial.missing.items():
            for partition in by_leader[node_id]:
                answers.missing[partition] = f"broker {node_id}, its leader, at {reason}"
        pending = []
        for response in partial.answers.values():
            for partition, code, value in read(response):
                error = ErrorCode.of(code)
                if error == ErrorCode.NONE:
                    answers.values[partition] = value
                    answers.errors.pop(partition, None)
                else:
                    answers.errors[partition] = error
                    if error in PASSING:
                        pending.append(partition)
        if not pending or not await client.backoff.wait(tries, client.randomness, deadline):
            break
        view = await client.metadata(sorted({partition.topic for partition in pending}))
    return answers
