"""What `stoker up` runs: a cluster on this machine, in the foreground, with a companion beside it or none.

The command itself is in `web.commands`, which brings the web console as the companion.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from console.commands.options import invocation

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


class Companion(Protocol):
    """What runs beside the cluster, in its process and loop: the web console."""

    async def start(self, cluster: Cluster) -> str:
        """Begins when the cluster serves; returns the address to be told. Raises OperatorError."""
        ...

    async def stop(self) -> None:
        """Ends before the cluster does."""
        ...

    def failure(self) -> str | None:
        """Why it no longer runs; None while it does."""
        ...

    def announced(self) -> None:
        """The address was told."""
        ...


def run_cluster(options: UpOptions, companion: Companion | None = None) -> int:
    """Runs the cluster until it is told to stop, and returns the exit code. Raises OperatorError."""
    from console.commands.serving import serve

    service = ClusterService(options, companion)
    return serve(service, service.announce, invocation())


class ClusterService:
    """The cluster with what tells others of it: the runtime file and the ready file."""

    def __init__(self, options: UpOptions, companion: Companion | None = None) -> None:
        self.options = options
        self._companion = companion
        self.cluster: Cluster | None = None
        self.web_url: str | None = None
        self._registration: LocalClusterRegistration | None = None
        self._demo: DemoFlow | None = None
        self._began = 0.0
        self._failed: dict[int, str] = {}
        """Nodes that stopped by themselves, and why."""
        self._told = False
        """Whether it was said that the companion no longer runs."""

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
        if self._companion is not None:
            try:
                self.web_url = await self._companion.start(self.cluster)
            except BaseException:
                await self.stop()
                raise

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
            facts.append(("Demo", "the sample topics, and more for them all the time"))
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
        if self._companion is not None:
            self._companion.announced()

    async def stop(self) -> None:
        try:
            if self._companion is not None:
                await self._companion.stop()
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
        if self._companion is not None and (why := self._companion.failure()) is not None and not self._told:
            # The cluster is worth more than its console.
            self._told = True
            warn(why)
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
