"""One change of one partition: who is in sync, who may lead, and who does (Kafka: PartitionChangeBuilder, KIP-966)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from engine.metadata.image import DIRECTORY_UNASSIGNED, NO_LEADER, NO_LEADER_CHANGE, RECOVERING, PartitionImage
from engine.protocol.messages import PartitionChangeRecord


class Election(Enum):
    """What an election may do (Kafka: PartitionChangeBuilder.Election)."""

    ONLINE = "keep the leader if it can be kept, else elect from the ISR"
    PREFERRED = "elect the preferred replica if it is in the ISR, else as ONLINE"
    UNCLEAN = "as ONLINE, and if that finds nobody, any live replica: records may be lost"


class PartitionChange:
    """Gathers what should become of `partition`; `build` makes the record, or None when nothing would change.

    `is_acceptable_leader(broker_id)`: the broker is (or is about to be) alive, and its directory is online.
    `min_insync_replicas`: below that many in-sync replicas the others that were in sync stay eligible (KIP-966).
    """

    def __init__(
        self,
        partition: PartitionImage,
        topic_id: bytes,
        partition_id: int,
        is_acceptable_leader: Callable[[int], bool],
        min_insync_replicas: int,
        *,
        elr_enabled: bool,
        election: Election = Election.ONLINE,
        default_directory: Callable[[int], bytes] = lambda _: DIRECTORY_UNASSIGNED,
    ) -> None:
        self._partition = partition
        self._topic_id = topic_id
        self._partition_id = partition_id
        self._is_acceptable_leader = is_acceptable_leader
        self._min_insync_replicas = min_insync_replicas
        self._elr_enabled = elr_enabled
        self._default_directory = default_directory
        self.election = election
        self.target_isr: Sequence[int] = partition.isr
        self.target_replicas: Sequence[int] = partition.replicas
        self.target_adding: Sequence[int] = partition.adding_replicas
        self.target_removing: Sequence[int] = partition.removing_replicas
        self.target_leader_recovery_state = partition.leader_recovery_state
        self.unclean_shutdown_replicas: Sequence[int] = ()
        """Replicas that may have lost what they had written: they leave the ELR too."""
        self._elr: list[int] = list(partition.elr)
        self._directories = dict(zip(partition.replicas, partition.directories, strict=True))

    def set_directory(self, broker_id: int, directory: bytes) -> None:
        """The replica on that broker lives in `directory` (KIP-858)."""
        self._directories[broker_id] = directory

    def build(self) -> PartitionChangeRecord | None:
        """The record for the change, None when there is nothing to write."""
        partition = self._partition
        record = PartitionChangeRecord(topic_id=self._topic_id, partition_id=self._partition_id)
        self._complete_reassignment()
        self._collect_elr()
        self._elect(record)
        if record.leader == NO_LEADER_CHANGE and not set(partition.replicas) <= set(self.target_replicas):
            # A replica leaves the assignment: a new leader epoch makes sure that it notices.
            record.leader = partition.leader
        self._record_elr(record)
        # With eligible leader replicas the ISR may become empty; without, the last member stays in it.
        isr = tuple(self.target_isr)
        if record.isr is None and (isr or self._elr_enabled) and isr != partition.isr:
            record.isr = list(isr)
        self._record_last_known_leader(record)
        self._record_assignment(record)
        if self.target_leader_recovery_state != partition.leader_recovery_state:
            record.leader_recovery_state = self.target_leader_recovery_state
        return None if _changes_nothing(record) else record

    # Election

    def _elect(self, record: PartitionChangeRecord) -> None:
        leader, unclean = self._find_leader()
        partition = self._partition
        if leader == partition.leader:
            return
        if leader in self._elr:
            # Elected from the ELR: it held everything committed, and is all there is of the ISR now.
            self.target_isr = (leader,)
            self._elr = [replica for replica in self._elr if replica != leader]
        record.leader = leader
        if unclean:
            # Others may hold records that this one does not: they must all follow it. This can lose data.
            record.isr = [leader]
            if partition.leader_recovery_state != RECOVERING:
                record.leader_recovery_state = RECOVERING

    def _find_leader(self) -> tuple[int, bool]:
        """(leader or NO_LEADER, whether its election is unclean)."""
        replicas = self.target_replicas
        current = self._partition.leader
        if self.election is Election.PREFERRED and replicas and self._is_valid_leader(replicas[0]):
            return replicas[0], False
        if self._is_valid_leader(current):
            return current, False
        for replica in replicas:
            if self._is_valid_leader(replica):
                return replica, False
        if self._can_elect_last_known_leader():
            return self._partition.last_known_elr[0], True
        if self.election is Election.UNCLEAN:
            for replica in replicas:
                if self._is_acceptable_leader(replica):
                    return replica, True
        return NO_LEADER, False

    def _is_valid_leader(self, replica: int) -> bool:
        """In the ISR, or in the ELR when the ISR is empty; and alive."""
        isr = self.target_isr
        return (replica in isr or (not isr and replica in self._elr)) and self._is_acceptable_leader(replica)

    def _can_elect_last_known_leader(self) -> bool:
        """Nobody in sync or eligible is left, and the last leader is back (KIP-966: balanced recovery)."""
        last_known = self._partition.last_known_elr
        return (
            self._elr_enabled
            and not self._elr
            and not self.target_isr
            and len(last_known) == 1
            and self._is_acceptable_leader(last_known[0])
        )

    # Eligible leader replicas

    def _collect_elr(self) -> None:
        """What was in sync or eligible stays eligible while the ISR is below min.insync.replicas, because the high
        watermark does not move then; unless it came back from an unclean shutdown."""
        if not self._elr_enabled:
            return
        isr = self.target_isr
        if len(isr) >= self._min_insync_replicas:
            self._elr = []
            return
        candidates = sorted({*self._elr, *self._partition.isr})
        self._elr = [r for r in candidates if r not in isr and r not in self.unclean_shutdown_replicas]

    def _record_elr(self, record: PartitionChangeRecord) -> None:
        if record.isr is not None or not self._elr_enabled:  # an unclean election, which makes the ELR worthless
            self._elr = []
        if tuple(self._elr) != self._partition.elr:
            record.eligible_leader_replicas = list(self._elr)

    def _record_last_known_leader(self, record: PartitionChangeRecord) -> None:
        """Remember the leader at the moment the partition becomes leaderless; forget it once there is one again."""
        if not self._elr_enabled:
            return
        last_known = self._partition.last_known_elr
        if record.leader == NO_LEADER and not last_known:
            record.last_known_elr = [self._partition.leader]
        elif record.leader >= 0 and last_known:
            record.last_known_elr = []

    # Assignment

    def _complete_reassignment(self) -> None:
        """Drop the removing replicas once every replica that stays is in sync (Kafka: PartitionReassignmentReplicas)."""
        removing, adding = self.target_removing, self.target_adding
        if not removing and not adding:
            return
        isr = [replica for replica in self.target_isr if replica not in removing]
        replicas = [replica for replica in self.target_replicas if replica not in removing]
        if not isr or not replicas or not set(replicas) <= set(isr):
            return
        self.target_isr, self.target_replicas = isr, replicas
        self.target_removing = self.target_adding = ()

    def _record_assignment(self, record: PartitionChangeRecord) -> None:
        partition = self._partition
        if self.target_replicas and tuple(self.target_replicas) != partition.replicas:
            record.replicas = list(self.target_replicas)
        if self.target_replicas:
            known = self._directories
            directories = [known.get(r) or self._default_directory(r) for r in self.target_replicas]
            if tuple(directories) != partition.directories:
                record.directories = directories
        if tuple(self.target_removing) != partition.removing_replicas:
            record.removing_replicas = list(self.target_removing)
        if tuple(self.target_adding) != partition.adding_replicas:
            record.adding_replicas = list(self.target_adding)


def _changes_nothing(record: PartitionChangeRecord) -> bool:
    return (
        record.isr is None
        and record.leader == NO_LEADER_CHANGE
        and record.replicas is None
        and record.removing_replicas is None
        and record.adding_replicas is None
        and record.leader_recovery_state < 0
        and record.directories is None
        and record.eligible_leader_replicas is None
        and record.last_known_elr is None
    )
