"""The course of a rebalance: join phase, generation, sync phase (Kafka: GroupMetadataManager.prepareRebalance et al.).

Empty -- first member --> PreparingRebalance (initial delay, extended while members keep coming)
PreparingRebalance -- all members joined, or rebalance timeout --> CompletingRebalance (JoinGroups answered)
CompletingRebalance -- leader's assignment in the log --> Stable (SyncGroups answered)
Stable, CompletingRebalance -- a member joins, leaves or fails --> PreparingRebalance
PreparingRebalance -- nobody left --> Empty
"""

from engine.groups.classic_group import ClassicGroup
from engine.groups.effects import Append, Outcome, TimerKey, TimerKind, nothing_more
from engine.groups.member import NO_ASSIGNMENT, Member
from engine.groups.responses import join_error, join_success, sync_error, sync_success
from engine.groups.shard_state import ShardState, group_record
from engine.groups.states import GroupState
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import JoinGroupResponse, SyncGroupResponse
from engine.runtime import safeguards


def heartbeat_timer(group: ClassicGroup, member_id: str) -> TimerKey:
    return TimerKey(TimerKind.HEARTBEAT, group.group_id, member_id)


def join_timer(group: ClassicGroup) -> TimerKey:
    return TimerKey(TimerKind.JOIN, group.group_id)


def sync_timer(group: ClassicGroup) -> TimerKey:
    return TimerKey(TimerKind.SYNC, group.group_id)


class Rebalancing:
    """Moves groups between phases. Every method may add effects to the shard's state."""

    def __init__(self, shard: ShardState) -> None:
        self._shard = shard

    # --- parked requests and sessions ---

    def renew_session(self, group: ClassicGroup, member: Member, timeout_ms: int | None = None) -> None:
        """The member is alive: it has its session timeout (or `timeout_ms`) from now on."""
        self._shard.set_timer(
            heartbeat_timer(group, member.member_id), member.session_timeout_ms if timeout_ms is None else timeout_ms
        )

    def answer_join(self, group: ClassicGroup, member: Member, response: JoinGroupResponse) -> bool:
        """Answer the member's parked JoinGroup; False when it has none."""
        token = member.awaiting_join
        if token is None:
            return False
        group.set_awaiting_join(member, None)
        self._shard.respond(token, response)
        return True

    def answer_sync(self, member: Member, response: SyncGroupResponse) -> bool:
        """Answer the member's parked SyncGroup; False when it has none."""
        token = member.awaiting_sync
        if token is None:
            return False
        member.awaiting_sync = None
        self._shard.respond(token, response)
        return True

    def remove_member(self, group: ClassicGroup, member_id: str) -> None:
        """Drop a member; if it waits for a JoinGroup answer it learns that it is unknown, and may join afresh."""
        member = group.members.get(member_id)
        if member is not None:
            self.answer_join(group, member, join_error(ErrorCode.UNKNOWN_MEMBER_ID))
            self.answer_sync(member, sync_error(ErrorCode.UNKNOWN_MEMBER_ID))
        group.remove(member_id)
        self._shard.cancel_timer(heartbeat_timer(group, member_id))

    def forget(self, group: ClassicGroup) -> None:
        """Drop the group from memory, with its timers and the members that had not joined yet."""
        del self._shard.groups[group.group_id]
        for member_id in (*group.members, *group.pending_members):
            self._shard.cancel_timer(heartbeat_timer(group, member_id))
        group.pending_members.clear()
        self._shard.cancel_timer(join_timer(group))
        self._shard.cancel_timer(sync_timer(group))

    # --- join phase ---

    def prepare_or_complete(self, group: ClassicGroup, now_ms: int) -> None:
        """Something changed: rebalance, or if that is under way see whether it can go on."""
        if group.can_rebalance:
            self.prepare(group, now_ms)
        else:
            self.maybe_complete_join(group, now_ms)

    def prepare(self, group: ClassicGroup, now_ms: int) -> None:
        """Enter PreparingRebalance and wait for the members."""
        if group.state is GroupState.COMPLETING_REBALANCE:
            self._reset_assignments(group, ErrorCode.REBALANCE_IN_PROGRESS)
        group.pending_sync_members.clear()
        self._shard.cancel_timer(sync_timer(group))

        is_initial = group.state is GroupState.EMPTY
        group.transition_to(GroupState.PREPARING_REBALANCE, now_ms)
        if is_initial:
            delay_ms = self._shard.settings.initial_rebalance_delay_ms
            group.initial_delay = (delay_ms, max(group.rebalance_timeout_ms() - delay_ms, 0))
            group.new_member_added = False
            self._shard.set_timer(join_timer(group), delay_ms)
        elif group.has_all_members_joined():
            self.complete_join(group, now_ms)
        else:
            group.initial_delay = None
            self._shard.set_timer(join_timer(group), group.rebalance_timeout_ms())

    def maybe_complete_join(self, group: ClassicGroup, now_ms: int) -> None:
        """Close the join phase if everybody is there, but never cut the initial delay short."""
        if (
            group.state is GroupState.PREPARING_REBALANCE
            and group.previous_state is not GroupState.EMPTY
            and group.has_all_members_joined()
        ):
            self.complete_join(group, now_ms)

    def join_timer_fired(self, group: ClassicGroup, now_ms: int) -> None:
        """The initial delay or the rebalance timeout is over."""
        if group.state is not GroupState.PREPARING_REBALANCE:
            return
        if group.initial_delay is not None:
            delay_ms, remaining_ms = group.initial_delay
            if group.new_member_added and remaining_ms:
                group.new_member_added = False
                next_delay_ms = min(self._shard.settings.initial_rebalance_delay_ms, remaining_ms)
                group.initial_delay = (next_delay_ms, max(remaining_ms - delay_ms, 0))
                self._shard.set_timer(join_timer(group), next_delay_ms)
                return
        self.complete_join(group, now_ms)

    def complete_join(self, group: ClassicGroup, now_ms: int) -> None:
        """Form the next generation of those who joined. Dynamic members that did not are dropped; static ones stay."""
        self._shard.cancel_timer(join_timer(group))
        group.initial_delay = None
        for member in list(group.members.values()):
            if member.awaiting_join is None and not member.is_static:
                self.remove_member(group, member.member_id)

        if not group.maybe_elect_new_joined_leader() and group.members:
            # Only static members are left, and none has joined: give them the time again, until they do or their
            # sessions end.
            self._shard.set_timer(join_timer(group), group.rebalance_timeout_ms())
            return

        group.init_next_generation(now_ms)
        if group.state is GroupState.EMPTY:
            # Should this record be lost, the previous generation comes back after a restart with members whose
            # sessions then end: harmless, so an error changes nothing here.
            self._shard.append(Append((group_record(group, {}),), nothing_more))
            return
        for member in group.members.values():
            is_leader = member.member_id == group.leader_id
            self.answer_join(group, member, join_success(group, member.member_id, with_members=is_leader))
            if member.is_new and not safeguards.new_members_expire:
                self._shard.cancel_timer(heartbeat_timer(group, member.member_id))
            else:
                self.renew_session(group, member)
            member.is_new = False
            group.pending_sync_members[member.member_id] = None
        if safeguards.new_members_expire:
            self._shard.set_timer(sync_timer(group), group.rebalance_timeout_ms())

    # --- sync phase ---

    def member_synced(self, group: ClassicGroup, member_id: str) -> None:
        group.pending_sync_members.pop(member_id, None)
        if not group.pending_sync_members:
            self._shard.cancel_timer(sync_timer(group))

    def sync_timer_fired(self, group: ClassicGroup, now_ms: int) -> None:
        """Members that took the generation but never asked for their assignment are dropped (KAFKA-12495)."""
        if group.state not in (GroupState.COMPLETING_REBALANCE, GroupState.STABLE) or not group.pending_sync_members:
            return
        for member_id in list(group.pending_sync_members):
            self.remove_member(group, member_id)
        self.prepare(group, now_ms)

    def store_assignment(self, group: ClassicGroup, assignments: dict[str, bytes]) -> None:
        """The leader sent `assignments`: write them, then hand them out. Members it left out get an empty one."""
        generation_id = group.generation_id
        complete = {member_id: assignments.get(member_id, NO_ASSIGNMENT) for member_id in group.members}

        def stored(outcome: Outcome, now_ms: int) -> None:
            # Somebody may have joined or left while the record was written; then this assignment is history.
            if group.state is not GroupState.COMPLETING_REBALANCE or group.generation_id != generation_id:
                return
            if outcome.error is not None:
                self._reset_assignments(group, outcome.error)
                self.prepare_or_complete(group, now_ms)
                return
            for member in group.members.values():
                member.assignment = complete.get(member.member_id, NO_ASSIGNMENT)
                if self.answer_sync(member, sync_success(group, member)):
                    # An expiry that came while the request was parked was passed over; count anew.
                    self.renew_session(group, member)
            group.transition_to(GroupState.STABLE, now_ms)

        self._shard.append(Append((group_record(group, complete),), stored))

    def _reset_assignments(self, group: ClassicGroup, error: ErrorCode) -> None:
        for member in group.members.values():
            member.assignment = NO_ASSIGNMENT
            if self.answer_sync(member, sync_error(error)):
                self.renew_session(group, member)
