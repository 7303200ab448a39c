"""One partition of `__consumer_offsets` as its leader sees it: the groups and offsets that live there.

How the shell drives a shard:

1. `replay` every record of the log in order, then `loaded`.
2. Feed requests, fired timers and the outcome of appends; every call returns effects, to be performed in order.
3. Appends go to the log in the order of their effects; several may be on their way. `appended` is called in that same
   order, `append_failed` at any time before.
4. `unload` when the partition's leadership is lost; then `append_failed` for what is on its way, and nothing after.

Group membership lives in memory and is written when a generation is assigned; offsets become visible when their records
are replicated. Replaying the log gives the state that was written: `replay` and live operation agree (a property test
holds them to it). (Kafka: GroupCoordinatorShard.)
"""

import random
from collections.abc import Callable, Sequence
from functools import partial

from engine.errors import KafkaError
from engine.groups.classic_group import ClassicGroup
from engine.groups.effects import Append, Effect, Outcome, TimerKey, TimerKind, Token, nothing_more
from engine.groups.joining import Joining
from engine.groups.member import Member
from engine.groups.membership import Membership
from engine.groups.offset_operations import DeletedTopic, OffsetOperations
from engine.groups.offsets import NO_PRODUCER_ID, CommittedOffset, OffsetStore
from engine.groups.rebalancing import Rebalancing
from engine.groups.records import GroupRecord, GroupStateRecord, OffsetRecord
from engine.groups.responses import described, described_missing, error_after_append, join_error, listed, sync_error
from engine.groups.settings import GroupSettings
from engine.groups.shard_state import ShardState
from engine.groups.states import GroupState
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    DeleteGroupsResponse,
    DescribeGroupsResponse,
    GroupMetadataValue,
    HeartbeatRequest,
    HeartbeatResponse,
    JoinGroupRequest,
    LeaveGroupRequest,
    LeaveGroupResponse,
    ListGroupsResponse,
    OffsetCommitRequest,
    OffsetDeleteRequest,
    OffsetFetchRequest,
    OffsetFetchResponse,
    SyncGroupRequest,
)

EXPIRED_PER_APPEND = 1000
"""Tombstones of expired offsets per append, so that no number of them is too large for a batch. A group with more is
deleted at the next check."""


class GroupShard:
    """Groups and offsets of one partition; pure. Times are wall-clock milliseconds, used only to stamp and expire."""

    def __init__(self, settings: GroupSettings, source: random.Random) -> None:
        self._state = ShardState(settings, source)
        self._rebalancing = Rebalancing(self._state)
        self._joining = Joining(self._state, self._rebalancing)
        self._membership = Membership(self._state, self._rebalancing)
        self._offsets = OffsetOperations(self._state, self._rebalancing)

    @property
    def groups(self) -> dict[str, ClassicGroup]:
        """By group id; not to be modified."""
        return self._state.groups

    @property
    def offsets(self) -> OffsetStore:
        """Not to be modified."""
        return self._state.offsets

    # --- loading and unloading ---

    def replay(self, record: GroupRecord, record_offset: int, now_ms: int, producer_id: int = NO_PRODUCER_ID) -> None:
        """Take in one record of the log. `producer_id` is set for records of a transactional batch."""
        if isinstance(record, GroupStateRecord):
            if record.value is None:
                self._state.groups.pop(record.group_id, None)
            else:
                self._state.groups[record.group_id] = _group_from(record.group_id, record.value)
            return
        if record.value is not None and record.key.group_id not in self._state.groups:
            # Offsets without group membership: a simple group holds them.
            self._state.groups[record.key.group_id] = ClassicGroup(record.key.group_id, state_timestamp_ms=now_ms)
        self._apply_offset(record, record_offset, producer_id)

    def replay_end_transaction(self, producer_id: int, *, committed: bool) -> None:
        """A control record ended the producer's transaction."""
        self._state.offsets.end_transaction(producer_id, committed=committed)

    def _apply_offset(self, record: OffsetRecord, record_offset: int, producer_id: int) -> None:
        offsets = self._state.offsets
        if record.value is None:
            offsets.remove(record.key)
            return
        offset = CommittedOffset.from_value(record.value, record_offset)
        if producer_id == NO_PRODUCER_ID:
            offsets.put(record.key, offset)
        else:
            offsets.put_transactional(producer_id, record.key, offset)

    def loaded(self, now_ms: int) -> list[Effect]:
        """The log was replayed: start the sessions, and shrink groups that are larger than allowed by now."""
        rebalancing = self._rebalancing
        for group in list(self._state.groups.values()):
            for member in group.members.values():
                rebalancing.renew_session(group, member)
            if len(group.members) > self._state.settings.group_max_size and group.can_rebalance:
                rebalancing.prepare(group, now_ms)
        return self._state.take_effects()

    def unload(self, now_ms: int) -> list[Effect]:
        """Leadership is lost: every parked request is answered NOT_COORDINATOR, so that clients look elsewhere."""
        rebalancing = self._rebalancing
        for group in self._state.groups.values():
            for member in group.members.values():
                rebalancing.answer_join(group, member, join_error(ErrorCode.NOT_COORDINATOR, member.member_id))
                rebalancing.answer_sync(member, sync_error(ErrorCode.NOT_COORDINATOR))
            group.transition_to(GroupState.DEAD, now_ms)
        return self._state.take_effects()

    # --- outcomes ---

    def appended(self, effect: Append, now_ms: int, *, base_offset: int, is_late: bool = False) -> list[Effect]:
        """The records of `effect` are replicated, the first at `base_offset`; `is_late` after `append_timed_out`."""
        offsets = self._state.offsets
        for record_offset, record in enumerate(effect.records, base_offset):
            if isinstance(record, OffsetRecord):
                offsets.end(record.key)
                self._apply_offset(record, record_offset, NO_PRODUCER_ID)
        if not is_late:
            effect.on_done(Outcome(), now_ms)
        return self._take()

    def append_failed(self, effect: Append, error: ErrorCode, now_ms: int) -> list[Effect]:
        """Nothing of `effect` was written."""
        for record in effect.records:
            if isinstance(record, OffsetRecord):
                self._state.offsets.end(record.key)
        effect.on_done(Outcome(error_after_append(error), is_written=False), now_ms)
        return self._take()

    def append_timed_out(self, effect: Append, now_ms: int) -> list[Effect]:
        """The records are written but were not replicated in time: clients get an error, and `appended` may follow."""
        effect.on_done(Outcome(error_after_append(ErrorCode.REQUEST_TIMED_OUT), is_written=True), now_ms)
        return self._take()

    def timer_fired(self, key: TimerKey, now_ms: int) -> list[Effect]:
        """A timer that was set, and neither moved nor cancelled since, is due."""
        group = self._state.groups.get(key.group_id)
        if group is not None:
            match key.kind:
                case TimerKind.HEARTBEAT:
                    self._membership.session_expired(group, key.member_id, now_ms)
                case TimerKind.JOIN:
                    self._rebalancing.join_timer_fired(group, now_ms)
                case TimerKind.SYNC:
                    self._rebalancing.sync_timer_fired(group, now_ms)
        return self._take()

    def _take(self) -> list[Effect]:
        effects = self._state.take_effects()
        begin = self._state.offsets.begin
        for effect in effects:
            if type(effect) is Append:
                for record in effect.records:
                    if isinstance(record, OffsetRecord):
                        begin(record.key)
        return effects

    # --- members' requests; each answered with one Respond, now or later ---

    def join(
        self,
        request: JoinGroupRequest,
        version: int,
        client_id: str,
        client_host: str,
        token: Token,
        now_ms: int,
    ) -> list[Effect]:
        """JoinGroup, its session timeout already checked; responds with a JoinGroupResponse."""
        self._joining.join(request, version, client_id, client_host, token, now_ms)
        return self._take()

    def sync(self, request: SyncGroupRequest, token: Token) -> list[Effect]:
        """SyncGroup; responds with a SyncGroupResponse."""
        self._membership.sync(request, token)
        return self._take()

    def heartbeat(self, request: HeartbeatRequest) -> tuple[HeartbeatResponse, list[Effect]]:
        """Heartbeat; the response and the timers to move."""
        code = self._membership.heartbeat(request)
        return HeartbeatResponse(error_code=code), self._take()

    def leave(
        self, group_id: str, members: Sequence["LeaveGroupRequest.MemberIdentity"], now_ms: int
    ) -> tuple[list["LeaveGroupResponse.MemberResponse"], list[Effect]]:
        """LeaveGroup; an answer for each member, and the effects."""
        return self._membership.leave(group_id, members, now_ms), self._take()

    # --- offsets ---

    def commit(self, request: OffsetCommitRequest, version: int, token: Token, now_ms: int) -> list[Effect]:
        """OffsetCommit with topics resolved; responds with an OffsetCommitResponse."""
        self._offsets.commit(request, version, token, now_ms)
        return self._take()

    def fetch(
        self, group_id: str, topics: Sequence["OffsetFetchRequest.OffsetFetchRequestTopics"], *, require_stable: bool
    ) -> list["OffsetFetchResponse.OffsetFetchResponseTopics"]:
        """Offsets of the partitions asked for; see `OffsetOperations.fetch`."""
        return self._offsets.fetch(group_id, topics, require_stable=require_stable)

    def fetch_all(
        self, group_id: str, *, require_stable: bool
    ) -> list["OffsetFetchResponse.OffsetFetchResponseTopics"]:
        """All offsets of the group; see `OffsetOperations.fetch_all`."""
        return self._offsets.fetch_all(group_id, require_stable=require_stable)

    def delete_offsets(self, request: OffsetDeleteRequest, token: Token) -> list[Effect]:
        """OffsetDelete; responds with an OffsetDeleteResponse."""
        self._offsets.delete(request, token)
        return self._take()

    def topics_deleted(self, deleted: Sequence[DeletedTopic]) -> list[Effect]:
        """Forget what groups committed for topics that no longer exist. Nobody waits for an answer."""
        for record in self._offsets.tombstones_for_topics(deleted):
            self._state.append(Append((record,), nothing_more))
        return self._take()

    def expire(self, now_ms: int) -> list[Effect]:
        """Forget offsets whose retention is over, and empty groups without offsets. To be called every
        offsets.retention.check.interval.ms. What fails to be written is tried again next time."""
        for group in list(self._state.groups.values()):
            records, none_left = self._offsets.expired(group, now_ms)
            if none_left and not group.pending_members and len(records) < EXPIRED_PER_APPEND:
                self._delete(group, tuple(records), lambda _error: None)
                continue
            for start in range(0, len(records), EXPIRED_PER_APPEND):
                self._state.append(Append(tuple(records[start : start + EXPIRED_PER_APPEND]), nothing_more))
        return self._take()

    # --- groups ---

    def delete_groups(self, group_ids: Sequence[str], token: Token) -> list[Effect]:
        """DeleteGroups; responds with a list of DeletableGroupResult in the order of `group_ids`."""
        results: dict[str, ErrorCode | None] = dict.fromkeys(group_ids)

        def deleted(group_id: str, error: ErrorCode | None) -> None:
            results[group_id] = ErrorCode.NONE if error is None else error
            if None not in results.values():
                answer = [
                    DeleteGroupsResponse.DeletableGroupResult(group_id=each, error_code=result)
                    for each, result in results.items()
                    if result is not None
                ]
                self._state.respond(token, answer)

        for group_id in results:
            group = self._state.groups.get(group_id)
            try:
                if group is None:
                    raise KafkaError(ErrorCode.GROUP_ID_NOT_FOUND)
                group.validate_delete()
            except KafkaError as error:
                deleted(group_id, error.code)
                continue
            self._delete(group, self._offsets.tombstones_for_group(group_id), partial(deleted, group_id))
        if not results:
            self._state.respond(token, [])
        return self._take()

    def _delete(
        self, group: ClassicGroup, tombstones: tuple[OffsetRecord, ...], on_done: Callable[[ErrorCode | None], None]
    ) -> None:
        """Forget the group at once, so that whoever joins meanwhile founds a new one; bring it back on failure."""
        self._rebalancing.forget(group)

        def appended(outcome: Outcome, _now_ms: int) -> None:
            if not outcome.is_written:
                self._state.groups.setdefault(group.group_id, group)
            on_done(outcome.error)

        self._state.append(Append((*tombstones, GroupStateRecord(group.group_id, None)), appended))

    def describe(self, group_ids: Sequence[str], version: int) -> list["DescribeGroupsResponse.DescribedGroup"]:
        """DescribeGroups, in the order asked."""
        groups = self._state.groups
        return [
            described(groups[group_id]) if group_id in groups else described_missing(group_id, version)
            for group_id in group_ids
        ]

    def list_groups(self, states: Sequence[str], types: Sequence[str]) -> list["ListGroupsResponse.ListedGroup"]:
        """ListGroups; empty filters let everything pass, and case does not matter (KIP-518, KIP-848)."""
        wanted_states = {state.strip().lower() for state in states}
        if types and "classic" not in {name.strip().lower() for name in types}:
            return []
        return [
            listed(group)
            for group in self._state.groups.values()
            if not wanted_states or group.state.value.lower() in wanted_states
        ]


def _group_from(group_id: str, value: GroupMetadataValue) -> ClassicGroup:
    """The group a record describes (Kafka: GroupMetadataManager.replay of GroupMetadataValue)."""
    group = ClassicGroup(
        group_id,
        state=GroupState.STABLE if value.members else GroupState.EMPTY,
        state_timestamp_ms=None if value.current_state_timestamp == -1 else value.current_state_timestamp,
        generation_id=value.generation,
        protocol_type=value.protocol_type or None,
        protocol_name=value.protocol,
        leader_id=value.leader,
    )
    for stored in value.members:
        group.add(
            Member(
                member_id=stored.member_id,
                group_instance_id=stored.group_instance_id,
                client_id=stored.client_id,
                client_host=stored.client_host,
                # Version 0 had no rebalance timeout.
                rebalance_timeout_ms=(
                    stored.session_timeout if stored.rebalance_timeout == -1 else stored.rebalance_timeout
                ),
                session_timeout_ms=stored.session_timeout,
                protocol_type=value.protocol_type,
                protocols=((value.protocol or "", bytes(stored.subscription)),),
                assignment=bytes(stored.assignment),
            )
        )
    group.subscribed_topics = group.compute_subscribed_topics()
    return group
