"""A view on its way to a face: pieces by name, each as JSON, so that only those that changed need go.

world                   now_ms, counts, without, broken, how far the past reaches, whether the past is shown
node/2                  NodeView
partition/orders-0      PartitionView without its logs; its `replicas` say their order
log/orders-0/2          ReplicaView; records as [offset, epoch, key, value, producer id, flags]
group/billing, client/writer, messages, links, quorum, invariants, lost
lesson                  what is learnt here, as `room` has it; null in a free world
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.sim.classroom.view import PartitionView, ReplicaView, WorldView

CONTROL, TOMBSTONE = 1, 2
"""Flags of a record."""

_encode = msgspec.json.Encoder().encode


class Frames:
    """Makes pieces of views, and knows which were made before. What is the same object is not encoded again."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[object, bytes]] = {}

    def changes(self, view: WorldView, more: dict[str, Any]) -> tuple[dict[str, bytes], list[str]]:
        """The pieces that differ from those of the call before, and the names of those that are gone."""
        before, made = self._made, {}
        changed: dict[str, bytes] = {}

        def piece(name: str, source: object, value: Any) -> None:
            known = before.get(name)
            if known is not None and known[0] is source:
                made[name] = known
                return
            data = _encode(value() if callable(value) else value)
            made[name] = (source, data)
            if known is None or known[1] != data:
                changed[name] = data

        piece("world", view, lambda: {"now_ms": view.now_ms, "counts": view.counts, "without": view.without, "events": view.events, "broken": view.broken})  # fmt: skip
        for node in view.nodes:
            piece(f"node/{node.id}", node, node)
        for partition in view.partitions:
            piece(f"partition/{partition.name}", partition, lambda each=partition: _partition(each))
            for log in partition.logs:
                piece(f"log/{partition.name}/{log.node}", log, lambda each=log: _log(each))
        for group in view.groups:
            piece(f"group/{group.group}", group, group)
        for client in view.clients:
            piece(f"client/{client.name}", client, client)
        for name in ("messages", "links", "quorum", "invariants", "lost"):
            value = getattr(view, name)
            piece(name, value, value)
        for name, value in more.items():
            piece(name, object(), value)
        self._made = made
        return changed, [name for name in before if name not in made]

    def forget(self) -> None:
        """Another world: everything will be new."""
        self._made = {}


def _partition(view: PartitionView) -> dict[str, Any]:
    return {
        "topic": view.topic,
        "partition": view.partition,
        "leader": view.leader,
        "leader_epoch": view.leader_epoch,
        "replicas": view.replicas,
        "isr": view.isr,
        "elr": view.elr,
        "min_isr": view.min_isr,
        "high_watermark": view.high_watermark,
    }


def _log(view: ReplicaView) -> dict[str, Any]:
    return {
        "node": view.node,
        "is_online": view.is_online,
        "is_leader": view.is_leader,
        "in_isr": view.in_isr,
        "epoch": view.epoch,
        "log_start_offset": view.log_start_offset,
        "last_stable_offset": view.last_stable_offset,
        "high_watermark": view.high_watermark,
        "log_end_offset": view.log_end_offset,
        "durable_end_offset": view.durable_end_offset,
        "epochs": view.epochs,
        "records": [
            (
                record.offset,
                record.epoch,
                record.key,
                record.value,
                record.producer_id,
                record.is_control * CONTROL + record.is_tombstone * TOMBSTONE,
            )
            for record in view.records
        ],
    }
