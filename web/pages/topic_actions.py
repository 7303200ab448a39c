"""Forms of one topic: more partitions, records deleted, leaders elected. Each ends in the plan of the change."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from starlette.responses import Response

from console.changes.kinds import AlterTopic, Change, DeleteRecords, ElectLeaders, PartitionScope
from console.changes.words import parse_target
from console.errors import OperatorError
from console.services.partition_changes import ElectionType
from web.ask import Ask
from web.changes import show_plan
from web.changing import problem_text
from web.page import Page, PageRoute
from web.pages.topic import topic_crumbs
from web.pages.topic_model import found_topic

Errors = dict[str, str]
Reader = Callable[[str, dict[str, str], Errors], Change | None]


async def form_page(
    ask: Ask, title: str, template: str, read: Reader, first: dict[str, str] | None = None
) -> Page | Response:
    """One form of a topic: what was typed is read by `read`, planned and shown; what is wrong stands in the form."""
    found = await found_topic(ask, ask.part("topic"))
    values, errors = dict(first or {}), Errors()
    if ask.is_post:
        values = await ask.form()
        change = read(found.name, values, errors)
        if change is not None and not errors:
            try:
                plan = await ask.cluster.door.plan(change)
            except OperatorError as error:
                errors[""] = problem_text(error)
            else:
                return show_plan(ask, plan, back=ask.url("topics", found.name))
    view = {"values": values, "errors": errors, "topic": found.name, "partition_count": len(found.partitions)}
    return Page(
        title, template, {"values": values, "errors": errors}, view=view, crumbs=topic_crumbs(ask, found.name),
        status=422 if errors else 200, nav="/topics", live=False,
    )  # fmt: skip


def read_partitions(text: str, errors: Errors) -> tuple[int, ...]:
    """ "0, 3, 5-7" as numbers; nothing: all (the empty tuple)."""
    found: set[int] = set()
    for word in re.split(r"[\s,]+", text.strip()):
        if not word:
            continue
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", word)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            errors["partitions"] = f"{word[:20]!r} is no partition. Write 0, 3 or 5-7; nothing for all."
            return ()
        found |= set(range(int(match[1]), int(match[2] or match[1]) + 1))
    return tuple(sorted(found))


def read_more_partitions(topic: str, form: dict[str, str], errors: Errors) -> Change | None:
    text = form.get("partition_count", "").strip()
    if not text.isdecimal() or not 1 <= int(text[:9]) <= 1_000_000:
        errors["partition_count"] = "How many it shall have: a whole number above what it has now."
        return None
    return AlterTopic(topic, int(text))


def read_delete_records(topic: str, form: dict[str, str], errors: Errors) -> Change | None:
    partitions = read_partitions(form.get("partitions", ""), errors)
    try:
        before = parse_target(form.get("before", "").strip(), time.time_ns() // 1_000_000, shift=False)
    except OperatorError as error:
        errors["before"] = problem_text(error)
        return None
    return DeleteRecords(PartitionScope(topic, partitions), before)


def read_election(topic: str, form: dict[str, str], errors: Errors) -> Change | None:
    partitions = read_partitions(form.get("partitions", ""), errors)
    kind = form.get("election", "PREFERRED")
    if kind not in ElectionType.__members__:
        errors["election"] = "Preferred or unclean."
        return None
    return ElectLeaders((PartitionScope(topic, partitions),), ElectionType[kind])


async def add_partitions(ask: Ask) -> Page | Response:
    return await form_page(ask, "Add partitions", "pages/topic_add_partitions.html", read_more_partitions)


async def delete_records(ask: Ask) -> Page | Response:
    first = {"before": "latest", "partitions": ask.get("partitions")}
    return await form_page(ask, "Delete records", "pages/topic_delete_records.html", read_delete_records, first)


async def elect_leaders(ask: Ask) -> Page | Response:
    first = {"election": "PREFERRED", "partitions": ask.get("partitions")}
    return await form_page(ask, "Elect leaders", "pages/topic_elect.html", read_election, first)


PAGES = tuple(
    PageRoute(f"/topics/{{topic}}/{path}", handler, methods=("GET", "POST"), suffixes=("json",))
    for path, handler in (
        ("add-partitions", add_partitions),
        ("delete-records", delete_records),
        ("elect-leaders", elect_leaders),
    )
)
