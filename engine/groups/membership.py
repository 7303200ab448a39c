"""SyncGroup, Heartbeat and LeaveGroup of classic groups, and the end of sessions.

A session ends when its heartbeat timer fires, unless the member has a request parked. Of two SyncGroup requests of one
member the older is answered with REBALANCE_IN_PROGRESS; Kafka leaves it unanswered, as its connection is usually gone.
(Kafka: GroupMetadataManager.classicGroupSync, classicGroupHeartbeat, classicGroupLeave.)
"""

from collections.abc import Sequence

from engine.errors import KafkaError
from engine.groups.classic_group import ClassicGroup
from engine.groups.effects import Token
from engine.groups.rebalancing import Rebalancing
from engine.groups.responses import NO_MEMBER_ID, sync_error, sync_success
from engine.groups.shard_state import ShardState
from engine.groups.states import GroupState
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import HeartbeatRequest, LeaveGroupRequest, LeaveGroupResponse, SyncGroupRequest


class Membership:
    """Handles the requests of members for all groups of a shard; answers and records go out as effects."""

    def __init__(self, shard: ShardState, rebalancing: Rebalancing) -> None:
        self._shard = shard
        self._rebalancing = rebalancing

    # --- SyncGroup ---

    def sync(self, request: SyncGroupRequest, token: Token) -> None:
        """A member wants its assignment; the leader brings everybody's."""
        shard = self._shard
        group = shard.groups.get(request.group_id)
        if group is None or group.state is GroupState.EMPTY:
            shard.respond(token, sync_error(ErrorCode.UNKNOWN_MEMBER_ID))
            return
        try:
            group.validate_member(request.member_id, request.group_instance_id)
        except KafkaError as error:
            shard.respond(token, sync_error(error.code))
            return
        if request.generation_id != group.generation_id:
            shard.respond(token, sync_error(ErrorCode.ILLEGAL_GENERATION))
        elif _differs(request.protocol_type, group.protocol_type) or _differs(
            request.protocol_name, group.protocol_name
        ):
            shard.respond(token, sync_error(ErrorCode.INCONSISTENT_GROUP_PROTOCOL))
        elif group.state is GroupState.PREPARING_REBALANCE:
            shard.respond(token, sync_error(ErrorCode.REBALANCE_IN_PROGRESS))
        elif group.state is GroupState.COMPLETING_REBALANCE:
            member = group.members[request.member_id]
            self._rebalancing.answer_sync(member, sync_error(ErrorCode.REBALANCE_IN_PROGRESS))
            member.awaiting_sync = token
            self._rebalancing.member_synced(group, member.member_id)
            if group.leader_id == member.member_id:
                self._rebalancing.store_assignment(
                    group, {given.member_id: bytes(given.assignment) for given in request.assignments}
                )
        else:
            self._rebalancing.member_synced(group, request.member_id)
            shard.respond(token, sync_success(group, group.members[request.member_id]))

    # --- Heartbeat ---

    def heartbeat(self, request: HeartbeatRequest) -> ErrorCode:
        """A member is alive; what to tell it."""
        group = self._shard.groups.get(request.group_id)
        if group is None:
            return ErrorCode.UNKNOWN_MEMBER_ID
        try:
            group.validate_member(request.member_id, request.group_instance_id)
        except KafkaError as error:
            return error.code
        if request.generation_id != group.generation_id:
            return ErrorCode.ILLEGAL_GENERATION
        self._rebalancing.renew_session(group, group.members[request.member_id])
        preparing = group.state is GroupState.PREPARING_REBALANCE
        return ErrorCode.REBALANCE_IN_PROGRESS if preparing else ErrorCode.NONE

    # --- leaving ---

    def leave(
        self, group_id: str, members: Sequence["LeaveGroupRequest.MemberIdentity"], now_ms: int
    ) -> list["LeaveGroupResponse.MemberResponse"]:
        """Members leave, or an administrator takes static ones out by instance id alone; an answer for each."""
        group = self._shard.groups.get(group_id)
        answers = []
        anyone_left = False
        for identity in members:
            code = ErrorCode.UNKNOWN_MEMBER_ID if group is None else self._leave_one(group, identity)
            anyone_left |= code is ErrorCode.NONE
            answers.append(
                LeaveGroupResponse.MemberResponse(
                    member_id=identity.member_id, group_instance_id=identity.group_instance_id, error_code=code
                )
            )
        if group is not None and anyone_left:
            if group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
                self._rebalancing.prepare(group, now_ms)
            else:
                self._rebalancing.maybe_complete_join(group, now_ms)
        return answers

    def _leave_one(self, group: ClassicGroup, identity: "LeaveGroupRequest.MemberIdentity") -> ErrorCode:
        member_id: str | None = identity.member_id
        if member_id == NO_MEMBER_ID:
            member_id = group.static_members.get(identity.group_instance_id or "")
            if identity.group_instance_id is None or member_id is None:
                return ErrorCode.UNKNOWN_MEMBER_ID
        elif member_id not in group.pending_members:
            try:
                group.validate_member(identity.member_id, identity.group_instance_id)
            except KafkaError as error:
                return error.code
        assert member_id is not None
        self._rebalancing.remove_member(group, member_id)
        return ErrorCode.NONE

    def session_expired(self, group: ClassicGroup, member_id: str, now_ms: int) -> None:
        """No sign of life from the member for its session timeout."""
        member = group.members.get(member_id)
        if member is None:
            if member_id not in group.pending_members:
                return
        elif member.has_satisfied_heartbeat():
            return
        self._rebalancing.remove_member(group, member_id)
        if member is not None and group.state in (GroupState.STABLE, GroupState.COMPLETING_REBALANCE):
            self._rebalancing.prepare(group, now_ms)
        elif group.state is GroupState.PREPARING_REBALANCE and group.has_all_members_joined():
            self._rebalancing.complete_join(group, now_ms)


def _differs(asked: str | None, actual: str | None) -> bool:
    """Versions that do not say, and groups that do not know, agree with everything."""
    return asked is not None and actual is not None and asked != actual
