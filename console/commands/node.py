"""`stoker node` and `stoker format`: single nodes from Kafka properties files, for clusters across hosts."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from console.commands.options import debug_option, invocation, key_value_pairs

if TYPE_CHECKING:
    from engine.config import BrokerConfig
    from engine.node import Node


def load_config(path: str, pairs: tuple[str, ...]) -> BrokerConfig:
    """The node's configuration: the file with `--set` over it. Raises OperatorError naming every wrong property."""
    from console.errors import Blame, OperatorError
    from engine.config import BrokerConfig
    from engine.config.properties import parse_properties
    from engine.errors import ConfigError

    try:
        properties = parse_properties(Path(path).read_text(encoding="utf-8"), path)
        for name, value in key_value_pairs(pairs, "--set").items():
            properties[name] = value
            properties.lines.pop(name, None)
        return BrokerConfig.from_properties(properties)
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is not text in UTF-8"
        raise OperatorError(f"cannot read {path}", reason, blame=Blame.WORDS) from error
    except ConfigError as error:
        lines = str(error).splitlines()
        title = lines[0] if len(lines) == 1 else f"{path}: {len(lines)} properties cannot be used"
        raise OperatorError(title, "" if len(lines) == 1 else str(error), blame=Blame.WORDS) from error


@click.command()
@click.argument("file", metavar="FILE.properties")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A property over the file's; repeatable.")
@debug_option
def node(file: str, pairs: tuple[str, ...]) -> int:
    """Run one node as its properties file says; Ctrl-C or SIGTERM stops it.

    The names are Kafka's own: node.id, process.roles, listeners, advertised.listeners, controller.quorum.voters,
    log.dirs, … Its directories must have been prepared with `stoker format`.
    """
    from console.commands.serving import serve

    service = NodeService(load_config(file, pairs))
    return serve(service, service.announce, invocation())


class NodeService:
    """One node, as something to be served."""

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config
        self._node: Node | None = None

    async def start(self) -> None:
        from console.commands.serving import tell_warnings
        from engine.node import Node
        from engine.runtime import Runtime

        tell_warnings(self._config.warnings)
        self._node = Node(self._config, Runtime.real())
        await self._node.bind()
        await self._node.start()

    async def announce(self) -> None:
        import sys

        from console.output.render import write

        running = self._node
        assert running is not None
        listeners = ", ".join(
            f"{endpoint.listener}://{endpoint.host}:{endpoint.port}" for endpoint in running.advertised_endpoints
        )
        controller = running.controller_endpoint if self._config.is_controller else None
        if controller is not None:
            listeners = f"{listeners}, " if listeners else ""
            listeners += f"{controller.listener}://{controller.host}:{controller.port}"
        write(f"Ready: node {running.node_id} of cluster {running.cluster_id}, {listeners}. Ctrl-C stops it.")
        sys.stdout.flush()

    async def stop(self) -> None:
        if self._node is not None:
            await self._node.stop()

    def failure(self) -> str | None:
        failed = self._node.failed if self._node is not None else None
        return None if failed is None else str(failed)


@click.command("format")
@click.argument("file", metavar="FILE.properties")
@click.option("--cluster-id", "-t", metavar="ID", help="22 characters, the same for all nodes; default: a new one.")
@click.option("--ignore-formatted", "-g", is_flag=True, help="Pass over directories that are formatted already.")
@click.option("--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A property over the file's; repeatable.")
@debug_option
def format_directories(file: str, cluster_id: str | None, ignore_formatted: bool, pairs: tuple[str, ...]) -> None:
    """Prepare a node's log directories (meta.properties), as `kafka-storage format` does.

    Prints the cluster id: nodes of one cluster are all formatted with the same.
    """
    from console.errors import Blame, OperatorError
    from console.output.render import write
    from engine.errors import ConfigError
    from engine.protocol.uuids import uuid_from_text, uuid_to_text
    from engine.runtime import Runtime, StorageError

    config = load_config(file, pairs)
    runtime = Runtime.real()
    if cluster_id is None:
        cluster_id = uuid_to_text(runtime.randomness.uuid())
    else:
        try:
            uuid_from_text(cluster_id)
        except ValueError as error:
            raise OperatorError.words(f"--cluster-id: {error}", "Leave it out for a new one.") from error
    try:
        asyncio.run(_format(config, runtime, cluster_id, ignore_formatted))
    except ConfigError as error:
        hint = "--ignore-formatted passes over it."
        raise OperatorError(str(error), hint=hint, blame=Blame.REFUSED) from error
    except StorageError as error:
        raise OperatorError("the disk would not do it", str(error)) from error
    write(cluster_id)


async def _format(config: BrokerConfig, runtime: object, cluster_id: str, ignore_formatted: bool) -> None:
    from console.output.render import say
    from engine.errors import ConfigError
    from engine.log import MetaProperties, format_directory, read_meta_properties
    from engine.runtime import Runtime

    assert isinstance(runtime, Runtime)
    directories = list(dict.fromkeys(map(_absolute, [*config.log_dirs, config.metadata_log_dir])))
    formatted = {
        directory: existing
        for directory in directories
        if (existing := read_meta_properties(runtime.disk, directory)) is not None
    }
    for directory, existing in formatted.items():
        if not ignore_formatted or existing.cluster_id != cluster_id or existing.node_id != config.node_id:
            raise ConfigError(
                f"log directory {directory} is already formatted for cluster {existing.cluster_id}, "
                f"node {existing.node_id}"
            )
    for directory in directories:
        if directory in formatted:
            say(f"{directory} was formatted before.")
            continue
        properties = MetaProperties(cluster_id, config.node_id, runtime.randomness.uuid())
        await format_directory(runtime.disk, directory, properties)
        say(f"Formatted {directory} for node {config.node_id}.")


def _absolute(path: str) -> str:
    return os.path.abspath(path)
