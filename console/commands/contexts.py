"""`stoker contexts`: named clusters, and which of them is in use."""

from __future__ import annotations

from dataclasses import asdict

import click

from console.commands.options import OrderedGroup, debug_option, invocation, output_option


@click.group(cls=OrderedGroup)
def contexts() -> None:
    """Named clusters: `stoker contexts use NAME` saves typing -b."""


@contexts.command("list")
@output_option
@debug_option
def list_command() -> None:
    """List the named clusters."""
    from console.contexts import load_contexts
    from console.output.render import print_rows
    from console.output.table import Column

    found = load_contexts()
    rows = [{**asdict(context), "current": name == found.current} for name, context in found.contexts.items()]
    columns = [
        Column("current", "", lambda current: "*" if current else ""),
        Column("name", "NAME"),
        Column("bootstrap_servers", "BOOTSTRAP SERVERS", flexible=True),
        Column("command_config", "COMMAND CONFIG", flexible=True),
        Column("readonly", "READONLY"),
    ]
    empty = "There are no contexts. `stoker contexts add NAME -b HOST:PORT` makes one."
    print_rows(invocation().output, columns, rows, empty=empty)


@contexts.command("add")
@click.argument("name")
@click.option("-b", "--bootstrap-server", required=True, metavar="HOST:PORT,…", help="Brokers to begin with.")
@click.option("--command-config", metavar="FILE", help="Kafka client properties for this cluster.")
@click.option("--readonly", is_flag=True, help="Refuse every change to this cluster.")
@click.option("--schema-registry", metavar="URL", help="Of its schema registry; sign-in goes to --command-config.")
@click.option(
    "--decode",
    "formats",
    metavar="TOPIC=FORMAT",
    multiple=True,
    help="How records of a topic (or of orders-*) are decoded: json, or key=int64, or json,key=int64; repeatable.",
)
@click.option("--use", is_flag=True, help="Use it from now on.")
@debug_option
def add_command(
    name: str,
    bootstrap_server: str,
    command_config: str | None,
    readonly: bool,
    schema_registry: str | None,
    formats: tuple[str, ...],
    use: bool,
) -> None:
    """Add a named cluster, or replace the one of that name."""
    from pathlib import Path

    from console.client_config import client_config, load_client_properties, parse_bootstrap
    from console.contexts import Context, Contexts, check_context_name, load_contexts, save_contexts
    from console.output.render import say, warn

    parse_bootstrap(bootstrap_server)
    if command_config is not None:
        properties, notes = load_client_properties(command_config)
        for note in notes:
            warn(note)
        client_config(bootstrap_server, properties)
        command_config = str(Path(command_config).resolve())
    found = load_contexts()
    decode = _decode_rules(formats)
    if schema_registry is not None:
        _check_registry(schema_registry)
    context = Context(check_context_name(name), bootstrap_server, command_config, readonly, schema_registry, decode)
    current = name if use else found.current
    save_contexts(Contexts({**found.contexts, name: context}, current))
    say(f"Context {name}: {bootstrap_server}{', in use' if current == name else ''}.")


def _decode_rules(formats: tuple[str, ...]) -> dict[str, str]:
    from console.decoding.rules import parse_rules

    decode = {}
    for each in formats:
        topic, equals, words = each.partition("=")
        if not equals or not topic:
            raise click.UsageError(f"--decode {each}: write TOPIC=FORMAT")
        decode[topic] = words
    parse_rules(decode)
    return decode


def _check_registry(url: str) -> None:
    from console.schema_registry.config import registry_config

    if registry_config(url).user is not None:
        raise click.UsageError(
            "--schema-registry: write user and password as schema.registry.basic.auth.user.info=USER:PASSWORD"
            " into the file of --command-config"
        )


@contexts.command("use")
@click.argument("name", required=False)
@click.option("--none", is_flag=True, help="Use none: commands go to the cluster that runs here.")
@debug_option
def use_command(name: str | None, none: bool) -> None:
    """Use a named cluster from now on."""
    from console.contexts import Contexts, load_contexts, save_contexts
    from console.output.render import say

    if (name is None) != none:
        raise click.UsageError("give a NAME or --none")
    found = load_contexts()
    if name is not None:
        context = found.get(name)
        say(f"Using {name}: {context.bootstrap_servers}{', read-only' if context.readonly else ''}.")
    else:
        say("Using no context.")
    save_contexts(Contexts(found.contexts, name))


@contexts.command("remove")
@click.argument("name")
@debug_option
def remove_command(name: str) -> None:
    """Remove a named cluster from the list. Nothing happens to the cluster."""
    from console.contexts import Contexts, load_contexts, save_contexts
    from console.output.render import say

    found = load_contexts()
    found.get(name)
    rest = {key: context for key, context in found.contexts.items() if key != name}
    save_contexts(Contexts(rest, None if found.current == name else found.current))
    say(f"Removed context {name}.")
