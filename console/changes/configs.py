"""Planning changes of configurations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from console.changes.draft import HIDDEN, Difference, Draft, Facts
from console.changes.kinds import AlterConfig, Change
from console.errors import OperatorError
from console.services.configs import ConfigEntry, Resource, ResourceType, alter_config, describe_config
from engine.config.broker_configs import broker_config
from engine.net.cluster_client import ClusterClient

_KEPT_LESS = frozenset(
    {"retention.ms", "retention.bytes", "log.retention.ms", "log.retention.minutes", "log.retention.hours", "log.retention.bytes"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConfigPlan:
    """The part of a draft that is about properties of one resource."""

    todo: dict[str, str | None]
    """New values of those that change; None removes."""
    difference: tuple[Difference, ...]
    before: dict[str, str | None]
    """Values set on the resource itself; without sensitive ones, which nobody shows."""
    after: dict[str, str | None]
    recorded: dict[str, str | None]
    """`todo` without secrets."""
    undo: dict[str, str | None]
    undo_note: str
    risks: tuple[str, ...]


async def plan_configs(
    client: ClusterClient,
    resource: Resource,
    changes: Mapping[str, str | None],
    *,
    replication_factor: int | None = None,
) -> ConfigPlan:
    """Which of `changes` change something, validated by the cluster. Raises OperatorError.

    `replication_factor` is the topic's, when it is one and it is known.
    """
    if not changes:
        return ConfigPlan({}, (), {}, {}, {}, {}, "", ())
    entries = {entry.name: entry for entry in (await describe_config(client, resource)).entries}
    todo: dict[str, str | None] = {}
    difference = []
    before: dict[str, str | None] = {}
    after: dict[str, str | None] = {}
    recorded: dict[str, str | None] = {}
    secrets = []
    unset: dict[str, str | None] = {}
    risks = []
    for name, value in changes.items():
        entry = entries.get(name)
        own = _own_value(entry)
        secret = _is_secret(resource, name, entries)
        wanted = None if value is None else normal(value, entry)
        # A sensitive value is never shown, so whether it changes cannot be known.
        if not secret and own == wanted:
            continue
        todo[name] = value
        recorded[name] = HIDDEN if secret and value is not None else value
        if not secret:
            before[name], after[name] = own, wanted
            risks += _risks(name, own, wanted, entry, replication_factor)
        elif entry is not None and entry.is_override:
            secrets.append(name)
        else:
            unset[name] = None
        difference.append(_difference(name, own, wanted, entry, secret))
    if todo:
        await carry_out_configs(client, resource, todo, recorded, validate_only=True)
    note = f"{', '.join(secrets)}: what it was is not known, so it cannot be put back" if secrets else ""
    return ConfigPlan(todo, tuple(difference), before, after, recorded, {**before, **unset}, note, tuple(risks))


async def carry_out_configs(
    client: ClusterClient,
    resource: Resource,
    todo: Mapping[str, str | None],
    recorded: Mapping[str, str | None],
    *,
    validate_only: bool = False,
) -> None:
    """Sends them. Raises OperatorError, whose words (a broker's may quote the value) have no secrets."""
    try:
        await alter_config(client, resource, todo, validate_only=validate_only)
    except OperatorError as error:
        for name, value in todo.items():
            if value and recorded[name] == HIDDEN:
                error.title = error.title.replace(value, HIDDEN)
                error.detail = error.detail.replace(value, HIDDEN)
        raise


async def observe_configs(client: ClusterClient, resource: Resource, names: Mapping[str, object]) -> Facts:
    """The values that are set on the resource itself now."""
    entries = {entry.name: entry for entry in (await describe_config(client, resource)).entries}
    return {name: _own_value(entries.get(name)) for name in names}


async def draft_alter_config(client: ClusterClient, change: AlterConfig) -> Draft:
    resource = change.resource
    factor = None
    if resource.type is ResourceType.TOPIC:
        topic = (await client.known_view([resource.name])).topics.get(resource.name)
        factor = len(topic.partitions[0].replicas) if topic is not None and topic.partitions else None
    planned = await plan_configs(client, resource, change.changes, replication_factor=factor)

    async def carry_out() -> Change | None:
        await carry_out_configs(client, resource, planned.todo, planned.recorded)
        return None

    return Draft(
        change=change,
        subject=str(resource),
        difference=planned.difference,
        commands=(_command(resource, planned.recorded),),
        carry_out=carry_out,
        observe=lambda: observe_configs(client, resource, planned.before),
        before=planned.before,
        after=planned.after,
        risks=planned.risks,
        undo=AlterConfig(resource, planned.undo) if planned.undo else None,
        undo_note=planned.undo_note,
        recorded=AlterConfig(resource, planned.recorded),
    )


def normal(value: str, entry: ConfigEntry | None) -> str:
    """The value as the cluster writes it, so that " TRUE" is no change from "true" (Kafka: ConfigDef.parseType)."""
    try:
        match entry.type if entry is not None else "":
            case "boolean":
                return value.strip().lower()
            case "int" | "short" | "long":
                return str(int(value))
            case "double":
                return repr(float(value))
            case "list":
                return ",".join(part.strip() for part in value.split(","))
            case _:
                return value.strip()
    except ValueError:
        return value  # the cluster will say what is wrong with it


_OF_A_LISTENER = re.compile(r"listener\.name\.[^.]+\.")


def _is_secret(resource: Resource, name: str, entries: Mapping[str, ConfigEntry]) -> bool:
    """Whether the value must not be shown. As for Kafka, a broker's property of unknown meaning may be a secret
    (KafkaConfig.maybeSensitive); one for a single listener is what it is for all of them.

    The default of all brokers is described with what is set alone: there Kafka's own table says what the rest is.
    """
    entry = entries.get(name) or entries.get(_OF_A_LISTENER.sub("", name, count=1))
    if entry is not None:
        return entry.is_sensitive
    if resource.type is not ResourceType.BROKER:
        return False
    known = broker_config(name)
    return known is None or known.is_sensitive


def _own_value(entry: ConfigEntry | None) -> str | None:
    if entry is None or not entry.is_override or entry.value is None:
        return None
    return normal(entry.value, entry)


def _difference(name: str, own: str | None, wanted: str | None, entry: ConfigEntry | None, secret: bool) -> Difference:
    if secret:
        was = HIDDEN if entry is not None and entry.is_override else "nothing"
        return Difference("-" if wanted is None else "~", name, was, "(default)" if wanted is None else HIDDEN)
    in_force = (entry.value if entry is not None else None) or "nothing"
    sign = "-" if wanted is None else "+" if own is None else "~"
    return Difference(
        sign, name, f"{in_force} (default)" if own is None else own, "(default)" if wanted is None else wanted
    )


def _command(resource: Resource, todo: Mapping[str, str | None]) -> tuple[str, ...]:
    kind = resource.type.name.lower().replace("_", "-")
    words = ["stoker", "configs", "alter", kind, *([resource.name] if resource.name else [])]
    for name, value in todo.items():
        words += ["--delete", name] if value is None else ["--set", f"{name}={value}"]
    return tuple(words)


def _risks(
    name: str, own: str | None, wanted: str | None, entry: ConfigEntry | None, replication_factor: int | None
) -> list[str]:
    was = _number(own if own is not None else entry.value if entry is not None else None)
    becomes = _number(wanted)
    if name in _KEPT_LESS and becomes is not None and becomes >= 0 and (was is None or was < 0 or becomes < was):
        return [f"{name} gets less: what is beyond it is deleted, and setting it back does not bring it back."]
    if name in ("cleanup.policy", "log.cleanup.policy") and wanted is not None and "compact" in wanted:
        if "compact" not in ((own or (entry.value if entry is not None else None)) or ""):
            return ["Compaction keeps only the latest record of each key, and refuses records without key."]
    elif name == "unclean.leader.election.enable" and wanted == "true":
        return ["A replica that is behind may become leader: records that it does not have are lost."]
    elif name == "min.insync.replicas" and replication_factor is not None and (becomes or 0) > replication_factor:
        return [
            f"min.insync.replicas {wanted} is more than the {replication_factor} replicas there are: "
            "producers with acks=all are held to all of them."
        ]
    elif name == "max.message.bytes" and becomes is not None and was is not None and becomes < was:
        return ["Batches larger than that are refused from then on, also of producers that send them now."]
    return []


def _number(value: str | None) -> int | None:
    try:
        return None if value is None else int(value)
    except ValueError:
        return None
