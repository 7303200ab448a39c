"""Stories of the metadata quorum."""

from __future__ import annotations

import asyncio

from engine.sim.invariants.contents import Batch, batches_of, segments_of
from engine.sim.nodes import DATA_DIRECTORY, SimNode
from engine.sim.scripts.stage import Script, leads_quorum
from engine.types import CLUSTER_METADATA


async def check_quorum(script: Script) -> list[str]:
    """KAFKA-15489. Nobody can reach the leader of the quorum; it must notice by itself that it leads no more."""
    await script.begin()
    world = script.world
    nodes = list(world.nodes.values())

    leader = next(filter(leads_quorum, nodes))
    others = [node for node in nodes if node is not leader]
    world.network.cut([leader.host], [node.host for node in others])
    await script.until(lambda: any(map(leads_quorum, others)), "the others elect one of them")
    await asyncio.sleep(12)
    return await script.judge()


async def committed_metadata_is_never_cut(script: Script) -> list[str]:
    """KAFKA-12460. One voter is behind, another loses its disk: a majority knows nothing of what was committed.

    That the quorum goes on without it cannot be helped, and is not judged. The one that still holds it must keep it.
    """
    await script.begin()
    world = script.world
    nodes = list(world.nodes.values())
    holds = next(filter(leads_quorum, nodes))
    behind, wiped = (node for node in nodes if node is not holds)
    world.network.cut([behind.host], [holds.host, wiped.host])
    await world.create_topic("committed", 1)
    committed = _metadata_of(holds)
    wiped.kill()
    world.network.cut([holds.host], [wiped.host])
    await wiped.wipe()
    world.network.heal([behind.host], [wiped.host])
    holds.may_fail = True  # it is to stop, and say so
    wiped.start()
    await script.until(lambda: leads_quorum(behind) or leads_quorum(wiped), "they elect one of them", 60)
    world.network.heal_all()
    await asyncio.sleep(10)
    kept = _metadata_of(holds)
    return [
        f"committed-metadata-cut: {holds.name} had {batch}, which was committed; now it has {kept.get(offset, 'nothing')}"
        for offset, batch in committed.items()
        if kept.get(offset) != batch
    ]


def _metadata_of(node: SimNode) -> dict[int, Batch]:
    """The batches of the metadata log on that node's disk, by base offset."""
    segments = segments_of(node.disk.files(), CLUSTER_METADATA, DATA_DIRECTORY)
    return {batch.base_offset: batch for batch in batches_of(segments)}
