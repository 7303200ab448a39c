"""Faults that operators cause: leaders and controllers moved, configs changed, topics made, grown, emptied and deleted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    CreatePartitionsRequest,
    DeleteRecordsRequest,
    DeleteTopicsRequest,
    ElectLeadersRequest,
    IncrementalAlterConfigsRequest,
)
from engine.sim import final_state
from engine.sim.events_load import EVENTS_TOPIC, PARTITIONS_MAX
from engine.sim.faults.catalogue import fault
from engine.sim.nodes import NodeState, SimNode
from engine.types import TopicPartition

if TYPE_CHECKING:
    from engine.sim.nemesis import Nemesis

_TOPIC_RESOURCE = 2
_SET, _DELETE = 0, 1


@fault("cluster")
async def move_leader(storm: Nemesis, draw: random.Random) -> None:
    """The preferred replicas are elected (kafka-leader-election)."""
    storm.note("move_leader", "preferred")
    await storm.world.ask(ElectLeadersRequest(election_type=0, topic_partitions=None, timeout_ms=3_000))


@fault("cluster")
async def move_controller(storm: Nemesis, draw: random.Random) -> None:
    """The quorum's leader resigns."""
    for node in storm.nodes:
        raft = node.node.raft if node.node is not None else None
        if node.state is NodeState.UP and node.process is not None and raft is not None and raft.is_leader:
            epoch = raft.leader.epoch
            storm.note("move_controller", f"{node.name} {epoch}")
            node.process.run(raft.resign, epoch)
            return


CHANGES = (
    ("segment.bytes", ("1048576", "1048600")),
    ("flush.messages", ("1", "10")),
    ("min.insync.replicas", ("3",)),
    ("max.message.bytes", ("1000000",)),
    ("index.interval.bytes", ("0", "100")),
)
"""Configs that may change under load without a promise being taken back."""


@fault("cluster")
async def change_config(storm: Nemesis, draw: random.Random) -> None:
    """A config of the topic is changed, and later set back."""
    name, values = draw.choice(CHANGES)
    value = draw.choice(values)
    seconds = draw.uniform(0.5, 8.0)
    storm.note("change_config", f"{name}={value} {seconds:.3f}")
    await _change_for_a_while(storm, storm.world.topic, {name: value}, seconds)


async def _change_for_a_while(storm: Nemesis, topic: str, configs: Mapping[str, str], seconds: float) -> None:
    for name, value in configs.items():
        await storm.world.ask(_alter(topic, name, value, _SET))
        storm.changed_configs[topic, name] = None
    await asyncio.sleep(seconds)
    for name in configs:
        await storm.world.ask(_alter(topic, name, None, _DELETE))


def _alter(topic: str, name: str, value: str | None, operation: int) -> IncrementalAlterConfigsRequest:
    return IncrementalAlterConfigsRequest(
        resources=[
            IncrementalAlterConfigsRequest.AlterConfigsResource(
                resource_type=_TOPIC_RESOURCE,
                resource_name=topic,
                configs=[
                    IncrementalAlterConfigsRequest.AlterableConfig(name=name, config_operation=operation, value=value)
                ],
            )
        ],
        validate_only=False,
    )


async def set_back_configs(storm: Nemesis) -> bool:
    """After the storm: every config that was changed is as it was. False when the cluster did not answer."""
    for topic, name in list(storm.changed_configs):
        if await storm.world.ask(_alter(topic, name, None, _DELETE)) is None:
            return False
        del storm.changed_configs[topic, name]
    return True


@fault("cluster")
async def recreate_topic(storm: Nemesis, draw: random.Random) -> None:
    """A side topic is created, perhaps deleted, perhaps created again under the same name (KAFKA-12257)."""
    name = "side"
    storm.note("recreate_topic", name)
    for _ in range(draw.randint(1, 3)):
        await storm.world.ask(storm.world.topic_request(name, draw.choice((1, 4))))
        await asyncio.sleep(draw.uniform(0.0, 1.0))
        await storm.world.ask(
            DeleteTopicsRequest(topics=[DeleteTopicsRequest.DeleteTopicState(name=name)], topic_names=[name])
        )
        await asyncio.sleep(draw.uniform(0.0, 0.5))


# ---- a topic that does not stay as it is


@fault("cluster", events=True)
async def delete_records(storm: Nemesis, draw: random.Random) -> None:
    """The beginning of a partition is deleted, up to some offset or all that is committed (kafka-delete-records)."""
    world = storm.world
    image = world.image()
    if not world.shape.events or image is None:
        return
    topic = image.topic(EVENTS_TOPIC)
    found = None if topic is None else world.leader(draw.randrange(len(topic.partitions)), EVENTS_TOPIC)
    place = None if found is None else _led_place(draw, found[0])
    if found is None or place is None:
        return
    leader = found[0]
    log = final_state.hosted(leader)[place].log
    if log is None:
        return
    before = draw.randint(log.log_start_offset, log.high_watermark)
    if draw.random() < 0.1:
        before = ALL_RECORDS
        world.workloads.events.deletions.is_bounded = False
    world.workloads.events.deletions.asked(place, before)
    storm.note("delete_records", f"{place} {before}")
    partition = DeleteRecordsRequest.DeleteRecordsPartition(partition_index=place.partition, offset=before)
    asked = DeleteRecordsRequest.DeleteRecordsTopic(name=EVENTS_TOPIC, partitions=[partition])
    answer = await world.ask(DeleteRecordsRequest(topics=[asked], timeout_ms=3_000), leader)
    if answer is not None and answer.topics[0].partitions[0].error_code == ErrorCode.NONE:
        world.sometimes.note("records-deleted")


ALL_RECORDS = -1
"""DeleteRecords: everything up to the high watermark."""


def _led_place(draw: random.Random, leader: SimNode) -> TopicPartition | None:
    """A partition of the events topic that this node leads."""
    led = [
        place
        for place, partition in final_state.hosted(leader).items()
        if place.topic == EVENTS_TOPIC and partition.leader is not None
    ]
    return draw.choice(led) if led else None


@fault("cluster", events=True)
async def add_partitions(storm: Nemesis, draw: random.Random) -> None:
    """A topic gets more partitions while it is in use (kafka-topics --alter)."""
    world = storm.world
    image = world.image()
    topic = None if image is None else image.topic(EVENTS_TOPIC)
    if topic is None or len(topic.partitions) >= PARTITIONS_MAX:
        return
    count = draw.randint(len(topic.partitions) + 1, PARTITIONS_MAX)
    storm.note("add_partitions", str(count))
    asked = CreatePartitionsRequest.CreatePartitionsTopic(name=EVENTS_TOPIC, count=count, assignments=None)
    answer = await world.ask(CreatePartitionsRequest(topics=[asked], timeout_ms=3_000, validate_only=False))
    if answer is not None and answer.results[0].error_code == ErrorCode.NONE:
        world.sometimes.note("partitions-added")


@fault("cluster", events=True)
async def short_retention(storm: Nemesis, draw: random.Random) -> None:
    """Segments are short and soon too old for a while: retention deletes under load."""
    if not storm.world.shape.events:
        return
    limit = draw.choice(
        (("retention.ms", "200"), ("retention.ms", "1000"), ("retention.bytes", "0"), ("retention.bytes", "1000"))
    )
    configs = {"segment.ms": draw.choice(("100", "500", "2000")), limit[0]: limit[1]}
    seconds = draw.uniform(1.0, 8.0)
    storm.world.workloads.events.deletions.is_bounded = False
    storm.note("short_retention", f"{configs} {seconds:.3f}")
    await _change_for_a_while(storm, EVENTS_TOPIC, configs, seconds)
