"""The values of one snapshot, metric by metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from console.metrics.catalog import METRICS, Metric

if TYPE_CHECKING:
    from console.history.isr_changes import IsrChanges
    from console.history.snapshot import Snapshot
    from console.lag.tracker import LagTracker
    from console.local_machine import LocalUsage
    from engine.net.request_figures import RequestFigure

Row = tuple[tuple[str, ...], float]
"""Values of the labels, and the value."""


@dataclass(frozen=True, slots=True)
class Family:
    """All values of one metric at one time."""

    metric: Metric
    rows: tuple[Row, ...]


def families(
    snapshot: Snapshot, tracker: LagTracker | None = None, isr_changes: IsrChanges | None = None
) -> list[Family]:
    """Every metric that has values, in the catalogue's order. What nobody answered is left out, not 0."""
    rows: dict[str, list[Row]] = {}
    parts = [_brokers(snapshot), _partitions(snapshot), _groups(snapshot, tracker), _quorum(snapshot)]
    if isr_changes is not None:
        parts.append(_isr_changes(isr_changes))
    if snapshot.requests is not None:
        parts.append(_requests(snapshot.requests))
    if snapshot.usage is not None:
        parts.append(_usage(snapshot.usage))
    for name, labels, value in chain.from_iterable(parts):
        rows.setdefault(name, []).append((labels, value))
    rows["stoker_cluster_up"] = [((), 1)]
    rows["stoker_snapshot_timestamp_seconds"] = [((), snapshot.at_ms / 1000)]
    rows["stoker_snapshot_missing_parts"] = [((), len(snapshot.missing))]
    return [Family(metric, tuple(rows[name])) for name, metric in METRICS.items() if name in rows]


def families_when_down(last_at_ms: int | None) -> list[Family]:
    """While the cluster does not answer: yesterday's figures would be taken for today's."""
    rows: dict[str, Row] = {"stoker_cluster_up": ((), 0)}
    if last_at_ms is not None:
        rows["stoker_snapshot_timestamp_seconds"] = ((), last_at_ms / 1000)
    return [Family(METRICS[name], (row,)) for name, row in rows.items()]


Value = tuple[str, tuple[str, ...], float]


def _brokers(snapshot: Snapshot) -> Iterator[Value]:
    yield "kafka_brokers", (), len(snapshot.brokers)
    for node_id, broker in snapshot.brokers.items():
        yield "kafka_broker_info", (str(node_id), broker.address), 1
    leaders = dict.fromkeys(snapshot.brokers, 0)
    replicas = dict.fromkeys(snapshot.brokers, 0)
    out_of_sync = dict.fromkeys(snapshot.brokers, 0)
    for partition in snapshot.partitions.values():
        if partition.leader_id >= 0:
            leaders[partition.leader_id] = leaders.get(partition.leader_id, 0) + 1
        for node_id in partition.replicas:
            replicas[node_id] = replicas.get(node_id, 0) + 1
            if node_id not in partition.isr:
                out_of_sync[node_id] = out_of_sync.get(node_id, 0) + 1
    for name, counts in (("leaders", leaders), ("replicas", replicas), ("out_of_sync_replicas", out_of_sync)):
        for node_id in sorted(counts):
            yield f"stoker_broker_{name}", (str(node_id),), counts[node_id]
    totals: dict[int, int] = {}
    for each in snapshot.log_dirs:
        totals[each.node_id] = totals.get(each.node_id, 0) + each.size_bytes
        for name, size in (("total", each.total_bytes), ("usable", each.usable_bytes)):
            if size is not None:
                yield f"stoker_log_dir_{name}_bytes", (str(each.node_id), each.path), size
    for node_id, size in totals.items():
        yield "stoker_broker_size_bytes", (str(node_id),), size


def _partitions(snapshot: Snapshot) -> Iterator[Value]:
    counts: dict[str, int] = {}
    unavailable = under_replicated = 0
    for key, partition in snapshot.partitions.items():
        counts[key.topic] = counts.get(key.topic, 0) + 1
        labels = (key.topic, str(key.partition))
        is_under_replicated = len(partition.isr) < len(partition.replicas)
        unavailable += partition.leader_id < 0
        under_replicated += is_under_replicated
        is_preferred = bool(partition.replicas) and partition.leader_id == partition.replicas[0]
        yield "kafka_topic_partition_leader", labels, partition.leader_id
        yield "kafka_topic_partition_replicas", labels, len(partition.replicas)
        yield "kafka_topic_partition_in_sync_replica", labels, len(partition.isr)
        yield "kafka_topic_partition_leader_is_preferred", labels, int(is_preferred)
        yield "kafka_topic_partition_under_replicated_partition", labels, int(is_under_replicated)
        if partition.leader_epoch >= 0:
            yield "stoker_topic_partition_leader_epoch", labels, partition.leader_epoch
        ends = snapshot.offsets.get(key)
        if ends is not None:
            yield "kafka_topic_partition_oldest_offset", labels, ends[0]
            yield "kafka_topic_partition_current_offset", labels, ends[1]
    for topic, count in counts.items():
        yield "kafka_topic_partitions", (topic,), count
    for key, sizes in snapshot.sizes.items():
        for node_id, size in sizes.items():
            yield "stoker_topic_partition_size_bytes", (key.topic, str(key.partition), str(node_id)), size
    yield "stoker_cluster_unavailable_partitions", (), unavailable
    yield "stoker_cluster_under_replicated_partitions", (), under_replicated


def _groups(snapshot: Snapshot, tracker: LagTracker | None) -> Iterator[Value]:
    for group_id, group in snapshot.groups.items():
        info = (group_id, group.state, group.type, str(group.coordinator))
        yield "stoker_consumergroup_info", info, 1
        if group.member_count is not None:
            yield "kafka_consumergroup_members", (group_id,), group.member_count
        offsets: dict[str, int] = {}
        lags: dict[str, int] = {}
        for partition, committed in group.committed.items():
            labels = (group_id, partition.topic, str(partition.partition))
            offsets[partition.topic] = offsets.get(partition.topic, 0) + committed
            yield "kafka_consumergroup_current_offset", labels, committed
            lag = snapshot.lag(group, partition)
            if lag is not None:
                lags[partition.topic] = lags.get(partition.topic, 0) + lag
                yield "kafka_consumergroup_lag", labels, lag
                start = snapshot.offsets[partition][0]
                if committed < start:
                    yield "stoker_consumergroup_lost_records", labels, start - committed
        for topic, total in offsets.items():
            yield "kafka_consumergroup_current_offset_sum", (group_id, topic), total
        for topic, total in lags.items():
            yield "kafka_consumergroup_lag_sum", (group_id, topic), total
        if tracker is not None:
            yield from _tracked(group_id, tracker)


def _tracked(group_id: str, tracker: LagTracker) -> Iterator[Value]:
    found = tracker.group(group_id)
    if found is None or not found[1]:
        return
    status, partitions = found
    yield "stoker_consumergroup_status", (group_id,), status.value
    drain = behind = 0.0
    for partition, each in partitions.items():
        labels = (group_id, partition.topic, str(partition.partition))
        if each.lag_time is not None:
            seconds = each.lag_time.ms / 1000
            behind = max(behind, seconds)
            yield "stoker_consumergroup_lag_seconds", labels, seconds
        if each.status > 1:
            yield "stoker_consumergroup_partition_status", labels, each.status.value
        drain = max(drain, math.inf if each.drain_ms is None else each.drain_ms / 1000)
    yield "stoker_consumergroup_max_lag_seconds", (group_id,), behind
    yield "stoker_consumergroup_drain_seconds", (group_id,), drain


def _isr_changes(changes: IsrChanges) -> Iterator[Value]:
    yield "stoker_isr_shrinks_total", (), changes.shrinks
    yield "stoker_isr_expands_total", (), changes.expands


def _requests(requests: Mapping[int, Sequence[RequestFigure]]) -> Iterator[Value]:
    for node_id, figures in requests.items():
        for each in figures:
            labels = (str(node_id), each.request)
            yield "stoker_requests_total", labels, each.count
            yield "stoker_request_bytes_total", labels, each.request_bytes
            yield "stoker_response_bytes_total", labels, each.response_bytes
            yield "stoker_request_seconds_total", labels, each.seconds


def _quorum(snapshot: Snapshot) -> Iterable[Value]:
    quorum = snapshot.quorum
    if quorum is None:
        return
    yield "stoker_quorum_leader", (), -1 if quorum.leader is None else quorum.leader
    yield "stoker_quorum_epoch", (), quorum.leader_epoch
    yield "stoker_quorum_high_watermark", (), quorum.high_watermark
    for replica in quorum.replicas:
        if replica.lag is not None:
            yield "stoker_quorum_replica_lag", (str(replica.node_id), replica.role.value), replica.lag


def _usage(usage: LocalUsage) -> Iterator[Value]:
    for process in usage.processes:
        for name, value in (
            ("cpu_seconds_total", process.cpu_seconds),
            ("resident_memory_bytes", process.resident_bytes),
            ("threads", process.thread_count),
            ("open_fds", process.open_files),
            ("read_bytes_total", process.read_bytes),
            ("written_bytes_total", process.written_bytes),
        ):
            if value is not None:
                yield f"stoker_process_{name}", (process.name,), value
    machine = usage.machine
    for name, figure in (
        ("cpus", machine.cpu_count),
        ("cpu_busy_seconds_total", machine.cpu_busy_seconds),
        ("memory_total_bytes", machine.memory_total_bytes),
        ("memory_available_bytes", machine.memory_available_bytes),
        ("disk_read_bytes_total", machine.disk_read_bytes),
        ("disk_written_bytes_total", machine.disk_written_bytes),
        ("network_received_bytes_total", machine.network_received_bytes),
        ("network_sent_bytes_total", machine.network_sent_bytes),
    ):
        if figure is not None:
            yield f"stoker_machine_{name}", (), figure
