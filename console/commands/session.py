"""From a command line to a connected client, and the rules that every change keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from console.client_config import ClientConfig, connect
from console.commands.options import Invocation, invocation
from console.errors import OperatorError
from console.output.render import warn
from console.readonly import VARIABLE
from console.target import Target, find_target
from engine.net.cluster_client import ClusterClient

T = TypeVar("T")


def find_config(call: Invocation) -> ClientConfig:
    """Which cluster is meant, and whether it may be changed (`call.readonly`). Raises OperatorError when none is."""
    return find_call_target(call).config


def find_call_target(call: Invocation) -> Target:
    """As `find_config`, with everything that was said of the cluster."""
    if call.target is None:
        call.target = find_target(
            bootstrap_server=call.bootstrap_server,
            command_config=call.command_config,
            context_name=call.context,
            readonly=call.readonly,
        )
        call.readonly = call.target.readonly
        for note in call.target.notes:
            warn(note)
    return call.target


def with_client(work: Callable[[ClusterClient], Awaitable[T]]) -> T:
    """Connects to the cluster that is meant, does the work, and closes again."""
    config = find_config(invocation())

    async def run() -> T:
        async with connect(config) as client:
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
