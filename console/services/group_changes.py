"""Changing what groups keep: committing and deleting offsets from outside, deleting groups."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from console.errors import OperatorError, operator_errors
from console.services.group_members import GroupMember, describe_memberships
from console.services.group_offsets import CommittedOffset, committed_offsets
from engine.errors import KafkaError
from engine.net.cluster_client import ClusterClient, Versioned
from engine.net.coordinators import GROUP, MOVED, find_coordinators, request_to_coordinator
from engine.net.deadlines import Deadline
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DeleteGroupsRequest, ListGroupsRequest, OffsetCommitRequest, OffsetDeleteRequest
from engine.types import TopicPartition

_PORTION = 5_000
"""Partitions in one request."""

_STILL_READ = "Stop its consumers first; `stoker groups describe GROUP --members` shows who they are."


@dataclass(frozen=True, slots=True)
class GroupStanding:
    """A group as its coordinator has it: what decides whether its offsets may be changed from outside."""

    group_id: str
    exists: bool
    type: str
    """classic, consumer, share or streams; "" when it does not exist."""
    state: str
    members: tuple[GroupMember, ...]
    committed: dict[TopicPartition, CommittedOffset]

    @property
    def is_active(self) -> bool:
        """Somebody is in it, so that the coordinator takes commits from members only."""
        return bool(self.members) or self.state not in ("", "Empty", "Dead")


async def group_standing(client: ClusterClient, group_id: str) -> GroupStanding:
    """The group with its members and all it has committed. A group nobody knows is no error here: `exists` is false.

    Raises OperatorError, also when the coordinator does not tell the offsets: a change must not be planned on half of them.
    """
    subject = f"group {group_id}"
    with operator_errors(subject):
        coordinator, listed = await _ask_coordinator(client, group_id)
        found = next((group for group in listed.groups if group.group_id == group_id), None)
        if found is None:
            return GroupStanding(group_id, False, "", "", (), {})
        kind = (found.group_type or "classic").lower()
        memberships, missing = await describe_memberships(client, {group_id: (coordinator, kind)})
        committed: dict[TopicPartition, CommittedOffset] = {}
        if kind != "share":
            offsets, more = await committed_offsets(client, {coordinator: [group_id]})
            missing += more
            committed = offsets.get(group_id, {})
    if missing:
        raise OperatorError(f"{subject}: not all about it is known", "\n".join(map(str, missing)))
    membership = memberships.get(group_id)
    state = (membership.state if membership is not None else "") or found.group_state
    return GroupStanding(group_id, True, kind, state, membership.members if membership else (), committed)


async def _ask_coordinator(client: ClusterClient, group_id: str) -> tuple[int, Any]:
    """The coordinator of the group and the groups it has, once it has read its log."""
    deadline = Deadline(client.retry_timeout_ms)
    tries = 0
    while True:
        tries += 1
        # Only its coordinator knows that a group is not there, so a remembered one will not do: it may have moved.
        client.coordinator_cache.pop((GROUP, group_id), None)
        coordinators, errors = await find_coordinators(client, [group_id])
        if group_id in errors:
            raise KafkaError(errors[group_id])
        listed = await client.request_to(coordinators[group_id], ListGroupsRequest())
        error = ErrorCode.of(listed.error_code)
        if error == ErrorCode.NONE:
            return coordinators[group_id], listed
        # The first question ever makes the offsets topic, and its leader must load it first.
        if error not in MOVED or not await client.backoff.wait(tries, client.randomness, deadline):
            raise KafkaError(error)


async def commit_offsets(
    client: ClusterClient, group_id: str, offsets: Mapping[TopicPartition, CommittedOffset]
) -> None:
    """Commits on behalf of a group without members (Kafka: KafkaAdminClient.alterConsumerGroupOffsets).

    Raises OperatorError: UNKNOWN_MEMBER_ID becomes NON_EMPTY_GROUP, which is what it means here. When only some
    partitions were refused, the others are committed and the error names those that are not.
    """
    subject = f"group {group_id}"

    async def send(portion: list[TopicPartition]) -> dict[TopicPartition, ErrorCode]:
        topics: dict[str, list[Any]] = {}
        for partition in portion:
            offset = offsets[partition]
            topics.setdefault(partition.topic, []).append(
                OffsetCommitRequest.OffsetCommitRequestPartition(
                    partition_index=partition.partition,
                    committed_offset=offset.offset,
                    committed_leader_epoch=offset.leader_epoch,
                    committed_metadata=offset.metadata or "",
                )
            )
        request = OffsetCommitRequest(
            group_id=group_id,
            generation_id_or_member_epoch=-1,
            member_id="",
            topics=[
                OffsetCommitRequest.OffsetCommitRequestTopic(name=name, partitions=p) for name, p in topics.items()
            ],
        )
        # v10 names topics by id (KIP-848); up to v9 they have names.
        versioned = Versioned(OffsetCommitRequest, lambda _: request, ceiling=9)
        with operator_errors(subject):
            response = await request_to_coordinator(client, group_id, versioned, error_of=_first_error)
        return _partition_errors(response)

    for portion in _portions(sorted(offsets)):
        _raise_refused(subject, await _until_known(client, portion, send))


async def delete_offsets(client: ClusterClient, group_id: str, partitions: Iterable[TopicPartition]) -> None:
    """Forgets committed offsets (KIP-496). A group with members loses only those of topics it is not subscribed to.

    Raises OperatorError: GROUP_SUBSCRIBED_TO_TOPIC, NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, ...
    """
    subject = f"group {group_id}"

    async def send(portion: list[TopicPartition]) -> dict[TopicPartition, ErrorCode]:
        topics: dict[str, list[Any]] = {}
        for partition in portion:
            topics.setdefault(partition.topic, []).append(
                OffsetDeleteRequest.OffsetDeleteRequestPartition(partition_index=partition.partition)
            )
        request = OffsetDeleteRequest(
            group_id=group_id,
            topics=[
                OffsetDeleteRequest.OffsetDeleteRequestTopic(name=name, partitions=p) for name, p in topics.items()
            ],
        )
        with operator_errors(subject):
            response = await request_to_coordinator(
                client, group_id, request, error_of=lambda answer: answer.error_code
            )
        if response.error_code:
            raise _refused(subject, ErrorCode.of(response.error_code))
        return _partition_errors(response)

    for portion in _portions(sorted(partitions)):
        _raise_refused(subject, await _until_known(client, portion, send))


async def _until_known(
    client: ClusterClient,
    partitions: list[TopicPartition],
    send: Callable[[list[TopicPartition]], Awaitable[dict[TopicPartition, ErrorCode]]],
) -> dict[TopicPartition, ErrorCode]:
    """What was refused when `send` was given `partitions`, in the end.

    A coordinator that has not heard of a topic just made refuses it: what others know is sent again, as Kafka's consumer does
    (ConsumerCoordinator.OffsetCommitResponseHandler). What nobody knows is refused at once.
    """
    deadline = Deadline(client.retry_timeout_ms)
    tries = 0
    refused: dict[TopicPartition, ErrorCode] = {}
    while True:
        tries += 1
        errors = await send(partitions)
        unknown = {each.topic for each, code in errors.items() if code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION}
        if not unknown:
            return refused | errors
        topics = (await client.metadata(unknown)).topics
        lagging = [
            each
            for each, code in sorted(errors.items())
            if code == ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
            and each.topic in topics
            and topics[each.topic].partition(each.partition) is not None
        ]
        if not lagging or not await client.backoff.wait(tries, client.randomness, deadline):
            return refused | errors
        refused |= {each: code for each, code in errors.items() if each not in set(lagging)}
        partitions = lagging


async def delete_group(client: ClusterClient, group_id: str) -> None:
    """Deletes a group without members, with its offsets. Raises OperatorError: NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND, ..."""
    subject = f"group {group_id}"
    request = DeleteGroupsRequest(groups_names=[group_id])
    with operator_errors(subject):
        response = await request_to_coordinator(
            client, group_id, request, error_of=lambda answer: answer.results[0].error_code
        )
    code = ErrorCode.of(response.results[0].error_code)
    if code != ErrorCode.NONE:
        raise _refused(subject, code)


def non_empty_group(standing: GroupStanding, what: str) -> OperatorError:
    """Why `what` ("its offsets can be set") is not possible now: who is in the group."""
    members = [f"{each.client_id} on {each.client_host}" for each in standing.members[:5]]
    more = len(standing.members) - len(members)
    names = ", ".join(members) + (f" and {more} more" if more else "")
    return OperatorError(
        f"group {standing.group_id}: NON_EMPTY_GROUP",
        f"{what} only while nobody is in it, and it is {standing.state}" + (f" with {names}" if names else ""),
        _STILL_READ,
        code=ErrorCode.NON_EMPTY_GROUP,
    )


def _portions(partitions: list[TopicPartition]) -> Iterable[list[TopicPartition]]:
    for start in range(0, len(partitions), _PORTION):
        yield partitions[start : start + _PORTION]


def _partition_errors(response: Any) -> dict[TopicPartition, ErrorCode]:
    return {
        TopicPartition(topic.name, each.partition_index): ErrorCode.of(each.error_code)
        for topic in response.topics
        for each in topic.partitions
        if each.error_code
    }


def _first_error(response: Any) -> int:
    return next((int(code) for code in _partition_errors(response).values()), 0)


def _raise_refused(subject: str, errors: Mapping[TopicPartition, ErrorCode]) -> None:
    if not errors:
        return
    first = next(iter(errors.values()))
    error = _refused(subject, first)
    if first not in (ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION):
        names = [str(partition) for partition in errors]
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        error.detail = f"{', '.join(names[:5])}{more}: {error.detail}"
    raise error


def _refused(subject: str, code: ErrorCode) -> OperatorError:
    if code in (ErrorCode.UNKNOWN_MEMBER_ID, ErrorCode.ILLEGAL_GENERATION, ErrorCode.STALE_MEMBER_EPOCH):
        words = "somebody is in the group, and then only its members may commit"
        return OperatorError.refused(subject, ErrorCode.NON_EMPTY_GROUP, words, _STILL_READ)
    hint = {
        ErrorCode.NON_EMPTY_GROUP: _STILL_READ,
        ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC: _STILL_READ,
        ErrorCode.GROUP_ID_NOT_FOUND: "`stoker groups list` shows the groups there are.",
    }
    return OperatorError.refused(subject, code, hint=hint.get(code))
