"""`stoker configs`: what the configuration of a topic, a broker or a group is, and changes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.commands.options import (
    OrderedGroup,
    change_options,
    cluster_options,
    invocation,
    key_value_pairs,
    output_option,
)

if TYPE_CHECKING:
    from console.services.configs import ConfigEntry, Resource

KINDS = ("topic", "broker", "group", "client-metrics", "broker-logger")


@click.group(cls=OrderedGroup)
def configs() -> None:
    """Configuration of topics, brokers and groups."""


@configs.command("describe")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name", default="")
@click.option("-a", "--all", "show_all", is_flag=True, help="Also what is at its default.")
@click.option("--doc", is_flag=True, help="With what each property means.")
@click.option("--match", metavar="TEXT", help="Only properties with TEXT in their name.")
@output_option
@cluster_options
def describe_command(kind: str, name: str, show_all: bool, doc: bool, match: str | None) -> None:
    """Show the configuration of a topic, a broker (by id; without: what all brokers share) or a group.

    \b
    Examples:
      stoker configs describe topic orders --all
      stoker configs describe broker 1 --match retention
      stoker configs describe broker
    """
    from console.commands.session import with_client
    from console.output.render import print_rows
    from console.output.table import Column
    from console.services.configs import ConfigSource, describe_config

    call = invocation()
    resource = _resource(kind, name)
    found = with_client(lambda client: describe_config(client, resource, documentation=doc or call.output != "table"))
    # A search goes through everything; programs get everything.
    everything = show_all or match is not None or call.output != "table"
    entries = [
        entry
        for entry in found.entries
        if (everything or entry.source is not ConfigSource.DEFAULT_CONFIG) and (match is None or match in entry.name)
    ]
    rows = [_row(resource, entry) for entry in entries]
    columns = [
        Column("name", "NAME"),
        Column("value", "VALUE", _value, flexible=True),
        Column("source", "SOURCE", lambda source: source.lower().replace("_", " ")),
        Column("type", "TYPE"),
    ]
    if doc:
        columns.append(Column("documentation", "MEANING", flexible=True))
    hidden = len(found.entries) - len(entries)
    print_rows(call.output, columns, rows, empty=f"Everything ({hidden} properties) is at its default; --all shows it.")


def _row(resource: Resource, entry: ConfigEntry) -> dict[str, Any]:
    return {
        "resource_type": resource.type.name.lower(),
        "resource_name": resource.name,
        "name": entry.name,
        "value": entry.value,
        "source": entry.source.name,
        "is_sensitive": entry.is_sensitive,
        "is_read_only": entry.is_read_only,
        "type": entry.type,
        "documentation": entry.documentation,
    }


def _value(value: str | None) -> str:
    return "(not shown)" if value is None else value or '""'


@configs.command("alter")
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name", default="")
@click.option("-s", "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="Set a property; repeatable.")
@click.option("--delete", "deleted", multiple=True, metavar="NAME", help="Back to what it would be; repeatable.")
@change_options
@cluster_options
def alter_command(kind: str, name: str, pairs: tuple[str, ...], deleted: tuple[str, ...]) -> None:
    """Change the configuration of a topic, a broker (without NAME: of all brokers) or a group.

    Groups have configs where they use the protocol of KIP-848, which the embedded cluster does not have yet.

    \b
    Examples:
      stoker configs alter topic orders --set retention.ms=86400000 --dry-run
      stoker configs alter broker --set log.retention.ms=3600000
      stoker configs alter broker 1 --set log.retention.ms=7200000 --dry-run
      stoker configs alter topic orders --delete retention.ms
    """
    from console.changes.kinds import AlterConfig
    from console.commands.changing import carry_out

    resource = _resource(kind, name)
    changes: dict[str, str | None] = {**key_value_pairs(pairs, "--set"), **dict.fromkeys(deleted)}
    if not changes:
        raise click.UsageError("nothing to change: give --set or --delete")
    carry_out(AlterConfig(resource, changes), f"alter {resource}")


def _resource(kind: str, name: str) -> Resource:
    from console.services.configs import Resource, ResourceType

    resource_type = ResourceType[kind.upper().replace("-", "_")]
    if resource_type in (ResourceType.BROKER, ResourceType.BROKER_LOGGER) and name and not name.isdecimal():
        raise click.UsageError(f"a broker is named by its id, not {name!r}")
    if not name and resource_type is not ResourceType.BROKER:
        raise click.UsageError(f"which {kind}? Its NAME is missing")
    return Resource(resource_type, name)
