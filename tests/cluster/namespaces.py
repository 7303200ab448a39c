"""A cluster whose nodes each have a network of their own, connected by cables that can be pulled out.

One namespace per node and one, the hub, with a bridge and the clients. Every interface and address is inside these
namespaces: the machine's own network is not touched. Needs Linux, `ip` and the right to make namespaces.
"""

import asyncio
import contextlib
import ctypes
import os
import shutil
import subprocess
import threading

import pytest

from engine.cluster import default_properties
from engine.log import MetaProperties, format_directory
from engine.processes import NodeProcess, new_event_loop
from engine.protocol.uuids import uuid_to_text
from engine.runtime import Runtime

PREFIX = "stoker-test-"
CLIENT_PORT, CONTROLLER_PORT = 9092, 9093
CLONE_NEWNET = 0x40000000


def ip(*arguments):
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=20)
    if done.returncode:
        raise OSError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def inside(namespace, function):
    """`function()` in a thread within the namespace; threads that it starts, librdkafka's too, are within it as well."""
    outcome = []

    def run():
        try:
            descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
            try:
                if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns {namespace}")
            finally:
                os.close(descriptor)
            outcome.append((function(), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run, name=f"in-{namespace}", daemon=True)
    thread.start()
    thread.join()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result


class Network:
    """`with Network(3) as network:`; skips the test where it cannot be made, and takes everything down whatever happens."""

    def __init__(self, nodes):
        self.node_ids = tuple(range(1, nodes + 1))
        self.hub = f"{PREFIX}{os.getpid()}-hub"

    def namespace(self, node_id):
        return f"{PREFIX}{os.getpid()}-{node_id}"

    def address(self, node_id):
        return f"10.99.0.{node_id}"

    def __enter__(self):
        if shutil.which("ip") is None:
            pytest.skip("no `ip` command (iproute2)")
        self._remove_left_over()
        try:
            ip("netns", "add", self.hub)
        except (OSError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"no network namespaces here: {error}")
        try:
            ip("-n", self.hub, "link", "add", "bridge", "type", "bridge")
            ip("-n", self.hub, "address", "add", "10.99.0.254/24", "dev", "bridge")
            ip("-n", self.hub, "link", "set", "bridge", "up")
            for node_id in self.node_ids:
                self._connect(node_id)
        except OSError as error:
            self._remove(self.hub, *map(self.namespace, self.node_ids))
            pytest.skip(f"network namespaces cannot be connected here: {error}")
        return self

    def _connect(self, node_id):
        namespace, cable = self.namespace(node_id), f"cable{node_id}"
        ip("netns", "add", namespace)
        ip("-n", self.hub, "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace)
        ip("-n", self.hub, "link", "set", cable, "master", "bridge", "up")
        ip("-n", namespace, "address", "add", f"{self.address(node_id)}/24", "dev", "eth0")
        ip("-n", namespace, "link", "set", "lo", "up")
        ip("-n", namespace, "link", "set", "eth0", "up")

    def __exit__(self, *_):
        self._remove(self.hub, *map(self.namespace, self.node_ids))

    def cut(self, node_id):
        """Pull the node's cable out."""
        ip("-n", self.hub, "link", "set", f"cable{node_id}", "down")

    def heal(self, node_id):
        ip("-n", self.hub, "link", "set", f"cable{node_id}", "up")

    def _remove(self, *namespaces):
        for namespace in namespaces:
            with contextlib.suppress(OSError):
                ip("netns", "delete", namespace)

    def _remove_left_over(self):
        """Namespaces of test runs that were killed."""
        with contextlib.suppress(OSError):
            for line in ip("netns", "list").splitlines():
                name = line.split()[0]
                if name.startswith(PREFIX) and not os.path.exists(f"/proc/{name[len(PREFIX) :].split('-')[0]}"):
                    self._remove(name)


class NamespacedNodes:
    """The processes of a cluster, each in its namespace of `network`; `with` starts and stops them."""

    def __init__(self, network, directory, properties):
        self.network = network
        self.bootstrap = ",".join(f"{network.address(each)}:{CLIENT_PORT}" for each in network.node_ids)
        voters = ",".join(f"{each}@{network.address(each)}:{CONTROLLER_PORT}" for each in network.node_ids)
        self._directory = directory
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="namespaced-nodes", daemon=True)
        self._nodes = [
            NodeProcess(
                node_id,
                {
                    "node.id": str(node_id),
                    "process.roles": "broker,controller",
                    "listeners": f"PLAINTEXT://{network.address(node_id)}:{CLIENT_PORT},"
                    f"CONTROLLER://{network.address(node_id)}:{CONTROLLER_PORT}",
                    "controller.listener.names": "CONTROLLER",
                    "controller.quorum.voters": voters,
                    "log.dirs": self.node_directory(node_id),
                    **default_properties(len(network.node_ids)),
                    **properties,
                },
                self.node_directory(node_id),
                launcher=("ip", "netns", "exec", network.namespace(node_id)),
            )
            for node_id in network.node_ids
        ]

    def node_directory(self, node_id):
        return f"{self._directory}/node-{node_id}"

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(90)

    def __enter__(self):
        self._thread.start()
        try:
            self._call(self._start())
        except BaseException:
            self.__exit__()
            raise
        return self

    async def _start(self):
        runtime = Runtime.real()
        cluster_id = uuid_to_text(runtime.randomness.uuid())
        for node in self._nodes:
            identity = MetaProperties(cluster_id, node.node_id, runtime.randomness.uuid())
            await format_directory(runtime.disk, self.node_directory(node.node_id), identity)
        await asyncio.gather(*(node.start() for node in self._nodes))

    def __exit__(self, *_):
        async def kill():
            for node in self._nodes:
                node.kill()

        self._call(kill())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
