"""OffsetCommit, OffsetFetch, OffsetDelete and the expiry of offsets (Kafka: OffsetMetadataManager).

Topics come with their name and, as far as the broker knows it, their id: resolving one to the other, and refusing
topics that do not exist, is the handler's work.
"""

from collections.abc import Sequence
from typing import NamedTuple

from engine.errors import KafkaError
from engine.groups.classic_group import ClassicGroup
from engine.groups.effects import Append, Outcome, Token
from engine.groups.offsets import CommittedOffset
from engine.groups.rebalancing import Rebalancing
from engine.groups.records import OffsetKey, OffsetRecord
from engine.groups.shard_state import ShardState
from engine.groups.states import GroupState
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetFetchRequest,
    OffsetFetchResponse,
)
from engine.protocol.uuids import ZERO_UUID
from engine.runtime import safeguards

NO_OFFSET = -1
_FIRST_VERSION_NAMING_MISSING_GROUP = 9


class DeletedTopic(NamedTuple):
    """A topic that is gone."""

    name: str
    topic_id: bytes


class OffsetOperations:
    """Works on the offsets of a shard; records and answers go out as effects."""

    def __init__(self, shard: ShardState, rebalancing: Rebalancing) -> None:
        self._shard = shard
        self._rebalancing = rebalancing

    # --- commit ---

    def commit(self, request: OffsetCommitRequest, version: int, token: Token, now_ms: int) -> None:
        """Write the offsets of `request`; the answer comes when they are replicated."""
        shard = self._shard
        try:
            group, is_new_group = self._group_for_commit(request, version, now_ms)
        except KafkaError as error:
            shard.respond(token, commit_error(request, error.code))
            return
        # A commit keeps the session alive, as a heartbeat does. In CompletingRebalance it was refused above.
        member = group.members.get(request.member_id)
        if member is not None:
            self._rebalancing.renew_session(group, member)

        expire_timestamp_ms = -1 if request.retention_time_ms == -1 else now_ms + request.retention_time_ms
        metadata_max = shard.settings.offset_metadata_max_bytes
        group_id = group.group_id
        records: list[OffsetRecord] = []
        topics = []
        for topic in request.topics:
            name, topic_id = topic.name, topic.topic_id
            partitions = []
            for partition in topic.partitions:
                index, metadata = partition.partition_index, partition.committed_metadata
                if metadata is not None and len(metadata) > metadata_max:
                    code = ErrorCode.OFFSET_METADATA_TOO_LARGE
                else:
                    code = ErrorCode.NONE
                    offset = CommittedOffset(
                        offset=partition.committed_offset,
                        leader_epoch=max(partition.committed_leader_epoch, -1),
                        metadata=metadata or "",
                        commit_timestamp_ms=now_ms,
                        expire_timestamp_ms=expire_timestamp_ms,
                        topic_id=topic_id,
                    )
                    records.append(OffsetRecord(OffsetKey(group_id, name, index), offset.to_value()))
                partitions.append(
                    OffsetCommitResponse.OffsetCommitResponsePartition(partition_index=index, error_code=code)
                )
            topics.append(
                OffsetCommitResponse.OffsetCommitResponseTopic(name=name, topic_id=topic_id, partitions=partitions)
            )
        response = OffsetCommitResponse(topics=topics)

        def appended(outcome: Outcome, _now_ms: int) -> None:
            shard.respond(token, response if outcome.error is None else commit_error(request, outcome.error))
            if not outcome.is_written:
                self._forget_unused(group)

        if records:
            shard.append(Append(tuple(records), appended))
        else:
            shard.respond(token, response)
            if is_new_group:
                self._forget_unused(group)

    def _group_for_commit(self, request: OffsetCommitRequest, version: int, now_ms: int) -> tuple[ClassicGroup, bool]:
        group = self._shard.groups.get(request.group_id)
        is_new_group = group is None
        if group is None:
            if request.generation_id_or_member_epoch >= 0:
                # Older clients do not expect GROUP_ID_NOT_FOUND here.
                missing = version >= _FIRST_VERSION_NAMING_MISSING_GROUP
                raise KafkaError(ErrorCode.GROUP_ID_NOT_FOUND if missing else ErrorCode.ILLEGAL_GENERATION)
            # A client that only keeps its offsets here; the group exists to hold them.
            group = ClassicGroup(request.group_id, state_timestamp_ms=now_ms)
            self._shard.groups[group.group_id] = group
        group.validate_offset_commit(
            request.member_id, request.group_instance_id, request.generation_id_or_member_epoch
        )
        return group, is_new_group

    def _forget_unused(self, group: ClassicGroup) -> None:
        """Drop a simple group that holds nothing: its first commit failed, so the log knows nothing of it."""
        shard = self._shard
        if (
            group.is_simple
            and group.generation_id == 0
            and shard.groups.get(group.group_id) is group
            and not shard.offsets.all_keys(group.group_id)
        ):
            del shard.groups[group.group_id]

    # --- fetch ---

    def fetch(
        self, group_id: str, topics: Sequence["OffsetFetchRequest.OffsetFetchRequestTopics"], *, require_stable: bool
    ) -> list["OffsetFetchResponse.OffsetFetchResponseTopics"]:
        """The committed offsets of these partitions, offset -1 where there is none.

        `require_stable` answers UNSTABLE_OFFSET_COMMIT where a transaction has a commit open (KIP-447). A topic with
        an id only gets offsets that were committed for that id: the name may have belonged to another topic.
        """
        known = self._shard.offsets.topics(group_id) if group_id in self._shard.groups else {}
        result = []
        for topic in topics:
            partitions = []
            committed = known.get(topic.name, {})
            for index in topic.partition_indexes:
                offset = committed.get(index)
                if require_stable and self._shard.offsets.is_unstable(OffsetKey(group_id, topic.name, index)):
                    partitions.append(_no_offset(index, ErrorCode.UNSTABLE_OFFSET_COMMIT))
                elif offset is None or _is_other_topic(offset.topic_id, topic.topic_id):
                    partitions.append(_no_offset(index, ErrorCode.NONE))
                else:
                    partitions.append(_offset(index, offset))
            result.append(
                OffsetFetchResponse.OffsetFetchResponseTopics(
                    name=topic.name, topic_id=topic.topic_id, partitions=partitions
                )
            )
        return result

    def fetch_all(
        self, group_id: str, *, require_stable: bool
    ) -> list["OffsetFetchResponse.OffsetFetchResponseTopics"]:
        """All committed offsets of the group by topic name, without topic ids; otherwise as `fetch`."""
        if group_id not in self._shard.groups:
            return []
        result = []
        for name, committed in self._shard.offsets.topics(group_id).items():
            partitions = [
                _no_offset(index, ErrorCode.UNSTABLE_OFFSET_COMMIT)
                if require_stable and self._shard.offsets.is_unstable(OffsetKey(group_id, name, index))
                else _offset(index, offset)
                for index, offset in committed.items()
            ]
            result.append(OffsetFetchResponse.OffsetFetchResponseTopics(name=name, partitions=partitions))
        return result

    # --- delete ---

    def delete(self, request: OffsetDeleteRequest, token: Token) -> None:
        """Forget offsets of topics the group does not subscribe to (KIP-496)."""
        shard = self._shard
        group = shard.groups.get(request.group_id)
        if group is None:
            shard.respond(token, OffsetDeleteResponse(error_code=ErrorCode.GROUP_ID_NOT_FOUND))
            return
        try:
            group.validate_offset_delete()
        except KafkaError as error:
            shard.respond(token, OffsetDeleteResponse(error_code=error.code))
            return
        records: list[OffsetRecord] = []
        topics = []
        for topic in request.topics:
            subscribed = group.is_subscribed_to(topic.name)
            code = ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC if subscribed else ErrorCode.NONE
            partitions = []
            for partition in topic.partitions:
                index = partition.partition_index
                partitions.append(
                    OffsetDeleteResponse.OffsetDeleteResponsePartition(partition_index=index, error_code=code)
                )
                key = OffsetKey(group.group_id, topic.name, index)
                if not subscribed and self._holds(key):
                    records.append(OffsetRecord(key, None))
            topics.append(OffsetDeleteResponse.OffsetDeleteResponseTopic(name=topic.name, partitions=partitions))
        response = OffsetDeleteResponse(topics=topics)
        if not records:
            shard.respond(token, response)
            return

        def appended(outcome: Outcome, _now_ms: int) -> None:
            error = outcome.error
            shard.respond(token, response if error is None else OffsetDeleteResponse(error_code=error))

        shard.append(Append(tuple(records), appended))

    def _holds(self, key: OffsetKey) -> bool:
        offsets = self._shard.offsets
        return offsets.get(*key) is not None or offsets.is_pending(key) or offsets.is_unstable(key)

    def tombstones_for_group(self, group_id: str) -> tuple[OffsetRecord, ...]:
        """What to write to forget all offsets of the group."""
        return tuple(OffsetRecord(key, None) for key in self._shard.offsets.all_keys(group_id))

    def tombstones_for_topics(self, deleted: Sequence[DeletedTopic]) -> list[OffsetRecord]:
        """What to write to forget the offsets of deleted topics, leaving those of namesakes with another id."""
        by_name: dict[str, list[bytes]] = {}
        for topic in deleted:
            by_name.setdefault(topic.name, []).append(topic.topic_id)
        records = []
        for key in self._shard.offsets.all_keys():
            topic_ids = by_name.get(key.topic)
            if topic_ids is None:
                continue
            offset = self._shard.offsets.get(*key)
            if offset is None or offset.topic_id == ZERO_UUID or offset.topic_id in topic_ids:
                records.append(OffsetRecord(key, None))
        return records

    # --- expiry ---

    def expired(self, group: ClassicGroup, now_ms: int) -> tuple[list[OffsetRecord], bool]:
        """Tombstones for the group's offsets whose retention is over (KIP-211), and whether that leaves an empty group without any.

        Offsets of subscribed topics stay, and so do those with a commit in flight or in an open transaction.
        """
        offsets = self._shard.offsets
        topics = offsets.topics(group.group_id)
        has_open = offsets.has_open_transaction(group.group_id)
        if not topics:
            # A commit in flight is about to bring an offset.
            is_unused = group.state is GroupState.EMPTY and not has_open and not offsets.all_keys(group.group_id)
            return [], is_unused
        base = group.expiry_base()
        if base is None:
            return [], False
        retention_ms = self._shard.settings.offsets_retention_ms
        records: list[OffsetRecord] = []
        all_expired = True
        for topic, committed in topics.items():
            subscribed = group.is_subscribed_to(topic) and safeguards.offsets_of_living_groups_stay
            for index, offset in committed.items():
                key = OffsetKey(group.group_id, topic, index)
                if offset.expire_timestamp_ms != -1:
                    is_over = now_ms >= offset.expire_timestamp_ms
                else:
                    is_over = now_ms - base(offset) >= retention_ms
                is_pending = offsets.is_pending(key) and safeguards.pending_commits_do_not_expire
                if is_over and not subscribed and not is_pending and not offsets.is_unstable(key):
                    records.append(OffsetRecord(key, None))
                else:
                    all_expired = False
        if all_expired and len(offsets.all_keys(group.group_id)) > len(records):
            all_expired = False
        return records, all_expired and not has_open and group.state is GroupState.EMPTY


def commit_error(request: OffsetCommitRequest, code: ErrorCode) -> OffsetCommitResponse:
    """The same error for every partition of `request` (Kafka: OffsetCommitRequest.getErrorResponse)."""
    return OffsetCommitResponse(
        topics=[
            OffsetCommitResponse.OffsetCommitResponseTopic(
                name=topic.name,
                topic_id=topic.topic_id,
                partitions=[
                    OffsetCommitResponse.OffsetCommitResponsePartition(
                        partition_index=partition.partition_index, error_code=code
                    )
                    for partition in topic.partitions
                ],
            )
            for topic in request.topics
        ]
    )


def _is_other_topic(committed_for: bytes, asked: bytes) -> bool:
    if not safeguards.offsets_belong_to_topic_ids:
        return False
    return committed_for != ZERO_UUID and asked != ZERO_UUID and committed_for != asked


def _no_offset(index: int, code: ErrorCode) -> "OffsetFetchResponse.OffsetFetchResponsePartitions":
    return OffsetFetchResponse.OffsetFetchResponsePartitions(
        partition_index=index, committed_offset=NO_OFFSET, committed_leader_epoch=-1, metadata="", error_code=code
    )


def _offset(index: int, offset: CommittedOffset) -> "OffsetFetchResponse.OffsetFetchResponsePartitions":
    return OffsetFetchResponse.OffsetFetchResponsePartitions(
        partition_index=index,
        committed_offset=offset.offset,
        committed_leader_epoch=offset.leader_epoch,
        metadata=offset.metadata,
    )
