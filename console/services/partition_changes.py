"""Changing partitions: deleting records from their beginning, electing leaders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

from console.errors import OperatorError, operator_errors
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.partition_requests import PartitionAnswers, ask_leaders
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DeleteRecordsRequest, ElectLeadersRequest
from engine.types import TopicPartition


class ElectionType(IntEnum):
    """Who may be elected (Kafka: ElectionType)."""

    PREFERRED = 0
    """The first of the assigned replicas, when it is in sync."""
    UNCLEAN = 1
    """Any live replica, where there is no leader: records that only others have are lost."""


async def delete_records(client: ClusterClient, before: Mapping[TopicPartition, int]) -> PartitionAnswers[int]:
    """Deletes the records before those offsets (exclusive), and gives the log start offsets after it (KIP-107).

    Repeating it is harmless, so answers that pass by themselves are retried. What is refused is in `errors`.
    """

    def build(_: int, partitions: list[TopicPartition]) -> DeleteRecordsRequest:
        topics: dict[str, list[Any]] = {}
        for partition in partitions:
            topics.setdefault(partition.topic, []).append(
                DeleteRecordsRequest.DeleteRecordsPartition(
                    partition_index=partition.partition, offset=before[partition]
                )
            )
        return DeleteRecordsRequest(
            topics=[DeleteRecordsRequest.DeleteRecordsTopic(name=name, partitions=p) for name, p in topics.items()],
            timeout_ms=client.request_timeout_ms,
        )

    def read(response: Any) -> Iterable[tuple[TopicPartition, int, int]]:
        for topic in response.topics:
            for each in topic.partitions:
                yield TopicPartition(topic.name, each.partition_index), each.error_code, each.low_watermark

    with operator_errors("delete records"):
        return await ask_leaders(client, before, build, read)


async def elect_leaders(
    client: ClusterClient, partitions: Sequence[TopicPartition], election: ElectionType
) -> dict[TopicPartition, OperatorError]:
    """Elects leaders (KIP-460), and gives the partitions where that was refused. One that needs none is no error.

    Raises OperatorError when all of it is refused.
    """
    topics: dict[str, list[int]] = {}
    for partition in partitions:
        topics.setdefault(partition.topic, []).append(partition.partition)
    request = ElectLeadersRequest(
        election_type=election,
        topic_partitions=[ElectLeadersRequest.TopicPartitions(topic=name, partitions=p) for name, p in topics.items()],
        timeout_ms=client.request_timeout_ms,
    )
    # v0 knows only elections of the preferred leader.
    versioned = Versioned(ElectLeadersRequest, lambda _: request, floor=0 if election is ElectionType.PREFERRED else 1)
    with operator_errors("elect leaders"):
        response = await client.request_to_controller(versioned)
    if response.error_code:
        raise OperatorError.refused("elect leaders", ErrorCode.of(response.error_code))
    refused = {}
    for topic in response.replica_election_results:
        for each in topic.partition_result:
            code = ErrorCode.of(each.error_code)
            if code not in (ErrorCode.NONE, ErrorCode.ELECTION_NOT_NEEDED):
                partition = TopicPartition(topic.topic, each.partition_id)
                refused[partition] = OperatorError.refused(f"partition {partition}", code, each.error_message)
    return refused
