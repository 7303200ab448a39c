"""`stoker up`: a cluster on this machine, in the foreground."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from console.commands.options import debug_option, invocation, key_value_pairs

if TYPE_CHECKING:
    from console.demo.flow import DemoFlow
    from console.local_cluster import LocalClusterRegistration
    from engine.cluster import Cluster

NODES_DEFAULT = 3


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What `stoker up` was asked for. `nodes` None: as many as the data directory has, else three."""

    nodes: int | None
    host: str
    port: int
    data_dir: str | None
    """None: a temporary directory."""
    processes: bool
    ready_file: str | None
    properties: Mapping[str, str]
    demo: bool = False
    """With the sample data, which keeps flowing."""


@click.command()
@click.option("--nodes", type=click.IntRange(1, 50), help="Brokers (each is a controller too); default: 3.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on, and to tell clients.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=9092,
    show_default=True,
    help="Of node 1; node k has PORT+k-1. 0 takes free ports.",
)
@click.option("--data-dir", metavar="DIR", help="Where topics are kept; default: your data folder, so they survive.")
@click.option("--ephemeral", is_flag=True, help="Keep nothing: a temporary directory that goes with the cluster.")
@click.option("--processes", is_flag=True, help="One process per node.")
@click.option("--demo", is_flag=True, help="With sample topics and records, which keep flowing at a gentle rate.")
@click.option("--no-web", is_flag=True, help="Without the web console.")
@click.option("--ready-file", metavar="FILE", help="Write JSON with addresses and process ids there when it is ready.")
@click.option(
    "--set", "pairs", multiple=True, metavar="NAME=VALUE", help="A Kafka broker property for all nodes; repeatable."
)
@debug_option
def up(
    nodes: int | None,
    host: str,
    port: int,
    data_dir: str | None,
    ephemeral: bool,
    processes: bool,
    demo: bool,
    no_web: bool,
    ready_file: str | None,
    pairs: tuple[str, ...],
) -> int:
    """Start a cluster here and keep it running; Ctrl-C stops it.

    Commands in other terminals find it by themselves. New topics get three replicas (fewer with fewer nodes) and
    min.insync.replicas=2, unless told otherwise; topics are created on first use, as in Kafka.

    \b
    Examples:
      stoker up
      stoker up --demo --ephemeral
      stoker up --nodes 1 --ephemeral --port 0
      stoker up --set log.retention.ms=3600000 --set auto.create.topics.enable=false
    """
    from console.local_cluster import default_data_dir
    from console.output.render import say

    if not no_web:
        say("Without the web console, which is not built yet (--no-web says the same).")
    if ephemeral and data_dir is not None:
        raise click.UsageError("--ephemeral and --data-dir contradict each other")
    directory = None if ephemeral else os.path.abspath(data_dir or default_data_dir())
    options = UpOptions(nodes, host, port, directory, processes, ready_file, key_value_pairs(pairs, "--set"), demo)
    return run_cluster(options)


def run_cluster(options: UpOptions) -> int:
    """Runs the cluster until it is told to stop, and returns the exit code. Raises OperatorError."""
    from console.commands.serving import serve

    service = ClusterService(options)
    return serve(service, service.announce, invocation())


class ClusterService:
    """The cluster with what tells others of it: the runtime file and the ready file."""

    def __init__(self, options: UpOptions) -> None:
        self.options = options
        self.cluster: Cluster | None = None
        self.web_url: str | None = None
        self._registration: LocalClusterRegistration | None = None
        self._demo: DemoFlow | None = None
        self._began = 0.0
        self._failed: dict[int, str] = {}
        """Nodes that stopped by themselves, and why."""

    async def start(self) -> None:
        from console.local_cluster import LocalClusterRegistration
        from engine.cluster import Cluster

        self._began = time.monotonic()
        options = self.options
        if options.ready_file is not None:
            _remove(options.ready_file)
        if options.data_dir is not None:
            self._registration = LocalClusterRegistration.claim(options.data_dir)
        try:
            nodes = _node_count(options)
            self.cluster = Cluster(
                nodes,
                host=options.host,
                port=options.port,
                data_dir=options.data_dir,
                properties=options.properties,
                processes=options.processes,
            )
            await self.cluster.start()
            if self._registration is None:
                self._registration = LocalClusterRegistration.claim(self.cluster.data_dir)
        except BaseException:
            self._release()
            raise
        if options.demo:
            await self._start_demo()

    async def _start_demo(self) -> None:
        """Loads the samples before anybody is told that it is ready. Raises OperatorError, with nothing left running."""
        from console.client_config import client_config
        from console.demo.flow import DemoFlow

        assert self.cluster is not None
        self._demo = DemoFlow(client_config(self.cluster.bootstrap_servers, {}).bootstrap)
        try:
            await self._demo.start()
        except BaseException:
            await self.stop()
            raise

    async def announce(self) -> None:
        """Tells the terminal, the other commands and whoever waits for the ready file."""
        from console.commands.serving import tell_warnings
        from console.local_cluster import LocalCluster
        from console.output.render import print_facts, write

        cluster, options = self.cluster, self.options
        assert cluster is not None
        assert self._registration is not None
        pids = {str(node_id): pid for node_id, pid in cluster.pids.items()}
        local = LocalCluster(
            cluster.bootstrap_servers,
            self.web_url,
            cluster.data_dir,
            pids,
            os.getpid(),
            time.time_ns() // 1_000_000,
            options.data_dir is None,
        )
        self._registration.announce(local)
        # What an embedded cluster sets by itself need not be told, only what somebody asked for.
        tell_warnings(tuple(each for each in cluster.warnings if each.partition("=")[0] in options.properties))
        count = len(cluster.node_ids)
        where = f"{count} processes" if options.processes else "one process"
        nodes = "1 node" if count == 1 else f"{count} nodes in {where}"
        write(f"Ready: {nodes}, up in {time.monotonic() - self._began:.2f} s.")
        facts = [("Bootstrap servers", cluster.bootstrap_servers)]
        if self.web_url is not None:
            facts.append(("Web console", self.web_url))
        if options.demo:
            facts.append(("Demo", "the sample topics, and more for them every second"))
        facts.append(("Data", cluster.data_dir + (" (removed at the end)" if options.data_dir is None else "")))
        print_facts("table", facts, {})
        words = "stoker topics create orders; stoker produce orders; stoker tail orders"
        if options.demo:
            words = "stoker topics list; stoker groups list; stoker tail page-views searches"
        write(f"Ctrl-C stops it. In another terminal: {words}")
        _flush()
        if options.ready_file is not None:
            ready = {
                "bootstrap_servers": cluster.bootstrap_servers,
                "web_url": self.web_url,
                "data_dir": cluster.data_dir,
                "pids": pids,
            }
            _write_whole(options.ready_file, json.dumps(ready) + "\n")

    async def stop(self) -> None:
        try:
            if self._demo is not None:
                await self._demo.stop()
            if self.cluster is not None:
                await self.cluster.stop()
        finally:
            self._release()
            if self.options.ready_file is not None:
                _remove(self.options.ready_file)

    def failure(self) -> str | None:
        from console.output.render import warn

        cluster = self.cluster
        if cluster is None:
            return None
        for node_id, error in cluster.failures.items():
            if node_id not in self._failed:
                self._failed[node_id] = str(error)
                warn(f"node {node_id} stopped by itself: {error}")
        if len(self._failed) < len(cluster.node_ids):
            return None
        return "no node is left"

    def _release(self) -> None:
        if self._registration is not None:
            self._registration.release()
            self._registration = None


def _node_count(options: UpOptions) -> int:
    """As many as asked for; they must be those that the directory was made with, since each is a voter of its quorum."""
    from console.errors import OperatorError

    there = 0
    if options.data_dir is not None and os.path.isdir(options.data_dir):
        names = (name.removeprefix("node-") for name in os.listdir(options.data_dir) if name.startswith("node-"))
        there = sum(name.isdecimal() for name in names)
    if there and options.nodes is not None and options.nodes != there:
        raise OperatorError.words(
            f"{options.data_dir} holds a cluster of {there} nodes, not {options.nodes}",
            f"Leave --nodes out to run it, or give another --data-dir for a cluster of {options.nodes}.",
        )
    return options.nodes or there or NODES_DEFAULT


def _flush() -> None:
    import sys

    sys.stdout.flush()


def _write_whole(path: str, text: str) -> None:
    """Writes a file that others wait for: it is there whole or not at all. It may hold the console's token."""
    from console.errors import OperatorError

    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        raise OperatorError(f"cannot write {path}", error.strerror or str(error)) from error


def _remove(path: str) -> None:
    from contextlib import suppress

    with suppress(OSError):
        os.unlink(path)
