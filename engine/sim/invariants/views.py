"""What the judges look at: plain values, made from the nodes here and by hand in tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from engine.broker.group_shard_host import HostState
from engine.metadata.image import MetadataImage
from engine.sim.nodes import SimNode
from engine.types import TopicPartition


@dataclass(slots=True)
class ReplicaView:
    """One replica of a partition on a node that runs."""

    node_id: int
    life: int
    """Counts the node's starts."""
    place: TopicPartition
    topic_id: bytes
    log_start_offset: int
    last_stable_offset: int
    high_watermark: int
    log_end_offset: int
    leader_epoch: int
    partition_epoch: int
    is_up: bool = True
    """It serves. A node that starts may find itself leader in metadata of its former life."""
    leads: bool = False
    leader_id: int = -1
    isr: tuple[int, ...] = ()
    """For leaders: the committed ISR as it knows it."""
    maximal_isr: tuple[int, ...] = ()
    min_isr: int = 1
    """For leaders: min.insync.replicas, but never more than there are replicas."""
    recovery_point: int = 0
    """Everything before it survives a power cut, says the log."""

    @property
    def key(self) -> tuple[bytes, int]:
        """Topic id and partition: a topic created anew under an old name is another one (KAFKA-12257)."""
        return self.topic_id, self.place.partition


@dataclass(slots=True)
class QuorumView:
    """One node's part in the metadata quorum."""

    node_id: int
    life: int
    epoch: int
    leader_id: int
    is_leader: bool
    high_watermark: int | None
    log_start_offset: int
    log_end_offset: int
    snapshots: tuple[int, ...] = ()
    """End offsets of the complete snapshots on its disk."""
    runs: bool = True
    """Its process is not paused just now."""


@dataclass(slots=True)
class FetcherView:
    """From whom a node copies a partition."""

    node_id: int
    place: TopicPartition
    sources: tuple[int, ...]
    leader_id: int
    leads: bool


@dataclass(slots=True)
class GroupView:
    """A group on the coordinator that serves it."""

    node_id: int
    coordinator_epoch: int
    group_id: str
    state: str
    generation: int
    protocol: str | None
    leader: str | None
    members: dict[str, bool] = field(default_factory=dict)
    """Member id -> whether the winning protocol is one it speaks."""


def replicas(nodes: Iterable[SimNode]) -> Iterator[ReplicaView]:
    """Every replica that is online on a node that runs."""
    for sim_node in nodes:
        broker = sim_node.node.broker if sim_node.node is not None else None
        if broker is None or sim_node.has_failed:
            continue
        node_id, life, is_up = sim_node.node_id, sim_node.lives, sim_node.is_up
        for place, partition in broker.replicas.partitions.items():
            log = partition.log
            if log is None:
                continue
            view = ReplicaView(
                node_id,
                life,
                place,
                partition.topic_id,
                log.log_start_offset,
                log.last_stable_offset,
                log.high_watermark,
                log.log_end_offset,
                partition.leader_epoch,
                partition.partition_epoch,
                is_up,
                leader_id=partition.leader_id,
                recovery_point=log.recovery_point,
            )
            leader = partition.leader
            if leader is not None:
                view.leads = True
                view.isr = leader.state.isr
                view.maximal_isr = leader.state.maximal_isr
                # Not the leader's own count of it: that is what is judged.
                view.min_isr = min(log.config.min_insync_replicas, len(partition.replicas))
            yield view


def quorum(nodes: Iterable[SimNode]) -> Iterator[QuorumView]:
    """Every node's part in the quorum, of those that have one."""
    for sim_node in nodes:
        raft = sim_node.node.raft if sim_node.node is not None else None
        if raft is None or sim_node.has_failed:
            continue
        leader = raft.leader
        yield QuorumView(
            sim_node.node_id,
            sim_node.lives,
            leader.epoch,
            leader.leader_id,
            raft.is_leader,
            raft.high_watermark,
            raft.log_start_offset,
            raft.log_end_offset,
            _snapshots(sim_node),
            sim_node.process is not None and sim_node.process.runs,
        )


def _snapshots(sim_node: SimNode) -> tuple[int, ...]:
    directory = sim_node.disk.find("/data/__cluster_metadata-0")
    names = getattr(directory, "entries", {})
    return tuple(sorted(int(name[:20]) for name in names if name.endswith(".checkpoint") and name[:20].isdigit()))


def images(nodes: Iterable[SimNode]) -> Iterator[tuple[int, MetadataImage]]:
    """Node id and metadata image of every broker that runs."""
    for sim_node in nodes:
        broker = sim_node.node.broker if sim_node.node is not None else None
        if broker is not None and not sim_node.has_failed:
            yield sim_node.node_id, broker.metadata.image


def fetchers(nodes: Iterable[SimNode]) -> Iterator[FetcherView]:
    """From whom each node that serves copies each of its partitions."""
    for sim_node in nodes:
        broker = sim_node.node.broker if sim_node.node is not None else None
        if broker is None or not sim_node.is_up or sim_node.has_failed:
            continue
        sources: dict[TopicPartition, list[int]] = {}
        for leader_id, fetcher in broker.replicas.fetchers._fetchers.items():
            for followed in fetcher._followed.values():
                sources.setdefault(followed.partition.topic_partition, []).append(leader_id)
        for place, partition in broker.replicas.partitions.items():
            yield FetcherView(
                sim_node.node_id,
                place,
                tuple(sources.get(place, ())),
                partition.leader_id,
                partition.leader is not None,
            )


def groups(nodes: Iterable[SimNode]) -> Iterator[GroupView]:
    """Every group of every coordinator that serves."""
    for sim_node in nodes:
        broker = sim_node.node.broker if sim_node.node is not None else None
        if broker is None or not sim_node.is_up or sim_node.has_failed:
            continue
        for host in broker.groups._hosts.values():
            if host.state is not HostState.ACTIVE:
                continue
            for group in host.shard.groups.values():
                yield GroupView(
                    sim_node.node_id,
                    host.leader_epoch,
                    group.group_id,
                    group.state.value,
                    group.generation_id,
                    group.protocol_name,
                    group.leader_id,
                    {
                        member_id: any(name == group.protocol_name for name, _ in member.protocols)
                        for member_id, member in group.members.items()
                    },
                )
