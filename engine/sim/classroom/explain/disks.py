"""What disappeared from disks, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.sim.classroom.explain.event import Event, listed
from engine.sim.classroom.view import RecordView, ReplicaView, WorldView
from engine.types import TopicPartition

Gone = Sequence[tuple[int, TopicPartition, list[RecordView]]]
"""Node, partition, and the records that its disk has no more."""


def of_gone(gone: Gone, before: WorldView, after: WorldView) -> Iterator[Event]:
    for node_id, place, records in gone:
        try:
            partition = after.partition(place.topic, place.partition)
        except KeyError:
            continue
        log = partition.log(node_id)
        old_nodes = {node.id: node for node in before.nodes}
        name = str(place)
        first, last = records[0].offset, records[-1].offset
        if log is None:
            continue
        if first < log.log_start_offset:
            continue  # retention; told by its start
        old = _replica_before(before, place, node_id)
        if not log.is_online or old_nodes[node_id].life != after.node(node_id).life:
            yield Event(
                "truncation",
                f"{name}: node {node_id} lost {_offsets_said(first, last)} from its disk.",
                "They were in memory only (Kafka does not sync each write), or the disk was emptied: it relies on the other "
                "replicas.",
                is_bad=True,
                subject=name,
            )
        elif old is not None and any(record.offset > first for record in {*old.records} & {*log.records}):
            # What came later is still there: a follower that cuts its log leaves nothing behind the cut.
            yield Event(
                "retention",
                f"{name}: compaction on node {node_id} removed {len(records)} records that newer ones of their key replace.",
                "cleanup.policy=compact keeps the last value of every key; offsets stay as they are.",
                "KIP-58",
                subject=name,
            )
        else:
            epochs = sorted({record.epoch for record in records})
            yield Event(
                "truncation",
                f"{name}: node {node_id} cut {_offsets_said(first, last)} (epoch {listed(epochs)}) off its log.",
                f"The leader of epoch {partition.leader_epoch} said that epoch {epochs[0]} ends at offset {first} with it; "
                "what a follower has beyond that was never committed.",
                "KIP-101",
                subject=name,
            )


def _offsets_said(first: int, last: int) -> str:
    return f"offset {first}" if first == last else f"offsets {first} to {last}"


def _replica_before(before: WorldView, place: TopicPartition, node: int) -> ReplicaView | None:
    try:
        return before.partition(place.topic, place.partition).log(node)
    except KeyError:
        return None
