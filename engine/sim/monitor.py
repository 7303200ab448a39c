"""Looks at the nodes while the world runs: makes the views that the judges of `engine.sim.invariants` want.

The cheap judges look at every call, those that compare nodes, read disks or go through images and groups at every
tenth. The monitor reads the engine's fields; its judges keep their own memory and ask the engine for no decision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.metadata.image import PartitionImage
from engine.sim.history import Fate, History, Send, Violation
from engine.sim.inodes import FileNode
from engine.sim.invariants import views
from engine.sim.invariants.contents import ContentsJudge, durable_end, segments_of
from engine.sim.invariants.groups import GroupJudge
from engine.sim.invariants.metadata import MetadataJudge
from engine.sim.invariants.quorum import QuorumJudge
from engine.sim.invariants.replication import ReplicationJudge
from engine.sim.nodes import DATA_DIRECTORY, SimNode
from engine.sim.sometimes import Sometimes
from engine.types import CLUSTER_METADATA, TopicPartition

SELDOM = 10
"""Every so many looks the dear judges look too."""


class Monitor:
    """Call `look` often. Each kind of violation is reported once per partition, at its first sight."""

    def __init__(
        self,
        nodes: Iterable[SimNode],
        report: Callable[[Violation], None],
        history: History | None = None,
        sometimes: Sometimes | None = None,
    ) -> None:
        self._nodes = list(nodes)
        self._history = history
        self._sends_seen = 0
        self._open: list[Send] = []
        self.sometimes = sometimes if sometimes is not None else Sometimes()
        self.replication = ReplicationJudge(report)
        self.quorum = QuorumJudge(report)
        self.metadata = MetadataJudge(report)
        self.groups = GroupJudge(report)
        self.contents = ContentsJudge(report)
        self.quorum_contents = ContentsJudge(report, "quorum-log-matching")
        self.compacted: dict[str, None] = {}
        """Topics whose replicas each compact when they like: what was committed need not stay."""
        self.looks = 0

    def watch(self, node: SimNode) -> None:
        """Look at this node too, from now on."""
        self._nodes.append(node)

    @property
    def elections(self) -> dict[TopicPartition, int]:
        """How many leader epochs were seen led, by partition."""
        return self.replication.elections

    @property
    def committed(self) -> dict[TopicPartition, int]:
        """The highest high watermark any leader has shown, by partition (of the newest topic of a name)."""
        found: dict[TopicPartition, int] = {}
        for view in views.replicas(self._nodes):
            found[view.place] = self.replication.committed.get(view.key, 0)
        return found

    def look(self) -> None:
        """Check every node that is alive, as it is now."""
        self.looks += 1
        replicas = list(views.replicas(self._nodes))
        quorum = list(views.quorum(self._nodes))
        self._note_acknowledged()
        self.replication.look(replicas)
        self.quorum.look(quorum, self._nodes[0].loop.now_ns / 1e9 if self._nodes else 0.0)
        self.sometimes.look(replicas, quorum)
        if self.looks % SELDOM == 0:
            self._look_closely(replicas, quorum)

    def _note_acknowledged(self) -> None:
        """What producers were told is kept: the leaders to come must hold it."""
        if self._history is None:
            return
        sends = self._history.sends
        self._open.extend(send for send in sends[self._sends_seen :] if send.acks == -1)
        self._sends_seen = len(sends)
        acknowledged = self.replication.acknowledged
        for send in self._open:
            if send.fate is Fate.ACKNOWLEDGED and send.topic_partition is not None:
                place = send.topic_partition
                acknowledged[place] = max(acknowledged.get(place, 0), send.offset + 1)
        self._open = [send for send in self._open if send.fate is Fate.UNKNOWN]

    def _look_closely(self, replicas: list[views.ReplicaView], quorum: list[views.QuorumView]) -> None:
        images = list(views.images(self._nodes))
        self.metadata.look(images)
        newest = max((image for _, image in images), key=lambda image: image.offset, default=None)
        partitions: dict[TopicPartition, PartitionImage] = {}
        current: list[int] = []
        if newest is not None:
            for topic in newest.topics():
                for index, partition in topic.partitions.items():
                    partitions[TopicPartition(topic.name, index)] = partition
            for node in self._nodes:
                registration = newest.brokers.get(node.node_id)
                broker = node.node.broker if node.node is not None else None
                if registration is not None and broker is not None and registration.epoch == broker.broker_epoch:
                    current.append(node.node_id)
        self.replication.look_across(replicas, partitions, current)
        self.replication.look_at_fetchers(views.fetchers(self._nodes))
        groups = list(views.groups(self._nodes))
        self.groups.look(groups)
        self.sometimes.look_at_groups(groups)
        self._look_at_disks([view for view in replicas if view.place.topic not in self.compacted], quorum)

    def _look_at_disks(self, replicas: list[views.ReplicaView], quorum: list[views.QuorumView]) -> None:
        files = {node.node_id: node.disk.files() for node in self._nodes}
        nodes = {node.node_id: node for node in self._nodes}
        for view in replicas:
            if not view.place.topic.startswith("__"):
                directory = nodes[view.node_id].directory_of(view.place)
                segments = segments_of(files[view.node_id], view.place, directory)
                self.contents.look(
                    view.node_id, view.key, str(view.place), segments, view.high_watermark, view.log_start_offset
                )
                self.contents.look_at_durability(view, segments)
        for part in quorum:
            segments = segments_of(files[part.node_id], CLUSTER_METADATA, DATA_DIRECTORY)
            self.quorum_contents.look(
                part.node_id, CLUSTER_METADATA, str(CLUSTER_METADATA), segments, part.high_watermark or 0
            )
        if self.quorum.committed:
            ends = {node_id: _durable_metadata_end(found) for node_id, found in files.items()}
            self.quorum.look_at_durability(ends, len(self._nodes))

    def look_at_the_end(self) -> None:
        """When all has settled: is everything there that was ever committed?"""
        self._look_closely(list(views.replicas(self._nodes)), list(views.quorum(self._nodes)))
        for view in views.replicas(self._nodes):
            if view.leads and not view.place.topic.startswith("__") and view.place.topic not in self.compacted:
                node = next(node for node in self._nodes if node.node_id == view.node_id)
                segments = segments_of(node.disk.files(), view.place, node.directory_of(view.place))
                self.contents.look_at_the_end(view.key, str(view.place), segments, view.log_start_offset)


def _durable_metadata_end(files: dict[str, FileNode]) -> int:
    prefix = f"{DATA_DIRECTORY}/{CLUSTER_METADATA}/"
    snapshots = [
        int(path[len(prefix) : len(prefix) + 20])
        for path, node in files.items()
        if path.startswith(prefix) and path.endswith(".checkpoint") and node.durable
    ]
    return durable_end(segments_of(files, CLUSTER_METADATA, DATA_DIRECTORY), max(snapshots, default=0))
