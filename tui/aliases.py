"""Views and `:` commands, as data: names, aliases, what they take, and where they are. Modules load when first shown.

`[tui.aliases]` of contexts.toml adds more: `o = "topic orders"` makes `:o` go to topic orders.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.views.base import View


@dataclass(frozen=True, slots=True)
class ViewName:
    """One view. `argument` is what it is of: "" for nothing, "topic", "group", "resource"; `optional` when it may lack."""

    name: str
    aliases: tuple[str, ...]
    where: str
    """Module and class."""
    help: str
    argument: str = ""
    optional: bool = False


VIEWS: tuple[ViewName, ...] = (
    ViewName(
        "pulses",
        ("p", "overview", "home"),
        "tui.views.pulses:PulsesView",
        "The cluster at a glance: health, rates, lag, nodes",
    ),
    ViewName("topics", ("t", "to"), "tui.views.topics:TopicsView", "Topics; with a name: that one"),
    ViewName("topic", (), "tui.views.topic:TopicView", "One topic: all about it", "topic"),
    ViewName(
        "partitions",
        ("pa", "parts"),
        "tui.views.partitions:PartitionsView",
        "Partitions of a topic, or of all",
        "topic",
        optional=True,
    ),
    ViewName("groups", ("g", "consumers"), "tui.views.groups:GroupsView", "Groups; with a name: that one"),
    ViewName("group", (), "tui.views.group:GroupView", "One group: lag, members, reset", "group"),
    ViewName(
        "members", (), "tui.views.members:MembersView", "Members of a group, and what is assigned to them", "group"
    ),
    ViewName(
        "brokers",
        ("b", "nodes"),
        "tui.views.brokers:BrokersView",
        "Brokers: what they lead and hold; with an id: that one",
    ),
    ViewName("broker", (), "tui.views.broker:BrokerView", "One broker: its replicas", "broker"),
    ViewName(
        "quorum", ("controllers",), "tui.views.quorum:QuorumView", "The metadata quorum: leader, voters, observers, lag"
    ),
    ViewName(
        "configs",
        ("config", "cfg"),
        "tui.views.configs:ConfigsView",
        "Configuration of a topic, broker or group, with documentation",
        "resource",
        optional=True,
    ),
    ViewName("audit", ("changes",), "tui.views.audit:AuditView", "What was changed from this machine; undo"),
    ViewName("change", (), "tui.views.change:ChangeView", "One change in full", "id"),
    ViewName(
        "contexts",
        ("ctx", "context"),
        "tui.views.contexts:ContextsView",
        "Named clusters; with a name: switch to it",
        "context",
        optional=True,
    ),
    ViewName(
        "xray", ("tree",), "tui.views.xray:XrayView", "The cluster as a tree: topics, partitions, replicas, groups"
    ),
    ViewName(
        "records",
        ("browse", "r"),
        "tui.views.records:RecordsView",
        "Records of a topic: TOPIC [PARTITION] [from=5m] [grep=…]",
        "topic",
    ),
    ViewName(
        "tail",
        ("follow",),
        "tui.views.tail:TailView",
        "Records as they arrive: TOPIC[,TOPIC] [from=5m] [grep=…]",
        "topic",
    ),
    ViewName(
        "search", ("find",), "tui.views.search:SearchView", "Search topics: TOPIC[,TOPIC] TEXT, or [grep=…]", "topic"
    ),
    ViewName("record", (), "tui.views.record:RecordView", "One record in full: TOPIC PARTITION OFFSET", "topic"),
    ViewName("produce", ("send",), "tui.views.produce:ProduceView", "Produce records to a topic", "topic"),
    ViewName(
        "sql", ("s", "query"), "tui.views.sql:SqlView", "SQL over topics and the cluster", "statement", optional=True
    ),
    ViewName(
        "lab",
        ("laboratory",),
        "tui.views.laboratory:LaboratoryView",
        "The laboratory: a world to break; with a name: that lesson",
        "lesson",
        optional=True,
    ),
    ViewName("lessons", ("learn",), "tui.views.lessons:LessonsView", "Lessons of the laboratory"),
    ViewName("help", ("h", "?"), "tui.views.help:HelpView", "Keys and commands", "view", optional=True),
)
"""The first word of a command is looked up here. `topic NAME` and `group NAME` (with an argument) go into that one:
see `INTO`."""

INTO: dict[str, str] = {"topics": "topic", "groups": "group", "brokers": "broker"}
"""A list with a name behind it means the view of that one: `:t orders`."""

QUIT = ("q", "quit", "q!", "exit")


@dataclass(frozen=True, slots=True)
class Place:
    """A view, and what it is of. Where one can be, and go back to."""

    view: str
    arguments: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As it is typed."""
        return " ".join((self.view, *self.arguments))


@dataclass(frozen=True, slots=True)
class Problem:
    """Words that lead nowhere, and why."""

    text: str


def view_names() -> dict[str, ViewName]:
    """By name and by alias."""
    found: dict[str, ViewName] = {}
    for view in VIEWS:
        for name in (view.name, *view.aliases):
            found.setdefault(name, view)
    return found


def named(name: str) -> ViewName:
    """The view of that name. Raises KeyError."""
    return next(view for view in VIEWS if view.name == name)


def view_class(name: str) -> type[View]:
    """The class of that view; its module is loaded now."""
    where, _, attribute = named(name).where.partition(":")
    found: type[View] = getattr(import_module(where), attribute)
    return found


def parse(line: str, aliases: dict[str, str] | None = None) -> Place | Problem | None:
    """Where a command line leads; None for "quit". An unknown word that only one command begins with is that command."""
    words = line.strip().removeprefix(":").split(maxsplit=1)
    if not words:
        return Problem("nothing was typed")
    if aliases and words[0] in aliases:
        words = [*aliases[words[0]].split(maxsplit=1), *words[1:]]
        words = [words[0], " ".join(words[1:])] if len(words) > 1 else words
    first, rest = words[0].lower(), words[1].strip() if len(words) > 1 else ""
    if first in QUIT:
        return None
    known = view_names()
    view = known.get(first)
    if view is None:
        # The list before what is in it: `:gro` means groups, though group begins like that too.
        meant = list(
            dict.fromkeys(each.name for name, each in known.items() if len(first) > 1 and name.startswith(first))
        )
        if not meant or not all(meant[0].startswith(name) for name in meant):
            return Problem(
                f"{first} could be {', '.join(meant)}" if meant else f"there is no view {first!r}; ? lists them"
            )
        view = named(meant[0])
    if rest and view.name in INTO and any(each.name == INTO[view.name] for each in VIEWS):
        view = named(INTO[view.name])
    if view.argument and not rest and not view.optional:
        return Problem(f"which {view.argument}? :{view.name} {view.argument.upper()}")
    if rest and not view.argument:
        return Problem(f"{view.name} takes no name")
    return Place(view.name, (rest,) if rest else ())


def meaning(line: str, aliases: dict[str, str] | None = None) -> str:
    """What a command line would show, or what is still missing; "" for one that means nothing yet."""
    found = parse(line, aliases)
    if found is None:
        return "Quit"
    if isinstance(found, Place):
        return named(found.view).help
    first = line.split()[0].lower() if line.split() else ""
    view = view_names().get(first)
    return f"{view.help}" if view is not None else ""


def completions(line: str, names: dict[str, list[str]], aliases: dict[str, str] | None = None) -> list[str]:
    """What the line could become, best first; `names` are those that exist, by kind ("topic", "group", ...)."""
    line = line.lstrip()
    first, space, rest = line.partition(" ")
    known = view_names()
    if not space:
        begin = [view.name for view in VIEWS if view.name.startswith(first)]
        begin += [name for name in (aliases or {}) if name.startswith(first)]
        begin += [word for word in ("quit",) if word.startswith(first)]
        return list(dict.fromkeys(begin))
    view = known.get(first.lower())
    if view is None:
        return []
    kind = view.argument or INTO.get(view.name, "")
    found = names.get(kind, [])
    starts = [name for name in found if name.startswith(rest)]
    inside = [name for name in found if rest and rest in name and not name.startswith(rest)]
    return [f"{first} {name}" for name in (*starts, *inside)]
