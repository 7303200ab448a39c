"""Makes views of a world: reads fields of nodes and bytes of disks, asks nothing, changes nothing.

What has not changed since the view before is the same object again; so a view is cheap, and so is keeping many.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from engine.broker.group_shard_host import HostState
from engine.errors import KafkaError
from engine.metadata.image import MetadataImage, PartitionImage
from engine.protocol.consumer_protocol import decode_assignment
from engine.protocol.errors import ProtocolError
from engine.sim.classroom import flight
from engine.sim.classroom.controller_log import describe_metadata
from engine.sim.classroom.disk_logs import DiskLog
from engine.sim.classroom.view import (
    CountsView,
    GroupView,
    LinkView,
    MemberView,
    MessageView,
    NodeView,
    OffsetView,
    PartitionView,
    QuorumView,
    RecordView,
    ReplicaView,
    VoterView,
    WorldView,
)
from engine.sim.inodes import Directory
from engine.sim.links import LOOPBACK
from engine.sim.nodes import DATA_DIRECTORY, NodeState, SimNode
from engine.sim.process import ProcessState
from engine.types import CLUSTER_METADATA, TopicPartition

if TYPE_CHECKING:
    from engine.sim.classroom.world import Classroom

QUORUM_LOG_SHOWN = 12
_PARTITION_BYTES_COUNTED = 200


class Looker:
    """Looks at the world of one classroom. `gone` collects what disappeared from disks since it was last emptied."""

    def __init__(self, room: Classroom) -> None:
        self._room = room
        self._logs: dict[tuple[int, TopicPartition], DiskLog] = {}
        self._quorum_logs: dict[int, DiskLog] = {}
        self._assignments: dict[bytes, tuple[str, ...]] = {}
        self._before: WorldView | None = None
        self.gone: list[tuple[int, TopicPartition, list[RecordView]]] = []
        self.image: MetadataImage | None = None

    def log(self, node: int, place: TopicPartition) -> DiskLog | None:
        """What is on that disk, as of the last look."""
        return self._logs.get((node, place))

    # ---- the whole

    def look(self) -> WorldView:
        """The world as it stands."""
        room = self._room
        nodes = list(room.world.nodes.values())
        image = room.world.image()
        if image is not None and (self.image is None or image.offset >= self.image.offset):
            self.image = image
        image = self.image
        partitions = self._partitions(nodes, image)
        quorum = self._quorum(nodes)
        ends = {TopicPartition(each.topic, each.partition): each.high_watermark for each in partitions}
        view = WorldView(
            now_ms=round(room.now_ms, 3),
            nodes=tuple(self._node(node, image, quorum, room) for node in nodes),
            partitions=partitions,
            messages=_on_links(room),
            links=self._links(),
            quorum=quorum,
            groups=self._groups(nodes, ends),
            clients=room.client_views(),
            invariants=room.invariant_views(),
            lost=room.lost_views(),
            counts=self.counts(),
            without=room.without,
            events=room.event_count,
            broken=room.broken,
        )
        self._before = view
        return view

    def later(self, view: WorldView) -> WorldView:
        """The same world somewhat later: nothing ran, and only what is under way has come closer."""
        room = self._room
        messages = _on_links(room) if view.messages else view.messages
        found = msgspec.structs.replace(view, now_ms=round(room.now_ms, 3), messages=messages)
        self._before = found
        return found

    def counts(self) -> CountsView:
        """Totals, as of the last tick."""
        room = self._room
        states = room.client_states()
        return CountsView(
            callbacks=room.world.loop.callbacks,
            acked=sum(state.acked for state in states),
            sent=sum(state.sent for state in states),
            processed=sum(len(state.processed) for state in states),
            processed_twice=room.processed_twice(),
            skipped=room.skipped(),
            lost=len(room.lost_views()),
            elections=room.timeline.elections,
            quorum_elections=room.timeline.quorum_elections,
            rebalances=sum(watch.rebalances for watch in room.world.groups),
            truncations=room.timeline.truncations,
        )

    # ---- nodes

    def _node(self, node: SimNode, image: MetadataImage | None, quorum: QuorumView, room: Classroom) -> NodeView:
        registration = image.brokers.get(node.node_id) if image is not None else None
        engine = node.node
        broker = engine.broker if engine is not None else None
        raft = engine.raft if engine is not None else None
        state = node.state.value
        if node.has_failed and node.state is not NodeState.DOWN:
            state = "failed"
        leads = 0
        if broker is not None:
            leads = sum(partition.leader is not None for partition in broker.replicas.partitions.values())
        unsynced = sum(log.unsynced_bytes for (node_id, _), log in self._logs.items() if node_id == node.node_id)
        is_voter = room.is_voter(node.node_id)
        return NodeView(
            id=node.node_id,
            state=state,
            is_paused=node.process is not None and node.process.state is ProcessState.PAUSED,
            roles=("broker", "controller") if is_voter else ("broker",),
            is_controller=raft is not None and raft.is_leader,
            life=node.lives,
            is_fenced=registration is None or registration.fenced,
            quorum_epoch=raft.leader.epoch if raft is not None else -1,
            leads=leads,
            clock_offset_ms=node.clock.offset_ms,
            disk_used_bytes=node.disk.used_bytes,
            disk_full=node.disk.faults.capacity_bytes is not None,
            disk_broken=bool(node.disk.faults.rules),
            unsynced_bytes=unsynced,
            slow_ms=room.slow_ms(node.node_id),
            rack=node.properties.get("broker.rack", ""),
            is_voter=is_voter,
        )

    def _links(self) -> tuple[LinkView, ...]:
        room = self._room
        found = []
        base_ns = room.world.base_profile.latency_ns
        for link in room.world.network.links():
            if link.cut or link.held or (link.profile.latency_ns != base_ns and link.profile is not LOOPBACK):
                source, _, to = link.name.partition("->")
                found.append(LinkView(source, to, link.cut, link.profile.latency_ns / 1e6))
        return tuple(found)

    # ---- partitions

    def _partitions(self, nodes: Iterable[SimNode], image: MetadataImage | None) -> tuple[PartitionView, ...]:
        if image is None:
            return ()
        before: dict[tuple[str, int], PartitionView] = {}
        if self._before is not None:
            before = {(each.topic, each.partition): each for each in self._before.partitions}
        found = []
        by_id = {node.node_id: node for node in nodes}
        for topic in image.topics():
            if topic.name.startswith("__"):
                continue
            for index, partition in topic.partitions.items():
                old = before.get((topic.name, index))
                view = self._partition(by_id, topic.name, index, partition, old)
                found.append(old if old is not None and view == old else view)
        return tuple(found)

    def _partition(
        self, nodes: dict[int, SimNode], topic: str, index: int, image: PartitionImage, before: PartitionView | None
    ) -> PartitionView:
        place = TopicPartition(topic, index)
        logs = []
        min_isr = 1
        high_watermark = -1
        for node_id in image.replicas:
            node = nodes.get(node_id)
            if node is None:
                continue
            log = self._replica(node, place, image, before.log(node_id) if before is not None else None)
            logs.append(log)
            broker = node.node.broker if node.node is not None else None
            partition = broker.replicas.partitions.get(place) if broker is not None else None
            if partition is not None and partition.leader is not None and node_id == image.leader:
                min_isr = partition.leader.effective_min_isr
                high_watermark = log.high_watermark
        if high_watermark < 0 and before is not None:
            min_isr = before.min_isr
        return PartitionView(
            topic,
            index,
            image.leader,
            image.leader_epoch,
            image.replicas,
            image.isr,
            image.elr,
            tuple(logs),
            min_isr,
            high_watermark,
            image.last_known_elr,
        )

    def _replica(
        self, node: SimNode, place: TopicPartition, image: PartitionImage, before: ReplicaView | None
    ) -> ReplicaView:
        key = (node.node_id, place)
        disk_log = self._logs.get(key)
        if disk_log is None:
            disk_log = self._logs[key] = DiskLog()
        directory = node.disk.find(f"{DATA_DIRECTORY}/{place}")
        gone = disk_log.refresh(directory if isinstance(directory, Directory) else None)
        if gone:
            self.gone.append((node.node_id, place, gone))
        broker = node.node.broker if node.node is not None and not node.has_failed else None
        partition = broker.replicas.partitions.get(place) if broker is not None else None
        log = partition.log if partition is not None else None
        if partition is None or log is None:
            view = ReplicaView(
                node.node_id,
                False,
                False,
                node.node_id in image.isr,
                -1,
                disk_log.start_offset,
                -1,
                -1,
                disk_log.end_offset,
                disk_log.durable_end_offset,
                disk_log.tail,
                () if before is None else before.epochs,
            )
        else:
            epochs = log.leader_epochs.entries()
            view = ReplicaView(
                node.node_id,
                True,
                partition.leader is not None,
                node.node_id in image.isr,
                partition.leader_epoch,
                log.log_start_offset,
                log.last_stable_offset,
                log.high_watermark,
                log.log_end_offset,
                min(disk_log.durable_end_offset, log.log_end_offset),
                disk_log.tail,
                tuple((entry[0], entry[1]) for entry in epochs),
            )
        return before if before is not None and before == view else view

    # ---- the quorum

    def _quorum(self, nodes: Iterable[SimNode]) -> QuorumView:
        voters = []
        leader, epoch, high_watermark, leader_node = -1, -1, -1, None
        for node in nodes:
            if not self._room.is_voter(node.node_id):
                continue
            raft = node.node.raft if node.node is not None else None
            core = raft._core if raft is not None else None
            if raft is None or core is None:
                voters.append(VoterView(node.node_id, False, -1, -1, -1, "down", -1, -1))
                continue
            state = core.state
            voted = getattr(state, "voted", None)
            known = raft.leader
            voters.append(
                VoterView(
                    node.node_id,
                    True,
                    state.epoch,
                    known.leader_id,
                    voted.id if voted is not None else -1,
                    type(state).__name__.lower(),
                    raft.high_watermark if raft.high_watermark is not None else -1,
                    raft.log_end_offset,
                )
            )
            if raft.is_leader and known.epoch > epoch:
                leader, epoch, leader_node = node.node_id, known.epoch, node
                high_watermark = raft.high_watermark if raft.high_watermark is not None else -1
        if leader < 0:
            epoch = max((voter.epoch for voter in voters), default=-1)
        log: tuple[str, ...] = self._before.quorum.log if self._before is not None else ()
        if leader_node is not None:
            log = self._quorum_log(leader_node)
        view = QuorumView(leader, epoch, high_watermark, tuple(voters), log)
        return self._before.quorum if self._before is not None and self._before.quorum == view else view

    def _quorum_log(self, node: SimNode) -> tuple[str, ...]:
        disk_log = self._quorum_logs.get(node.node_id)
        if disk_log is None:
            disk_log = self._quorum_logs[node.node_id] = DiskLog(describe_metadata)
        directory = node.disk.find(f"{DATA_DIRECTORY}/{CLUSTER_METADATA}")
        disk_log.refresh(directory if isinstance(directory, Directory) else None)
        shown = [each for each in disk_log.tail if not each.value.startswith("NoOp")]
        return tuple(f"{each.offset} {each.value}" for each in shown[-QUORUM_LOG_SHOWN:])

    # ---- groups

    def _groups(self, nodes: Iterable[SimNode], ends: dict[TopicPartition, int]) -> tuple[GroupView, ...]:
        found: dict[str, GroupView] = {}
        for node in nodes:
            broker = node.node.broker if node.node is not None else None
            if broker is None or node.has_failed or not node.is_up:
                continue
            for host in broker.groups._hosts.values():
                if host.state is HostState.ACTIVE:
                    for group in host.shard.groups.values():
                        found[group.group_id] = self._group(node.node_id, host, group, ends)
        before = {each.group: each for each in self._before.groups} if self._before is not None else {}
        for name, old in before.items():
            if name not in found or found[name] == old:  # its coordinator is moving
                found[name] = old
        return tuple(found[name] for name in sorted(found))

    def _group(self, node_id: int, host: Any, group: Any, ends: dict[TopicPartition, int]) -> GroupView:
        members = tuple(
            MemberView(
                member.member_id,
                member.client_id,
                member.group_instance_id,
                self._assignment(member.assignment),
                member.member_id == group.leader_id,
            )
            for member in group.members.values()
        )
        offsets = []
        for topic, partitions in host.shard.offsets.topics(group.group_id).items():
            for index, committed in sorted(partitions.items()):
                end = ends.get(TopicPartition(topic, index), -1)
                offsets.append(OffsetView(topic, index, committed.offset, end, max(0, end - committed.offset)))
        return GroupView(
            group.group_id,
            group.state.value,
            group.generation_id,
            group.protocol_name or "",
            node_id,
            members,
            tuple(offsets),
        )

    def _assignment(self, data: bytes) -> tuple[str, ...]:
        known = self._assignments.get(data)
        if known is None:
            try:
                assigned = decode_assignment(data).assigned_partitions if data else []
                known = tuple(f"{each.topic}-{number}" for each in assigned for number in each.partitions)
            except (ProtocolError, KafkaError):
                known = ()
            self._assignments[data] = known
        return known


def _on_links(room: Classroom) -> tuple[MessageView, ...]:
    """What is under way between two hosts; what a host tells itself is on no link."""
    return tuple(each for each in flight.messages(room.world.network) if each.source != each.to)


def is_moving(message: MessageView) -> bool:
    """Whether a message is on its way, and will arrive by itself."""
    return not message.is_held and not message.is_stalled
