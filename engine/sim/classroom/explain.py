"""The timeline: what changed between two views, in plain words, with the cause and the KIP where one applies.

A pure function of two views and what disappeared from disks in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from engine.sim.classroom.view import (
    ClientView,
    GroupView,
    NodeView,
    PartitionView,
    QuorumView,
    RecordView,
    ReplicaView,
    WorldView,
)
from engine.types import TopicPartition


class Event(msgspec.Struct, frozen=True):
    """A line of the timeline before it has a number and a time."""

    kind: str
    text: str
    why: str = ""
    kip: str = ""
    is_bad: bool = False
    subject: str = ""


Gone = Sequence[tuple[int, TopicPartition, list[RecordView]]]


def differences(before: WorldView, after: WorldView, gone: Gone) -> list[Event]:
    """Everything worth a line, causes before effects."""
    events: list[Event] = []
    old_nodes = {node.id: node for node in before.nodes}
    for node in after.nodes:
        if node.id in old_nodes:
            events.extend(_node(old_nodes[node.id], node))
    events.extend(_quorum(before.quorum, after.quorum, after))
    old_partitions = {(each.topic, each.partition): each for each in before.partitions}
    for place in after.partitions:
        old = old_partitions.get((place.topic, place.partition))
        if old is None:
            events.append(
                Event(
                    "config",
                    f"Partition {place.name} was created on nodes {_list(place.replicas)}, led by node {place.leader}.",
                    subject=place.name,
                )
            )
        elif old is not place:
            events.extend(_partition(old, place, after))
    events.extend(_gone(gone, before, after))
    old_groups = {group.group: group for group in before.groups}
    for group in after.groups:
        if old_groups.get(group.group) is not group:
            events.extend(_group(old_groups.get(group.group), group))
    old_clients = {client.name: client for client in before.clients}
    for client in after.clients:
        if client.name in old_clients:
            events.extend(_client(old_clients[client.name], client))
    return events


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(str(number) for number in numbers) or "none"


# ---- nodes


def _node(old: NodeView, new: NodeView) -> Iterator[Event]:
    name = f"node-{new.id}"
    if old.state != new.state:
        if new.state == "up":
            yield Event("node", f"Node {new.id} is up and serves (life {new.life}).", subject=name)
        elif new.state == "failed":
            yield Event(
                "disk",
                f"Node {new.id} gave up: its log directory failed.",
                "An I/O error may mean lost writes; Kafka takes the directory offline and never tries again.",
                "KIP-112",
                subject=name,
            )
        elif new.state == "down" and old.state == "stopping":
            yield Event("node", f"Node {new.id} has stopped in good order.", subject=name)
    if old.is_fenced != new.is_fenced and old.life == new.life:
        if new.is_fenced:
            yield Event(
                "fenced",
                f"The controller fenced node {new.id}.",
                "It has had no heartbeat from it within broker.session.timeout.ms (or the node is shutting down); "
                "a fenced broker leads nothing and is in no ISR.",
                "KIP-631",
                subject=name,
            )
        else:
            yield Event(
                "fenced",
                f"The controller unfenced node {new.id}: it may lead again.",
                "Its heartbeats come, and it has caught up with the metadata log.",
                "KIP-631",
                subject=name,
            )


# ---- the quorum


def _quorum(old: QuorumView, new: QuorumView, after: WorldView) -> Iterator[Event]:
    if new.leader != old.leader or (new.leader >= 0 and new.epoch != old.epoch):
        if new.leader >= 0:
            votes = [voter.node for voter in new.voters if voter.voted_for == new.leader and voter.epoch == new.epoch]
            yield Event(
                "quorum",
                f"Node {new.leader} leads the quorum in epoch {new.epoch}: it is the active controller.",
                f"It won the votes of a majority of {len(new.voters)} voters"
                + (f" (seen: {_list(votes)})" if votes else "")
                + ". A voter grants one vote in an epoch, to nobody whose log is older than its own.",
                "KIP-595",
                subject=f"node-{new.leader}",
            )
        else:
            yield Event(
                "quorum",
                "The quorum has no leader: nothing about the cluster can be decided now.",
                "The leader is gone, or could not reach a majority of the voters for some time and resigned. "
                "Partitions go on with the leaders they have.",
                "KIP-595",
                subject="quorum",
            )
    old_states = {voter.node: voter for voter in old.voters}
    for voter in new.voters:
        before = old_states.get(voter.node)
        if before is not None and before.state != voter.state:
            if voter.state == "candidate":
                yield Event(
                    "quorum",
                    f"Node {voter.node} stands for election in quorum epoch {voter.epoch}.",
                    "It has not heard from a leader for its (random) timeout, and a majority said it could win.",
                    "KIP-996",
                    subject=f"node-{voter.node}",
                )
            elif voter.state == "prospective":
                yield Event(
                    "quorum",
                    f"Node {voter.node} asks around whether it would win an election.",
                    "It has not heard from a leader. The question starts no epoch, so a node that is cut off "
                    "does not disturb the others when it is back (pre-vote).",
                    "KIP-996",
                    subject=f"node-{voter.node}",
                )


# ---- partitions


def _partition(old: PartitionView, new: PartitionView, after: WorldView) -> Iterator[Event]:
    name = new.name
    if new.leader_epoch != old.leader_epoch:
        yield _election(old, new, after)
    if new.isr != old.isr:
        yield from _isr(old, new, after)
    if new.elr != old.elr and new.elr:
        yield Event(
            "isr",
            f"{name}: node {_list(new.elr)} may still be elected safely (ELR), though no longer in sync.",
            "The ISR is smaller than min.insync.replicas, so the high watermark cannot pass what they hold.",
            "KIP-966",
            subject=name,
        )
    if new.high_watermark > old.high_watermark >= 0 and new.leader == old.leader:
        yield Event(
            "high-watermark",
            f"{name}: the high watermark moved from {old.high_watermark} to {new.high_watermark}.",
            f"Every replica in the ISR ({_list(new.isr)}) has fetched up to there; consumers may read it now.",
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
            f"No replica that is surely complete is alive (last ISR: {_list(old.isr)}). Kafka rather waits than "
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
        why = (
            f"Node {new.leader} was not in sync (ISR was {_list(old.isr)}): an UNCLEAN election. What it lacks is lost."
        )
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
            f"Node {_list(gone)} is down, shutting down or fenced."
            if gone
            else "It has not caught up with the leader's log end for replica.lag.time.max.ms."
        )
        under = len(new.isr) < new.min_isr
        if under:
            why += f" The ISR is below min.insync.replicas={new.min_isr}: acks=all is refused now."
        yield Event(
            "isr",
            f"{name}: node {_list(left)} left the ISR, which is now {_list(new.isr)}.",
            why,
            "KIP-497",
            is_bad=under,
            subject=name,
        )
    if joined:
        yield Event(
            "isr",
            f"{name}: node {_list(joined)} is in sync again; the ISR is {_list(new.isr)}.",
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


def _gone(gone: Gone, before: WorldView, after: WorldView) -> Iterator[Event]:
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
                f"{name}: node {node_id} cut {_offsets_said(first, last)} (epoch {_list(epochs)}) off its log.",
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


# ---- groups and clients


def _group(old: GroupView | None, new: GroupView) -> Iterator[Event]:
    name = new.group
    old_members = {member.member_id: member for member in old.members} if old is not None else {}
    members = {member.member_id: member for member in new.members}
    for member_id, member in members.items():
        if member_id not in old_members:
            yield Event(
                "group",
                f"{name}: {member.client} joined"
                + (f" as static member {member.instance_id}." if member.instance_id else "."),
                subject=name,
            )
    for member_id, member in old_members.items():
        if member_id not in members and not any(
            each.instance_id and each.instance_id == member.instance_id for each in new.members
        ):
            yield Event(
                "group",
                f"{name}: {member.client} is no member any more.",
                "It left, or its heartbeats stopped for session.timeout.ms.",
                "KIP-62",
                subject=name,
            )
    state_before = old.state if old is not None else "Empty"
    if new.state != state_before and new.state == "PreparingRebalance":
        yield Event(
            "group",
            f"{name}: a rebalance begins (after generation {new.generation}).",
            "A member came, went, or changed what it wants. "
            + (
                "Everybody keeps reading what it owns meanwhile (cooperative)."
                if "cooperative" in new.protocol
                else "Everybody stops and gives up its partitions first (eager)."
            ),
            "KIP-429" if "cooperative" in new.protocol else "",
            subject=name,
        )
    if new.state == "Stable" and (old is None or old.state != "Stable" or old.generation != new.generation):
        shares = "; ".join(f"{member.client}: {', '.join(member.assignment) or 'nothing'}" for member in new.members)
        yield Event(
            "group",
            f"{name}: generation {new.generation} is stable. {shares}.",
            f"The group's leader computed the assignment with {new.protocol or 'its assignor'}.",
            subject=name,
        )
    if old is not None and old.coordinator != new.coordinator:
        yield Event(
            "group",
            f"{name}: node {new.coordinator} is the coordinator now.",
            "It leads the group's partition of __consumer_offsets, and has read it to know the group.",
            subject=name,
        )


_PRODUCE_WHY = {
    "NOT_ENOUGH_REPLICAS": ("The ISR is smaller than min.insync.replicas, so acks=all is refused.", ""),
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": ("The ISR shrank below min.insync.replicas while the write was waiting.", ""),
    "NOT_LEADER_OR_FOLLOWER": ("The producer asked a node that leads no more; it looks for the leader anew.", ""),
    "KAFKA_STORAGE_ERROR": ("The leader's disk refused the write.", "KIP-112"),
    "REQUEST_TIMED_OUT": ("The followers did not copy it in time. It may still be committed later.", ""),
    "OUT_OF_ORDER_SEQUENCE_NUMBER": ("A record before it is missing in the log.", "KIP-98"),
    "OFFSET_OUT_OF_RANGE": (
        "The log does not reach to the offset it asked for, or begins behind it; auto.offset.reset decides where it goes "
        "on (here: earliest).",
        "",
    ),
    "no leader": (
        "Its connection broke, or nobody leads the partition; it asks for the metadata anew, and tries again.",
        "",
    ),
    "no answer in time": ("Nothing came within its request timeout: whether it was written, it cannot know.", ""),
    "UNKNOWN_TOPIC_OR_PARTITION": ("There is no such topic (yet): it waits for one.", ""),
    "FENCED_LEADER_EPOCH": (
        "It asked in an older leader epoch than the leader's; it looks for the leader anew.",
        "KIP-320",
    ),
    "UNKNOWN_LEADER_EPOCH": (
        "It knows a newer leader epoch than the node it asked; that one will learn it soon.",
        "KIP-320",
    ),
}


def _client(old: ClientView, new: ClientView) -> Iterator[Event]:
    if old.acked == 0 and new.acked > 0:
        said = {-1: "every replica in the ISR has it", 1: "the leader alone has it", 0: ""}[new.acks]
        yield Event(
            "produce",
            f"{new.name}: the first record is acknowledged (acks={_acks(new.acks)}: {said}).",
            subject=new.name,
        )
    if new.last_error != old.last_error and new.last_error:
        why, kip = _PRODUCE_WHY.get(new.last_error, ("", ""))
        yield Event("produce", f"{new.name}: {new.last_error}.", why, kip, subject=new.name)
    if new.failed > old.failed:
        yield Event(
            "produce", f"{new.name} gave up on {new.failed - old.failed} record(s).", is_bad=True, subject=new.name
        )


def _acks(acks: int) -> str:
    return "all" if acks == -1 else str(acks)
