"""The replicas at the end of a run: whether they have settled, and whether they agree.

replicas-differ   two replicas of a partition do not hold the same bytes
bad-batch         a batch in a log has a wrong checksum or offsets that do not follow
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Iterator

from engine.broker.group_shard_host import HostState
from engine.broker.partition import Partition
from engine.groups.classic_group import ClassicGroup
from engine.groups.records import decode_record
from engine.groups.shard import GroupShard
from engine.groups.states import GroupState
from engine.log import PartitionLog
from engine.protocol.records.batch import iterate_batches, verify_crc
from engine.protocol.records.record import decode_records
from engine.sim.history import Log
from engine.sim.nodes import SimNode
from engine.types import TopicPartition

Complain = Callable[[str, str], None]


def hosted(node: SimNode) -> dict[TopicPartition, Partition]:
    """The partitions on a node, sorted."""
    if node.node is None or node.node.broker is None:
        return {}
    return dict(sorted(node.node.broker.replicas.partitions.items()))


def unsettled_replicas(nodes: Iterable[SimNode]) -> str:
    """A replica that is not in sync or not caught up; "" when all are."""
    ends: dict[TopicPartition, tuple[int, str]] = {}
    leaders: dict[TopicPartition, int] = {}
    for node in nodes:
        for place, partition in hosted(node).items():
            log = partition.log
            if log is None:
                return f"{node.name} {place}: offline"
            other = ends.setdefault(place, (log.log_end_offset, node.name))
            if other[0] != log.log_end_offset:
                return f"{place}: log end {other[0]} on {other[1]}, {log.log_end_offset} on {node.name}"
            leader = partition.leader
            if leader is not None:
                leaders[place] = leaders.get(place, 0) + 1
                # A follower hears of the high watermark with the next change; a quiet partition's may be old.
                if log.high_watermark != log.log_end_offset:
                    return f"{place}: high watermark {log.high_watermark}, log end {log.log_end_offset}"
                if len(leader.state.isr) < len(partition.replicas):
                    return f"{place}: ISR {leader.state.isr} of {partition.replicas}"
    for place in ends:
        if leaders.get(place, 0) != 1:
            return f"{place}: {leaders.get(place, 0)} leaders"
    return ""


def log_ends(nodes: Iterable[SimNode], topic: str) -> dict[int, int]:
    """Partition index -> log end offset of a topic."""
    found: dict[int, int] = {}
    for node in nodes:
        for place, partition in hosted(node).items():
            if place.topic == topic and partition.log is not None:
                found[place.partition] = partition.log.log_end_offset
    return dict(sorted(found.items()))


def log_starts(nodes: Iterable[SimNode], topic: str) -> dict[TopicPartition, int]:
    """The log start offset of each partition of a topic, on its leader."""
    found: dict[TopicPartition, int] = {}
    for node in nodes:
        for place, partition in hosted(node).items():
            if place.topic == topic and partition.log is not None and partition.leader is not None:
                found[place] = partition.log.log_start_offset
    return dict(sorted(found.items()))


def read_all(log: PartitionLog, from_offset: int = 0) -> bytes:
    """Every byte of a log's batches, from its start or a later offset to its end."""
    parts = []
    offset = max(from_offset, log.log_start_offset)
    while offset < log.log_end_offset:
        result = log.read(offset, 1 << 20, max_offset=log.log_end_offset)
        if not result.records:
            break
        parts.append(bytes(result.records))
        offset = result.next_offset
    return b"".join(parts)


def judge_logs(
    nodes: Iterable[SimNode], complain: Complain, compacted: Collection[str] = ()
) -> dict[TopicPartition, Log]:
    """Compare all replicas byte by byte; returns what each partition of a user's topic holds.

    Each replica deletes what retention lets it: they are compared from the latest log start on. `compacted`: topics
    whose replicas each compact when they like (`engine.sim.compacted` judges those).
    """
    replicas: dict[TopicPartition, list[tuple[str, PartitionLog]]] = {}
    for node in nodes:
        for place, partition in hosted(node).items():
            if partition.log is not None and place.topic not in compacted:
                replicas.setdefault(place, []).append((node.name, partition.log))
    found: dict[TopicPartition, Log] = {}
    for place, logs in replicas.items():
        start = max(log.log_start_offset for _, log in logs)
        first_name, first = logs[0]
        content = read_all(first, start)
        for name, log in logs[1:]:
            other = read_all(log, start)
            if content != other:
                complain(
                    "replicas-differ", f"{place}: {first_name} and {name}: {_first_difference(place, content, other)}"
                )
        if not place.topic.startswith("__"):
            longest = min((log for _, log in logs), key=lambda log: log.log_start_offset)
            found[place] = _values(place, read_all(longest), longest.log_start_offset, complain)
    return found


def judge_groups(nodes: Iterable[SimNode], complain: Complain) -> None:
    """`groups-not-replayed`: what a coordinator has in memory is not what its log says when it is read anew."""
    for node in nodes:
        broker = node.node.broker if node.node is not None else None
        if broker is None or not node.is_up:
            continue
        for host in broker.groups._hosts.values():
            log = broker.replicas.partitions[host.topic_partition].log
            if host.state is not HostState.ACTIVE or log is None:
                continue
            if log.high_watermark != log.log_end_offset:
                continue  # a commit is under way
            for difference in group_differences(host.shard, replay(read_all(log), host.shard)):
                complain("groups-not-replayed", f"{node.name} {host.topic_partition}: {difference}")


def replay(content: bytes, like: GroupShard) -> GroupShard:
    """A shard with the settings of `like` that has read the log `content` from its beginning."""
    shard = GroupShard(like._state.settings, random.Random(0))
    for position, header in iterate_batches(content):
        if header.is_control:
            continue
        for record in decode_records(content, position):
            decoded = None if record.key is None else decode_record(record.key, record.value)
            if decoded is not None:
                shard.replay(decoded, record.offset, header.max_timestamp)
    return shard


def group_differences(live: GroupShard, replayed: GroupShard) -> Iterator[str]:
    """Where two shards differ in what must survive a coordinator: committed offsets, and settled generations."""
    for group_id in sorted({*live.groups, *replayed.groups, *live.offsets.groups(), *replayed.offsets.groups()}):
        mine, theirs = _offsets_of(live, group_id), _offsets_of(replayed, group_id)
        if mine != theirs:
            yield f"{group_id} has committed {mine} in memory, {theirs} in the log"
        group, other = live.groups.get(group_id), replayed.groups.get(group_id)
        if group is None or group.state is not GroupState.STABLE:
            continue  # while it rebalances the log has its former generation
        generation = None if other is None else (other.generation_id, other.leader_id, _assignments(other))
        if generation != (group.generation_id, group.leader_id, _assignments(group)):
            yield f"{group_id} is in generation {group.generation_id} led by {group.leader_id}, {generation} in the log"


def _offsets_of(shard: GroupShard, group_id: str) -> dict[tuple[str, int], int]:
    return {
        (topic, partition): committed.offset
        for topic, partitions in sorted(shard.offsets.topics(group_id).items())
        for partition, committed in sorted(partitions.items())
    }


def _assignments(group: ClassicGroup) -> dict[str, bytes]:
    return {member_id: bytes(member.assignment) for member_id, member in sorted(group.members.items())}


def _first_difference(place: TopicPartition, one: bytes, other: bytes) -> str:
    left, right = list(_batches(one)), list(_batches(other))
    for a, b in zip(left, right, strict=False):
        if a != b:
            return f"batch (offset, epoch, crc) {a} and {b}"
    return f"{len(left)} and {len(right)} batches"


def _batches(content: bytes) -> Iterable[tuple[int, int, int]]:
    for _, header in iterate_batches(content):
        yield header.base_offset, header.partition_leader_epoch, header.crc


def _values(place: TopicPartition, content: bytes, log_start_offset: int, complain: Complain) -> Log:
    found: Log = {}
    next_offset = log_start_offset
    epoch = -1
    for position, header in iterate_batches(content):
        if not verify_crc(content, position, header):
            complain("bad-batch", f"{place} offset {header.base_offset}: wrong checksum")
            continue
        if position == 0 and header.base_offset <= log_start_offset < header.next_offset:
            next_offset = header.base_offset  # deletion of records does not cut batches in two
        if header.base_offset != next_offset or header.partition_leader_epoch < epoch:
            complain(
                "bad-batch",
                f"{place}: offset {header.base_offset} epoch {header.partition_leader_epoch} where offset "
                f"{next_offset} epoch >= {epoch} was due",
            )
        next_offset, epoch = header.next_offset, header.partition_leader_epoch
        if not header.is_control:
            for record in decode_records(content, position):
                if record.offset >= log_start_offset:
                    found[record.offset] = record.value or b""
    return found
