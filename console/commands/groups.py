"""`stoker groups`: consumer groups, who is in them, and how far behind they are."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from console.commands.options import OrderedGroup, change_options, cluster_options, invocation, output_option

if TYPE_CHECKING:
    from console.lag.measure import GroupLag, PartitionLag
    from console.output.style import Style


@click.group(cls=OrderedGroup)
def groups() -> None:
    """Consumer groups: members, offsets, lag."""


@groups.command("list")
@click.option(
    "--state", "states", multiple=True, metavar="STATE", help="Only groups in this state, e.g. stable; repeatable."
)
@click.option("--lagging", is_flag=True, help="Only groups that are behind.")
@click.option("-q", "--quiet", is_flag=True, help="Only the names, one a line.")
@output_option
@cluster_options
def list_command(states: tuple[str, ...], lagging: bool, quiet: bool) -> None:
    """List groups with state, members and lag in records."""
    from dataclasses import asdict

    from console.commands.session import tell_missing, with_client
    from console.output.render import print_rows, write
    from console.output.table import Column
    from console.output.text import count
    from console.services.groups import list_groups

    listing = with_client(lambda client: list_groups(client, with_lag=not quiet or lagging))
    wanted = {state.lower() for state in states}
    shown = [
        group
        for group in listing.groups
        if (not wanted or group.state.lower() in wanted) and (not lagging or group.lag)
    ]
    tell_missing(listing.missing)
    if quiet:
        for group in shown:
            write(group.group_id)
        return
    columns = [
        Column("group_id", "GROUP", flexible=True),
        Column("type", "TYPE"),
        Column("state", "STATE", style=_state_style),
        Column("member_count", "MEMBERS", count, right=True),
        Column("topic_count", "TOPICS", count, right=True),
        Column("lag", "LAG", count, right=True),
        Column("coordinator", "COORDINATOR", right=True),
    ]
    empty = "No group is like that." if wanted or lagging else "There are no groups."
    print_rows(invocation().output, columns, [asdict(group) for group in shown], empty=empty)


def _state_style(state: Any) -> Any:
    from console.output.style import Style

    if state == "Stable":
        return Style.GOOD
    return Style.FAINT if state in ("Empty", "Dead") else Style.WARNING


@groups.command("describe")
@click.argument("group")
@click.option("--members", is_flag=True, help="The members and what is assigned to them, instead of the partitions.")
@click.option("--no-time", is_flag=True, help="Only committed offsets and lag: no times, rates, status.")
@output_option
@cluster_options
def describe_command(group: str, members: bool, no_time: bool) -> None:
    """Show what a group has read, how far behind it is, how it does, and who reads.

    \b
    BEHIND    the age of the next record that the group has to read
    IN, OUT   records per second that came in the last minute, and that the group committed
    LEVEL IN  how long until the lag is gone at these rates; "-": never
    STATUS    by Burrow's rules: OK, WARN (falls behind), STOP (commits no more),
              STALL (commits, but does not get ahead), REWIND (went back);
              unknown while nobody reads and no commits tell
    """
    from console.commands.session import tell_missing, with_client
    from console.output.render import print_facts, print_rows, say, write
    from console.output.text import count, duration
    from console.services.groups import describe_groups

    now_ms = None if no_time else time.time_ns() // 1_000_000

    async def work(client: Any) -> Any:
        (described,) = await describe_groups(client, [group], now_ms=now_ms)
        if now_ms is None:
            return described, None
        from console.lag.measure import measure_group

        return described, await measure_group(client, described, now_ms=now_ms)

    found, lag = with_client(work)
    if lag is not None and not found.membership.members:
        lag = _without_window(lag)
    tell_missing((*found.missing, *(lag.missing if lag is not None else ())))
    measured = {} if lag is None else {(each.topic, each.partition): each for each in lag.partitions}
    summary = found.summary
    output = invocation().output
    partition_rows = [
        {
            "group_id": group,
            "topic": each.topic,
            "partition": each.partition,
            "committed_offset": each.committed_offset,
            "log_end_offset": each.log_end_offset,
            "lag": each.lag,
            "lag_ms": each.lag_ms,
            **_figures(measured.get((each.topic, each.partition))),
            "metadata": each.metadata,
            "member_id": each.member.member_id if each.member else None,
            "client_id": each.member.client_id if each.member else None,
            "client_host": each.member.client_host if each.member else None,
        }
        for each in found.partitions
    ]
    member_rows = [
        {
            "group_id": group,
            "member_id": member.member_id,
            "group_instance_id": member.group_instance_id,
            "client_id": member.client_id,
            "client_host": member.client_host,
            "rack": member.rack,
            "partition_count": len(member.assignment),
            "assignment": [str(partition) for partition in member.assignment],
            "assignment_error": member.assignment_error,
        }
        for member in found.membership.members
    ]
    lag_ms = max((each.lag_ms for each in found.partitions if each.lag_ms is not None), default=None)
    if output == "json":
        data = {
            "group_id": group,
            "type": summary.type,
            "state": summary.state,
            "protocol_type": summary.protocol_type,
            "assignor": found.membership.assignor,
            "coordinator": summary.coordinator,
            "lag": summary.lag,
            "lag_ms": lag_ms,
            **_group_figures(lag),
            "members": member_rows,
            "partitions": partition_rows,
        }
        print_facts(output, (), data)
        return
    if output == "table":
        behind = f", {duration(lag_ms)} behind" if lag_ms else ""
        facts = [
            ("Group", group),
            ("Type", summary.type + (f" ({summary.protocol_type})" if summary.protocol_type else "")),
            ("State", summary.state),
            ("Assignor", found.membership.assignor or "-"),
            ("Coordinator", f"broker {summary.coordinator}"),
            ("Members", count(summary.member_count)),
            ("Lag", f"{count(summary.lag)} records{behind}" if summary.lag is not None else "-"),
        ]
        if lag is not None:
            facts += _group_facts(lag)
        print_facts(output, facts, {})
        write("")
    if members:
        print_rows(output, _member_columns(), member_rows, empty="The group has no members.")
    else:
        empty = "Nothing is committed and nothing is assigned."
        print_rows(output, _partition_columns(lag is not None), partition_rows, empty=empty)
        if output == "table" and partition_rows and not member_rows:
            say("The group has no members: nobody reads.")


def _without_window(lag: GroupLag) -> GroupLag:
    """As it was measured, but OK only where commits show it: of a group without members whose commits make no window (one
    of a reset, or none) nothing is known yet, as Burrow has it (NOTFOUND)."""
    from dataclasses import replace

    from console.lag.burrow import LagStatus

    partitions = tuple(
        replace(each, status=None) if each.status is LagStatus.OK and not each.commit_rate else each
        for each in lag.partitions
    )
    known = any(each.status is not None for each in partitions)
    return replace(lag, partitions=partitions, status=lag.status if known else None)


def _figures(lag: PartitionLag | None) -> dict[str, Any]:
    """What was measured of a partition; nothing but None when it was not."""
    return {
        "lag_time_source": lag.lag_time.source.value if lag is not None and lag.lag_time is not None else None,
        "log_start_offset": lag and lag.log_start_offset,
        "production_rate": lag and lag.production_rate,
        "commit_rate": lag and lag.commit_rate,
        "drain_ms": lag and lag.drain_ms,
        "status": lag.status.name if lag is not None and lag.status is not None else None,
        "last_commit_timestamp": lag and lag.last_commit_ms,
        "retention": lag and lag.retention.state.value,
        "retention_remaining_ms": lag and lag.retention.remaining_ms,
        "lost_records": lag and lag.retention.lost_records,
    }


def _group_figures(lag: GroupLag | None) -> dict[str, Any]:
    return {
        "status": lag.status.name if lag is not None and lag.status is not None else None,
        "production_rate": lag and lag.production_rate,
        "commit_rate": lag and lag.commit_rate,
        "drain_ms": lag and lag.drain_ms,
        "retention": lag and lag.retention.value,
        "lost_records": lag and lag.lost_records,
    }


def _group_facts(lag: GroupLag) -> list[tuple[str, str]]:
    from console.lag.retention import RetentionState
    from console.output.text import duration, plural

    status = "unknown yet" if lag.status is None else f"{lag.status.name}: it {lag.status.meaning}"
    facts = [("Status", status), ("Rates", f"{_rate(lag.production_rate)} in, {_rate(lag.commit_rate)} out")]
    if lag.lag:
        known = lag.commit_rate is not None and lag.production_rate is not None
        level = (
            f"in {duration(lag.drain_ms)}" if lag.drain_ms is not None else "never, at these rates" if known else "-"
        )
        facts.append(("Level", level))
    if lag.retention is RetentionState.LOST:
        facts.append(("Retention", f"{plural(lag.lost_records, 'record')} at most deleted before they were read"))
    elif lag.retention is RetentionState.SOON:
        left = min(each.retention.remaining_ms or 0 for each in lag.partitions if each.retention.state is lag.retention)
        facts.append(("Retention", f"may delete unread records in {duration(left)}"))
    return facts


def _rate(per_second: float | None) -> str:
    if per_second is None:
        return "-"
    return f"{per_second:,.0f}/s" if per_second >= 100 or per_second == 0 else f"{per_second:.2g}/s"


def _status_style(status: str | None) -> Style | None:
    from console.output.style import Style

    return {None: None, "OK": Style.GOOD, "WARN": Style.WARNING}.get(status, Style.BAD)


def _partition_columns(with_figures: bool) -> list[Any]:
    from console.output.table import Column
    from console.output.text import count, duration

    figures = [
        Column("production_rate", "IN", _rate, right=True),
        Column("commit_rate", "OUT", _rate, right=True),
        Column("drain_ms", "LEVEL IN", duration, right=True),
        Column("status", "STATUS", style=_status_style),
    ]
    return [
        Column("topic", "TOPIC", flexible=True),
        Column("partition", "PARTITION", right=True),
        Column("committed_offset", "COMMITTED", count, right=True),
        Column("log_end_offset", "END", count, right=True),
        Column("lag", "LAG", count, right=True),
        Column("lag_ms", "BEHIND", duration, right=True),
        *(figures if with_figures else []),
        Column("client_id", "CLIENT", flexible=True),
        Column("client_host", "HOST", flexible=True),
        Column("member_id", "MEMBER", flexible=True),
    ]


def _member_columns() -> list[Any]:
    from console.output.table import Column
    from console.output.text import count

    return [
        Column("member_id", "MEMBER", flexible=True),
        Column("group_instance_id", "INSTANCE", flexible=True),
        Column("client_id", "CLIENT", flexible=True),
        Column("client_host", "HOST", flexible=True),
        Column("partition_count", "PARTITIONS", count, right=True),
        Column("assignment", "ASSIGNMENT", lambda names: ", ".join(names) or "-", flexible=True),
    ]


_SCOPE = "TOPIC[:PARTITION,…]"


@groups.command("reset")
@click.argument("group")
@click.option(
    "--to",
    required=True,
    metavar="POSITION",
    help="earliest, latest, an offset, a time (2026-05-01T12:00, 12:00 for today, @MILLISECONDS), an age (5m), or "
    "-N/+N: so many back or on from what is committed.",
)
@click.option("-t", "--topic", "scopes", multiple=True, metavar=_SCOPE, help="Which partitions; repeatable.")
@click.option("--all-topics", is_flag=True, help="All partitions that the group has committed offsets for.")
@click.option("--execute", is_flag=True, help="Do it; without this, only show what would change.")
@change_options
@output_option
@cluster_options
def reset_command(group: str, to: str, scopes: tuple[str, ...], all_topics: bool, execute: bool) -> None:
    """Set what a group has read: a dry run unless --execute is given.

    Nobody may be in the group meanwhile. Offsets outside of a log are brought to its nearer end, and that is said. The
    audit log keeps what was committed before: `stoker audit --undo last` sets it back.

    \b
    Examples:
      stoker groups reset billing --to earliest --topic orders
      stoker groups reset billing --to 12:00 --topic orders --topic payments:0,1 --execute
      stoker groups reset billing --to -100 --all-topics --execute
    """
    from console.changes.kinds import ResetOffsets
    from console.changes.words import parse_scope, parse_target
    from console.commands.changing import carry_out, now_ms, offset_rows

    call = invocation()
    if bool(scopes) == all_topics:
        raise click.UsageError("which partitions? Give --topic T[:P], or --all-topics")
    if execute and call.dry_run:
        raise click.UsageError("--execute and --dry-run contradict each other")
    call.dry_run = not execute
    change = ResetOffsets(group, parse_target(to, now_ms()), tuple(parse_scope(each) for each in scopes))
    carry_out(change, f"reset offsets of group {group}", rows=offset_rows, how="--execute")


@groups.command("delete-offsets")
@click.argument("group")
@click.option(
    "-t", "--topic", "scopes", multiple=True, required=True, metavar=_SCOPE, help="Which partitions; repeatable."
)
@change_options
@output_option
@cluster_options
def delete_offsets_command(group: str, scopes: tuple[str, ...]) -> None:
    """Forget what a group has committed for topics that it does not read any more.

    Until that is done, it looks as if the group were falling behind. `stoker audit --undo last` brings it back.
    """
    from console.changes.kinds import DeleteOffsets
    from console.changes.words import parse_scope
    from console.commands.changing import carry_out, offset_rows

    change = DeleteOffsets(group, tuple(parse_scope(each) for each in scopes))
    carry_out(change, f"delete offsets of group {group}", rows=offset_rows)


@groups.command("delete")
@click.argument("names", metavar="GROUP…", nargs=-1, required=True)
@change_options
@cluster_options
def delete_command(names: tuple[str, ...]) -> None:
    """Delete groups that nobody is in. Their offsets can be brought back with `stoker audit --undo`."""
    from console.changes.kinds import DeleteGroup
    from console.commands.changing import carry_out_all

    carry_out_all([DeleteGroup(name) for name in dict.fromkeys(names)], f"delete group {', '.join(names)}")
