"""What the operator decides about groups (Kafka: GroupCoordinatorConfig; the names are the properties)."""

from dataclasses import dataclass

NEW_MEMBER_JOIN_TIMEOUT_MS = 5 * 60 * 1000
"""How long a member that never got a JoinGroup answer is kept (Kafka: CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS).

It has no member id yet and cannot send heartbeats, and its connection may be gone without us seeing it.
"""


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """Defaults are Kafka's."""

    group_max_size: int = 2**31 - 1
    """group.max.size: members a group may have."""
    initial_rebalance_delay_ms: int = 3000
    """group.initial.rebalance.delay.ms: how long an empty group waits for more members than the first."""
    new_member_join_timeout_ms: int = NEW_MEMBER_JOIN_TIMEOUT_MS
    offset_metadata_max_bytes: int = 4096
    """offset.metadata.max.bytes; Kafka counts characters (OffsetMetadataManager.isMetadataInvalid), and so do we."""
    offsets_retention_ms: int = 7 * 24 * 60 * 60 * 1000
    """offsets.retention.minutes, in milliseconds."""
