"""How the laboratory's consumers share partitions: Kafka's four classic strategies for one topic.

range              consecutive partitions, members in order of their ids                       (eager)
roundrobin         one by one, in turn                                                         (eager)
sticky             as even as possible, everyone keeps what it had as far as that allows       (eager)
cooperative-sticky the same, but what changes hands is first given up, and assigned in a second
                   rebalance (KIP-429): nobody gets in this round what another member still owns
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

Owned = Mapping[str, tuple[int, ...]]
"""Member id -> partitions it says it owns."""

Assignment = dict[str, list[int]]

COOPERATIVE = "cooperative-sticky"


def assign_range(owned: Owned, partitions: int) -> Assignment:
    """Kafka: RangeAssignor."""
    members = sorted(owned)
    each, more = divmod(partitions, len(members))
    found: Assignment = {}
    start = 0
    for index, member in enumerate(members):
        count = each + (index < more)
        found[member] = list(range(start, start + count))
        start += count
    return found


def assign_round_robin(owned: Owned, partitions: int) -> Assignment:
    """Kafka: RoundRobinAssignor."""
    members = sorted(owned)
    found: Assignment = {member: [] for member in members}
    for partition in range(partitions):
        found[members[partition % len(members)]].append(partition)
    return found


def assign_sticky(owned: Owned, partitions: int) -> Assignment:
    """Balanced within one, and nobody loses a partition that balance does not take (Kafka: StickyAssignor)."""
    members = sorted(owned)
    each, more = divmod(partitions, len(members))
    claims: dict[int, list[str]] = {}
    for member in members:
        for partition in owned[member]:
            claims.setdefault(partition, []).append(member)
    found: Assignment = {member: [] for member in members}
    for partition in range(partitions):
        claimants = claims.get(partition, [])
        # Two who claim one partition: a member that missed a generation. Neither keeps it.
        if len(claimants) == 1 and len(found[claimants[0]]) < each + (more > 0):
            found[claimants[0]].append(partition)
    larger = 0
    for member in members:
        if len(found[member]) > each:
            larger += 1
            if larger > more:
                found[member].pop()
                larger -= 1
    taken = {partition for kept in found.values() for partition in kept}
    for partition in range(partitions):
        if partition not in taken:
            poorest = min(members, key=lambda member: (len(found[member]), member))
            found[poorest].append(partition)
    return {member: sorted(kept) for member, kept in found.items()}


def assign_cooperatively(owned: Owned, partitions: int) -> Assignment:
    """Sticky, without what another member owns still (Kafka: CooperativeStickyAssignor.adjustAssignment)."""
    owner = {partition: member for member, kept in sorted(owned.items()) for partition in kept}
    return {
        member: [partition for partition in kept if owner.get(partition, member) == member]
        for member, kept in assign_sticky(owned, partitions).items()
    }


ASSIGNORS: dict[str, Callable[[Owned, int], Assignment]] = {
    "range": assign_range,
    "roundrobin": assign_round_robin,
    "sticky": assign_sticky,
    COOPERATIVE: assign_cooperatively,
}
