"""Planning to create, alter and delete topics."""

from __future__ import annotations

from console.changes.configs import carry_out_configs, observe_configs, plan_configs
from console.changes.draft import Difference, Draft, Facts
from console.changes.kinds import AlterTopic, Change, CreateTopic, DeleteTopic
from console.errors import OperatorError, operator_errors
from console.output.text import count, plural, size
from console.services.configs import Resource, ResourceType
from console.services.group_offsets import committed_offsets
from console.services.groups import NO_COMMITS, list_group_ids
from console.services.topic_changes import (
    CLUSTER_DEFAULT,
    CreatedTopic,
    NewTopic,
    add_partitions,
    create_topic,
    delete_topic,
)
from console.services.topics import existing_topic, list_topics
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode
from engine.protocol.uuids import ZERO_UUID, uuid_to_text

_GROUPS_MAX = 1_000
_SHOWN_MAX = 10


async def draft_create_topic(client: ClusterClient, change: CreateTopic) -> Draft:
    topic = change.topic
    possible = await create_topic(client, topic, validate_only=True)
    after: dict[str, str | int | bool | None] = {"exists": True}
    if possible.partition_count is not None:
        after["partition_count"] = possible.partition_count
    if possible.replication_factor is not None:
        after["replication_factor"] = possible.replication_factor

    async def carry_out() -> Change | None:
        created = await create_topic(client, topic)
        return DeleteTopic(topic.name, created.topic_id)

    return Draft(
        change=change,
        subject=f"topic {topic.name}",
        difference=(Difference("+", f"topic {topic.name}", note=topic_shape(topic, possible)),),
        commands=(_create_command(topic),),
        carry_out=carry_out,
        observe=lambda: _observe_topic(client, topic.name),
        before={"exists": False},
        after=after,
        risks=tuple(await _create_risks(client, topic, possible)),
        outcome=f"Created topic {topic.name}: {topic_shape(topic, possible)}",
        undo_note="undoing it deletes the topic with all that is in it by then",
    )


def topic_shape(topic: NewTopic, created: CreatedTopic) -> str:
    """ "3 partitions, replication factor 3, cleanup.policy=compact"."""
    return ", ".join(
        [
            plural(created.partition_count, "partition") if created.partition_count else "partitions as configured",
            f"replication factor {created.replication_factor or 'as configured'}",
            *[f"{key}={value}" for key, value in topic.configs.items()],
        ]
    )


def _create_command(topic: NewTopic) -> tuple[str, ...]:
    words = ["stoker", "topics", "create", topic.name]
    words += ["--partitions", str(topic.partition_count)] if topic.partition_count != CLUSTER_DEFAULT else []
    words += (
        ["--replication-factor", str(topic.replication_factor)] if topic.replication_factor != CLUSTER_DEFAULT else []
    )
    for name, value in topic.configs.items():
        words += ["--config", f"{name}={value}"]
    return tuple(words)


async def _create_risks(client: ClusterClient, topic: NewTopic, possible: CreatedTopic) -> list[str]:
    factor = possible.replication_factor
    brokers = len((await client.known_view()).brokers)
    risks = []
    if factor == 1 and brokers > 1:
        risks.append("With one replica, each partition is gone while its broker is, and lost with its disk.")
    required = topic.configs.get("min.insync.replicas", "")
    if factor is not None and required.isdecimal() and int(required) >= factor > 1:
        risks.append(f"With min.insync.replicas {required} of {factor} replicas, no broker may be missing to produce.")
    return risks


async def _observe_topic(client: ClusterClient, name: str, topic_id: str | None = None) -> Facts:
    """With `topic_id`, another topic of that name does not count."""
    with operator_errors(f"topic {name}"):
        topic = (await client.metadata([name])).topics.get(name)
    if topic is None or not topic.partitions:
        return {"exists": False}
    found = None if topic.topic_id == ZERO_UUID else uuid_to_text(topic.topic_id)
    if topic_id is not None and found != topic_id:
        return {"exists": False}
    return {
        "exists": True,
        "topic_id": found,
        "partition_count": len(topic.partitions),
        "replication_factor": len(topic.partitions[0].replicas),
    }


async def draft_alter_topic(client: ClusterClient, change: AlterTopic) -> Draft:
    name = change.name
    resource = Resource(ResourceType.TOPIC, name)
    current = await existing_topic(client, name)
    configs = await plan_configs(client, resource, change.configs, replication_factor=current.replication_factor)
    wanted = change.partition_count
    grows = wanted is not None and wanted != current.partition_count
    difference = configs.difference
    before: dict[str, str | int | bool | None] = {**configs.before}
    after: dict[str, str | int | bool | None] = {**configs.after}
    risks = configs.risks
    words = ["stoker", "topics", "alter", name]
    notes = [configs.undo_note] if configs.undo_note else []
    if grows and wanted is not None:
        await add_partitions(client, name, wanted, validate_only=True)
        difference = (Difference("~", "partitions", str(current.partition_count), str(wanted)), *difference)
        before["partition_count"], after["partition_count"] = current.partition_count, wanted
        words += ["--partitions", str(wanted)]
        risks = (
            "Records of a key may go to another partition than before: their order across the change is not kept.",
            *risks,
        )
        notes.append("partitions cannot be taken away again")
    for key, value in configs.recorded.items():
        words += ["--delete-config", key] if value is None else ["--config", f"{key}={value}"]

    async def carry_out() -> Change | None:
        # Configurations first: of the two they are what an undo can take back, should the other fail.
        if configs.todo:
            await carry_out_configs(client, resource, configs.todo, configs.recorded)
        if grows and wanted is not None:
            await add_partitions(client, name, wanted)
        return None

    async def observe() -> Facts:
        facts = dict(await observe_configs(client, resource, configs.before)) if configs.before else {}
        if grows:
            facts["partition_count"] = (await _observe_topic(client, name)).get("partition_count")
        return facts

    return Draft(
        change=change,
        subject=f"topic {name}",
        difference=difference,
        commands=(tuple(words),),
        carry_out=carry_out,
        observe=observe,
        before=before,
        after=after,
        risks=risks,
        undo=AlterTopic(name, None, configs.undo) if configs.undo else None,
        undo_note="; ".join(notes),
        recorded=AlterTopic(name, wanted, configs.recorded),
    )


async def draft_delete_topic(client: ClusterClient, change: DeleteTopic) -> Draft:
    name = change.name
    (topic,) = (await list_topics(client, names=[name])).topics
    if topic.error is not None and not topic.partition_count:
        raise OperatorError(f"topic {name}", topic.error)
    if change.topic_id is not None and topic.topic_id != change.topic_id:
        raise OperatorError.refused(
            f"topic {name}",
            ErrorCode.INCONSISTENT_TOPIC_ID,
            f"the one that was meant, {change.topic_id}, is gone; this is another of its name, {topic.topic_id}",
        )
    holds = f"{plural(topic.partition_count, 'partition')}, {count(topic.records_at_most)} records at most, {size(topic.size_bytes)}"
    risks = await _readers(client, name)
    if topic.is_internal:
        risks.append("This is one of Kafka's own topics: groups, transactions or share groups may lose their state.")

    async def carry_out() -> Change | None:
        await delete_topic(client, name)
        return None

    before: dict[str, str | int | bool | None] = {"exists": True, "partition_count": topic.partition_count}
    if topic.topic_id is not None:
        before["topic_id"] = topic.topic_id
    return Draft(
        change=change,
        subject=f"topic {name}",
        difference=(Difference("-", f"topic {name}", note=holds),),
        commands=(("stoker", "topics", "delete", name),),
        carry_out=carry_out,
        observe=lambda: _observe_topic(client, name, topic.topic_id),
        before=before,
        after={"exists": False},
        risks=tuple(risks),
        destroys=name,
        loss=f"This deletes topic {name}: {holds}",
        outcome=f"Deleted topic {name}",
        undo_note="a topic that is deleted is gone with its records",
    )


async def _readers(client: ClusterClient, name: str) -> list[str]:
    """Who reads the topic, or did, as a sentence; a cluster with more than `_GROUPS_MAX` groups is not searched."""
    with operator_errors("groups"):
        groups, missing = await list_group_ids(client)
        if len(groups) > _GROUPS_MAX:
            return [f"Which groups read it was not looked up: there are {len(groups):,}."]
        by_coordinator: dict[int, list[str]] = {}
        for group in groups:
            if group.type not in NO_COMMITS:
                by_coordinator.setdefault(group.coordinator, []).append(group.group_id)
        committed, more = await committed_offsets(client, by_coordinator)
    readers = sorted(
        group_id for group_id, offsets in committed.items() if any(partition.topic == name for partition in offsets)
    )
    said = []
    if readers:
        rest = len(readers) - _SHOWN_MAX
        names = ", ".join(readers[:_SHOWN_MAX]) + (f" and {rest} more" if rest > 0 else "")
        said.append(f"{plural(len(readers), 'group has', 'groups have')} read it: {names}.")
    return said + [f"Not known: {each}." for each in [*missing, *more]]
