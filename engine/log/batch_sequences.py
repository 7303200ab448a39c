"""What is checked of several batches at once: those of coordinators, of the quorum's leader, and of a partition's leader.

Each function gives the position and header of every batch, with the offsets they will be written with.
"""

from crc32c import crc32c

from engine.errors import KafkaError
from engine.log.append_validation import too_large
from engine.log.batches import CRC_COVERS_FROM
from engine.log.log_config import LogConfig
from engine.log.producer_snapshots import read_marker
from engine.log.producer_state import ProducerStateManager
from engine.log.values import UnexpectedAppendOffset
from engine.protocol.buffers import Buffer
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.records.batch import BatchHeader, TimestampType, iterate_batches, set_max_timestamp, stamp
from engine.types import TopicPartition

FoundBatches = list[tuple[int, BatchHeader]]


def stamp_coordinator_batches(
    data: bytearray,
    config: LogConfig,
    producers: ProducerStateManager,
    topic_partition: TopicPartition,
    *,
    next_offset: int,
    leader_epoch: int,
    append_time_ms: int,
) -> FoundBatches:
    """Check batches of a coordinator and give them offsets from `next_offset` on, the epoch and, unless -1, the time.

    Raises KafkaError: CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_RECORD, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE,
    TRANSACTION_COORDINATOR_FENCED.
    """
    for position, header in _parse(data, topic_partition):
        _check_size(header, config, topic_partition)
        _check_checksum(data, position, header, topic_partition)
        if header.producer_id >= 0:
            _check_coordinator_batch(data, position, header, producers, topic_partition)
        stamp(data, position, next_offset, leader_epoch)
        if append_time_ms >= 0:
            set_max_timestamp(data, position, TimestampType.LOG_APPEND_TIME, append_time_ms)
        next_offset += header.last_offset_delta + 1
    return _parse(data, topic_partition)


def _check_coordinator_batch(
    data: Buffer,
    position: int,
    header: BatchHeader,
    producers: ProducerStateManager,
    topic_partition: TopicPartition,
) -> None:
    producer_id, producer_epoch = header.producer_id, header.producer_epoch
    if not header.is_control:
        producers.check_sequence(
            producer_id, producer_epoch, header.base_sequence, header.last_sequence, check_order=False
        )
        producers.check_transaction_state(producer_id, header.is_transactional)
        return
    try:
        marker = read_marker(memoryview(data)[position : position + header.size_bytes], header)
    except ProtocolError as error:
        raise KafkaError(ErrorCode.INVALID_RECORD, f"{topic_partition}: {error}") from error
    if marker is not None:
        producers.check_marker(producer_id, producer_epoch, marker.coordinator_epoch)


def check_raft_batches(
    data: Buffer, config: LogConfig, topic_partition: TopicPartition, *, next_offset: int, leader_epoch: int
) -> FoundBatches:
    """Check batches that the quorum's leader has given their offsets and its epoch.

    Raises KafkaError: CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_RECORD for other offsets or another epoch than are due.
    """
    found = _parse(data, topic_partition)
    for position, header in found:
        _check_size(header, config, topic_partition)
        _check_checksum(data, position, header, topic_partition)
        if header.partition_leader_epoch != leader_epoch or header.base_offset != next_offset:
            raise KafkaError(
                ErrorCode.INVALID_RECORD,
                f"{topic_partition}: a batch of offset {header.base_offset} and epoch {header.partition_leader_epoch} "
                f"where {next_offset} and {leader_epoch} are due",
            )
        next_offset = header.next_offset
    return found


def whole_batches(data: Buffer, topic_partition: TopicPartition, *, leader_epoch_max: int | None) -> FoundBatches:
    """The batches a leader sent, without an incomplete one at the end, and up to the first of a later epoch.

    Raises KafkaError CORRUPT_MESSAGE.
    """
    found = _parse(data, topic_partition, allow_partial_tail=True)
    if leader_epoch_max is not None:
        for index, (_, header) in enumerate(found):
            if header.partition_leader_epoch > leader_epoch_max:
                return found[:index]
    return found


def check_ascending(data: Buffer, found: FoundBatches, topic_partition: TopicPartition, *, next_offset: int) -> None:
    """Raise KafkaError CORRUPT_MESSAGE for a wrong checksum, UnexpectedAppendOffset for an offset that runs back."""
    for position, header in found:
        _check_checksum(data, position, header, topic_partition)
        if header.base_offset < next_offset:
            raise UnexpectedAppendOffset(
                f"{topic_partition}: offset {header.base_offset} comes after {next_offset - 1}",
                header.base_offset,
                header.last_offset,
            )
        next_offset = header.next_offset


def _parse(data: Buffer, topic_partition: TopicPartition, *, allow_partial_tail: bool = False) -> FoundBatches:
    try:
        return list(iterate_batches(data, allow_partial_tail=allow_partial_tail))
    except ProtocolError as error:
        raise KafkaError(ErrorCode.CORRUPT_MESSAGE, f"{topic_partition}: {error}") from error


def _check_size(header: BatchHeader, config: LogConfig, topic_partition: TopicPartition) -> None:
    if header.size_bytes > config.max_message_bytes:
        raise too_large(topic_partition, header.size_bytes, config)


def _check_checksum(data: Buffer, position: int, header: BatchHeader, topic_partition: TopicPartition) -> None:
    if crc32c(memoryview(data)[position + CRC_COVERS_FROM : position + header.size_bytes]) != header.crc:
        raise KafkaError(
            ErrorCode.CORRUPT_MESSAGE,
            f"the batch at offset {header.base_offset} for {topic_partition} has a wrong checksum",
        )
