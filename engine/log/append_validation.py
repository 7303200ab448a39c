"""What a leader checks of a batch before it takes it (Kafka: UnifiedLog.analyzeAndValidateRecords, LogValidator).

By default everything is decided from the header and the checksum. Records are decoded only when something depends on
them: keys in a compacted topic, message.timestamp.before.max.ms, or a codec the topic's compression.type asks for.
"""

import struct
from collections.abc import Callable
from typing import cast

import msgspec
from crc32c import crc32c

from engine.errors import KafkaError
from engine.log.batches import CRC_COVERS_FROM
from engine.log.log_config import COMPRESSION_CODECS, LONG_MAX, LogConfig
from engine.protocol.buffers import Buffer
from engine.protocol.errors import ErrorCode, ProtocolError
from engine.protocol.records.batch import (
    CODEC_MASK,
    CONTROL_MASK,
    HEADER_BYTES,
    LENGTH_OVERHEAD_BYTES,
    MAGIC,
    TIMESTAMP_TYPE_MASK,
    TimestampType,
    parse_batch_header,
    set_max_timestamp,
)
from engine.protocol.records.record import build_batch, decode_records
from engine.types import TopicPartition

BatchHeaderFields = tuple[int, int, int, int, int, int, int, int, int, int, int, int, int]
"""A batch's header as it comes out of its bytes: the fields of `BatchHeader` in their order."""

batch_header_fields = cast(Callable[[Buffer], BatchHeaderFields], struct.Struct(">qiibIhiqqqhii").unpack_from)
_UNUSUAL_ATTRIBUTES = CONTROL_MASK | TIMESTAMP_TYPE_MASK | 0x04
"""0x04: the codec is zstd (4), or one that does not exist."""
_MAGIC_POSITION = 16
_CODEC_MAX = 4
_NO_TIMESTAMP = -1


def needs_records(config: LogConfig) -> bool:
    """Whether a client's records have to be decoded to be accepted under this configuration."""
    return config.compact or config.message_timestamp_before_max_ms < LONG_MAX or config.compression_type != "producer"


def check_client_batch(
    data: Buffer, config: LogConfig, now_ms: int, topic_partition: TopicPartition
) -> BatchHeaderFields:
    """The fields of `BatchHeader` of the one batch a client sent, once it is found acceptable by itself.

    Raises KafkaError: INVALID_RECORD, CORRUPT_MESSAGE, MESSAGE_TOO_LARGE, INVALID_TIMESTAMP, RECORD_LIST_TOO_LARGE,
    UNSUPPORTED_COMPRESSION_TYPE.
    """
    size = len(data)
    if size < HEADER_BYTES:
        return _examine_client_batch(data, config, now_ms, topic_partition)
    fields = batch_header_fields(data)
    (
        base_offset, batch_length, _, magic, crc, attributes, last_offset_delta, _, max_timestamp, producer_id, _,
        base_sequence, records_count,
    ) = fields  # fmt: skip
    if (
        magic != MAGIC
        or batch_length != size - LENGTH_OVERHEAD_BYTES
        or base_offset
        or size > config.max_message_bytes
        or size > config.segment_bytes
        or records_count <= 0
        or last_offset_delta != records_count - 1
        or attributes & _UNUSUAL_ATTRIBUTES
        or (producer_id >= 0 and base_sequence < 0)
        or max_timestamp - now_ms > config.message_timestamp_after_max_ms
        or crc32c(memoryview(data)[CRC_COVERS_FROM:]) != crc
    ):
        return _examine_client_batch(data, config, now_ms, topic_partition)
    return fields


def _examine_client_batch(
    data: Buffer, config: LogConfig, now_ms: int, topic_partition: TopicPartition
) -> BatchHeaderFields:
    """The same, one by one: what is unusual about the batch may be allowed, and if not, this says what it is."""
    try:
        header = parse_batch_header(data)
    except ProtocolError as error:
        raise _no_batch(data, error, topic_partition) from error
    size = header.batch_length + LENGTH_OVERHEAD_BYTES
    if size != len(data):
        _check_only_batch(data, size, topic_partition)
    if header.base_offset != 0:
        raise _invalid(topic_partition, f"the base offset of a producer's batch should be 0, not {header.base_offset}")
    if size > config.max_message_bytes:
        raise too_large(topic_partition, size, config)
    if crc32c(memoryview(data)[CRC_COVERS_FROM:size]) != header.crc:
        raise KafkaError(ErrorCode.CORRUPT_MESSAGE, f"a batch for {topic_partition} has a wrong checksum")
    count = header.records_count
    if count <= 0 or header.last_offset_delta != count - 1:
        raise _invalid(
            topic_partition, f"a batch says it has {count} records and a last offset of {header.last_offset_delta}"
        )
    attributes = header.attributes
    if attributes & (CONTROL_MASK | TIMESTAMP_TYPE_MASK) or attributes & CODEC_MASK > _CODEC_MAX:
        _refuse_attributes(attributes, topic_partition)
    if header.producer_id >= 0 and header.base_sequence < 0:
        raise _invalid(topic_partition, f"producer {header.producer_id} sent a batch without a sequence")
    if (
        header.max_timestamp - now_ms > config.message_timestamp_after_max_ms
        and config.message_timestamp_type is TimestampType.CREATE_TIME
    ):
        raise _bad_timestamp(header.max_timestamp, now_ms, config, topic_partition)
    if size > config.segment_bytes:
        raise KafkaError(
            ErrorCode.RECORD_LIST_TOO_LARGE,
            f"a batch of {size} bytes for {topic_partition} exceeds segment.bytes={config.segment_bytes}",
        )
    return cast(BatchHeaderFields, msgspec.structs.astuple(header))


def check_records(data: Buffer, config: LogConfig, now_ms: int, topic_partition: TopicPartition) -> bytes | None:
    """Check what only the records can tell. Returns the batch with the topic's codec when it has another one.

    Raises KafkaError: CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE.
    """
    try:
        header = parse_batch_header(data)
        records = decode_records(data)
    except ProtocolError as error:
        raise KafkaError(ErrorCode.CORRUPT_MESSAGE, f"records for {topic_partition}: {error}") from error
    if any(record.offset != expected for expected, record in enumerate(records)):
        raise _invalid(topic_partition, "the offsets of the records are not 0, 1, 2, ...")
    if config.compact:
        for index, record in enumerate(records):
            if record.key is None:
                raise _invalid(topic_partition, f"record {index} has no key, which a compacted topic needs")
    if config.message_timestamp_type is TimestampType.CREATE_TIME:
        for record in records:
            age_ms = now_ms - record.timestamp
            if record.timestamp != _NO_TIMESTAMP and (
                age_ms > config.message_timestamp_before_max_ms or -age_ms > config.message_timestamp_after_max_ms
            ):
                raise _bad_timestamp(record.timestamp, now_ms, config, topic_partition)
    target = COMPRESSION_CODECS.get(config.compression_type)
    if target is None or target == header.compression:
        return None
    rebuilt = build_batch(
        records,
        compression=target,
        producer_id=header.producer_id,
        producer_epoch=header.producer_epoch,
        base_sequence=header.base_sequence,
        is_transactional=header.is_transactional,
    )
    if len(rebuilt) > config.max_message_bytes:
        raise too_large(topic_partition, len(rebuilt), config)
    return rebuilt


def with_append_time(data: Buffer, now_ms: int) -> bytearray:
    """A copy of the batch whose records all have the time `now_ms` (message.timestamp.type=LogAppendTime)."""
    copy = bytearray(data)
    set_max_timestamp(copy, 0, TimestampType.LOG_APPEND_TIME, now_ms)
    return copy


def too_large(topic_partition: TopicPartition, size: int, config: LogConfig) -> KafkaError:
    return KafkaError(
        ErrorCode.MESSAGE_TOO_LARGE,
        f"a batch of {size} bytes for {topic_partition} exceeds max.message.bytes={config.max_message_bytes}",
    )


def _invalid(topic_partition: TopicPartition, reason: str) -> KafkaError:
    return KafkaError(ErrorCode.INVALID_RECORD, f"{topic_partition}: {reason}")


def _no_batch(data: Buffer, error: ProtocolError, topic_partition: TopicPartition) -> KafkaError:
    if len(data) < HEADER_BYTES:
        return _invalid(topic_partition, f"{len(data)} bytes are no record batch")
    if data[_MAGIC_POSITION] < MAGIC:
        return _invalid(topic_partition, f"message format v{data[_MAGIC_POSITION]} is no longer accepted")
    return KafkaError(ErrorCode.CORRUPT_MESSAGE, f"a batch for {topic_partition}: {error.reason}")


def _check_only_batch(data: Buffer, size: int, topic_partition: TopicPartition) -> None:
    if size > len(data):
        raise _invalid(topic_partition, f"a batch of {size} bytes was cut off after {len(data)}")
    # A rest that is no whole batch is left out, as Kafka does.
    rest = memoryview(data)[size:]
    if len(rest) > LENGTH_OVERHEAD_BYTES:
        rest_size = int.from_bytes(rest[8:12], signed=True) + LENGTH_OVERHEAD_BYTES
        if rest_size <= len(rest):
            raise _invalid(topic_partition, "a producer sends exactly one record batch per partition")


def _refuse_attributes(attributes: int, topic_partition: TopicPartition) -> None:
    if attributes & CONTROL_MASK:
        raise _invalid(topic_partition, "clients are not allowed to write control records")
    if attributes & TIMESTAMP_TYPE_MASK:
        raise KafkaError(
            ErrorCode.INVALID_TIMESTAMP, f"{topic_partition}: a producer may not set the timestamp type LogAppendTime"
        )
    raise KafkaError(
        ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
        f"{topic_partition}: there is no compression codec {attributes & CODEC_MASK}",
    )


def _bad_timestamp(timestamp_ms: int, now_ms: int, config: LogConfig, topic_partition: TopicPartition) -> KafkaError:
    earliest = now_ms - config.message_timestamp_before_max_ms
    latest = now_ms + config.message_timestamp_after_max_ms
    return KafkaError(
        ErrorCode.INVALID_TIMESTAMP,
        f"{topic_partition}: timestamp {timestamp_ms} is outside of [{max(earliest, 0)}, {latest}] "
        "(message.timestamp.before.max.ms, message.timestamp.after.max.ms)",
    )
