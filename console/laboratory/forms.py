"""Actions as data for menus and forms: their groups, their words, and what each field takes."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from console.laboratory.commands import BY_TAG, usage
from engine.runtime.safeguards import SAFEGUARDS

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Nodes", ("kill", "stop", "restart", "pause", "resume", "wipe", "power-cut", "add-node", "remove-node", "skew-clock")),
    ("Network", ("cut", "partition", "heal", "slow-down")),
    ("Messages", ("hold", "release", "delay", "drop")),
    ("Disks", ("fill-disk", "break-disk", "repair-disk")),
    ("Topics", ("create-topic", "delete-topic", "set-config", "elect")),
    ("Clients", ("produce", "add-producer", "add-consumer", "add-member", "crash-client", "restart-client",
                 "pause-client", "resume-client", "remove-client")),
    ("Safeguards", ("take-away", "give-back")),
)  # fmt: skip
"""Every action, by what it is done to."""

TITLES = {"produce": "Produce a record", "partition": "Split the network", "elect": "Elect a leader", "take-away": "Take a safeguard away", "give-back": "Give a safeguard back", "power-cut": "Cut the power", "add-member": "Add a group member", "set-config": "Change a topic's config", "cut": "Cut a link", "heal": "Heal the network", "slow-down": "Slow a node down"}  # fmt: skip

_KINDS = {"node": "node", "source": "host", "to": "host", "topic": "topic", "message": "message", "safeguard": "safeguard", "group": "group", "partition": "partition"}  # fmt: skip
_CLIENT_ACTIONS = frozenset({"crash-client", "restart-client", "pause-client", "resume-client", "remove-client"})
_HELP = {
    "sets": "hosts that still reach each other, sets parted by |, as 1|2,3 (0: the clients)",
    "nodes": "ids by commas",
    "keys": "by commas, taken in turn; empty: no keys",
    "rate": "records a second",
    "count": "0: without end",
    "by_ms": "milliseconds",
    "offset_ms": "milliseconds",
    "left_bytes": "bytes",
    "process_ms": "milliseconds for each record",
    "configs": "name=value, by spaces: min.insync.replicas=2",
    "replicas": "leader first, one list for each partition: 1,2,3|2,3,1",
    "name": "a name for it",
}


@dataclass(frozen=True, slots=True)
class FormField:
    """One field of an action's form. `kind`: node, host, topic, partition, group, client, message, safeguard, choice,
    flag, number or text; what there is of the first eight the face knows from the world."""

    name: str
    label: str
    kind: str
    required: bool
    default: str = ""
    choices: tuple[str, ...] = ()
    help: str = ""
    notes: tuple[str, ...] = ()
    """What each of the choices means; empty where they speak for themselves."""


@dataclass(frozen=True, slots=True)
class ActionForm:
    """One action for a menu."""

    tag: str
    title: str
    group: str
    help: str
    usage: str
    fields: tuple[FormField, ...]


def forms() -> tuple[ActionForm, ...]:
    """Every action, in the order of `GROUPS`."""
    return tuple(_form(tag, group) for group, tags in GROUPS for tag in tags)


def help_of(tag: str) -> str:
    """What the action does, in a sentence or two."""
    return " ".join((inspect.getdoc(BY_TAG[tag]) or "").split())


def _form(tag: str, group: str) -> ActionForm:
    kind = BY_TAG[tag]
    fields = tuple(_field(tag, each) for each in msgspec.structs.fields(kind))
    title = TITLES.get(tag, tag.replace("-", " ").capitalize())
    return ActionForm(tag, title, group, help_of(tag), usage(tag), fields)


def _field(tag: str, field: msgspec.structs.FieldInfo) -> FormField:
    name = field.encode_name
    default: Any = field.default if field.default is not msgspec.NODEFAULT else None
    choices: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    kind = _KINDS.get(name, "text")
    pattern = re.search(r"pattern='\^\(([a-z|-]+)\)\$'", repr(field.type))
    if name == "acks":
        kind, choices, default = "choice", ("all", "1", "0"), "all"
    elif pattern is not None:
        kind, choices = "choice", tuple(pattern[1].split("|"))
    elif isinstance(default, bool):
        kind, default = "flag", "true" if default else ""
    elif name == "name" and tag in _CLIENT_ACTIONS:
        kind = "client"
    elif tag == "add-node" and name == "node":
        kind = "number"
    elif name == "safeguard":
        choices = tuple(each.name for each in SAFEGUARDS)
        notes = tuple(f"{each.source}. {each.text} Without it: {each.otherwise}" for each in SAFEGUARDS)
    elif (kind == "text" and isinstance(default, int | float)) or name in ("by_ms", "offset_ms"):
        kind = "number"
    elif tag in ("create-topic",) and name == "topic":
        kind = "text"
    if default is None or isinstance(default, tuple | dict):
        default = ""
    return FormField(
        name, name.replace("_", " "), kind, field.required, str(default), choices, _HELP.get(name, ""), notes
    )
