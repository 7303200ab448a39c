"""Planning to delete records, and to elect leaders."""

from __future__ import annotations

from console.changes.draft import Difference, Draft, Facts
from console.changes.kinds import Change, DeleteRecords, ElectLeaders, TargetKind
from console.changes.scopes import log_bounds, partitions_of
from console.errors import OperatorError, operator_errors
from console.output.text import plural
from console.records.positions import raise_incomplete
from console.services.configs import ConfigDescription, Resource, ResourceType, describe_configs
from console.services.offsets import EARLIEST, list_offsets
from console.services.partition_changes import ElectionType, delete_records, elect_leaders
from engine.net.cluster_client import ClusterClient
from engine.net.cluster_view import PartitionView
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition


async def draft_delete_records(client: ClusterClient, change: DeleteRecords) -> Draft:
    """KIP-107. Offsets beyond the end are brought back to it, and that is said."""
    subject = f"topic {change.scope.topic}"
    partitions = await partitions_of(client, [change.scope])
    bounds = await log_bounds(client, partitions)
    wished: dict[TopicPartition, int] = {}
    match change.before.kind:
        case TargetKind.LATEST:
            wished = {partition: end for partition, (_, end) in bounds.items()}
        case TargetKind.OFFSET:
            wished = dict.fromkeys(bounds, change.before.value)
        case TargetKind.TIMESTAMP:
            with operator_errors(subject):
                answers = await list_offsets(client, dict.fromkeys(bounds, change.before.value))
            raise_incomplete("offsets by time", bounds, answers.why_not)
            for partition, (_, end) in bounds.items():
                found = answers.values[partition].offset
                wished[partition] = end if found < 0 else found
        case _:
            raise OperatorError.words(
                f"records cannot be deleted before {change.before.word!r}",
                "Write latest (all of them), an offset, a time or an age.",
            )
    todo: dict[TopicPartition, int] = {}
    difference = []
    for partition, (start, end) in bounds.items():
        offset = min(wished[partition], end)
        if offset <= start:
            continue
        todo[partition] = offset
        beyond = f"; {wished[partition]} is beyond the end: to {end}" if wished[partition] > end else ""
        note = f"{offset - start:,} records at most{beyond}"
        difference.append(Difference("-", str(partition), f"from {start}", f"from {offset}", note))
    lost = sum(offset - bounds[partition][0] for partition, offset in todo.items())

    async def carry_out() -> Change | None:
        answers = await delete_records(client, todo)
        for partition in todo:
            error = answers.errors.get(partition)
            if error is not None:
                raise OperatorError.refused(f"partition {partition}", error)
            if partition not in answers.values:
                raise OperatorError(
                    f"partition {partition}: its records are not deleted", answers.why_not(partition) or ""
                )
        return None

    async def observe() -> Facts:
        with operator_errors(subject):
            starts = await list_offsets(client, dict.fromkeys(todo, EARLIEST))
        raise_incomplete("log start offset", todo, starts.why_not)
        return {str(partition): starts.values[partition].offset for partition in todo}

    return Draft(
        change=change,
        subject=subject,
        difference=tuple(difference),
        commands=(("stoker", "topics", "delete-records", str(change.scope), "--before", change.before.word),),
        carry_out=carry_out,
        observe=observe,
        before={str(partition): bounds[partition][0] for partition in todo},
        after={str(partition): offset for partition, offset in todo.items()},
        destroys=change.scope.topic,
        loss=f"This deletes {lost:,} records at most of {plural(len(todo), 'partition')} of topic {change.scope.topic}",
        outcome=f"Deleted {lost:,} records at most of topic {change.scope.topic}",
        undo_note="records that are deleted are gone",
        blocked=await _compacted(client, change.scope.topic) if todo else None,
    )


async def _compacted(client: ClusterClient, topic: str) -> OperatorError | None:
    """Brokers delete records only of topics whose cleanup.policy has "delete" (Kafka: ReplicaManager.deleteRecords)."""
    resource = Resource(ResourceType.TOPIC, topic)
    with operator_errors(f"topic {topic}"):
        found = (await describe_configs(client, [resource], names=["cleanup.policy"])).get(resource)
    policy = (found.value("cleanup.policy") if isinstance(found, ConfigDescription) else None) or "delete"
    if "delete" in policy:
        return None
    return OperatorError.refused(
        f"topic {topic}",
        ErrorCode.POLICY_VIOLATION,
        f"its cleanup.policy is {policy}: records go by compaction only",
        "Tombstones remove keys; cleanup.policy=compact,delete allows both.",
    )


async def draft_elect_leaders(client: ClusterClient, change: ElectLeaders) -> Draft:
    """KIP-460. Only partitions where an election would change something."""
    with operator_errors("elect leaders"):
        await client.metadata(sorted({each.topic for each in change.scope}) if change.scope else None)
    asked = await partitions_of(client, change.scope) if change.scope else list(client.view.topic_partitions())
    views = {partition: view for partition in asked if (view := client.view.partition(*partition)) is not None}
    if change.election is ElectionType.PREFERRED:
        return _draft_preferred(client, change, views)
    return _draft_unclean(client, change, views)


def _draft_preferred(client: ClusterClient, change: ElectLeaders, views: dict[TopicPartition, PartitionView]) -> Draft:
    away = {partition: view for partition, view in views.items() if view.leader_id != view.replicas[0]}
    todo = {partition: view for partition, view in away.items() if view.replicas[0] in view.isr}
    risks = [
        f"{partition} stays as it is: its preferred leader, broker {view.replicas[0]}, is not in sync."
        for partition, view in away.items()
        if partition not in todo
    ]

    async def observe() -> Facts:
        now = await _leaders(client, todo)
        return {str(partition): leader for partition, leader in now.items()}

    return Draft(
        change=change,
        subject="leadership",
        difference=tuple(
            Difference("~", str(partition), f"broker {view.leader_id}", f"broker {view.replicas[0]}")
            for partition, view in todo.items()
        ),
        commands=(_elect_command(change),),
        carry_out=lambda: _elect(client, list(todo), change.election),
        observe=observe,
        before={str(partition): view.leader_id for partition, view in todo.items()},
        after={str(partition): view.replicas[0] for partition, view in todo.items()},
        risks=tuple(risks[:10]),
        undo_note="who led before is not elected again",
    )


def _draft_unclean(client: ClusterClient, change: ElectLeaders, views: dict[TopicPartition, PartitionView]) -> Draft:
    todo = {partition: view for partition, view in views.items() if view.leader_id < 0}

    async def observe() -> Facts:
        now = await _leaders(client, todo)
        return {f"{partition} has a leader": leader >= 0 for partition, leader in now.items()}

    topics = sorted({partition.topic for partition in todo})
    return Draft(
        change=change,
        subject="leadership",
        difference=tuple(Difference("~", str(partition), "no leader", "any live replica") for partition in todo),
        commands=(_elect_command(change),),
        carry_out=lambda: _elect(client, list(todo), change.election),
        observe=observe,
        before={f"{partition} has a leader": False for partition in todo},
        after={f"{partition} has a leader": True for partition in todo},
        destroys=topics[0] if len(topics) == 1 else "unclean",
        loss=f"This may lose records of {plural(len(todo), 'partition')}: a replica that was behind leads from then on",
        undo_note="records that only the old leader had are cut off",
    )


async def _leaders(client: ClusterClient, partitions: dict[TopicPartition, PartitionView]) -> dict[TopicPartition, int]:
    with operator_errors("leaders"):
        view = await client.metadata(sorted({partition.topic for partition in partitions}))
    return {partition: view.leader(*partition) for partition in partitions}


async def _elect(client: ClusterClient, partitions: list[TopicPartition], election: ElectionType) -> Change | None:
    refused = await elect_leaders(client, partitions, election)
    if refused:
        error = next(iter(refused.values()))
        error.detail += f"; {len(partitions) - len(refused)} of {len(partitions)} elections were held"
        raise error
    return None


def _elect_command(change: ElectLeaders) -> tuple[str, ...]:
    unclean = ("--unclean",) if change.election is ElectionType.UNCLEAN else ()
    return ("stoker", "topics", "elect-leaders", *(str(each) for each in change.scope), *unclean)
