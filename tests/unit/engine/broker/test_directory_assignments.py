"""The controller learns where our replicas live, however often it has to be told (KIP-858; Kafka: AssignmentsManagerTest)."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from engine.broker import directory_assignments
from engine.broker.directory_assignments import DirectoryAssignments
from engine.errors import KafkaError
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import AssignReplicasToDirsResponse

TOPIC = bytes([1] * 16)
NEW, OTHER = bytes([7] * 16), bytes([8] * 16)


class Controller:
    """Answers what it is told to; everything is fine once that is used up."""

    def __init__(self, *answers: ErrorCode | KafkaError) -> None:
        self.answers = list(answers)
        self.told: list[dict[int, bytes]] = []

    async def send(self, request: Any) -> Any:
        assert (request.broker_id, request.broker_epoch) == (1, 42)
        self.told.append(
            {row.partition_index: d.id for d in request.directories for t in d.topics for row in t.partitions}
        )
        answer = self.answers.pop(0) if self.answers else ErrorCode.NONE
        if isinstance(answer, KafkaError):
            raise answer
        kind = AssignReplicasToDirsResponse
        return kind(
            directories=[
                kind.DirectoryData(
                    id=d.id,
                    topics=[
                        kind.TopicData(
                            topic_id=t.topic_id,
                            partitions=[
                                kind.PartitionData(partition_index=row.partition_index, error_code=answer)
                                for row in t.partitions
                            ],
                        )
                        for t in d.topics
                    ],
                )
                for d in request.directories
            ]
        )


def run(controller: Controller, *assignments: tuple[int, bytes], partitions: int = 5) -> int:
    """Assign, wait until nothing is pending; returns how many were left."""

    async def story() -> int:
        topic = SimpleNamespace(partitions={index: SimpleNamespace(replicas=(1, 2)) for index in range(partitions)})
        topic.partitions[partitions] = SimpleNamespace(replicas=(2, 3))
        broker: Any = SimpleNamespace(
            node_id=1,
            broker_epoch=42,
            controller=controller,
            metadata=SimpleNamespace(image=SimpleNamespace(topics_by_id={TOPIC: topic})),
        )
        told = DirectoryAssignments(broker)
        for index, directory in assignments:
            told.assign(TOPIC, index, directory)
        async with asyncio.timeout(10):
            while told.pending:
                await asyncio.sleep(0.001)
        told.stop()
        return told.pending

    return asyncio.run(story())


@pytest.fixture(autouse=True)
def _without_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_assignments, "DELAY_MS", 1)
    monkeypatch.setattr(directory_assignments, "BACKOFF_MS_MAX", 2)


def test_assignments_of_one_moment_travel_together_and_the_last_of_a_partition_counts() -> None:
    controller = Controller()
    run(controller, (0, NEW), (1, OTHER), (0, OTHER))
    assert controller.told == [{0: OTHER, 1: OTHER}]


@pytest.mark.parametrize("answer", [KafkaError(ErrorCode.REQUEST_TIMED_OUT), ErrorCode.UNKNOWN_TOPIC_ID])
def test_what_was_not_taken_is_told_again(answer: Any) -> None:
    controller = Controller(answer, answer)
    run(controller, (0, NEW))
    assert controller.told == [{0: NEW}] * 3


def test_partitions_that_are_no_longer_ours_are_not_told() -> None:
    controller = Controller()
    run(controller, (5, NEW), (77, NEW))
    assert controller.told == []


def test_a_request_has_at_most_what_kafka_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_assignments, "ASSIGNMENTS_PER_REQUEST_MAX", 2)
    controller = Controller()
    run(controller, *((index, NEW) for index in range(5)))
    assert [len(each) for each in controller.told] == [2, 2, 1]
