"""`stoker topics`: list, describe, create, alter, delete."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click
import msgspec

from console.commands.options import (
    OrderedGroup,
    change_options,
    cluster_options,
    invocation,
    key_value_pairs,
    output_option,
)

if TYPE_CHECKING:
    from console.output.style import Style
    from console.services.topics import TopicSummary


@click.group(cls=OrderedGroup)
def topics() -> None:
    """List, describe, create, alter and delete topics."""


@topics.command("list")
@click.option("--under-replicated", is_flag=True, help="Only topics with replicas outside of the ISR.")
@click.option("--unavailable", is_flag=True, help="Only topics with partitions that have no leader.")
@click.option("--under-min-isr", is_flag=True, help="Only topics with partitions below min.insync.replicas.")
@click.option("--with-overrides", is_flag=True, help="Only topics with a configuration of their own, and show it.")
@click.option("--internal", is_flag=True, help="Also Kafka's own topics.")
@click.option("-q", "--quiet", is_flag=True, help="Only the names, one a line.")
@output_option
@cluster_options
def list_command(
    under_replicated: bool, unavailable: bool, under_min_isr: bool, with_overrides: bool, internal: bool, quiet: bool
) -> None:
    """List topics, with partitions, records, size and health.

    RECORDS counts offsets: exact unless a topic is compacted, transactional or had records deleted.
    Several filters show what any of them finds.
    """

    from console.commands.session import tell_missing, with_client
    from console.output.render import print_rows, say, write
    from console.output.text import plural
    from console.services.topics import list_topic_names, list_topics

    filtered = under_replicated or unavailable or under_min_isr or with_overrides
    if quiet and not filtered:
        for name in with_client(lambda client: list_topic_names(client, include_internal=internal)):
            write(name)
        return

    # Whoever looks for trouble wants to see it in Kafka's own topics too.
    listing = with_client(
        lambda client: list_topics(
            client,
            include_internal=internal or filtered,
            with_offsets=not quiet,
            with_sizes=not quiet,
            with_configs=under_min_isr or with_overrides,
        )
    )
    shown = [
        topic
        for topic in listing.topics
        if not filtered
        or (under_replicated and topic.under_replicated_partitions)
        or (unavailable and topic.unavailable_partitions)
        or (under_min_isr and topic.under_min_isr_partitions)
        or (with_overrides and topic.overrides)
    ]
    tell_missing(listing.missing)
    if quiet:
        for topic in shown:
            write(topic.name)
        return
    rows = [{**msgspec.structs.asdict(topic), "health": health(topic)} for topic in shown]
    empty = "No topic is in that state." if filtered else "There are no topics. `stoker topics create NAME` makes one."
    print_rows(invocation().output, _columns(with_overrides), rows, empty=empty)
    if sys.stderr.isatty() and sys.stdout.isatty() and shown:
        hidden = f" ({listing.hidden_internal} internal not shown, see --internal)" if listing.hidden_internal else ""
        say(plural(len(shown), "topic") + hidden)


def health(topic: TopicSummary) -> str:
    """In words, worst first."""
    if topic.error is not None:
        return topic.error
    if topic.unavailable_partitions:
        return f"{topic.unavailable_partitions} of {topic.partition_count} unavailable"
    if topic.under_min_isr_partitions:
        return f"{topic.under_min_isr_partitions} of {topic.partition_count} under min ISR"
    if topic.under_replicated_partitions:
        return f"{topic.under_replicated_partitions} of {topic.partition_count} under-replicated"
    return "ok"


def _health_style(value: Any) -> Style:
    from console.output.style import Style

    return Style.GOOD if value == "ok" else Style.WARNING if "under-replicated" in value else Style.BAD


def _columns(with_overrides: bool) -> list[Any]:
    from console.output.table import Column
    from console.output.text import count, size

    columns = [
        Column("name", "TOPIC", flexible=True),
        Column("partition_count", "PARTITIONS", right=True),
        Column("replication_factor", "REPLICATION", right=True),
        Column("records_at_most", "RECORDS", count, right=True),
        Column("size_bytes", "SIZE", size, right=True),
        Column("health", "HEALTH", style=_health_style),
    ]
    if with_overrides:
        columns.append(Column("overrides", "OVERRIDES", _pairs, flexible=True))
    return columns


def _pairs(values: Mapping[str, str | None] | None) -> str:
    return ", ".join(f"{name}={value}" for name, value in (values or {}).items()) or "-"


@topics.command("describe")
@click.argument("name")
@output_option
@cluster_options
def describe_command(name: str) -> None:
    """Show one topic and its partitions."""

    from console.commands.partitions import partition_columns, partition_row
    from console.commands.session import tell_missing, with_client
    from console.output.render import print_facts, print_rows, write
    from console.output.text import count, size
    from console.services.topics import describe_topic

    topic = with_client(lambda client: describe_topic(client, name))
    tell_missing(topic.missing)
    summary = topic.summary
    output = invocation().output
    rows = [partition_row(each) for each in topic.partitions]
    if output == "json" or output == "jsonl":
        configs = {entry.name: entry.value for entry in topic.configs}
        data = {**msgspec.structs.asdict(summary), "health": health(summary), "partitions": rows, "configs": configs}
        print_facts(output, (), data)
        return
    if output == "table":
        overrides = _pairs(summary.overrides)
        facts = [
            ("Topic", summary.name + (" (internal)" if summary.is_internal else "")),
            ("Id", summary.topic_id or "-"),
            ("Partitions", str(summary.partition_count)),
            ("Replication", str(summary.replication_factor)),
            ("Records", f"{count(summary.records_at_most)} at most" if summary.records_at_most is not None else "-"),
            ("Size", size(summary.size_bytes)),
            ("Health", health(summary)),
            ("Overrides", overrides if overrides != "-" else "none: everything is as the brokers have it"),
        ]
        print_facts(output, facts, {})
        write("")
    print_rows(output, partition_columns(with_topic=output != "table"), rows)


@topics.command("create")
@click.argument("name")
@click.option("-p", "--partitions", type=click.IntRange(1, 1_000_000), help="Default: num.partitions of the brokers.")
@click.option(
    "-r",
    "--replication-factor",
    type=click.IntRange(1, 32767),
    help="Default: default.replication.factor of the brokers.",
)
@click.option("-c", "--config", "configs", multiple=True, metavar="NAME=VALUE", help="A topic config; repeatable.")
@click.option("--if-not-exists", is_flag=True, help="Do nothing when the topic exists.")
@change_options
@output_option
@cluster_options
def create_command(
    name: str,
    partitions: int | None,
    replication_factor: int | None,
    configs: tuple[str, ...],
    if_not_exists: bool,
) -> None:
    """Create a topic.

    \b
    Examples:
      stoker topics create orders
      stoker topics create orders --partitions 6 --replication-factor 3
      stoker topics create users -p 3 -c cleanup.policy=compact -c retention.ms=-1
    """
    from console.changes.kinds import CreateTopic
    from console.commands.changing import carry_out, created_topic
    from console.errors import OperatorError
    from console.output.render import say
    from console.services.topic_changes import CLUSTER_DEFAULT, NewTopic
    from engine.protocol.errors import ErrorCode

    topic = NewTopic(
        name, partitions or CLUSTER_DEFAULT, replication_factor or CLUSTER_DEFAULT, key_value_pairs(configs, "--config")
    )
    try:
        carry_out(CreateTopic(topic), f"create topic {name}", done=created_topic(topic))
    except OperatorError as error:
        if error.code == ErrorCode.TOPIC_ALREADY_EXISTS and if_not_exists:
            say(f"Topic {name} exists.")
            return
        raise


@topics.command("alter")
@click.argument("name")
@click.option("-p", "--partitions", type=click.IntRange(1, 1_000_000), help="More partitions than now; never fewer.")
@click.option("-c", "--config", "configs", multiple=True, metavar="NAME=VALUE", help="Set a topic config; repeatable.")
@click.option("--delete-config", "deleted", multiple=True, metavar="NAME", help="Back to the default; repeatable.")
@change_options
@cluster_options
def alter_command(name: str, partitions: int | None, configs: tuple[str, ...], deleted: tuple[str, ...]) -> None:
    """Add partitions to a topic, or change its configuration.

    More partitions: records of a key may go to another partition than before, so that their order across the change is
    not kept. What is there stays where it is.
    """
    from console.changes.kinds import AlterTopic
    from console.commands.changing import carry_out

    changes: dict[str, str | None] = {**key_value_pairs(configs, "--config"), **dict.fromkeys(deleted)}
    if partitions is None and not changes:
        raise click.UsageError("nothing to change: give --partitions, --config or --delete-config")
    carry_out(AlterTopic(name, partitions, changes), f"alter topic {name}")


@topics.command("delete")
@click.argument("names", metavar="NAME…", nargs=-1, required=True)
@change_options
@cluster_options
def delete_command(names: tuple[str, ...]) -> None:
    """Delete topics with all of their records. There is no undo."""
    from console.changes.kinds import DeleteTopic
    from console.commands.changing import carry_out_all

    carry_out_all([DeleteTopic(name) for name in dict.fromkeys(names)], f"delete topic {', '.join(names)}")


@topics.command("delete-records")
@click.argument("scope", metavar="TOPIC[:PARTITION,…]")
@click.option(
    "--before",
    required=True,
    metavar="POSITION",
    help="latest (all of them), an offset, a time (2026-05-01T12:00), or an age (7d: what is older).",
)
@change_options
@cluster_options
def delete_records_command(scope: str, before: str) -> None:
    """Delete the oldest records of a topic. There is no undo.

    The records before the position go, as retention would make them go; offsets of the rest stay what they are.

    \b
    Examples:
      stoker topics delete-records orders --before 7d --dry-run
      stoker topics delete-records orders:0,3 --before 12000
      stoker topics delete-records orders --before latest
    """
    from console.changes.kinds import DeleteRecords
    from console.changes.words import parse_scope, parse_target
    from console.commands.changing import carry_out, now_ms

    parsed = parse_scope(scope)
    change = DeleteRecords(parsed, parse_target(before, now_ms(), shift=False))
    carry_out(change, f"delete records of topic {parsed.topic}")


@topics.command("elect-leaders")
@click.argument("scopes", metavar="[TOPIC[:PARTITION,…]]…", nargs=-1)
@click.option("--unclean", is_flag=True, help="Where there is no leader, any live replica: records may be lost.")
@change_options
@cluster_options
def elect_leaders_command(scopes: tuple[str, ...], unclean: bool) -> None:
    """Make the preferred replica of each partition its leader again, as after a restart of brokers.

    \b
    Examples:
      stoker topics elect-leaders --dry-run
      stoker topics elect-leaders orders payments:0,1
      stoker topics elect-leaders orders:3 --unclean
    """
    from console.changes.kinds import ElectLeaders
    from console.changes.words import parse_scope
    from console.commands.changing import carry_out
    from console.services.partition_changes import ElectionType

    if unclean and not scopes:
        raise click.UsageError("--unclean needs the topics or partitions to be named")
    election = ElectionType.UNCLEAN if unclean else ElectionType.PREFERRED
    carry_out(ElectLeaders(tuple(parse_scope(each) for each in scopes), election), "elect leaders")
