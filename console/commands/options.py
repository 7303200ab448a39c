"""Options that many commands share, and what they add up to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from console.output.render import FORMATS

if TYPE_CHECKING:
    from console.target import Target

Function = TypeVar("Function", bound=Callable[..., Any])


class Invocation(msgspec.Struct):
    """How a command was called, apart from its own arguments."""

    bootstrap_server: str | None = None
    command_config: str | None = None
    context: str | None = None
    readonly: bool = False
    output: str = "table"
    dry_run: bool = False
    yes: bool = False
    debug: bool = False
    decode: tuple[str, ...] = ()
    """How keys and values are decoded, see `console.decoding.rules.rules_with`."""
    target: Target | None = None
    """Which cluster that means, once it was found."""


def invocation() -> Invocation:
    """Of the command that runs."""
    root = click.get_current_context().find_root()
    if not isinstance(root.obj, Invocation):
        root.obj = Invocation()
    return root.obj


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    root = context.find_root()
    if not isinstance(root.obj, Invocation):
        root.obj = Invocation()
    if value is not None and value is not False and value != ():
        assert parameter.name is not None
        setattr(root.obj, parameter.name, value)


def _option(*names: str, **attributes: Any) -> Callable[[Function], Function]:
    return click.option(*names, expose_value=False, callback=_keep, **attributes)


class OrderedGroup(click.Group):
    """A group that lists its commands in the order they were written."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(self.commands)


debug_option = _option("--debug", is_flag=True, help="Show where an error came from.")

_CLUSTER_OPTIONS = (
    _option(
        "-b",
        "--bootstrap-server",
        metavar="HOST:PORT,…",
        help="Brokers to begin with; default: see `stoker --help`.",
    ),
    _option("--command-config", metavar="FILE", help="Kafka client properties (security.protocol, sasl.*, ssl.*, …)."),
    _option("--context", metavar="NAME", help="A cluster of `stoker contexts` instead of the one in use."),
    _option("--readonly", is_flag=True, help="Refuse every change; so does STOKER_READONLY=1."),
    debug_option,
)

_CHANGE_OPTIONS = (
    _option("--dry-run", is_flag=True, help="Only show what would change."),
    _option("-y", "--yes", is_flag=True, help="Do not ask."),
)


def cluster_options(function: Function) -> Function:
    """Which cluster, and how to speak to it."""
    for option in reversed(_CLUSTER_OPTIONS):
        function = option(function)
    return function


def change_options(function: Function) -> Function:
    """For commands that change something."""
    for option in reversed(_CHANGE_OPTIONS):
        function = option(function)
    return function


decode_option = _option(
    "-d",
    "--decode",
    multiple=True,
    metavar="[key=|TOPIC=|TOPIC.key=]FORMAT",
    help="How values (key=: keys) are decoded, of all topics or of one; repeatable. Default: as the context says, else auto.",
)

output_option = _option(
    "-o",
    "--output",
    type=click.Choice(FORMATS),
    default="table",
    help="table (default), json, jsonl (one object a line) or csv.",
)


def key_value_pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """ "name=value" words as a dictionary. Raises click.UsageError for a word without "="."""
    pairs = {}
    for word in values:
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise click.UsageError(f"{option} {word!r} should be NAME=VALUE")
        pairs[name.strip()] = value
    return pairs
