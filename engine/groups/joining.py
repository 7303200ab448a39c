"""JoinGroup of classic groups (Kafka: GroupMetadataManager.classicGroupJoin and what it calls).

Two things deserve a word:

- Whoever joins without a member id gets one. From version 4 on a dynamic member must come back with it
  (MEMBER_ID_REQUIRED, KIP-394) and is "pending" until then; a static member (KIP-345) takes over the place of the
  member that had its instance id, in a stable group without a rebalance.
- A request is parked in its member. A member that sends another while one is parked gets the older one answered with
  REBALANCE_IN_PROGRESS. Kafka leaves it unanswered, as its connection is usually gone.
"""

import uuid

from engine.errors import KafkaError
from engine.groups.classic_group import ClassicGroup
from engine.groups.effects import Append, Outcome, Token
from engine.groups.member import Member, Protocols, protocols_of
from engine.groups.rebalancing import Rebalancing, heartbeat_timer
from engine.groups.responses import NO_MEMBER_ID, join_error, join_success, sync_error
from engine.groups.shard_state import ShardState, group_record, new_group_record
from engine.groups.states import GroupState
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import JoinGroupRequest

_FIRST_VERSION_REQUIRING_MEMBER_ID = 4
_FIRST_VERSION_SKIPPING_ASSIGNMENT = 9


class Joining:
    """Lets members into the groups of a shard; answers and records go out as effects."""

    def __init__(self, shard: ShardState, rebalancing: Rebalancing) -> None:
        self._shard = shard
        self._rebalancing = rebalancing

    def join(
        self,
        request: JoinGroupRequest,
        version: int,
        client_id: str,
        client_host: str,
        token: Token,
        now_ms: int,
    ) -> None:
        """A member wants in. The answer comes once the join phase closes, or at once when it is refused."""
        shard = self._shard
        member_id: str = request.member_id
        group = shard.groups.get(request.group_id)
        is_new_group = group is None
        if group is None:
            if member_id != NO_MEMBER_ID:
                shard.respond(token, join_error(ErrorCode.UNKNOWN_MEMBER_ID, member_id))
                return
            group = ClassicGroup(request.group_id, state_timestamp_ms=now_ms)
            shard.groups[group.group_id] = group

        protocols = protocols_of((offered.name, offered.metadata) for offered in request.protocols)
        attempt = _Join(request, protocols, version, client_id, client_host, token)
        if not self._accepts(group, member_id):
            if member_id != NO_MEMBER_ID:
                self._rebalancing.remove_member(group, member_id)
                # Everybody else may be here already (Kafka up to 3.x: JoinGroup attempted to complete the phase).
                self._rebalancing.maybe_complete_join(group, now_ms)
            shard.respond(token, join_error(ErrorCode.GROUP_MAX_SIZE_REACHED))
        elif member_id == NO_MEMBER_ID:
            self._join_new(group, attempt, now_ms)
        else:
            self._join_known(group, attempt, now_ms)
        if is_new_group:
            self._store_new_group(group)

    def _accepts(self, group: ClassicGroup, member_id: str) -> bool:
        """Whether group.max.size leaves room. While preparing, those who already wait count: the last to rejoin are
        turned away when the maximum was lowered."""
        size_max = self._shard.settings.group_max_size
        member = group.members.get(member_id)
        if group.state is GroupState.PREPARING_REBALANCE:
            return (member is not None and member.awaiting_join is not None) or group.awaiting_join_count < size_max
        if group.state in (GroupState.COMPLETING_REBALANCE, GroupState.STABLE):
            return member is not None or len(group.members) < size_max
        return True

    def _store_new_group(self, group: ClassicGroup) -> None:
        def stored(outcome: Outcome, _now_ms: int) -> None:
            if outcome.is_written or self._shard.groups.get(group.group_id) is not group:
                return
            if group.generation_id > 0 or self._shard.offsets.all_keys(group.group_id):
                return  # it went on meanwhile, and later records bring it into the log
            # Nothing of the group is in the log, so there is no group; whoever waits in it has to try again.
            code = outcome.error or ErrorCode.COORDINATOR_NOT_AVAILABLE
            for member in group.members.values():
                self._rebalancing.answer_join(group, member, join_error(code))
            self._rebalancing.forget(group)

        self._shard.append(Append((new_group_record(group),), stored))

    def _join_new(self, group: ClassicGroup, attempt: "_Join", now_ms: int) -> None:
        shard, request = self._shard, attempt.request
        if not group.supports_protocols(request.protocol_type, attempt.protocol_names):
            shard.respond(attempt.token, join_error(ErrorCode.INCONSISTENT_GROUP_PROTOCOL))
            return
        instance_id: str | None = request.group_instance_id
        prefix = attempt.client_id if instance_id is None else instance_id
        new_member_id = f"{prefix}-{uuid.UUID(int=shard.random.getrandbits(128), version=4)}"
        if instance_id is not None:
            old_member_id = group.static_members.get(instance_id)
            if old_member_id is None:
                self._add(group, attempt, new_member_id, now_ms)
            else:
                self._replace_static(group, attempt, instance_id, old_member_id, new_member_id, now_ms)
        elif attempt.version >= _FIRST_VERSION_REQUIRING_MEMBER_ID:
            group.add_pending_member(new_member_id)
            shard.set_timer(heartbeat_timer(group, new_member_id), request.session_timeout_ms)
            shard.respond(attempt.token, join_error(ErrorCode.MEMBER_ID_REQUIRED, new_member_id))
        else:
            self._add(group, attempt, new_member_id, now_ms)

    def _join_known(self, group: ClassicGroup, attempt: "_Join", now_ms: int) -> None:
        request = attempt.request
        member_id: str = request.member_id
        if not group.supports_protocols(request.protocol_type, attempt.protocol_names):
            self._shard.respond(attempt.token, join_error(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, member_id))
            return
        if member_id in group.pending_members and request.group_instance_id is None:
            self._add(group, attempt, member_id, now_ms)
            return
        try:
            group.validate_member(member_id, request.group_instance_id)
        except KafkaError as error:
            self._shard.respond(attempt.token, join_error(error.code, member_id))
            return

        member = group.members[member_id]
        is_leader = group.leader_id == member_id
        same_protocols = member.protocols == attempt.protocols
        if group.state is GroupState.COMPLETING_REBALANCE and same_protocols:
            # It probably missed the answer; the generation it belongs to is still this one.
            self._shard.respond(attempt.token, join_success(group, member_id, with_members=is_leader))
        elif group.state is GroupState.STABLE and same_protocols and not is_leader:
            # A leader that joins again wants a rebalance: it may know of changes that its metadata does not show.
            self._shard.respond(attempt.token, join_success(group, member_id, with_members=False))
        else:
            self._update(group, member, attempt)
            self._rebalancing.prepare_or_complete(group, now_ms)

    def _add(self, group: ClassicGroup, attempt: "_Join", member_id: str, now_ms: int) -> None:
        request = attempt.request
        member = Member(
            member_id=member_id,
            group_instance_id=request.group_instance_id,
            client_id=attempt.client_id,
            client_host=attempt.client_host,
            rebalance_timeout_ms=request.rebalance_timeout_ms,
            session_timeout_ms=request.session_timeout_ms,
            protocol_type=request.protocol_type,
            protocols=attempt.protocols,
            awaiting_join=attempt.token,
            is_new=True,
        )
        if group.state is GroupState.PREPARING_REBALANCE and group.previous_state is GroupState.EMPTY:
            group.new_member_added = True
        group.add(member)
        self._rebalancing.renew_session(group, member, self._shard.settings.new_member_join_timeout_ms)
        self._rebalancing.prepare_or_complete(group, now_ms)

    def _update(self, group: ClassicGroup, member: Member, attempt: "_Join") -> None:
        self._rebalancing.answer_join(
            group, member, join_error(ErrorCode.REBALANCE_IN_PROGRESS, member.member_id)
        )  # an older request of the same member
        request = attempt.request
        group.update_member(
            member, attempt.protocols, request.rebalance_timeout_ms, request.session_timeout_ms, attempt.token
        )

    # --- static members ---

    def _replace_static(
        self,
        group: ClassicGroup,
        attempt: "_Join",
        instance_id: str,
        old_member_id: str,
        new_member_id: str,
        now_ms: int,
    ) -> None:
        """A static member came back without its member id (Kafka: updateStaticMemberThenRebalanceOrCompleteJoin)."""
        leader_before = group.leader_id
        old = group.members[old_member_id]
        protocols, timeouts = old.protocols, (old.rebalance_timeout_ms, old.session_timeout_ms)
        member = self._take_over(group, instance_id, old_member_id, new_member_id)
        self._rebalancing.renew_session(group, member)
        self._update(group, member, attempt)

        if group.state is GroupState.COMPLETING_REBALANCE:
            # The old member id may be on its way to the leader; an assignment for it would never reach the new one.
            self._rebalancing.prepare(group, now_ms)
            return
        if group.state is not GroupState.STABLE:
            self._rebalancing.maybe_complete_join(group, now_ms)
            return
        if group.select_protocol() != group.protocol_name:
            self._rebalancing.prepare_or_complete(group, now_ms)
            return

        def stored(outcome: Outcome, _now_ms: int) -> None:
            if group.static_members.get(instance_id) != new_member_id:
                return  # replaced again, or gone: whoever did that has answered
            current = group.members[new_member_id]
            if outcome.error is not None:
                refusal = join_success(group, NO_MEMBER_ID, with_members=False, leader_id=leader_before)
                refusal.error_code = outcome.error
                self._rebalancing.answer_join(group, current, refusal)
                if group.state is GroupState.STABLE and not outcome.is_written:
                    group.update_member(current, protocols, timeouts[0], timeouts[1], None)
                    reverted = self._take_over(group, instance_id, new_member_id, old_member_id)
                    self._rebalancing.renew_session(group, reverted)
                return
            if group.state is not GroupState.STABLE:
                return  # a rebalance began meanwhile and will answer the parked request
            # It may subscribe to other topics than before; whoever reads the log will know, so know it here too.
            group.subscribed_topics = group.compute_subscribed_topics()
            if attempt.version >= _FIRST_VERSION_SKIPPING_ASSIGNMENT:
                # KIP-814: the leader gets the members to know its role, but must not compute a new assignment.
                is_leader = group.leader_id == new_member_id
                answer = join_success(group, new_member_id, with_members=is_leader, skip_assignment=is_leader)
            else:
                # An older client that finds itself the leader would assign anew; naming its former id avoids that.
                answer = join_success(group, new_member_id, with_members=False, leader_id=leader_before)
            self._rebalancing.answer_join(group, current, answer)

        assignments = {each.member_id: each.assignment for each in group.members.values()}
        self._shard.append(Append((group_record(group, assignments),), stored))

    def _take_over(self, group: ClassicGroup, instance_id: str, old_member_id: str, new_member_id: str) -> Member:
        """Fence the old member id and put the new one in its place."""
        old = group.members[old_member_id]
        self._rebalancing.answer_join(group, old, join_error(ErrorCode.FENCED_INSTANCE_ID, old_member_id))
        self._rebalancing.answer_sync(old, sync_error(ErrorCode.FENCED_INSTANCE_ID))
        self._shard.cancel_timer(heartbeat_timer(group, old_member_id))
        if old_member_id in group.pending_sync_members:
            self._rebalancing.member_synced(group, old_member_id)  # the new one's session says whether it lives
        return group.replace_static_member(instance_id, old_member_id, new_member_id)


class _Join:
    """One JoinGroup request with what the handling needs besides."""

    __slots__ = ("client_host", "client_id", "protocols", "request", "token", "version")

    def __init__(
        self,
        request: JoinGroupRequest,
        protocols: Protocols,
        version: int,
        client_id: str,
        client_host: str,
        token: Token,
    ) -> None:
        self.request = request
        self.protocols = protocols
        self.version = version
        self.client_id = client_id
        self.client_host = client_host
        self.token = token

    @property
    def protocol_names(self) -> list[str]:
        return [name for name, _ in self.protocols]
