"""Actions on the disks of nodes."""

from __future__ import annotations

from engine.sim.classroom import actions as do
from engine.sim.classroom.acting.base import ActingBase
from engine.sim.disk_faults import DiskFaultRule


class OnDisks(ActingBase):
    """See the package."""

    def _fill_disk(self, action: do.FillDisk) -> str:
        node = self._node(action.node)
        node.may_fail = True
        node.disk.faults.capacity_bytes = node.disk.used_bytes + action.left_bytes
        return f"The disk of node {action.node} has {action.left_bytes} bytes left."

    def _break_disk(self, action: do.BreakDisk) -> str:
        node = self._node(action.node)
        node.may_fail = True
        node.disk.faults.add(DiskFaultRule(action.operation))
        return f"From now on every {action.operation} on the disk of node {action.node} fails."

    def _repair_disk(self, action: do.RepairDisk) -> str:
        node = self._node(action.node)
        node.disk.faults.clear()
        node.disk.faults.capacity_bytes = None
        return f"The disk of node {action.node} works again."
