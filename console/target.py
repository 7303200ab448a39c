"""Which cluster is meant, and everything that was said about it: one place for the commands and both faces."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from console.client_config import ClientConfig, client_config, load_client_properties
from console.errors import Blame, OperatorError
from console.readonly import readonly_by_environment

if TYPE_CHECKING:
    from console.contexts import Context
    from console.decoding.decoder import RecordDecoder


class Target(msgspec.Struct, frozen=True):
    """A cluster that was named, or found on this machine. Nothing is connected yet."""

    name: str
    """How a face calls it: the context's name, "local", or its bootstrap servers."""
    config: ClientConfig
    readonly: bool = False
    """Whether --readonly, STOKER_READONLY or the context forbids changes."""
    context: Context | None = None
    properties: Mapping[str, str] = msgspec.field(default_factory=dict)
    """Of the client properties file; they hold secrets and are never shown."""
    notes: tuple[str, ...] = ()
    """What the operator should know: stale runtime files, properties without effect."""

    def __repr__(self) -> str:
        return f"Target({self.name!r}, {self.config!r}, readonly={self.readonly})"

    def decoder(self, wanted: str | Sequence[str] | None = None) -> RecordDecoder:
        """How its records are to be read: `wanted` (words of --decode) goes before the context's rules. Raises OperatorError for bad words."""
        from console.decoding.configured import configured_decoder

        return configured_decoder(wanted, self.context, self.properties)


def find_target(
    *,
    bootstrap_server: str | None = None,
    command_config: str | None = None,
    context_name: str | None = None,
    readonly: bool = False,
) -> Target:
    """The cluster that is meant: -b, else STOKER_BOOTSTRAP_SERVER, else the context in use, else the one `stoker up` runs.

    Raises OperatorError when none is, naming the ways to say it.
    """
    # Imported where needed: the commands' start is what one waits for most often.
    properties: dict[str, str] = {}
    notes: list[str] = []
    context = None
    servers = bootstrap_server or (None if context_name else os.environ.get("STOKER_BOOTSTRAP_SERVER"))
    if context_name or not servers:
        from console.contexts import load_contexts

        contexts = load_contexts()
        name = context_name or contexts.current
        if name is not None:
            context = contexts.get(name)
            servers = servers or context.bootstrap_servers
            command_config = command_config or context.command_config
            readonly = readonly or context.readonly
    if command_config is not None:
        properties, found = load_client_properties(command_config)
        notes += found
    name = context.name if context is not None else servers or properties.get("bootstrap.servers", "")
    if not servers and "bootstrap.servers" not in properties:
        from console.local_cluster import find_local_cluster

        cluster, found = find_local_cluster()
        notes += found
        if cluster is None:
            raise OperatorError(
                "no cluster was named, and none runs here",
                "; ".join(found),
                hint="Start one with `stoker up`, or name one: -b HOST:PORT, STOKER_BOOTSTRAP_SERVER or `stoker contexts use`.",
                blame=Blame.UNREACHABLE,
            )
        servers, name = cluster.bootstrap_servers, "local"
    config = client_config(servers, properties)
    return Target(name, config, readonly or readonly_by_environment(), context, properties, tuple(notes))
