"""The states of a classic group and which may follow which (Kafka: ClassicGroupState)."""

from enum import Enum


class GroupState(Enum):
    """Value: the name that DescribeGroups and ListGroups show."""

    EMPTY = "Empty"
    """No members; it may keep committed offsets, and is deleted once they have expired."""
    PREPARING_REBALANCE = "PreparingRebalance"
    """Members are joining; JoinGroup requests are parked until all have, or the rebalance timeout passes."""
    COMPLETING_REBALANCE = "CompletingRebalance"
    """A new generation is formed; SyncGroup requests are parked until the leader's assignment is in the log."""
    STABLE = "Stable"
    """Every member can have its assignment."""
    DEAD = "Dead"
    """Given up by this coordinator; final."""


LEGAL_TRANSITIONS: dict[GroupState, frozenset[GroupState]] = {
    GroupState.EMPTY: frozenset({GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.PREPARING_REBALANCE: frozenset(
        {GroupState.COMPLETING_REBALANCE, GroupState.EMPTY, GroupState.DEAD},
    ),
    GroupState.COMPLETING_REBALANCE: frozenset(
        {GroupState.STABLE, GroupState.PREPARING_REBALANCE, GroupState.DEAD},
    ),
    GroupState.STABLE: frozenset({GroupState.PREPARING_REBALANCE, GroupState.DEAD}),
    GroupState.DEAD: frozenset({GroupState.DEAD}),
}
"""From a state to those that may follow it; anything else is a bug of ours."""
