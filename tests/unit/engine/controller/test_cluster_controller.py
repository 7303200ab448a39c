"""The controller's shell: deciding ahead of the commits, losing leadership, timers (Kafka: QuorumControllerTest).

The quorum is a fake that commits when told to; time is virtual.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import pytest

from engine.config import BrokerConfig
from engine.controller.controller import Controller
from engine.errors import InvariantViolation, KafkaError
from engine.metadata.answers import error_response, is_not_controller
from engine.metadata.decision import Decision
from engine.metadata.features import SUPPORTED_FEATURES
from engine.metadata.listener import CommittedBatch
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    AllocateProducerIdsRequest,
    AlterPartitionRequest,
    BrokerHeartbeatRequest,
    BrokerHeartbeatResponse,
    BrokerRegistrationRequest,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteTopicsRequest,
    ElectLeadersRequest,
    RemoveTopicRecord,
    UpdateFeaturesRequest,
)
from engine.runtime import Runtime
from engine.runtime.randomness import random_uuid
from engine.sim.loop import SimLoop
from engine.types import LeaderAndEpoch

Batch = tuple[int, list[Any]]
"""(epoch, records); a control batch has none."""


class SeededRandomness:
    def __init__(self) -> None:
        self._random = random.Random(1)

    def stream(self, name: str) -> random.Random:
        return self._random

    def uuid(self) -> bytes:
        return random_uuid(self._random)


class FakeQuorum:
    """A log that several controllers share. What is not committed dies with its leader."""

    def __init__(self, *, commit_at_once: bool = True, **properties: str) -> None:
        self.commit_at_once = commit_at_once
        self.batches: list[Batch] = []
        self.committed_batches = 0
        self.leader = LeaderAndEpoch(-1, 0)
        self.members: dict[int, FakeRaft] = {}
        self.properties = {name.replace("_", "."): value for name, value in properties.items()}

    def add(self, node_id: int) -> Controller:
        raft = self.members[node_id] = FakeRaft(self, node_id)
        runtime = Runtime(None, None, SeededRandomness())  # type: ignore[arg-type]
        config = BrokerConfig.combined(node_id, self.properties)
        raft.controller = Controller(runtime, raft, config, "cluster")
        return raft.controller

    def offset(self, batches: int) -> int:
        return sum(max(1, len(records)) for _, records in self.batches[:batches])

    @property
    def high_watermark(self) -> int:
        return self.offset(self.committed_batches)

    def elect(self, node_id: int) -> None:
        del self.batches[self.committed_batches :]
        self.leader = LeaderAndEpoch(node_id, self.leader.epoch + 1)
        if node_id >= 0:
            self.batches.append((self.leader.epoch, []))
        for member in self.members.values():
            member.fail_waiting(node_id)
            member.controller.on_leader_change(self.leader)
        if self.commit_at_once:
            self.commit()

    def commit(self) -> None:
        """Everything appended so far."""
        made = []
        for index in range(self.committed_batches, len(self.batches)):
            epoch, records = self.batches[index]
            base = self.offset(index)
            made.append(CommittedBatch(base, base + max(1, len(records)) - 1, epoch, 0, 100, records))
        self.committed_batches = len(self.batches)
        for member in self.members.values():
            if made:
                member.controller.on_committed(made)
            member.resolve_waiting()


class FakeRaft:
    controller: Controller

    def __init__(self, quorum: FakeQuorum, node_id: int) -> None:
        self._quorum = quorum
        self._node_id = node_id
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    @property
    def high_watermark(self) -> int | None:
        return self._quorum.high_watermark

    @property
    def log_end_offset(self) -> int:
        return self._quorum.offset(len(self._quorum.batches))

    def append(self, records: Sequence[Any], *, epoch: int) -> int:
        if self._quorum.leader != (self._node_id, epoch):
            raise KafkaError(ErrorCode.NOT_CONTROLLER)
        self._quorum.batches.append((epoch, list(records)))
        if self._quorum.commit_at_once:
            asyncio.get_running_loop().call_soon(self._quorum.commit)
        return self.log_end_offset - 1

    def resign(self, epoch: int) -> None:
        assert self._quorum.leader == (self._node_id, epoch)
        asyncio.get_running_loop().call_soon(self._quorum.elect, -1)

    async def committed(self, offset: int) -> None:
        if offset < self._quorum.high_watermark:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((offset, future))
        await future

    def resolve_waiting(self) -> None:
        for offset, future in self._waiting:
            if offset < self._quorum.high_watermark and not future.done():
                future.set_result(None)
        self._waiting = [(o, f) for o, f in self._waiting if not f.done()]

    def fail_waiting(self, leader: int) -> None:
        if leader != self._node_id:
            for _, future in self._waiting:
                if not future.done():
                    future.set_exception(KafkaError(ErrorCode.NOT_CONTROLLER))
            self._waiting.clear()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    loop = SimLoop()
    try:
        loop.run_until_complete(scenario())
    finally:
        loop.close()


async def until(condition: Callable[[], bool], within_s: float = 60.0) -> None:
    for _ in range(int(within_s * 100)):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come to that")


async def active(quorum: FakeQuorum, node_id: int = 1) -> Controller:
    controller = quorum.members[node_id].controller
    quorum.elect(node_id)
    await until(lambda: controller.is_active)
    return controller


async def register(controller: Controller, broker_id: int, *, incarnation: int = 1) -> int:
    request = BrokerRegistrationRequest(
        broker_id=broker_id,
        cluster_id="cluster",
        incarnation_id=bytes([broker_id, incarnation] * 8),
        features=[
            BrokerRegistrationRequest.Feature(name=name, min_supported_version=low, max_supported_version=high)
            for name, (low, high) in SUPPORTED_FEATURES.items()
        ],
        listeners=[BrokerRegistrationRequest.Listener(name="PLAINTEXT", host="h", port=9092)],
        log_dirs=[bytes([200, broker_id] * 8)],
    )
    return (await controller.register_broker(request, 4)).broker_epoch


async def heartbeat(controller: Controller, broker_id: int, **wishes: bool) -> BrokerHeartbeatResponse:
    return await controller.broker_heartbeat(
        BrokerHeartbeatRequest(
            broker_id=broker_id,
            broker_epoch=controller.working.brokers[broker_id].epoch,
            current_metadata_offset=controller.image.offset,
            **wishes,
        )
    )


async def start_broker(controller: Controller, broker_id: int) -> None:
    await register(controller, broker_id)
    assert not (await heartbeat(controller, broker_id)).is_fenced


def topic_request(*names: str) -> CreateTopicsRequest:
    return CreateTopicsRequest(
        topics=[CreateTopicsRequest.CreatableTopic(name=n, num_partitions=1, replication_factor=1) for n in names]
    )


async def refused_with(code: ErrorCode, call: Awaitable[Any]) -> None:
    with pytest.raises(KafkaError) as caught:
        await call
    assert caught.value.code == code


def test_a_new_cluster_begins_with_its_features() -> None:
    async def scenario() -> None:
        quorum = FakeQuorum()
        quorum.add(1)
        controller = await active(quorum)
        await until(lambda: not controller.image.is_empty)
        assert controller.image.features == {"metadata.version": 30, "eligible.leader.replicas.version": 1}
        assert controller.image.config(4, "") == {"min.insync.replicas": "1"}
        quorum.elect(-1)
        quorum.elect(1)
        await until(lambda: controller.is_active)
        assert len([b for b in quorum.batches if b[1]]) == 1, "only once"

    run(scenario)


def test_a_standby_controller_decides_nothing() -> None:
    async def scenario() -> None:
        quorum = FakeQuorum()
        standby = quorum.add(1)
        quorum.add(2)
        await active(quorum, 2)
        await refused_with(ErrorCode.NOT_CONTROLLER, standby.create_topics(topic_request("a")))
        assert standby.leader_id == 2
        assert not standby.image.is_empty, "but it follows"

    run(scenario)


def test_a_leader_serves_only_once_its_own_epoch_is_committed_and_applied() -> None:
    async def scenario() -> None:
        quorum = FakeQuorum(commit_at_once=False)
        controller = quorum.add(1)
        quorum.elect(1)
        await asyncio.sleep(1)
        assert not controller.is_active
        quorum.commit()
        await until(lambda: controller.is_active)

    run(scenario)


def test_an_answer_waits_for_the_commit_and_the_next_decision_does_not() -> None:
    async def scenario() -> None:
        quorum = FakeQuorum()
        controller = quorum.add(1)
        await active(quorum)
        await start_broker(controller, 1)
        quorum.commit_at_once = False
        first = asyncio.ensure_future(controller.create_topics(topic_request("orders")))
        second = asyncio.ensure_future(controller.create_topics(topic_request("orders")))
        await asyncio.sleep(1)
        assert not first.done()
        assert not second.done(), "an answer that rests on what is not committed waits too"
        assert "orders" in controller.working.topic_ids
        assert "orders" not in controller.image.topic_ids
        quorum.commit()
        assert (await first).topics[0].error_code == ErrorCode.NONE
        assert (await second).topics[0].error_code == ErrorCode.TOPIC_ALREADY_EXISTS
        assert controller.working == controller.image

    run(scenario)


def test_what_was_not_committed_never_happened() -> None:
    async def scenario() -> None:
        quorum = FakeQuorum()
        old, new = quorum.add(1), quorum.add(2)
        await active(quorum, 1)
        await start_broker(old, 1)
        quorum.commit_at_once = False
        lost = asyncio.ensure_future(old.create_topics(topic_request("lost")))
        await asyncio.sleep(0.1)
        quorum.elect(2)
        await refused_with(ErrorCode.NOT_CONTROLLER, lost)
        assert not old.is_active
        assert "lost" not in old.working.topic_ids
        quorum.commit()
        await until(lambda: new.is_active)
        created = asyncio.ensure_future(new.create_topics(topic_request("lost")))
        await asyncio.sleep(0.1)
        quorum.commit()
        assert (await created).topics[0].error_code == ErrorCode.NONE
        assert old.image == new.image

    run(scenario)


def test_a_broker_epoch_is_the_offset_its_registration_begins_at() -> None:
    async def scenario() -> None:
        quorum = FakeQuorum()
        controller = quorum.add(1)
        await active(quorum)
        next_offset = controller.working.offset + 1
        assert await register(controller, 1) == next_offset
        assert controller.image.registration_offsets[1] == next_offset

    run(scenario)


def test_a_silent_broker_is_fenced_by_the_timer() -> None:
    async def scenario() -> None:
        quorum = FakeQuorum(broker_session_timeout_ms="6000")
        controller = quorum.add(1)
        await active(quorum)
        for broker in (1, 2):
            await start_broker(controller, broker)
        for _ in range(10):
            await asyncio.sleep(1)
            await heartbeat(controller, 1)
        assert not controller.image.brokers[1].fenced
        assert controller.image.brokers[2].fenced
        await heartbeat(controller, 2)
        assert not controller.image.brokers[2].fenced
        await asyncio.sleep(7)
        assert controller.image.brokers[2].fenced, "the timer goes on"

    run(scenario)


def test_a_new_controller_waits_a_whole_session_before_it_fences() -> None:
    async def scenario() -> None:
        quorum = FakeQuorum(broker_session_timeout_ms="6000")
        quorum.add(1)
        second = quorum.add(2)
        first = await active(quorum, 1)
        await start_broker(first, 1)
        await asyncio.sleep(5)
        await active(quorum, 2)
        await asyncio.sleep(5)
        assert not second.image.brokers[1].fenced
        await asyncio.sleep(2)
        assert second.image.brokers[1].fenced
        assert not first.is_active

    run(scenario)


def test_nobody_is_fenced_because_the_controller_itself_was_held_up() -> None:
    """What brokers sent meanwhile is read before anybody is judged."""

    async def scenario() -> None:
        quorum = FakeQuorum(broker_session_timeout_ms="6000")
        controller = quorum.add(1)
        await active(quorum)
        await start_broker(controller, 1)
        await asyncio.sleep(5.9)
        stall_ms = 4_000
        clock = controller.monotonic_ms
        controller.monotonic_ms = lambda: clock() + stall_ms  # type: ignore[method-assign]
        await asyncio.sleep(0.2)
        assert not controller.image.brokers[1].fenced
        controller.heartbeats.contact(1, controller.image.brokers[1].epoch, controller.monotonic_ms())
        await asyncio.sleep(5)
        assert not controller.image.brokers[1].fenced
        await asyncio.sleep(6)
        assert controller.image.brokers[1].fenced

    run(scenario)


def test_leadership_is_balanced_by_the_timer() -> None:
    async def scenario() -> None:
        quorum = FakeQuorum(leader_imbalance_check_interval_seconds="10")
        controller = quorum.add(1)
        await active(quorum)
        for broker in (1, 2):
            await start_broker(controller, broker)
        assignment = CreateTopicsRequest.CreatableReplicaAssignment(partition_index=0, broker_ids=[2, 1])
        topic = CreateTopicsRequest.CreatableTopic(
            name="orders", num_partitions=-1, replication_factor=-1, assignments=[assignment]
        )
        await controller.create_topics(CreateTopicsRequest(topics=[topic]))
        await heartbeat(controller, 2, want_fence=True)
        assert controller.image.partition("orders", 0).leader == 1  # type: ignore[union-attr]
        await heartbeat(controller, 2)
        partition = controller.image.partition("orders", 0)
        assert partition is not None
        await controller.alter_partition(
            AlterPartitionRequest(
                broker_id=1,
                broker_epoch=controller.image.brokers[1].epoch,
                topics=[
                    AlterPartitionRequest.TopicData(
                        topic_id=controller.image.topic_ids["orders"],
                        partitions=[
                            AlterPartitionRequest.PartitionData(
                                partition_index=0,
                                leader_epoch=partition.leader_epoch,
                                partition_epoch=partition.partition_epoch,
                                new_isr_with_epochs=[
                                    AlterPartitionRequest.BrokerState(broker_id=id_, broker_epoch=-1) for id_ in (1, 2)
                                ],
                            )
                        ],
                    )
                ],
            ),
            3,
        )
        for _ in range(6):  # sessions last 9 s
            await asyncio.sleep(2)
            await heartbeat(controller, 1)
            await heartbeat(controller, 2)
        assert controller.image.partition("orders", 0).leader == 2  # type: ignore[union-attr]

    run(scenario)


def test_a_controller_whose_memory_contradicts_its_records_resigns() -> None:
    """Kafka: QuorumController.renounce."""

    async def scenario() -> None:
        quorum = FakeQuorum()
        controller = quorum.add(1)
        await active(quorum)
        nonsense = Decision([RemoveTopicRecord(topic_id=b"?" * 16)], None)
        before = len(quorum.batches)
        with pytest.raises(InvariantViolation):
            await controller.write(lambda _: nonsense)  # type: ignore[arg-type,return-value]
        assert len(quorum.batches) == before, "nothing of it was written"
        await asyncio.sleep(1)
        assert not controller.is_active
        assert quorum.leader.leader_id == -1

    run(scenario)


def test_no_op_records_are_written_only_when_configured() -> None:
    async def scenario() -> None:
        quiet = FakeQuorum()
        await active_after(quiet, 10)
        assert len(quiet.batches) == 2
        ticking = FakeQuorum(metadata_max_idle_interval_ms="1000")
        await active_after(ticking, 10)
        assert len(ticking.batches) >= 10

    async def active_after(quorum: FakeQuorum, seconds: float) -> None:
        quorum.add(1)
        await active(quorum)
        await asyncio.sleep(seconds)
        quorum.members[1].controller.stop()

    run(scenario)


def test_a_stopped_controller_does_nothing_any_more() -> None:
    async def scenario() -> None:
        quorum = FakeQuorum(broker_session_timeout_ms="6000")
        controller = quorum.add(1)
        await active(quorum)
        await start_broker(controller, 1)
        controller.stop()
        before = len(quorum.batches)
        await asyncio.sleep(600)
        assert len(quorum.batches) == before
        quorum.elect(1)
        await asyncio.sleep(1)
        assert not controller.is_active

    run(scenario)


def test_controllers_take_turns_and_agree() -> None:
    """Changing leaders under load: every controller ends with the same image, and it is what the log says."""

    async def scenario() -> None:
        quorum = FakeQuorum()
        source = random.Random(5)
        for node in (1, 2, 3):
            quorum.add(node)
        controller = await active(quorum, 1)
        for broker in (1, 2, 3):
            await start_broker(controller, broker)
        for step in range(100):
            if source.random() < 0.2:
                quorum.commit_at_once = source.random() < 0.7
                controller = quorum.members[source.choice((1, 2, 3))].controller
                quorum.elect(controller.node_id)
                if not quorum.commit_at_once:
                    quorum.commit()
                await until(lambda: controller.is_active)  # noqa: B023
            task = asyncio.ensure_future(controller.create_topics(topic_request(f"topic-{step}")))
            await asyncio.sleep(0.01)
            if source.random() < 0.5:
                quorum.commit()
            task.add_done_callback(lambda done: done.exception())
        quorum.commit()
        images = [member.controller.image for member in quorum.members.values()]
        assert images[0] == images[1] == images[2]
        assert len(images[0].topics_by_id) > 20
        assert controller.working == controller.image

    run(scenario)


@pytest.mark.parametrize(
    "request_",
    [
        topic_request("a", "b"),
        DeleteTopicsRequest(topics=[DeleteTopicsRequest.DeleteTopicState(name="a")]),
        ElectLeadersRequest(topic_partitions=None),
        AllocateProducerIdsRequest(),
        UpdateFeaturesRequest(),
    ],
    ids=lambda request: type(request).__name__,
)
def test_a_refusal_of_the_whole_request_can_be_recognised(request_: Any) -> None:
    response = error_response(request_, KafkaError(ErrorCode.NOT_CONTROLLER))
    assert is_not_controller(response)
    assert not is_not_controller(error_response(request_, KafkaError(ErrorCode.INVALID_REQUEST)))


def test_one_item_that_says_not_controller_is_not_the_whole_answer() -> None:
    result = CreateTopicsResponse.CreatableTopicResult
    mixed = CreateTopicsResponse(topics=[result(error_code=ErrorCode.NOT_CONTROLLER), result(error_code=0)])
    assert not is_not_controller(mixed)
    assert not is_not_controller(CreateTopicsResponse())
