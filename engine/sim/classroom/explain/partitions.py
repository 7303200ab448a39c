"""Partitions: elections, the ISR, high watermarks, replicas."""

from __future__ import annotations

from collections.abc import Iterator

from engine.sim.classroom.explain.event import Event, listed
from engine.sim.classroom.view import PartitionView, ReplicaView, WorldView


def of_partition(old: PartitionView, new: PartitionView, after: WorldView) -> Iterator[Event]:
    name = new.name
    if new.leader_epoch != old.leader_epoch:
        yield _election(old, new, after)
    if new.isr != old.isr:
        yield from _isr(old, new, after)
    if new.elr != old.elr and new.elr:
        yield Event(
            "isr",
            f"{name}: node {listed(new.elr)} may still be elected safely (ELR), though no longer in sync.",
            "The ISR is smaller than min.insync.replicas, so the high watermark cannot pass what they hold.",
            "KIP-966",
            subject=name,
        )
    if new.high_watermark > old.high_watermark >= 0 and new.leader == old.leader:
        yield Event(
            "high-watermark",
            f"{name}: the high watermark moved from {old.high_watermark} to {new.high_watermark}.",
            f"Every replica in the ISR ({listed(new.isr)}) has fetched up to there; consumers may read it now.",
            subject=name,
        )
    old_logs = {log.node: log for log in old.logs}
    for log in new.logs:
        before = old_logs.get(log.node)
        if before is not None and before is not log:
            yield from _replica(name, before, log, new)


def _election(old: PartitionView, new: PartitionView, after: WorldView) -> Event:
    name = new.name
    if new.leader < 0:
        return Event(
            "election",
            f"{name} has no leader (epoch {new.leader_epoch}): it cannot be written or read.",
            f"No replica that is surely complete is alive (last ISR: {listed(old.isr)}). Kafka rather waits than "
            "loses records, unless unclean.leader.election.enable says otherwise.",
            "KIP-966",
            is_bad=True,
            subject=name,
        )
    clean = new.leader in old.isr or new.leader in old.elr or old.leader == new.leader
    is_last_known = not clean and not old.isr and not old.elr and new.leader in old.last_known_elr
    was = f"node {old.leader}" if old.leader >= 0 else "nobody"
    leader_before = next((node for node in after.nodes if node.id == old.leader), None)
    if is_last_known:
        why = (
            f"Everybody who was in sync has crashed since, and node {new.leader} was the last of them that led: it is taken "
            "as it is. What it lost in its crash is lost."
        )
    elif not clean:
        why = f"Node {new.leader} was not in sync (ISR was {listed(old.isr)}): an UNCLEAN election. What it lacks is lost."
    elif old.leader < 0:
        why = "A replica that holds everything is back."
    elif leader_before is not None and (
        leader_before.state in ("down", "failed", "stopping") or leader_before.is_fenced
    ):
        why = f"Node {old.leader} is gone or fenced; node {new.leader} is the first live replica " + (
            "of the ISR."
            if new.leader in old.isr
            else "that is eligible (ELR): not in sync any more, but nothing was committed without it."
        )
    elif new.leader == new.replicas[0]:
        why = "It is the preferred replica (the first of the assignment)."
    else:
        why = f"The controller moved it from node {old.leader} to the next replica in sync."
    return Event(
        "election",
        f"{name}: node {new.leader} is leader in epoch {new.leader_epoch} (was {was}, epoch {old.leader_epoch}).",
        why,
        "KIP-101" if clean else "KIP-966" if is_last_known else "KIP-106",
        is_bad=not clean,
        subject=name,
    )


def _isr(old: PartitionView, new: PartitionView, after: WorldView) -> Iterator[Event]:
    name = new.name
    left = [node for node in old.isr if node not in new.isr]
    joined = [node for node in new.isr if node not in old.isr]
    if left:
        nodes = {node.id: node for node in after.nodes}
        gone = [node for node in left if node in nodes and (nodes[node].is_fenced or nodes[node].state != "up")]
        why = (
            f"Node {listed(gone)} is down, shutting down or fenced."
            if gone
            else "It has not caught up with the leader's log end for replica.lag.time.max.ms."
        )
        under = len(new.isr) < new.min_isr
        if under:
            why += f" The ISR is below min.insync.replicas={new.min_isr}: acks=all is refused now."
        yield Event(
            "isr",
            f"{name}: node {listed(left)} left the ISR, which is now {listed(new.isr)}.",
            why,
            "KIP-497",
            is_bad=under,
            subject=name,
        )
    if joined:
        yield Event(
            "isr",
            f"{name}: node {listed(joined)} is in sync again; the ISR is {listed(new.isr)}.",
            "It reached the leader's high watermark and the start of the leader's epoch.",
            "KIP-497",
            subject=name,
        )


def _replica(name: str, old: ReplicaView, new: ReplicaView, partition: PartitionView) -> Iterator[Event]:
    if old.is_leader and not new.is_leader and new.is_online:
        yield Event(
            "fenced",
            f"{name}: node {new.node} learnt that it leads no more; it follows epoch {new.epoch}.",
            "Whatever it took meanwhile in its old epoch counts for nothing: every fetch and every change of the ISR "
            "carries the epoch.",
            "KIP-320",
            subject=name,
        )
    if new.log_start_offset > old.log_start_offset and new.is_online and old.is_online:
        yield Event(
            "retention",
            f"{name}: node {new.node} deleted what was before offset {new.log_start_offset}.",
            "Whole segments go, when they are older than retention.ms, beyond retention.bytes, or deleted by request.",
            "KIP-107",
            subject=name,
        )
