"""One partition's changes (Kafka: PartitionChangeBuilderTest; KIP-966)."""

from __future__ import annotations

from typing import Any

from engine.metadata.apply import merge_partition
from engine.metadata.image import PartitionImage
from engine.metadata.partition_change import Election, PartitionChange

TOPIC = b"t" * 16


def partition(**fields: Any) -> PartitionImage:
    values: dict[str, Any] = {
        "replicas": (2, 1, 3),
        "directories": (b"2" * 16, b"1" * 16, b"3" * 16),
        "isr": (2, 1, 3),
        "leader": 2,
        "leader_epoch": 100,
        "partition_epoch": 200,
        **fields,
    }
    return PartitionImage(**values)


def change(image: PartitionImage, *, dead: tuple[int, ...] = (), elr: bool = False, **options: Any) -> PartitionChange:
    return PartitionChange(
        image,
        TOPIC,
        0,
        lambda broker: broker not in dead,
        options.pop("min_insync_replicas", 2),
        elr_enabled=elr,
        **options,
    )


def result(image: PartitionImage, made: PartitionChange) -> PartitionImage:
    record = made.build()
    return image if record is None else merge_partition(image, record)


def test_nothing_to_change_makes_no_record() -> None:
    assert change(partition()).build() is None


def test_a_preferred_election_moves_leadership_back_only_when_the_preferred_replica_is_in_sync() -> None:
    led_by_1 = partition(leader=1)
    assert result(led_by_1, change(led_by_1, election=Election.PREFERRED)).leader == 2
    behind = partition(leader=1, isr=(1, 3))
    assert change(behind, election=Election.PREFERRED).build() is None
    assert change(led_by_1, election=Election.PREFERRED, dead=(2,)).build() is None


def test_an_online_election_keeps_a_leader_that_can_stay() -> None:
    assert change(partition(leader=1)).build() is None


def test_an_online_election_takes_the_first_in_sync_replica_of_the_assignment() -> None:
    image = partition()
    made = change(image, dead=(2,))
    made.target_isr = (3, 1)
    after = result(image, made)
    assert (after.leader, after.isr, after.leader_epoch) == (1, (3, 1), 101)


def test_without_a_replica_in_sync_nobody_is_elected_and_the_last_isr_stays() -> None:
    image = partition(isr=(2,))
    made = change(image, dead=(2,))
    made.target_isr = ()
    after = result(image, made)
    assert (after.leader, after.isr) == (-1, (2,))


def test_an_unclean_election_leaves_only_the_new_leader_in_sync_and_recovering() -> None:
    image = partition(isr=(2,))
    made = change(image, dead=(2,), election=Election.UNCLEAN)
    made.target_isr = ()
    after = result(image, made)
    assert (after.leader, after.isr, after.leader_recovery_state) == (1, (1,), 1)


def test_an_isr_that_shrinks_or_grows_keeps_the_leader_epoch() -> None:
    """Since 3.6 (KAFKA-15021)."""
    image = partition()
    made = change(image)
    made.target_isr = (2, 1)
    after = result(image, made)
    assert (after.leader_epoch, after.partition_epoch) == (100, 201)


def test_a_replica_that_leaves_the_assignment_brings_a_new_leader_epoch() -> None:
    image = partition()
    made = change(image)
    made.target_replicas = (2, 1)
    made.target_isr = (2, 1)
    after = result(image, made)
    assert (after.leader, after.leader_epoch) == (2, 101)
    assert after.directories == (b"2" * 16, b"1" * 16)


def test_a_reassignment_completes_when_all_that_stay_are_in_sync() -> None:
    """Kafka: PartitionReassignmentReplicas.maybeCompleteReassignment."""
    image = partition(
        replicas=(2, 1, 3, 4),
        directories=(b"2" * 16, b"1" * 16, b"3" * 16, b"4" * 16),
        adding_replicas=(4,),
        removing_replicas=(2,),
    )
    assert change(image).build() is None, "4 is not in sync yet"
    made = change(image)
    made.target_isr = (2, 1, 3, 4)
    after = result(image, made)
    assert (after.replicas, after.isr) == ((1, 3, 4), (1, 3, 4))
    assert (after.adding_replicas, after.removing_replicas) == ((), ())
    assert after.leader == 1


def test_whoever_leaves_an_isr_below_the_minimum_stays_eligible() -> None:
    image = partition(isr=(2, 1))
    made = change(image, elr=True)
    made.target_isr = (2,)
    after = result(image, made)
    assert (after.isr, after.elr) == ((2,), (1,))


def test_an_isr_at_the_minimum_needs_no_eligible_replicas() -> None:
    image = partition(isr=(2,), elr=(1,))
    made = change(image, elr=True)
    made.target_isr = (2, 3)
    assert result(image, made).elr == ()


def test_with_eligible_replicas_the_isr_can_become_empty() -> None:
    image = partition(isr=(2,), elr=(1,))
    made = change(image, elr=True, dead=(1, 2, 3))
    made.target_isr = ()
    after = result(image, made)
    assert (after.isr, after.elr, after.leader, after.last_known_elr) == ((), (1, 2), -1, (2,))


def test_an_eligible_replica_is_elected_cleanly_when_nobody_is_in_sync() -> None:
    image = partition(isr=(), elr=(1, 2), leader=-1, last_known_elr=(2,))
    after = result(image, change(image, elr=True, dead=(2, 3)))
    assert (after.leader, after.isr, after.elr) == (1, (1,), (2,))
    assert after.leader_recovery_state == 0
    assert after.last_known_elr == (), "there is a leader again"


def test_a_replica_outside_isr_and_elr_is_not_elected() -> None:
    image = partition(isr=(), elr=(1,), leader=-1, last_known_elr=(2,))
    assert change(image, elr=True, dead=(1,)).build() is None


def test_an_unclean_shutdown_ends_eligibility() -> None:
    image = partition(isr=(2,), elr=(1,))
    made = change(image, elr=True)
    made.unclean_shutdown_replicas = (1,)
    assert result(image, made).elr == ()


def test_the_last_known_leader_is_elected_when_no_eligible_replica_is_left() -> None:
    """KIP-966, balanced recovery: it has the best chance of having everything; the election counts as unclean."""
    image = partition(isr=(), elr=(), leader=-1, last_known_elr=(3,))
    assert change(image, elr=True, dead=(3,)).build() is None
    after = result(image, change(image, elr=True))
    assert (after.leader, after.isr, after.leader_recovery_state) == (3, (3,), 1)
    assert after.last_known_elr == ()


def test_the_last_known_leader_is_the_one_of_the_moment_it_became_leaderless() -> None:
    image = partition(isr=(), elr=(1,), leader=-1, last_known_elr=(2,))
    made = change(image, elr=True, dead=(1, 2, 3))
    made.unclean_shutdown_replicas = (1,)
    after = result(image, made)
    assert (after.elr, after.last_known_elr) == ((), (2,))


def test_an_unclean_election_makes_the_elr_worthless() -> None:
    image = partition(isr=(), elr=(1,), leader=-1, last_known_elr=(1,))
    after = result(image, change(image, elr=True, dead=(1,), election=Election.UNCLEAN))
    assert (after.leader, after.isr, after.elr, after.last_known_elr) == (2, (2,), (), ())
