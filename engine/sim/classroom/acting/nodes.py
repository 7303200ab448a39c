"""Actions on nodes: power, processes, clocks, coming and going."""

from __future__ import annotations

import asyncio

from engine.protocol.messages import UnregisterBrokerRequest
from engine.sim.classroom import actions as do
from engine.sim.classroom.acting.base import ActingBase, Refused
from engine.sim.crash import PowerLoss
from engine.sim.nodes import NodeState
from engine.sim.process import ProcessState


class OnNodes(ActingBase):
    """See the package."""

    def _kill(self, action: do.Kill) -> tuple[str, str]:
        self._running(action.node).kill()
        return (
            f"Node {action.node} was killed.",
            "Its connections were reset; what it wrote is in the page cache still.",
        )

    def _stop(self, action: do.Stop) -> str:
        node = self._running(action.node)
        if node.state is not NodeState.UP or node.has_failed:
            raise Refused(f"node {action.node} is {node.state.value}")

        async def stop() -> None:
            try:
                await node.stop()
            except (OSError, RuntimeError) as error:
                self._room.note("node", f"Node {action.node} did not stop in good order: {type(error).__name__}.")

        self._spawn(stop(), f"stop {action.node}")
        return f"Node {action.node} was asked to stop."

    def _restart(self, action: do.Restart) -> str:
        node = self._node(action.node)
        if node.state is not NodeState.DOWN:
            node.resume()
            node.kill()
        node.disk.faults.failed_syncs = 0
        node.start()
        return f"Node {action.node} was started."

    def _pause(self, action: do.Pause) -> str:
        node = self._running(action.node)
        node.pause()
        return f"Node {action.node} stands still."

    def _resume(self, action: do.Resume) -> str:
        node = self._running(action.node)
        if node.process is None or node.process.state is not ProcessState.PAUSED:
            raise Refused(f"node {action.node} is not paused")
        node.resume()
        return f"Node {action.node} goes on."

    def _wipe(self, action: do.Wipe) -> tuple[str, str]:
        node = self._node(action.node)
        if node.state is not NodeState.DOWN:
            node.resume()
            node.kill()
        self._spawn(node.wipe(), f"wipe {action.node}")
        return f"The disk of node {action.node} was wiped.", "It has forgotten everything, its votes too."

    def _power_cut(self, action: do.PowerCut) -> tuple[str, str]:
        nodes = [self._node(node_id) for node_id in action.nodes]
        if all(node.state is NodeState.DOWN and not node.host.up for node in nodes):
            raise Refused("these nodes have no power already")
        for node in nodes:
            node.lose_power(PowerLoss.LOST)
        names = ", ".join(str(node_id) for node_id in action.nodes)
        return f"Node {names} lost power.", "What was not synced to the disk is gone."

    def _add_node(self, action: do.AddNode) -> str:
        if action.node in self._world.nodes:
            raise Refused(f"there is a node {action.node} already")
        node = self._room.new_node(action.node, action.rack)

        async def start() -> None:
            await node.format(self._room.cluster_id, self._world.randomness.part(f"added-{action.node}").uuid())
            if node.state is NodeState.DOWN:
                await asyncio.wait([node.start()])

        self._spawn(start(), f"add {action.node}")
        return f"Node {action.node} was added: a broker with an empty disk."

    def _remove_node(self, action: do.RemoveNode) -> str:
        node = self._node(action.node)
        if self._room.is_voter(action.node):
            raise Refused(f"node {action.node} is a voter of the quorum; only brokers that were added can be removed")
        if node.state is not NodeState.DOWN:
            node.kill()
        self._ask(
            UnregisterBrokerRequest(broker_id=action.node),
            f"Unregister broker {action.node}",
            lambda answer: [(answer.error_code, answer.error_message)],
        )
        return f"Node {action.node} was removed."

    def _skew_clock(self, action: do.SkewClock) -> str:
        node = self._node(action.node)
        node.clock.offset_ms = action.offset_ms
        return f"The clock of node {action.node} is off by {action.offset_ms} ms."
