"""What the processes of local nodes, and this machine, use: processor, memory, disk, network. Read through psutil.

Counters are since the process, or the machine, began. What the platform does not tell, or not us, is None.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from engine.net.cluster_view import address_text


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """One process that runs one node or several."""

    pid: int
    node_ids: tuple[int, ...]
    cpu_seconds: float
    """User and system."""
    resident_bytes: int
    thread_count: int
    open_files: int | None
    """File descriptors (Windows: handles)."""
    read_bytes: int | None
    """From storage (Linux) or at all."""
    written_bytes: int | None

    @property
    def name(self) -> str:
        """Its nodes: "1" or "1,2,3"."""
        return ",".join(map(str, self.node_ids))


@dataclass(frozen=True, slots=True)
class MachineUsage:
    """This machine."""

    cpu_count: int
    cpu_busy_seconds: float
    """Of all processors together, without idle and waiting."""
    memory_total_bytes: int
    memory_available_bytes: int
    disk_read_bytes: int | None
    disk_written_bytes: int | None
    network_received_bytes: int | None
    network_sent_bytes: int | None


@dataclass(frozen=True, slots=True)
class LocalUsage:
    """Both, at one time. `gone` are nodes whose process is not there."""

    processes: tuple[ProcessUsage, ...]
    machine: MachineUsage
    gone: tuple[int, ...]


def local_pids(bootstrap: Collection[tuple[str, int]]) -> dict[int, int] | None:
    """Process ids by node id, out of the runtime file of `stoker up`, when it runs the cluster at one of these addresses;
    else None."""
    from console.local_cluster import find_local_cluster

    cluster, _ = find_local_cluster()
    if cluster is None:
        return None
    own = set(cluster.bootstrap_servers.split(","))
    if not any(address_text(host, port) in own for host, port in bootstrap):
        return None
    return {int(node_id): pid for node_id, pid in cluster.pids.items()}


def local_usage(pids: Mapping[int, int]) -> LocalUsage:
    """Reads the figures now; `pids` by node id, as the runtime file of `stoker up` has them. Takes a few ms."""
    import psutil

    nodes: dict[int, list[int]] = {}
    for node_id, pid in sorted(pids.items()):
        nodes.setdefault(pid, []).append(node_id)
    processes = []
    gone: list[int] = []
    for pid, node_ids in nodes.items():
        try:
            processes.append(_process(psutil, pid, tuple(node_ids)))
        except psutil.Error:
            gone += node_ids
    return LocalUsage(tuple(processes), _machine(psutil), tuple(gone))


def _process(psutil: Any, pid: int, node_ids: tuple[int, ...]) -> ProcessUsage:
    process = psutil.Process(pid)
    with process.oneshot():
        times = process.cpu_times()
        counters = _try(psutil, lambda: process.io_counters())
        files = _try(psutil, lambda: process.num_fds() if hasattr(process, "num_fds") else process.num_handles())
        return ProcessUsage(
            pid,
            node_ids,
            times.user + times.system,
            process.memory_info().rss,
            process.num_threads(),
            files,
            None if counters is None else counters.read_bytes,
            None if counters is None else counters.write_bytes,
        )


def _machine(psutil: Any) -> MachineUsage:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Linux counts guests within user and nice as well.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    memory = psutil.virtual_memory()
    disk = _try(psutil, psutil.disk_io_counters)
    network = _try(psutil, psutil.net_io_counters)
    return MachineUsage(
        psutil.cpu_count() or 1,
        sum(times) - idle - guests,
        memory.total,
        memory.available,
        None if disk is None else disk.read_bytes,
        None if disk is None else disk.write_bytes,
        None if network is None else network.bytes_recv,
        None if network is None else network.bytes_sent,
    )


def _try(psutil: Any, read: Any) -> Any:
    """None where the platform has no such figure, or keeps it from us."""
    try:
        return read()
    except (psutil.Error, OSError, AttributeError, NotImplementedError, RuntimeError):
        return None
