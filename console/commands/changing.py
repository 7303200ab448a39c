"""How the command line goes through the door: difference, risks, the question, the outcome."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from console.changes import ChangeResult, Door, Plan
from console.changes.kinds import Change
from console.commands.options import Invocation, invocation
from console.commands.session import refuse_if_readonly, with_client
from console.errors import Blame, OperatorError
from console.output.render import print_facts, print_rows, say, warn
from console.output.style import Style
from console.output.text import safe

if TYPE_CHECKING:
    from console.services.topic_changes import NewTopic
    from engine.net.cluster_client import ClusterClient

Rows = Callable[[Plan], tuple[Sequence[Any], list[dict[str, Any]]]]
"""Columns and rows that a plan is on stdout."""

SHOWN_LINES_MAX = 50


def now_ms() -> int:
    """The wall clock."""
    return time.time_ns() // 1_000_000


def open_door(client: ClusterClient, call: Invocation) -> Door:
    """The door as this command line may use it."""
    return Door(client, face="cli", readonly=call.readonly, now_ms=now_ms)


def carry_out(
    change: Change,
    what: str,
    *,
    rows: Rows | None = None,
    done: Callable[[Invocation, Plan, ChangeResult], bool] | None = None,
    how: str = "",
) -> None:
    """Plans `change` and, unless this is a dry run, asks where it must and does it.

    `what` names it for a refusal ("delete topic orders"). `rows`: the difference as data, for stdout. `done` may tell
    the outcome in its own way (true). `how`: the option that would have done it. Raises OperatorError, or click's Exit.
    """
    call = invocation()
    refuse_if_readonly(call, what)

    async def work(client: ClusterClient) -> None:
        door = open_door(client, call)
        await go_through(call, await door.plan(change), rows=rows, done=done, how=how)

    with_client(work)


def carry_out_all(changes: Sequence[Change], what: str) -> None:
    """As `carry_out`, for several: all are planned and asked about before the first is done."""
    call = invocation()
    refuse_if_readonly(call, what)

    async def work(client: ClusterClient) -> None:
        door = open_door(client, call)
        plans = [await door.plan(change) for change in changes]
        if call.dry_run:
            show_dry_run(plans)
            return
        for plan in plans:
            if plan.blocked is not None:
                raise plan.blocked
        for plan in plans:
            _tell_risks(plan)
            confirm(call, plan)
        for plan in plans:
            _tell_done(plan, await plan.execute())

    with_client(work)


async def go_through(
    call: Invocation,
    plan: Plan,
    *,
    rows: Rows | None = None,
    done: Callable[[Invocation, Plan, ChangeResult], bool] | None = None,
    how: str = "",
) -> None:
    """One plan, to its end. Raises OperatorError, or click's Exit."""
    if rows is not None and (plan.difference or call.output != "table"):
        columns, data = rows(plan)
        print_rows(call.output, columns, data)
    if not plan.difference:
        _tell_risks(plan)
        say(safe(f"Nothing to change: {plan.subject} is like that already."))
        return
    if call.dry_run:
        show_dry_run([plan], with_lines=rows is None, how=how)
        return
    if plan.blocked is not None:
        raise plan.blocked
    _tell_risks(plan)
    confirm(call, plan)
    result = await plan.execute()
    if done is not None and done(call, plan, result):
        _tell_unverified(result)
        return
    _tell_done(plan, result, with_lines=rows is None)


def show_dry_run(plans: Sequence[Plan], *, with_lines: bool = True, how: str = "") -> None:
    """What would change, what to think of, and the command that does it. Raises what the cluster would refuse it with."""
    for plan in plans:
        say("Would change (dry run):" if with_lines else f"Dry run: nothing is changed without {how or 'it'}.")
        if with_lines:
            _tell_difference(plan)
        _tell_risks(plan)
        commands = plan.command.splitlines()
        for command in commands[:SHOWN_LINES_MAX]:
            say(safe(f"Command: {command}"))
        if len(commands) > SHOWN_LINES_MAX:
            say(f"  … and {len(commands) - SHOWN_LINES_MAX:,} more commands")
    for plan in plans:
        if plan.blocked is not None:
            raise plan.blocked


def confirm(call: Invocation, plan: Plan) -> None:
    """Has the name typed of what is to be destroyed, unless --yes was given. Raises OperatorError, or click's Exit."""
    if plan.destroys is None or call.yes:
        return
    if not sys.stdin.isatty():
        raise OperatorError.words(f"{plan.subject}: this needs --yes, since there is nobody to ask", plan.loss)
    no_undo = "" if plan.can_undo else " There is no undo."
    say(safe(f"{plan.loss}.{no_undo}"), Style.WARNING)
    answer = click.prompt(f"Type {plan.destroys!r} to go on", default="", show_default=False, err=True)
    if answer != plan.destroys:
        say("Nothing was done.")
        raise click.exceptions.Exit(Blame.REFUSED.value)


def created_topic(topic: NewTopic) -> Callable[[Invocation, Plan, ChangeResult], bool]:
    """Tells that a topic was created, as data where that was asked for."""

    def done(call: Invocation, plan: Plan, result: ChangeResult) -> bool:
        if call.output == "table":
            return False
        data = {
            "name": topic.name,
            "topic_id": result.observed.get("topic_id"),
            "partition_count": result.observed.get("partition_count"),
            "replication_factor": result.observed.get("replication_factor"),
            "configs": dict(topic.configs),
        }
        print_facts(call.output, (), data)
        return True

    return done


def offset_rows(plan: Plan) -> tuple[Sequence[Any], list[dict[str, Any]]]:
    """Offsets of a group before and after, by partition."""
    from console.output.table import Column
    from console.output.text import count

    notes = {each.name: each.note for each in plan.difference}
    rows = []
    for name, before in plan.before.items():
        topic, _, partition = name.rpartition("-")
        rows.append(
            {
                "group_id": plan.subject.removeprefix("group "),
                "topic": topic,
                "partition": int(partition),
                "committed_offset": before,
                "new_offset": plan.after.get(name),
                "note": notes.get(name, ""),
            }
        )
    columns = [
        Column("topic", "TOPIC", flexible=True),
        Column("partition", "PARTITION", right=True),
        Column("committed_offset", "COMMITTED", count, right=True),
        Column("new_offset", "NEW OFFSET", count, right=True),
        Column("note", "NOTE", flexible=True),
    ]
    return columns, rows


def _tell_difference(plan: Plan) -> None:
    for each in plan.difference[:SHOWN_LINES_MAX]:
        say(safe(f"  {each}"))
    if len(plan.difference) > SHOWN_LINES_MAX:
        say(f"  … and {len(plan.difference) - SHOWN_LINES_MAX:,} more")


def _tell_risks(plan: Plan) -> None:
    for risk in plan.risks:
        warn(safe(risk))


def _tell_done(plan: Plan, result: ChangeResult, *, with_lines: bool = True) -> None:
    if plan.outcome:
        say(safe(f"{plan.outcome}."))
    else:
        say(safe(f"Changed {plan.subject}:" if with_lines else f"Changed {plan.subject}."))
        if with_lines:
            _tell_difference(plan)
    if result.undo is not None:
        say(
            f"Undo: stoker audit --undo {result.audit_id}"
            + (safe(f" ({result.undo_note})") if result.undo_note else "")
        )
    _tell_unverified(result)


def _tell_unverified(result: ChangeResult) -> None:
    for line in result.unverified:
        warn(safe(f"done, but not seen yet: {line}"))
