"""A classic group: its members, its generation and the rules that bind them (Kafka: ClassicGroup).

A plain state machine without effects: `engine.groups.membership` decides when it moves. Invariants:
- the state moves along `LEGAL_TRANSITIONS` only; the generation never decreases;
- a group has a leader exactly when it has members, and the leader is one of them;
- `awaiting_join_count` is the number of members with a parked JoinGroup request;
- every static member's instance id maps to a member id of the group.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from engine.errors import InvariantViolation, KafkaError
from engine.groups.effects import Token
from engine.groups.member import Member, Protocols
from engine.groups.offsets import CommittedOffset
from engine.groups.states import LEGAL_TRANSITIONS, GroupState
from engine.groups.subscriptions import subscribed_topics_of
from engine.protocol.consumer_protocol import PROTOCOL_TYPE as CONSUMER
from engine.protocol.errors import ErrorCode
from engine.runtime import safeguards


@dataclass(slots=True, eq=False)
class ClassicGroup:
    """One group. Mutable; owned by one `GroupShard`."""

    group_id: str
    state: GroupState = GroupState.EMPTY
    state_timestamp_ms: int | None = None
    """When it entered its state; None when the log does not say (GroupMetadataValue before version 2)."""
    generation_id: int = 0
    protocol_type: str | None = None
    protocol_name: str | None = None
    """The protocol that won the vote for this generation."""
    leader_id: str | None = None
    previous_state: GroupState = GroupState.DEAD
    members: dict[str, Member] = field(default_factory=dict)
    """By member id, in the order they joined."""
    static_members: dict[str, str] = field(default_factory=dict)
    """group.instance.id -> member id."""
    pending_members: dict[str, None] = field(default_factory=dict)
    """Ids given out with MEMBER_ID_REQUIRED that have not joined yet (KIP-394). A dict for its order."""
    pending_sync_members: dict[str, None] = field(default_factory=dict)
    """Members of this generation that have not sent SyncGroup yet."""
    awaiting_join_count: int = 0
    subscribed_topics: frozenset[str] | None = None
    """Topics of all members, as far as their metadata can be read; None when unknown."""
    new_member_added: bool = False
    """Somebody joined during the initial delay, so it may be extended."""
    initial_delay: tuple[int, int] | None = None
    """(delay that runs, what may still be added), in ms, while the join timer is an initial delay."""
    _protocol_counts: dict[str, int] = field(default_factory=dict)

    # --- state ---

    def transition_to(self, state: GroupState, now_ms: int) -> None:
        """Enter `state`; InvariantViolation unless it may follow the current one."""
        if state not in LEGAL_TRANSITIONS[self.state]:
            raise InvariantViolation(f"group {self.group_id} cannot go from {self.state.value} to {state.value}")
        self.previous_state = self.state
        self.state = state
        self.state_timestamp_ms = now_ms

    @property
    def can_rebalance(self) -> bool:
        return GroupState.PREPARING_REBALANCE in LEGAL_TRANSITIONS[self.state]

    @property
    def uses_consumer_protocol(self) -> bool:
        return self.protocol_type == CONSUMER

    @property
    def is_simple(self) -> bool:
        """Only keeps offsets: nobody ever joined (Kafka: isSimpleGroup)."""
        return self.protocol_type is None and self.state is GroupState.EMPTY and not self.pending_members

    # --- members ---

    def add(self, member: Member) -> None:
        """Take in `member`; the first one sets the protocol type and leads.

        InvariantViolation when its instance id is taken or it shares no protocol with the group: callers check first.
        """
        if member.group_instance_id is not None:
            if member.group_instance_id in self.static_members:
                raise InvariantViolation(f"{self.group_id} already has the static member {member.group_instance_id}")
            self.static_members[member.group_instance_id] = member.member_id
        if not self.members:
            self.protocol_type = member.protocol_type
        if not self.supports_protocols(member.protocol_type, (name for name, _ in member.protocols)):
            raise InvariantViolation(f"member {member.member_id} shares no protocol with group {self.group_id}")
        if self.leader_id is None:
            self.leader_id = member.member_id
        self.members[member.member_id] = member
        self._count_protocols(member, 1)
        if member.awaiting_join is not None:
            self.awaiting_join_count += 1
        self.pending_members.pop(member.member_id, None)

    def remove(self, member_id: str) -> None:
        """Drop the member or pending member, if there is one; another member leads when it did."""
        member = self.members.pop(member_id, None)
        if member is not None:
            self._count_protocols(member, -1)
            if member.awaiting_join is not None:
                self.awaiting_join_count -= 1
            if member.group_instance_id is not None:
                self.static_members.pop(member.group_instance_id, None)
        if self.leader_id == member_id:
            self.leader_id = next(iter(self.members), None)
        self.pending_members.pop(member_id, None)
        self.pending_sync_members.pop(member_id, None)

    def replace_static_member(self, group_instance_id: str, old_member_id: str, new_member_id: str) -> Member:
        """The static member came back under a new id: it keeps its place, assignment and leadership (KIP-345)."""
        old = self.members.pop(old_member_id)
        assert old.awaiting_join is None, "answer the parked requests of the old member first"
        assert old.awaiting_sync is None
        new = replace(old, member_id=new_member_id, is_new=False)
        self.members[new_member_id] = new
        if self.leader_id == old_member_id:
            self.leader_id = new_member_id
        self.static_members[group_instance_id] = new_member_id
        return new

    def update_member(
        self,
        member: Member,
        protocols: Protocols,
        rebalance_timeout_ms: int,
        session_timeout_ms: int,
        token: Token | None,
    ) -> None:
        """The member joined again: `token` is its parked request, None when it no longer waits."""
        self._count_protocols(member, -1)
        member.protocols = protocols
        self._count_protocols(member, 1)
        member.rebalance_timeout_ms = rebalance_timeout_ms
        member.session_timeout_ms = session_timeout_ms
        self.set_awaiting_join(member, token)

    def set_awaiting_join(self, member: Member, token: Token | None) -> None:
        self.awaiting_join_count += (token is not None) - (member.awaiting_join is not None)
        member.awaiting_join = token

    def add_pending_member(self, member_id: str) -> None:
        if member_id in self.members:
            raise InvariantViolation(f"{member_id} is already a member of group {self.group_id}")
        self.pending_members[member_id] = None

    def has_all_members_joined(self) -> bool:
        return len(self.members) == self.awaiting_join_count and not self.pending_members

    def rebalance_timeout_ms(self) -> int:
        """The longest of its members'; 0 without members."""
        return max((member.rebalance_timeout_ms for member in self.members.values()), default=0)

    def maybe_elect_new_joined_leader(self) -> bool:
        """Let a member lead that has joined, when the leader has not (static leaders stay members without joining).

        Returns False when there is no leader, or nobody has joined at all.
        """
        if self.leader_id is None:
            return False
        if self.members[self.leader_id].awaiting_join is not None:
            return True
        for member in self.members.values():
            if member.awaiting_join is not None:
                self.leader_id = member.member_id
                return True
        return False

    def init_next_generation(self, now_ms: int) -> None:
        """Close the join phase: count up the generation, vote, and become CompletingRebalance, or Empty."""
        self.generation_id += 1
        self.protocol_name = self.select_protocol() if self.members else None
        self.subscribed_topics = self.compute_subscribed_topics()
        self.transition_to(GroupState.COMPLETING_REBALANCE if self.members else GroupState.EMPTY, now_ms)
        self.pending_sync_members.clear()

    # --- protocols ---

    def supports_protocols(self, protocol_type: str, names: Iterable[str]) -> bool:
        """Whether a member with these protocols may be in the group; anything goes in an empty one."""
        if self.state is GroupState.EMPTY and not self.members:
            return bool(protocol_type) and any(True for _ in names)
        count = len(self.members)
        return protocol_type == self.protocol_type and any(
            self._protocol_counts.get(name, 0) == count for name in names
        )

    def select_protocol(self) -> str:
        """The protocol all members support that most like best; of equals the one voted for first."""
        count = len(self.members)
        candidates = {name for name, supporters in self._protocol_counts.items() if supporters == count}
        votes: dict[str, int] = {}
        for member in self.members.values():
            choice = member.vote(candidates)
            votes[choice] = votes.get(choice, 0) + 1
        return max(votes, key=votes.__getitem__)

    def _count_protocols(self, member: Member, step: int) -> None:
        counts = self._protocol_counts
        for name, _ in member.protocols:
            counts[name] = counts.get(name, 0) + step
            if not counts[name]:
                del counts[name]

    def compute_subscribed_topics(self) -> frozenset[str] | None:
        """Topics its members subscribe to; None when it is no consumer group or the metadata cannot be read."""
        if self.protocol_type != CONSUMER:
            return None
        if not self.members:
            return frozenset()
        if self.protocol_name is None:
            return None
        return subscribed_topics_of(member.metadata(self.protocol_name) for member in self.members.values())

    def is_subscribed_to(self, topic: str) -> bool:
        """While nobody can say, a consumer group counts as subscribed to everything."""
        if self.subscribed_topics is None:
            return self.uses_consumer_protocol
        return topic in self.subscribed_topics

    # --- who may do what ---

    def validate_member(self, member_id: str, group_instance_id: str | None) -> None:
        """KafkaError FENCED_INSTANCE_ID when another member has the instance id, UNKNOWN_MEMBER_ID when unknown."""
        if group_instance_id is not None:
            current = self.static_members.get(group_instance_id)
            if current is None:
                raise KafkaError(
                    ErrorCode.UNKNOWN_MEMBER_ID, f"group {self.group_id} has no static member {group_instance_id}"
                )
            if current != member_id:
                raise KafkaError(
                    ErrorCode.FENCED_INSTANCE_ID,
                    f"{group_instance_id} of group {self.group_id} is the member {current} now, not {member_id}",
                )
        if member_id not in self.members:
            raise KafkaError(ErrorCode.UNKNOWN_MEMBER_ID, f"group {self.group_id} has no member {member_id}")

    def validate_offset_commit(
        self, member_id: str, group_instance_id: str | None, generation_id: int, *, transactional: bool = False
    ) -> None:
        """Whether such a commit is allowed now (Kafka: ClassicGroup.validateOffsetCommit).

        KafkaError COORDINATOR_NOT_AVAILABLE, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID, ILLEGAL_GENERATION or
        REBALANCE_IN_PROGRESS otherwise.
        """
        if self.state is GroupState.DEAD:
            raise KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE)
        if generation_id < 0 and self.state is GroupState.EMPTY:
            return  # an admin client, or a consumer that assigns partitions itself
        if generation_id >= 0 or member_id or group_instance_id is not None:
            self.validate_member(member_id, group_instance_id)
            if generation_id != self.generation_id and safeguards.commit_generation_fencing:
                raise KafkaError(
                    ErrorCode.ILLEGAL_GENERATION,
                    f"group {self.group_id} is at generation {self.generation_id}, not {generation_id}",
                )
        elif not transactional and self.state is not GroupState.EMPTY:
            raise KafkaError(
                ErrorCode.UNKNOWN_MEMBER_ID, f"group {self.group_id} has members; only they may commit its offsets"
            )
        if not transactional and self.state is GroupState.COMPLETING_REBALANCE:
            # The member knows the generation, so it has its JoinGroup answer; let it finish the rebalance first.
            raise KafkaError(ErrorCode.REBALANCE_IN_PROGRESS)

    def validate_delete(self) -> None:
        """KafkaError GROUP_ID_NOT_FOUND when dead, NON_EMPTY_GROUP when it has members."""
        if self.state is GroupState.DEAD:
            raise KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, f"group {self.group_id} is dead")
        if self.state is not GroupState.EMPTY:
            raise KafkaError(ErrorCode.NON_EMPTY_GROUP, f"group {self.group_id} is {self.state.value}")

    def validate_offset_delete(self) -> None:
        """Consumer groups may lose offsets of topics they left while running (KIP-496), others only when empty."""
        if self.state is GroupState.DEAD:
            raise KafkaError(ErrorCode.GROUP_ID_NOT_FOUND, f"group {self.group_id} is dead")
        if self.state is not GroupState.EMPTY and not self.uses_consumer_protocol:
            raise KafkaError(ErrorCode.NON_EMPTY_GROUP, f"group {self.group_id} is {self.state.value}")

    def expiry_base(self) -> Callable[[CommittedOffset], int] | None:
        """From when an offset's retention counts, in ms since 1970; None while nothing of this group expires.

        KIP-211: without members from the moment the group became empty; with members only in a stable consumer group
        whose subscriptions are known, and without the group protocol, from the commit.
        """
        if self.protocol_type is None or not safeguards.offsets_of_living_groups_stay:
            return _commit_timestamp
        if self.state is GroupState.EMPTY:
            since = self.state_timestamp_ms
            return _commit_timestamp if since is None else lambda _offset: since
        # In a rebalance nobody knows what the next generation will subscribe to (KAFKA-13636).
        is_settled = self.state is GroupState.STABLE or not safeguards.offsets_stay_during_rebalance
        if self.uses_consumer_protocol and self.subscribed_topics is not None and is_settled:
            return _commit_timestamp
        return None


def _commit_timestamp(offset: CommittedOffset) -> int:
    return offset.commit_timestamp_ms
