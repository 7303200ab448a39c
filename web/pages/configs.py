"""Configurations: of a topic, of a broker, of all brokers, of a group; one property with its documentation, to be set.

`/topics/NAME/configs`, `/brokers/ID/configs`, `/configs` (what all brokers share), `/groups/NAME/configs`, and below each
of them `/PROPERTY`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.responses import Response

from console.changes.kinds import AlterConfig
from console.errors import Blame, OperatorError
from console.services.configs import ConfigEntry, Resource, ResourceType, describe_config
from console.services.partial import Missing
from web.ask import Ask
from web.changes import show_plan
from web.changing import change_json, problem_text
from web.formatting import config_meaning
from web.page import Crumb, Page, PageRoute
from web.tables import Column, Row, Table

COLUMNS = (
    Column("name", "Property", "mono"),
    Column("value", "Value", "mono"),
    Column("source", "Comes from", "text", "The most specific place where it is set"),
    Column("inherited", "Otherwise", "mono", "What it would be without being set here", narrow=False, optional=True),
    Column("type", "Type", on_page=False),
    Column("is_override", "Set here", "flag", on_page=False),
    Column(
        "is_read_only", "Read-only", "flag", "Only in the broker's file, before it starts", narrow=False, optional=True
    ),
    Column("documentation", "Documentation", "text", narrow=False),
)

_SOURCES = {
    "DYNAMIC_TOPIC_CONFIG": "the topic",
    "DYNAMIC_BROKER_CONFIG": "this broker",
    "DYNAMIC_DEFAULT_BROKER_CONFIG": "all brokers",
    "STATIC_BROKER_CONFIG": "the broker's file",
    "DEFAULT_CONFIG": "Kafka's default",
    "DYNAMIC_GROUP_CONFIG": "the group",
    "UNKNOWN": "unknown",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Whose configuration a page shows: `parts` are those of its address before "configs"."""

    resource: Resource
    parts: tuple[str, ...]
    kind: str
    crumbs: tuple[Crumb, ...]

    @property
    def nav(self) -> str:
        return f"/{self.parts[0]}" if self.parts else "/brokers"


def place_of(ask: Ask) -> Place:
    """What the address names. Raises OperatorError."""
    names = ask.request.path_params
    if "topic" in names:
        name = ask.part("topic")
        crumbs = (Crumb("Topics", ask.url("topics")), Crumb(name, ask.url("topics", name)))
        return Place(Resource(ResourceType.TOPIC, name), ("topics", name), "topic", crumbs)
    if "group" in names:
        name = ask.part("group")
        crumbs = (Crumb("Groups", ask.url("groups")), Crumb(name, ask.url("groups", name)))
        return Place(Resource(ResourceType.GROUP, name), ("groups", name), "group", crumbs)
    if "broker" in names:
        name = ask.part("broker")
        if not (name.isascii() and name.isdecimal() and len(name) < 10):
            raise OperatorError.words(f"there is no broker {name!r}", "Brokers have numbers.")
        crumbs = (Crumb("Brokers", ask.url("brokers")), Crumb(f"Broker {name}", ask.url("brokers", name)))
        return Place(Resource(ResourceType.BROKER, name), ("brokers", name), "broker", crumbs)
    return Place(Resource(ResourceType.BROKER, ""), (), "brokers", (Crumb("Brokers", ask.url("brokers")),))


def plain_documentation(text: str | None) -> str:
    """Kafka's documentation is HTML; here it is text."""
    if not text:
        return ""
    text = re.sub(r"<(?:/p|/li|/ul|br|ul)\s*/?>", "\n", text)
    text = re.sub(r"<li>", "- ", text)
    text = re.sub(r"</?[a-zA-Z][^<>]{0,300}>", "", text)
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return "\n".join(line for each in text.splitlines() if (line := " ".join(each.split())))


def config_rows(entries: tuple[ConfigEntry, ...]) -> list[Row]:
    """A row for each property; sensitive values are never in them."""
    return [
        {
            "name": entry.name,
            "value": None if entry.is_sensitive else entry.value,
            "meaning": "" if entry.is_sensitive else config_meaning(entry.name, entry.value),
            "source": _SOURCES.get(entry.source.name, entry.source.name),
            "inherited": entry.inherited if entry.is_override and not entry.is_sensitive else None,
            "type": entry.type,
            "is_override": entry.is_override,
            "is_read_only": entry.is_read_only,
            "is_sensitive": entry.is_sensitive,
            "documentation": plain_documentation(entry.documentation),
        }
        for entry in entries
    ]


async def configs(ask: Ask) -> Page:
    """All properties, with `?set=1` only those that are set here."""
    place = place_of(ask)
    missing: list[Missing] = []
    rows: list[Row] = []
    try:
        found = await describe_config(ask.cluster.client, place.resource, documentation=True, synonyms=True)
        rows = config_rows(found.entries)
    except OperatorError as error:
        if error.blame is not Blame.UNREACHABLE:
            raise
        missing.append(Missing(f"the configuration of {place.resource}", error.detail or error.title))
    set_here = sum(bool(row["is_override"]) for row in rows)
    only_set = ask.flag("set")
    table = Table(
        COLUMNS,
        [row for row in rows if row["is_override"]] if only_set else rows,
        key="name",
        id="configs",
        sort="name",
        noun="property",
        nouns="properties",
        href=lambda row: ask.url(*place.parts, "configs", str(row["name"])),
        empty="Nothing is set here." if only_set else "Nothing is configured here.",
    )
    data = {"resource": str(place.resource), "kind": place.kind, "set_count": set_here, "only_set": only_set}
    title = "Configuration" if place.parts else "Defaults of all brokers"
    return Page(
        title, "pages/configs.html", data, table, missing, place.crumbs, view={"name": place.resource.name}, nav=place.nav
    )  # fmt: skip


async def config(ask: Ask) -> Page | Response:
    """One property: what it means, and a form to set or unset it."""
    place, name = place_of(ask), ask.part("config")
    found = await describe_config(ask.cluster.client, place.resource, documentation=True, synonyms=True)
    entry = next((each for each in found.entries if each.name == name), None)
    if entry is None and place.parts:
        raise OperatorError.words(f"{place.resource} has no property {name!r}")
    # What all brokers share lists only what is set: others can be set all the same.
    entry = entry or await _of_any_broker(ask, name)
    back = ask.url(*place.parts, "configs")
    value = "" if entry.is_sensitive or entry.value is None else entry.value
    error = ""
    if ask.is_post:
        form = await ask.form()
        value = form.get("value", "")
        change = AlterConfig(place.resource, {name: None if form.get("unset") else value})
        try:
            plan = await ask.cluster.door.plan(change)
            problem = plan.blocked
        except OperatorError as refused:
            problem = refused
        if problem is None:
            return show_plan(ask, plan, back=back)
        error = problem_text(problem)
    view = {
        "row": config_rows((entry,))[0],
        "value": value,
        "error": error,
        "back": back,
        "action": ask.url(*place.parts, "configs", name),
        "resource": str(place.resource),
        "unset": change_json(AlterConfig(place.resource, {name: None})),
    }
    crumbs = (*place.crumbs, Crumb("Configuration", back))
    return Page(
        name, "pages/config.html", {"property": view["row"], "error": error}, view=view, crumbs=crumbs,
        status=422 if error else 200, nav=place.nav, live=False,
    )  # fmt: skip


async def _of_any_broker(ask: Ask, name: str) -> ConfigEntry:
    view = await ask.cluster.client.known_view()
    for node_id in view.brokers:
        found = await describe_config(
            ask.cluster.client, Resource(ResourceType.BROKER, str(node_id)), documentation=True
        )
        for entry in found.entries:
            if entry.name == name:
                return entry
        break
    raise OperatorError.words(f"brokers have no property {name!r}")


_HOLDERS = ("/topics/{topic}", "/brokers/{broker}", "/groups/{group}", "")

PAGES = tuple(
    page
    for holder in _HOLDERS
    for page in (
        PageRoute(f"{holder}/configs", configs),
        PageRoute(f"{holder}/configs/{{config}}", config, methods=("GET", "POST"), suffixes=("json",)),
    )
)
