"""Consumer groups, their members, and how far they are behind."""

from __future__ import annotations

import re
from collections.abc import Iterable

from console.errors import OperatorError, operator_errors
from console.services.group_members import GroupMember, GroupMembership, describe_memberships
from console.services.groups import GroupDescription, GroupPartition, GroupSummary, describe_groups, list_group_ids
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition
from web.api.errors import not_found
from web.api.names import ClusterId, GroupId, MemberId, PartitionId, TopicName
from web.api.operations import Asked, Call, operation
from web.api.v3.links import Links, links_of, tell_missing
from web.api.v3.partitions import ClusterOnly
from web.api.v3.shapes import (
    AssignmentData,
    ConsumerData,
    ConsumerGroupData,
    LagData,
    LagSummaryData,
    Listing,
    Related,
)

_GROUPS = "/v3/clusters/{cluster_id}/consumer-groups"
_GROUP = _GROUPS + "/{consumer_group_id}"
_MEMBER = _GROUP + "/consumers/{consumer_id}"

_CONSUMERS = frozenset({"classic", "consumer"})


class GroupAsked(Asked, kw_only=True):
    """A group."""

    cluster_id: ClusterId
    consumer_group_id: GroupId


class MemberAsked(GroupAsked, kw_only=True):
    """A member of a group."""

    consumer_id: MemberId


class AssignmentAsked(MemberAsked, kw_only=True):
    """A partition that a member reads."""

    topic_name: TopicName
    partition_id: PartitionId


class LagAsked(GroupAsked, kw_only=True):
    """A partition that a group has read."""

    topic_name: TopicName
    partition_id: PartitionId


def _state(text: str) -> str:
    """ "PreparingRebalance" as Confluent writes it: PREPARING_REBALANCE."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).upper() or "UNKNOWN"


def _is_mixed(group: GroupSummary, members: Iterable[GroupMember]) -> bool:
    """Kafka: MemberDescription.upgraded."""
    return group.type == "consumer" and not all(each.is_upgraded for each in members)


def _is_consumers(group: GroupSummary) -> bool:
    return group.type in _CONSUMERS and group.protocol_type in ("consumer", "")


def _group(links: Links, group: GroupSummary, found: GroupMembership | None) -> ConsumerGroupData:
    at = ("consumer-groups", group.group_id)
    return ConsumerGroupData(
        kind="KafkaConsumerGroup",
        metadata=links.metadata(at, ("consumer-group", group.group_id)),
        cluster_id=links.cluster_id,
        consumer_group_id=group.group_id,
        is_simple=group.type == "classic" and not group.protocol_type,
        partition_assignor=found.assignor if found is not None else "",
        state=_state(found.state if found is not None and found.state else group.state),
        type=group.type.upper(),
        is_mixed_consumer_group=_is_mixed(group, found.members if found is not None else ()),
        coordinator=links.related("brokers", group.coordinator),
        consumers=links.related(*at, "consumers"),
        lag_summary=links.related(*at, "lag-summary"),
    )


@operation("GET", _GROUPS, tag="v3", summary="List consumer groups")
async def list_v3_consumer_groups(call: Call, asked: ClusterOnly) -> Listing[ConsumerGroupData]:
    """Groups of consumers; not those of Kafka Connect, nor share or streams groups, which `/api/groups` has. What a
    broker did not answer is in the header X-Missing."""
    links = await links_of(call, asked.cluster_id)
    client = call.cluster.client
    with operator_errors("groups"):
        groups, missing = await list_group_ids(client)
        groups = [each for each in groups if _is_consumers(each)]
        memberships, more = await describe_memberships(client, {g.group_id: (g.coordinator, g.type) for g in groups})
    tell_missing(call, [*missing, *more])
    data = [_group(links, each, memberships.get(each.group_id)) for each in groups]
    return Listing(kind="KafkaConsumerGroupList", metadata=links.list_metadata("consumer-groups"), data=data)


async def _described(call: Call, group_id: str) -> GroupDescription:
    """Raises ApiError when there is no such group of consumers."""
    try:
        (found,) = await describe_groups(call.cluster.client, [group_id], now_ms=None)
    except OperatorError as error:
        if error.code is ErrorCode.GROUP_ID_NOT_FOUND:
            raise not_found(f"Consumer Group not found: {group_id}") from error
        raise
    if not _is_consumers(found.summary):
        raise not_found(f"Consumer Group not found: {group_id} is a group of another kind")
    tell_missing(call, found.missing)
    return found


@operation("GET", _GROUP, tag="v3", summary="Get a consumer group")
async def get_v3_consumer_group(call: Call, asked: GroupAsked) -> ConsumerGroupData:
    links = await links_of(call, asked.cluster_id)
    found = await _described(call, asked.consumer_group_id)
    return _group(links, found.summary, found.membership)


def _consumer(links: Links, group_id: str, member: GroupMember) -> ConsumerData:
    at = ("consumer-groups", group_id, "consumers", member.member_id)
    return ConsumerData(
        kind="KafkaConsumer",
        metadata=links.metadata(at, ("consumer-group", group_id), ("consumer", member.member_id)),
        cluster_id=links.cluster_id,
        consumer_group_id=group_id,
        consumer_id=member.member_id,
        instance_id=member.group_instance_id,
        client_id=member.client_id,
        assignments=links.related(*at, "assignments"),
    )


@operation("GET", _GROUP + "/consumers", tag="v3", summary="List consumers of a group")
async def list_v3_consumers(call: Call, asked: GroupAsked) -> Listing[ConsumerData]:
    links = await links_of(call, asked.cluster_id)
    group_id = asked.consumer_group_id
    data = [_consumer(links, group_id, each) for each in (await _described(call, group_id)).membership.members]
    metadata = links.list_metadata("consumer-groups", group_id, "consumers")
    return Listing(kind="KafkaConsumerList", metadata=metadata, data=data)


async def _member(call: Call, asked: MemberAsked) -> GroupMember:
    found = await _described(call, asked.consumer_group_id)
    for each in found.membership.members:
        if each.member_id == asked.consumer_id:
            return each
    raise not_found(f"Consumer not found: {asked.consumer_id}")


@operation("GET", _MEMBER, tag="v3", summary="Get a consumer of a group")
async def get_v3_consumer(call: Call, asked: MemberAsked) -> ConsumerData:
    links = await links_of(call, asked.cluster_id)
    return _consumer(links, asked.consumer_group_id, await _member(call, asked))


def _assignment(links: Links, group_id: str, member_id: str, partition: TopicPartition) -> AssignmentData:
    place = (partition.topic, "partitions", partition.partition)
    at = ("consumer-groups", group_id, "consumers", member_id, "assignments", *place)
    name = (("consumer-group", group_id), ("consumer", member_id), ("assignment", partition.topic))
    return AssignmentData(
        kind="KafkaConsumerAssignment",
        metadata=links.metadata(at, *name, ("partition", partition.partition)),
        cluster_id=links.cluster_id,
        consumer_group_id=group_id,
        consumer_id=member_id,
        topic_name=partition.topic,
        partition_id=partition.partition,
        partition=links.related("topics", *place),
        lag=links.related("consumer-groups", group_id, "lags", *place),
    )


@operation("GET", _MEMBER + "/assignments", tag="v3", summary="List what a consumer reads")
async def list_v3_assignments(call: Call, asked: MemberAsked) -> Listing[AssignmentData]:
    links = await links_of(call, asked.cluster_id)
    group_id, member_id = asked.consumer_group_id, asked.consumer_id
    data = [_assignment(links, group_id, member_id, each) for each in (await _member(call, asked)).assignment]
    metadata = links.list_metadata("consumer-groups", group_id, "consumers", member_id, "assignments")
    return Listing(kind="KafkaConsumerAssignmentList", metadata=metadata, data=data)


@operation(
    "GET", _MEMBER + "/assignments/{topic_name}/partitions/{partition_id}", tag="v3", summary="Get an assignment"
)
async def get_v3_assignment(call: Call, asked: AssignmentAsked) -> AssignmentData:
    links = await links_of(call, asked.cluster_id)
    wanted = TopicPartition(asked.topic_name, asked.partition_id)
    if wanted not in (await _member(call, asked)).assignment:
        raise not_found(f"Assignment not found: {wanted} is not read by {asked.consumer_id}")
    return _assignment(links, asked.consumer_group_id, asked.consumer_id, wanted)


def _lags(found: GroupDescription) -> list[GroupPartition]:
    """Partitions whose lag is known. Raises ApiError when the group has committed nothing."""
    if all(each.committed_offset is None for each in found.partitions):
        group_id = found.summary.group_id
        raise not_found(f"Consumer group offsets could not be found: {group_id} has committed nothing")
    return [each for each in found.partitions if each.lag is not None]


@operation("GET", _GROUP + "/lag-summary", tag="v3", summary="Get how far a group is behind")
async def get_v3_lag_summary(call: Call, asked: GroupAsked) -> LagSummaryData:
    """404 for a group that has committed nothing. X-Missing has the partitions whose end nobody told."""
    links = await links_of(call, asked.cluster_id)
    group_id = asked.consumer_group_id
    lags = _lags(await _described(call, group_id))
    if not lags:
        raise not_found(f"Consumer lag not found: nobody tells where the partitions end that {group_id} reads")
    worst = max(lags, key=lambda each: each.lag or 0)
    at = ("consumer-groups", group_id)
    member = worst.member
    return LagSummaryData(
        kind="KafkaConsumerGroupLagSummary",
        metadata=links.metadata((*at, "lag-summary"), ("consumer-group", group_id), ("lag-summary", None)),
        cluster_id=links.cluster_id,
        consumer_group_id=group_id,
        max_lag_consumer_id=member.member_id if member is not None else "",
        max_lag_instance_id=member.group_instance_id if member is not None else None,
        max_lag_client_id=member.client_id if member is not None else "",
        max_lag_topic_name=worst.topic,
        max_lag_partition_id=worst.partition,
        max_lag=worst.lag or 0,
        total_lag=sum(each.lag or 0 for each in lags),
        max_lag_consumer=links.related(*at, "consumers", member.member_id)
        if member is not None
        else Related(related=links.url(*at, "consumers")),
        max_lag_partition=links.related("topics", worst.topic, "partitions", worst.partition),
    )


def _lag(links: Links, group_id: str, each: GroupPartition) -> LagData:
    at = ("consumer-groups", group_id, "lags", each.topic, "partitions", each.partition)
    name = (("consumer-group", group_id), ("lag", each.topic), ("partition", each.partition))
    return LagData(
        kind="KafkaConsumerLag",
        metadata=links.metadata(at, *name),
        cluster_id=links.cluster_id,
        consumer_group_id=group_id,
        topic_name=each.topic,
        partition_id=each.partition,
        consumer_id=each.member.member_id if each.member is not None else "",
        instance_id=each.member.group_instance_id if each.member is not None else None,
        client_id=each.member.client_id if each.member is not None else "",
        current_offset=each.committed_offset or 0,
        log_end_offset=each.log_end_offset or 0,
        lag=each.lag or 0,
    )


@operation("GET", _GROUP + "/lags", tag="v3", summary="List how far a group is behind, by partition")
async def list_v3_lags(call: Call, asked: GroupAsked) -> Listing[LagData]:
    """404 for a group that has committed nothing. X-Missing has the partitions whose end nobody told."""
    links = await links_of(call, asked.cluster_id)
    group_id = asked.consumer_group_id
    data = [_lag(links, group_id, each) for each in _lags(await _described(call, group_id))]
    metadata = links.list_metadata("consumer-groups", group_id, "lags")
    return Listing(kind="KafkaConsumerLagList", metadata=metadata, data=data)


@operation(
    "GET",
    _GROUP + "/lags/{topic_name}/partitions/{partition_id}",
    tag="v3",
    summary="Get how far a group is behind on a partition",
)
async def get_v3_lag(call: Call, asked: LagAsked) -> LagData:
    links = await links_of(call, asked.cluster_id)
    for each in _lags(await _described(call, asked.consumer_group_id)):
        if (each.topic, each.partition) == (asked.topic_name, asked.partition_id):
            return _lag(links, asked.consumer_group_id, each)
    raise not_found(f"Consumer lag not found: nothing is committed for {asked.topic_name}-{asked.partition_id}")
