"""Names, meanings and labels of all metrics: `/metrics` and the history have the same.

`kafka_*` are kafka_exporter's (danielqsj/kafka_exporter, kafka_exporter.go), so that its dashboards work; `stoker_*` are
ours. Units last: seconds, bytes; `_total` counts up.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """As Prometheus writes it."""

    GAUGE = "gauge"
    COUNTER = "counter"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: every value of it has these labels, in this order."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    kind: Kind = Kind.GAUGE
    is_kept: bool = True
    """Whether the history keeps it: not what follows from others, nor what changes by itself with every look."""


TOPIC_PARTITION = ("topic", "partition")
GROUP_PARTITION = ("consumergroup", "topic", "partition")
GROUP_TOPIC = ("consumergroup", "topic")
BROKER_REQUEST = ("broker", "request")

_ALL = (
    Metric("kafka_brokers", "Number of Brokers in the Kafka Cluster."),
    Metric("kafka_broker_info", "Information about the Kafka Broker.", ("id", "address"), is_kept=False),
    Metric("kafka_topic_partitions", "Number of partitions for this Topic", ("topic",)),
    Metric("kafka_topic_partition_current_offset", "Current Offset of a Broker at Topic/Partition", TOPIC_PARTITION),
    Metric("kafka_topic_partition_oldest_offset", "Oldest Offset of a Broker at Topic/Partition", TOPIC_PARTITION),
    Metric("kafka_topic_partition_leader", "Leader Broker ID of this Topic/Partition", TOPIC_PARTITION),
    Metric("kafka_topic_partition_replicas", "Number of Replicas for this Topic/Partition", TOPIC_PARTITION),
    Metric(
        "kafka_topic_partition_in_sync_replica", "Number of In-Sync Replicas for this Topic/Partition", TOPIC_PARTITION
    ),
    Metric(
        "kafka_topic_partition_leader_is_preferred",
        "1 if Topic/Partition is using the Preferred Broker",
        TOPIC_PARTITION, is_kept=False),
    Metric(
        "kafka_topic_partition_under_replicated_partition",
        "1 if Topic/Partition is under Replicated",
        TOPIC_PARTITION,
    ),
    Metric("kafka_consumergroup_members", "Amount of members in a consumer group", ("consumergroup",)),
    Metric(
        "kafka_consumergroup_current_offset", "Current Offset of a ConsumerGroup at Topic/Partition", GROUP_PARTITION
    ),
    Metric(
        "kafka_consumergroup_current_offset_sum",
        "Current Offset of a ConsumerGroup at Topic for all partitions",
        GROUP_TOPIC, is_kept=False),
    Metric(
        "kafka_consumergroup_lag", "Current Approximate Lag of a ConsumerGroup at Topic/Partition", GROUP_PARTITION
    ),
    Metric(
        "kafka_consumergroup_lag_sum",
        "Current Approximate Lag of a ConsumerGroup at Topic for all partitions",
        GROUP_TOPIC, is_kept=False),
    Metric(
        "stoker_consumergroup_lag_seconds",
        "How long ago the next record to read arrived, from samples of the end offset",
        GROUP_PARTITION, is_kept=False),
    Metric(
        "stoker_consumergroup_max_lag_seconds",
        "The same of the partition that is furthest behind",
        ("consumergroup",),
    ),
    Metric(
        "stoker_consumergroup_status",
        "By Burrow's rules and numbers: 1 OK, 2 WARN, 3 ERROR (a partition stops, stalls or rewinds)",
        ("consumergroup",),
    ),
    Metric(
        "stoker_consumergroup_partition_status",
        "By Burrow's rules and numbers, of partitions that are not OK: 2 WARN, 4 STOP, 5 STALL, 6 REWIND",
        GROUP_PARTITION,
    ),
    Metric(
        "stoker_consumergroup_drain_seconds",
        "Until the lag is gone at the rates of the last minute; +Inf never",
        ("consumergroup",),
    ),
    Metric(
        "stoker_consumergroup_lost_records",
        "Offsets between the committed one and the log's start: deleted before they were read, at most",
        GROUP_PARTITION,
    ),
    Metric("stoker_consumergroup_info", "State, type and coordinator of a group", ("consumergroup", "state", "type", "broker"), is_kept=False),
    Metric("stoker_topic_partition_leader_epoch", "How often leadership changed", TOPIC_PARTITION),
    Metric("stoker_topic_partition_size_bytes", "Size of a replica", ("topic", "partition", "broker")),
    Metric("stoker_broker_leaders", "Partitions the broker leads", ("broker",)),
    Metric("stoker_broker_replicas", "Partitions assigned to the broker", ("broker",)),
    Metric("stoker_broker_out_of_sync_replicas", "Of those, where it is not in the ISR", ("broker",)),
    Metric("stoker_broker_size_bytes", "Size of all replicas on the broker", ("broker",)),
    Metric("stoker_log_dir_total_bytes", "Size of the volume of a log directory", ("broker", "path")),
    Metric("stoker_log_dir_usable_bytes", "What is free on it", ("broker", "path")),
    Metric("stoker_cluster_unavailable_partitions", "Partitions without leader"),
    Metric("stoker_cluster_under_replicated_partitions", "Partitions with replicas outside of the ISR"),
    Metric("stoker_isr_shrinks_total", "Replicas were seen to fall out of the ISR, since sampling began", (), Kind.COUNTER),
    Metric("stoker_isr_expands_total", "Replicas were seen to come back into the ISR, since sampling began", (), Kind.COUNTER),
    Metric("stoker_requests_total", "Requests an embedded broker answered, by kind as in Kafka's RequestMetrics", BROKER_REQUEST, Kind.COUNTER),
    Metric("stoker_request_bytes_total", "Bytes of those requests", BROKER_REQUEST, Kind.COUNTER),
    Metric("stoker_response_bytes_total", "Bytes of their answers", BROKER_REQUEST, Kind.COUNTER),
    Metric("stoker_request_seconds_total", "Time from the request to its answer, all of them together", BROKER_REQUEST, Kind.COUNTER),
    Metric("stoker_quorum_leader", "Node ID of the active controller; -1 none"),
    Metric("stoker_quorum_epoch", "Leader epoch of the metadata quorum"),
    Metric("stoker_quorum_high_watermark", "Committed end of the metadata log"),
    Metric("stoker_quorum_replica_lag", "Records a node of the quorum is behind its leader", ("broker", "role")),
    Metric("stoker_process_cpu_seconds_total", "Processor time of a local node's process", ("node",), Kind.COUNTER),
    Metric("stoker_process_resident_memory_bytes", "Memory of a local node's process", ("node",)),
    Metric("stoker_process_threads", "Threads of a local node's process", ("node",)),
    Metric("stoker_process_open_fds", "Open files and sockets of a local node's process", ("node",)),
    Metric("stoker_process_read_bytes_total", "Read from disk by a local node's process", ("node",), Kind.COUNTER),
    Metric("stoker_process_written_bytes_total", "Written to disk by a local node's process", ("node",), Kind.COUNTER),
    Metric("stoker_machine_cpus", "Processors of this machine"),
    Metric("stoker_machine_cpu_busy_seconds_total", "Time all processors were busy", (), Kind.COUNTER),
    Metric("stoker_machine_memory_total_bytes", "Memory of this machine"),
    Metric("stoker_machine_memory_available_bytes", "Memory that can be had without swapping"),
    Metric("stoker_machine_disk_read_bytes_total", "Read from all disks", (), Kind.COUNTER),
    Metric("stoker_machine_disk_written_bytes_total", "Written to all disks", (), Kind.COUNTER),
    Metric("stoker_machine_network_received_bytes_total", "Received on all interfaces", (), Kind.COUNTER),
    Metric("stoker_machine_network_sent_bytes_total", "Sent on all interfaces", (), Kind.COUNTER),
    Metric("stoker_cluster_up", "1 while the newest pass over the cluster succeeded; 0: nothing else is told of it", is_kept=False),
    Metric("stoker_snapshot_timestamp_seconds", "When these figures were taken", is_kept=False),
    Metric("stoker_snapshot_missing_parts", "Parts of the cluster that did not answer"),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""By name, in the order in which they are shown."""
