"""What the controllers commit, as the brokers' images show it."""

from __future__ import annotations

from collections.abc import Iterable

from engine.metadata.image import MetadataImage, PartitionImage
from engine.sim.invariants.judge import Judge, Report

NO_LEADER = -1
_REMEMBERED = 200


class MetadataJudge(Judge):
    """Sees every broker's image, again and again."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self._images: dict[int, tuple[int, MetadataImage]] = {}
        self._newest = -1
        self._partitions: dict[tuple[bytes, int], PartitionImage] = {}

    def look(self, images: Iterable[tuple[int, MetadataImage]]) -> None:
        """The images of all brokers at one moment."""
        for node_id, image in images:
            known = self._images.get(image.offset)
            if known is None:
                self._images[image.offset] = node_id, image
                if len(self._images) > _REMEMBERED:
                    del self._images[min(self._images)]
                if image.offset > self._newest:
                    self._newest = image.offset
                    self._look_at(image)
            elif known[1] is not image and known[1] != image:
                self.complain(
                    "images-differ",
                    image.offset,
                    f"nodes {known[0]} and {node_id} have applied {image.offset}: {_difference(known[1], image)}",
                )

    def _look_at(self, image: MetadataImage) -> None:
        for topic in image.topics():
            for index, partition in topic.partitions.items():
                key = (topic.id, index)
                before = self._partitions.get(key)
                if before is partition:
                    continue
                self._partitions[key] = partition
                problem = _invalid(partition)
                if problem:
                    self.complain("isr-invalid", key, f"{topic.name}-{index}: {problem}: {partition}")
                if not (*partition.isr, *partition.elr, *partition.last_known_elr):
                    self.complain(
                        "no-recovery-quorum",
                        key,
                        f"{topic.name}-{index}: nobody is known to hold everything: {partition}",
                    )
                if before is not None:
                    self._look_at_change(f"{topic.name}-{index}", key, before, partition)

    def _look_at_change(self, name: str, key: tuple[bytes, int], before: PartitionImage, after: PartitionImage) -> None:
        problem = ""
        if after.partition_epoch < before.partition_epoch:
            problem = "its partition epoch went back"
        elif after.leader_epoch < before.leader_epoch:
            problem = "its leader epoch went back"
        elif after.partition_epoch == before.partition_epoch and after != before:
            problem = "it changed in one partition epoch"
        elif after.leader != before.leader and after.leader_epoch == before.leader_epoch:
            problem = "its leader changed in one leader epoch"
        elif (
            after.leader == before.leader
            and after.leader_epoch == before.leader_epoch
            and after.leader != NO_LEADER
            and after.leader not in after.isr
        ):
            problem = "its leader left the ISR"
        if problem:
            self.complain("partition-epoch-back", key, f"{name}: {problem}: {before} then {after}")


def _invalid(partition: PartitionImage) -> str:
    replicas = set(partition.replicas)
    if not set(partition.isr) <= replicas:
        return "the ISR has others than replicas"
    if not set(partition.elr) <= replicas:
        return "the ELR has others than replicas"
    if set(partition.isr) & set(partition.elr):
        return "ISR and ELR share members"
    if len(set(partition.isr)) != len(partition.isr):
        return "a member is twice in the ISR"
    if partition.leader != NO_LEADER and partition.leader not in partition.isr:
        return "the leader is not in sync"
    return ""


def _difference(one: MetadataImage, other: MetadataImage) -> str:
    for name in (
        "brokers",
        "topics_by_id",
        "configs",
        "features",
        "producer_ids",
        "controllers",
        "cluster_id",
        "epoch",
    ):
        left, right = getattr(one, name), getattr(other, name)
        if left != right:
            return f"{name} {str(left)[:300]} and {str(right)[:300]}"
    return "they differ"
