"""Forms of one group: its offsets set somewhere else, or forgotten. Each ends in the plan of the change."""

from __future__ import annotations

import time

from starlette.responses import Response

from console.changes.kinds import Change, DeleteOffsets, PartitionScope, ResetOffsets
from console.changes.words import parse_scope, parse_target
from console.errors import OperatorError
from web.ask import Ask
from web.changes import show_plan
from web.changing import problem_text
from web.page import Page, PageRoute
from web.pages.group import group_crumbs
from web.snapshots import current

TARGETS = (
    ("earliest", "Earliest: the beginning of each log"),
    ("latest", "Latest: the end, skipping what is there"),
    ("time", "A time, or an age"),
    ("offset", "An offset"),
    ("shift", "So many back (-) or on (+)"),
)


def read_scope(text: str, errors: dict[str, str]) -> tuple[PartitionScope, ...]:
    """ "orders payments:0,3" as scopes; a word a scope."""
    try:
        return tuple(parse_scope(word) for word in text.split())
    except OperatorError as error:
        errors["scope"] = problem_text(error)
        return ()


def read_reset(group_id: str, form: dict[str, str], errors: dict[str, str], now_ms: int) -> Change | None:
    """The change that the form means; what is wrong is in `errors` by the field's name."""
    scope = read_scope(form.get("scope", ""), errors)
    kind, value = form.get("target", ""), form.get("value", "").strip()
    word = kind if kind in ("earliest", "latest") else value
    if kind not in dict(TARGETS):
        errors["target"] = "Choose where to."
    elif not word:
        errors["value"] = "Say which."
    elif kind == "offset" and not word.isdecimal():
        errors["value"] = "An offset is a whole number."
    elif kind == "shift" and not (word[0] in "+-" and word[1:].isdecimal()):
        errors["value"] = "Write +N or -N, as -100."
    elif kind == "time" and (word.isdecimal() or word[0] in "+-"):
        errors["value"] = "A time is 2026-05-01T12:00, 12:00 or @MILLISECONDS; an age 5m or 2h."
    if errors:
        return None
    try:
        return ResetOffsets(group_id, parse_target(word, now_ms), scope)
    except OperatorError as error:
        errors["value"] = problem_text(error)
        return None


def read_delete_offsets(group_id: str, form: dict[str, str], errors: dict[str, str], now_ms: int) -> Change | None:
    scope = read_scope(form.get("scope", ""), errors)
    if not scope and not errors:
        errors["scope"] = "Of which topics or partitions?"
    return None if errors else DeleteOffsets(group_id, scope)


async def reset(ask: Ask) -> Page | Response:
    first = {"target": ask.get("target", "earliest"), "value": ask.get("value"), "scope": ask.get("scope")}
    return await _form(ask, "Reset offsets", "pages/group_reset.html", read_reset, first)


async def delete_offsets(ask: Ask) -> Page | Response:
    return await _form(
        ask, "Delete offsets", "pages/group_delete_offsets.html", read_delete_offsets, {"scope": ask.get("scope")}
    )


async def _form(ask: Ask, title: str, template: str, read: object, first: dict[str, str]) -> Page | Response:
    assert callable(read)
    group_id = ask.part("group")
    values, errors = first, dict[str, str]()
    if ask.is_post:
        values = await ask.form()
        change = read(group_id, values, errors, time.time_ns() // 1_000_000)
        if change is not None:
            try:
                plan = await ask.cluster.door.plan(change)
                problem = plan.blocked
            except OperatorError as error:
                problem = error
            if problem is None:
                return show_plan(ask, plan, back=ask.url("groups", group_id))
            errors[""] = problem_text(problem)
    now = await current(ask.cluster)
    group = None if now.snapshot is None else now.snapshot.groups.get(group_id)
    topics = [] if group is None else sorted({each.topic for each in group.committed})
    members = None if group is None else group.member_count
    view = {
        "values": values, "errors": errors, "group": group_id, "targets": TARGETS, "topics": topics, "members": members,
    }  # fmt: skip
    return Page(
        title, template, {"values": values, "errors": errors}, view=view, crumbs=group_crumbs(ask, group_id),
        status=422 if errors else 200, nav="/groups", live=False,
    )  # fmt: skip


PAGES = (
    PageRoute("/groups/{group}/reset", reset, methods=("GET", "POST"), suffixes=("json",)),
    PageRoute("/groups/{group}/delete-offsets", delete_offsets, methods=("GET", "POST"), suffixes=("json",)),
)
