"""One member of a classic group (Kafka: ClassicGroupMember)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine.groups.effects import Token
from engine.protocol.buffers import Buffer

Protocols = tuple[tuple[str, bytes], ...]
"""The (name, metadata) pairs a member offers, most preferred first, names unique."""

NO_ASSIGNMENT = b""


def protocols_of(offered: Iterable[tuple[str, Buffer]]) -> Protocols:
    """`offered` without repeated names (Kafka: JoinGroupRequestProtocolCollection keeps the first)."""
    seen: dict[str, bytes] = {}
    for name, metadata in offered:
        seen.setdefault(name, bytes(metadata))
    return tuple(seen.items())


@dataclass(slots=True)
class Member:
    """What the coordinator knows of a member. Mutable; owned by one `ClassicGroup`."""

    member_id: str
    group_instance_id: str | None
    """Identity of a static member (KIP-345), None for a dynamic one."""
    client_id: str
    client_host: str
    rebalance_timeout_ms: int
    session_timeout_ms: int
    protocol_type: str
    protocols: Protocols
    assignment: bytes = NO_ASSIGNMENT
    awaiting_join: Token | None = field(default=None)
    """The parked JoinGroup request."""
    awaiting_sync: Token | None = field(default=None)
    """The parked SyncGroup request."""
    is_new: bool = False
    """It has not had its first JoinGroup answer; see `settings.NEW_MEMBER_JOIN_TIMEOUT_MS`."""

    @property
    def is_static(self) -> bool:
        return self.group_instance_id is not None

    def metadata(self, protocol_name: str | None) -> bytes:
        """What it offered for that protocol; KeyError when it did not offer it."""
        for name, metadata in self.protocols:
            if name == protocol_name:
                return metadata
        raise KeyError(f"member {self.member_id} does not support protocol {protocol_name}")

    def vote(self, candidates: set[str]) -> str:
        """The candidate it likes best; KeyError when it supports none."""
        for name, _ in self.protocols:
            if name in candidates:
                return name
        raise KeyError(f"member {self.member_id} supports none of {sorted(candidates)}")

    def has_satisfied_heartbeat(self) -> bool:
        """A parked request stands for a heartbeat, except the first one of a new member."""
        return not self.is_new and (self.awaiting_join is not None or self.awaiting_sync is not None)
