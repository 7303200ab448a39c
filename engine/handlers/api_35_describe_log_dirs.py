"""DescribeLogDirs (key 35), v1-5.

The log directories of this broker with the size and offset lag of each replica in them. `topics` null: all replicas;
asked for by name, only those that are here are answered.
- v3: top-level error code   v4: total and usable bytes of the file system (KIP-827)   v5: cordoned (KIP-1066; never here)
- A directory that is offline answers KAFKA_STORAGE_ERROR and no replicas.
Kafka: KafkaApis.handleDescribeLogDirsRequest, ReplicaManager.describeLogDirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.handlers.registry import handles
from engine.net.context import RequestContext
from engine.protocol.api import ApiKey
from engine.protocol.errors import ErrorCode
from engine.protocol.messages import DescribeLogDirsRequest, DescribeLogDirsResponse
from engine.runtime.disk import StorageError

if TYPE_CHECKING:
    from engine.broker.broker import Broker

UNKNOWN_BYTES = -1


@handles(ApiKey.DESCRIBE_LOG_DIRS, versions=(1, 5))
def handle(broker: Broker, context: RequestContext, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse:
    wanted: set[tuple[str, int]] | None = None
    if request.topics is not None:
        wanted = {(topic.topic, index) for topic in request.topics for index in topic.partitions}
    logs, disk = broker.logs, broker.runtime.disk
    response = DescribeLogDirsResponse()
    by_directory: dict[str, dict[str, list[Any]]] = {path: {} for path in logs.online_directories}
    for topic_partition, log in logs.logs.items():
        if wanted is not None and topic_partition not in wanted:
            continue
        topics = by_directory.get(logs.directory_of(topic_partition))
        if topics is None:
            continue
        partition = broker.replicas.partitions.get(topic_partition)
        leads = partition is not None and partition.leader is not None
        topics.setdefault(topic_partition.topic, []).append(
            DescribeLogDirsResponse.DescribeLogDirsPartition(
                partition_index=topic_partition.partition,
                partition_size=log.size,
                # Of a follower, how far it is behind what it knows to be committed (Kafka: getLogEndOffsetLag).
                offset_lag=0 if leads else max(log.high_watermark - log.log_end_offset, 0),
            )
        )
    for path, topics in by_directory.items():
        try:
            total, usable = disk.total_bytes(path), disk.free_bytes(path)
        except StorageError:
            total = usable = UNKNOWN_BYTES
        response.results.append(
            DescribeLogDirsResponse.DescribeLogDirsResult(
                log_dir=path,
                topics=[
                    DescribeLogDirsResponse.DescribeLogDirsTopic(name=name, partitions=rows)
                    for name, rows in topics.items()
                ],
                total_bytes=total,
                usable_bytes=usable,
            )
        )
    for path in logs.offline_directories:
        response.results.append(
            DescribeLogDirsResponse.DescribeLogDirsResult(
                error_code=int(ErrorCode.KAFKA_STORAGE_ERROR),
                log_dir=path,
                total_bytes=UNKNOWN_BYTES,
                usable_bytes=UNKNOWN_BYTES,
            )
        )
    return response
