"""Members of groups and what is assigned to them: classic groups (key 15) and those of KIP-848 (key 69)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.services.partial import Missing
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.messages import ConsumerGroupDescribeRequest, DescribeGroupsRequest
from engine.types import TopicPartition

_PORTION = 500
"""Groups asked about in one request."""


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One member of a group."""

    member_id: str
    group_instance_id: str | None
    """Set for static members (KIP-345)."""
    client_id: str
    client_host: str
    """Without the "/" that Kafka puts in front."""
    rack: str | None
    assignment: tuple[TopicPartition, ...]
    """By topic and partition; empty for protocols that are not a consumer's (Connect)."""
    assignment_error: str | None
    """Why the assignment could not be read."""
    is_upgraded: bool | None = None
    """Of a group of KIP-848: whether the member speaks its protocol, not the classic one. None: not told."""


@dataclass(frozen=True, slots=True)
class GroupMembership:
    """Who is in a group. `assignor` is "" while it has none."""

    state: str
    assignor: str
    members: tuple[GroupMember, ...]


async def describe_memberships(
    client: ClusterClient, groups: Mapping[str, tuple[int, str]]
) -> tuple[dict[str, GroupMembership], list[Missing]]:
    """Memberships by group id; `groups` has coordinator and type of each. Share and streams groups are left out."""
    questions: dict[int, list[tuple[Any, Any]]] = {}
    wanted: dict[tuple[int, str], list[str]] = {}
    for group_id, (coordinator, kind) in groups.items():
        if kind in ("classic", "consumer"):
            wanted.setdefault((coordinator, kind), []).append(group_id)
    for (coordinator, kind), names in wanted.items():
        for start in range(0, len(names), _PORTION):
            portion = names[start : start + _PORTION]
            request = (
                DescribeGroupsRequest(groups=portion)
                if kind == "classic"
                else ConsumerGroupDescribeRequest(group_ids=portion)
            )
            questions.setdefault(coordinator, []).append((kind, request))

    async def ask(node_id: int) -> list[tuple[str, Any]]:
        return [(kind, await client.request_to(node_id, request)) for kind, request in questions[node_id]]

    partial = await client.gather({node_id: lambda n=node_id: ask(n) for node_id in questions})  # type: ignore[misc]
    found: dict[str, GroupMembership] = {}
    missing = [Missing(f"members of groups on broker {node_id}", reason) for node_id, reason in partial.missing.items()]
    for answers in partial.answers.values():
        for kind, response in answers:
            for group in response.groups:
                error = ErrorCode.of(group.error_code)
                if error not in (ErrorCode.NONE, ErrorCode.GROUP_ID_NOT_FOUND):
                    missing.append(Missing(f"members of group {group.group_id}", f"{error.name}: {error.text}"))
                elif error == ErrorCode.NONE:
                    found[group.group_id] = _classic(group) if kind == "classic" else _consumer(group)
    return found, missing


def _classic(group: Any) -> GroupMembership:
    members = []
    for member in group.members:
        assignment: Sequence[TopicPartition] = ()
        problem = None
        # Only consumers write assignments that we can read; an empty one is that of a group in a rebalance.
        if group.protocol_type == "consumer" and len(member.member_assignment):
            try:
                assignment = _assignment(bytes(member.member_assignment))
            except ProtocolError as error:
                problem = str(error)
        members.append(
            GroupMember(
                member.member_id,
                member.group_instance_id,
                member.client_id,
                member.client_host.removeprefix("/"),
                None,
                tuple(sorted(assignment)),
                problem,
            )
        )
    return GroupMembership(group.group_state, group.protocol_data, tuple(members))


def _assignment(data: bytes) -> list[TopicPartition]:
    from engine.protocol.consumer_protocol import decode_assignment

    return [
        TopicPartition(topic.topic, partition)
        for topic in decode_assignment(data).assigned_partitions
        for partition in topic.partitions
    ]


def _consumer(group: Any) -> GroupMembership:
    members = tuple(
        GroupMember(
            member.member_id,
            member.instance_id,
            member.client_id,
            member.client_host.removeprefix("/"),
            member.rack_id,
            tuple(
                sorted(
                    TopicPartition(topic.topic_name, partition)
                    for topic in member.assignment.topic_partitions
                    for partition in topic.partitions
                )
            ),
            None,
            None if member.member_type < 0 else member.member_type == 1,
        )
        for member in group.members
    )
    return GroupMembership(group.group_state, group.assignor_name, members)
