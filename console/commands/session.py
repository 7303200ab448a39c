"""From a command line to a connected client, and the rules that every change keeps."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from console.client_config import ClientConfig, client_config, load_client_properties
from console.commands.options import Invocation, invocation
from console.errors import Blame, OperatorError
from console.output.render import warn
from console.readonly import VARIABLE, readonly_by_environment
from engine.net.cluster_client import ClusterClient

T = TypeVar("T")


def find_config(call: Invocation) -> ClientConfig:
    """Which cluster is meant, and whether it may be changed (`call.readonly`). Raises OperatorError when none is."""
    if call.config is None:
        call.config = _find_config(call)
        call.readonly = call.readonly or readonly_by_environment()
    return call.config


def _find_config(call: Invocation) -> ClientConfig:
    # Imported where needed: the commands' start is what one waits for most often.
    properties: dict[str, str] = {}
    servers = call.bootstrap_server or (None if call.context else os.environ.get("STOKER_BOOTSTRAP_SERVER"))
    command_config = call.command_config
    if call.context or not servers:
        from console.contexts import load_contexts

        contexts = load_contexts()
        name = call.context or contexts.current
        if name is not None:
            context = contexts.get(name)
            servers = servers or context.bootstrap_servers
            command_config = command_config or context.command_config
            call.readonly = call.readonly or context.readonly
    if command_config is not None:
        properties, notes = load_client_properties(command_config)
        for note in notes:
            warn(note)
    if not servers and "bootstrap.servers" not in properties:
        from console.local_cluster import find_local_cluster

        cluster, notes = find_local_cluster()
        for note in notes:
            warn(note)
        if cluster is None:
            raise OperatorError(
                "no cluster was named, and none runs here",
                hint="Start one with `stoker up`, or name one: -b HOST:PORT, STOKER_BOOTSTRAP_SERVER or `stoker contexts use`.",
                blame=Blame.UNREACHABLE,
            )
        servers = cluster.bootstrap_servers
    return client_config(servers, properties)


def with_client(work: Callable[[ClusterClient], Awaitable[T]]) -> T:
    """Connects to the cluster that is meant, does the work, and closes again."""
    config = find_config(invocation())

    async def run() -> T:
        async with ClusterClient(
            config.bootstrap,
            client_id=config.client_id,
            request_timeout_ms=config.request_timeout_ms,
            connect_timeout_ms=config.connect_timeout_ms,
        ) as client:
            return await work(client)

    return asyncio.run(run())


def tell_missing(missing: Iterable[object]) -> None:
    """What an answer lacks, to stderr."""
    for each in missing:
        warn(f"missing: {each}")


def refuse_if_readonly(call: Invocation, what: str) -> None:
    """Every change passes here first, before anything is asked. Raises OperatorError in read-only mode."""
    find_config(call)
    if call.readonly and not call.dry_run:
        raise OperatorError(
            f"{what}: refused, this is read-only",
            f"--readonly was given, or {VARIABLE} or the context in use says so",
            "--dry-run shows what would change.",
        )
