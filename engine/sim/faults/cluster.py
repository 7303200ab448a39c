"""Faults that operators cause: leaders moved, the controller moved, configs changed, topics made and deleted."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from engine.protocol.messages import (
    DeleteTopicsRequest,
    ElectLeadersRequest,
    IncrementalAlterConfigsRequest,
)
from engine.sim.faults.catalogue import fault
from engine.sim.nodes import NodeState

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
    await storm.world.ask(_alter(storm.world.topic, name, value, _SET))
    storm.changed_configs[name] = None
    await asyncio.sleep(seconds)
    await storm.world.ask(_alter(storm.world.topic, name, None, _DELETE))


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
    for name in list(storm.changed_configs):
        if await storm.world.ask(_alter(storm.world.topic, name, None, _DELETE)) is None:
            return False
        del storm.changed_configs[name]
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
