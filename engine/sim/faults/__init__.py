"""What can go wrong in a world, by name.

One module per part of the world (network, processes, clocks, disks, the cluster, its clients). A fault is a coroutine
that gets the storm it belongs to and a stream of randomness of its own, does its harm, waits, and undoes it. What may
not live here: when faults happen and which (that is `engine.sim.nemesis`), and any judgement.

    KINDS["kill"].group          "process"
    await KINDS["kill"].play(nemesis, draw)
"""

from engine.sim.faults import clients, clocks, cluster, disks, network, processes
from engine.sim.faults.catalogue import GROUPS, KINDS, FaultKind

__all__ = ["GROUPS", "KINDS", "FaultKind", "clients", "clocks", "cluster", "disks", "network", "processes"]
