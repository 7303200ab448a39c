"""Coordinates the groups whose partition of `__consumer_offsets` this broker leads.

A group belongs to the partition its id hashes to; the leader of that partition is its coordinator, and keeps a
`GroupShardHost` for it. Requests are checked here as Kafka checks them before any group is looked at, then go to the
shard. Answers go to a callback, at once or later (Kafka: GroupCoordinatorService).

Offsets and groups of a shard that is still loading, or is another broker's, are answered with the errors that make
clients wait or look the coordinator up again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from engine.broker.group_shard_host import LOADING_MAX, GroupShardHost, HostState
from engine.broker.group_topic import OffsetsTopicCreator
from engine.errors import KafkaError
from engine.groups.offset_operations import DeletedTopic, commit_error
from engine.groups.partitioning import partition_for
from engine.groups.responses import join_error, sync_error
from engine.groups.settings import GroupSettings
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import (
    DeleteGroupsResponse,
    DescribeGroupsResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    JoinGroupRequest,
    JoinGroupResponse,
    LeaveGroupRequest,
    LeaveGroupResponse,
    ListGroupsResponse,
    OffsetCommitRequest,
    OffsetCommitResponse,
    OffsetDeleteRequest,
    OffsetDeleteResponse,
    OffsetFetchRequest,
    OffsetFetchResponse,
    SyncGroupRequest,
    SyncGroupResponse,
)
from engine.runtime import safeguards
from engine.types import CONSUMER_OFFSETS_TOPIC

if TYPE_CHECKING:
    from engine.broker.broker import Broker
    from engine.metadata.delta import MetadataDelta
    from engine.metadata.image import MetadataImage
    from engine.net.context import RequestContext

logger = logging.getLogger(__name__)


class GroupCoordinator:
    """See the module's docstring."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._hosts: dict[int, GroupShardHost] = {}
        self._topic_creator = OffsetsTopicCreator(broker)
        self._expiry: asyncio.TimerHandle | None = None
        self._is_running = False
        self._loading = asyncio.Semaphore(LOADING_MAX)
        broker.replicas.add_leadership_listener(CONSUMER_OFFSETS_TOPIC, self._on_leader, self._on_follower)

    # --- life ---

    async def start(self) -> None:
        """Serve from now on."""
        self._is_running = True
        self._schedule_expiry()

    async def stop(self) -> None:
        """Answer everybody who waits NOT_COORDINATOR, and serve no more."""
        self._is_running = False
        if self._expiry is not None:
            self._expiry.cancel()
        self._topic_creator.stop()
        for partition in list(self._hosts):
            self._on_follower(partition)

    def kill(self) -> None:
        """Stop as a process dies: nobody is answered."""
        self._is_running = False
        if self._expiry is not None:
            self._expiry.cancel()
        self._topic_creator.stop()
        for host in self._hosts.values():
            host.kill()
        self._hosts.clear()

    def _settings(self) -> GroupSettings:
        config = self._broker.config
        return GroupSettings(
            group_max_size=config.get_int("group.max.size"),
            initial_rebalance_delay_ms=config.get_int("group.initial.rebalance.delay.ms"),
            offset_metadata_max_bytes=config.get_int("offset.metadata.max.bytes"),
            offsets_retention_ms=config.get_int("offsets.retention.minutes") * 60_000,
        )

    def _on_leader(self, partition: int, leader_epoch: int) -> None:
        host = self._hosts.get(partition)
        if host is not None and host.state is not HostState.FAILED:
            host.leader_epoch = leader_epoch  # re-elected: what is in memory is still what is in the log
            return
        host = GroupShardHost(self._broker, partition, leader_epoch, self._settings(), self._loading)
        self._hosts[partition] = host
        host.start()

    def _on_follower(self, partition: int) -> None:
        host = self._hosts.pop(partition, None)
        if host is not None:
            host.close()

    def on_image(self, delta: MetadataDelta, _image: MetadataImage) -> None:
        """Forget the offsets of topics that were deleted."""
        if delta.removed_topics:
            deleted = [DeletedTopic(topic.name, topic.id) for topic in delta.removed_topics.values()]
            for host in self._active_hosts():
                host.perform(host.shard.topics_deleted(deleted))

    def _schedule_expiry(self) -> None:
        interval_ms = self._broker.config.get_int("offsets.retention.check.interval.ms")
        self._expiry = asyncio.get_running_loop().call_later(interval_ms / 1000, self._expire)

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        for host in self._active_hosts():
            loop.call_soon(self._expire_one, host)  # a turn of the loop each: a shard may hold very many offsets
        self._schedule_expiry()

    def _expire_one(self, host: GroupShardHost) -> None:
        if host.state is HostState.ACTIVE:
            host.perform(host.shard.expire(self._broker.runtime.clock.now_ms()))

    # --- who coordinates what ---

    def partition_of(self, group_id: str) -> int:
        """The partition of `__consumer_offsets` that keeps the group."""
        topic = self._broker.metadata.image.topic(CONSUMER_OFFSETS_TOPIC)
        if topic is not None:
            return partition_for(group_id, len(topic.partitions))
        return partition_for(group_id, self._broker.config.get_int("offsets.topic.num.partitions"))

    def create_topic_if_missing(self) -> None:
        """Have `__consumer_offsets` created in the background."""
        self._topic_creator.create_if_missing()

    def _active_hosts(self) -> list[GroupShardHost]:
        return [host for host in self._hosts.values() if host.state is HostState.ACTIVE]

    def _host(self, group_id: str) -> GroupShardHost:
        """The group's shard. KafkaError COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR or COORDINATOR_LOAD_IN_PROGRESS."""
        if not self._is_running:
            raise KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE)
        host = self._hosts.get(self.partition_of(group_id))
        if host is None or host.state in (HostState.FAILED, HostState.CLOSED):
            raise KafkaError(ErrorCode.NOT_COORDINATOR)
        if host.state is HostState.LOADING and safeguards.coordinator_answers_once_loaded:
            raise KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
        return host

    def _host_for_member(self, group_id: str) -> GroupShardHost:
        """As `_host`, for requests where a group must have a name: else INVALID_GROUP_ID."""
        self._check_group_id(group_id)
        return self._host(group_id)

    def _check_group_id(self, group_id: str) -> None:
        if not self._is_running:
            raise KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE)
        if not group_id:
            raise KafkaError(ErrorCode.INVALID_GROUP_ID)

    # --- members ---

    def join(
        self, context: RequestContext, request: JoinGroupRequest, reply: Callable[[JoinGroupResponse], None]
    ) -> None:
        """JoinGroup; answered when the group has its next generation."""
        config = self._broker.config
        session_min_ms = config.get_int("group.min.session.timeout.ms")
        session_max_ms = config.get_int("group.max.session.timeout.ms")
        try:
            self._check_group_id(request.group_id)
            if not session_min_ms <= request.session_timeout_ms <= session_max_ms:
                raise KafkaError(ErrorCode.INVALID_SESSION_TIMEOUT)
            host = self._host(request.group_id)
        except KafkaError as error:
            reply(join_error(error.code, request.member_id))
            return
        now_ms = self._broker.runtime.clock.now_ms()
        client_id, client_host = context.client_id or "", f"/{context.peer_host}"
        host.perform(host.shard.join(request, context.api_version, client_id, client_host, reply, now_ms))

    def sync(self, request: SyncGroupRequest, reply: Callable[[SyncGroupResponse], None]) -> None:
        """SyncGroup; answered when the leader's assignment is in the log."""
        try:
            host = self._host_for_member(request.group_id)
        except KafkaError as error:
            reply(sync_error(error.code))
            return
        host.perform(host.shard.sync(request, reply))

    def heartbeat(self, request: HeartbeatRequest) -> HeartbeatResponse:
        """Heartbeat; a member of a group that is still loading is believed."""
        try:
            host = self._host_for_member(request.group_id)
        except KafkaError as error:
            loading = error.code is ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
            return HeartbeatResponse(error_code=ErrorCode.NONE if loading else error.code)
        response, effects = host.shard.heartbeat(request)
        host.perform(effects)
        return response

    def leave(
        self, group_id: str, members: Sequence[LeaveGroupRequest.MemberIdentity]
    ) -> list[LeaveGroupResponse.MemberResponse]:
        """LeaveGroup, an answer for each member. KafkaError when the request as a whole is refused."""
        host = self._host_for_member(group_id)
        answers, effects = host.shard.leave(group_id, members, self._broker.runtime.clock.now_ms())
        host.perform(effects)
        return answers

    # --- offsets ---

    def commit(self, version: int, request: OffsetCommitRequest, reply: Callable[[OffsetCommitResponse], None]) -> None:
        """OffsetCommit, topics resolved; answered when the offsets are replicated. The empty group id is allowed."""
        try:
            host = self._host(request.group_id)
        except KafkaError as error:
            reply(commit_error(request, error.code))
            return
        host.perform(host.shard.commit(request, version, reply, self._broker.runtime.clock.now_ms()))

    async def fetch(
        self,
        group_id: str,
        topics: Sequence[OffsetFetchRequest.OffsetFetchRequestTopics] | None,
        *,
        require_stable: bool,
    ) -> list[OffsetFetchResponse.OffsetFetchResponseTopics]:
        """OffsetFetch of one group; all its topics for None.

        Waits for commits that are on their way, so that a client sees what it committed before. Kafka does so with
        `require_stable` only, where it has NOT_COORDINATOR for a wait that takes too long, as raised here; without
        it, what is committed by then is answered. KafkaError also as `_host`.
        """
        host = self._host(group_id)
        if not host.is_settled and not await host.settled() and require_stable:
            raise KafkaError(ErrorCode.NOT_COORDINATOR)
        shard = self._host(group_id).shard
        if topics is None:
            return shard.fetch_all(group_id, require_stable=require_stable)
        return shard.fetch(group_id, topics, require_stable=require_stable)

    def delete_offsets(self, request: OffsetDeleteRequest, reply: Callable[[OffsetDeleteResponse], None]) -> None:
        """OffsetDelete; answered when the tombstones are replicated."""
        try:
            host = self._host_for_member(request.group_id)
        except KafkaError as error:
            reply(OffsetDeleteResponse(error_code=error.code))
            return
        host.perform(host.shard.delete_offsets(request, reply))

    # --- groups ---

    async def delete_groups(self, group_ids: Sequence[str]) -> list[DeleteGroupsResponse.DeletableGroupResult]:
        """DeleteGroups; a result for each group, in the order asked, once their tombstones are replicated."""
        loop = asyncio.get_running_loop()
        results: dict[str, DeleteGroupsResponse.DeletableGroupResult] = {}
        by_host: dict[GroupShardHost, list[str]] = {}
        for group_id in dict.fromkeys(group_ids):
            try:
                by_host.setdefault(self._host(group_id), []).append(group_id)
            except KafkaError as error:
                results[group_id] = DeleteGroupsResponse.DeletableGroupResult(group_id=group_id, error_code=error.code)
        waits = []
        for host, ids in by_host.items():
            future: asyncio.Future[list[DeleteGroupsResponse.DeletableGroupResult]] = loop.create_future()
            waits.append(future)
            host.perform(host.shard.delete_groups(ids, future.set_result))
        for future in waits:
            for result in await future:
                results[result.group_id] = result
        return [results[group_id] for group_id in dict.fromkeys(group_ids)]

    def describe(self, group_ids: Sequence[str], version: int) -> list[DescribeGroupsResponse.DescribedGroup]:
        """DescribeGroups, in the order asked."""
        described = []
        for group_id in group_ids:
            try:
                described += self._host(group_id).shard.describe([group_id], version)
            except KafkaError as error:
                described.append(DescribeGroupsResponse.DescribedGroup(group_id=group_id, error_code=error.code))
        return described

    def list_groups(self, states: Sequence[str], types: Sequence[str]) -> list[ListGroupsResponse.ListedGroup]:
        """ListGroups of this broker. KafkaError COORDINATOR_LOAD_IN_PROGRESS while a shard loads."""
        if not self._is_running:
            raise KafkaError(ErrorCode.COORDINATOR_NOT_AVAILABLE)
        listed = []
        for host in self._hosts.values():
            if host.state is HostState.LOADING:
                raise KafkaError(ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
            if host.state is HostState.ACTIVE:
                listed += host.shard.list_groups(states, types)
        return listed
