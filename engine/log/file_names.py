"""Names in a log directory (Kafka: LogFileUtils, LocalLog).

<topic>-<partition>/                     one partition
  <base offset, 20 digits>.log           record batches
  <base offset, 20 digits>.index         offset -> position
  <base offset, 20 digits>.timeindex     timestamp -> offset
  <base offset, 20 digits>.txnindex      aborted transactions
  <offset, 20 digits>.snapshot           producer state before that offset
  leader-epoch-checkpoint, partition.metadata
  *.deleted                              removed after file.delete.delay.ms, or at the next start
  *.cleaned, *.swap                      work of a compaction; see `opening`
<topic>-<partition>.<32 hex digits>-delete/   a deleted partition, on its way out
<topic>-<partition>.<32 hex digits>-stray/    a partition that the cluster does not know here
<topic>-<partition>.<32 hex digits>-future/   a replica moving between directories
"""

from engine.types import TopicPartition

LOG_SUFFIX = ".log"
INDEX_SUFFIX = ".index"
TIME_INDEX_SUFFIX = ".timeindex"
TXN_INDEX_SUFFIX = ".txnindex"
SNAPSHOT_SUFFIX = ".snapshot"
DELETED_SUFFIX = ".deleted"
CLEANED_SUFFIX = ".cleaned"
SWAP_SUFFIX = ".swap"
TEMPORARY_SUFFIX = ".tmp"
SEGMENT_SUFFIXES = (LOG_SUFFIX, INDEX_SUFFIX, TIME_INDEX_SUFFIX, TXN_INDEX_SUFFIX)

LEADER_EPOCH_CHECKPOINT = "leader-epoch-checkpoint"
PARTITION_METADATA = "partition.metadata"

DELETE_DIRECTORY_SUFFIX = "-delete"
STRAY_DIRECTORY_SUFFIX = "-stray"
FUTURE_DIRECTORY_SUFFIX = "-future"

_NAME_LENGTH_MAX = 255


def file_name(offset: int, suffix: str) -> str:
    """`00000000000000000042.log` for 42 and `.log`."""
    return f"{offset:020d}{suffix}"


def offset_of(name: str) -> int:
    """The offset in a file's name, -1 when the name does not begin with 20 digits and a dot."""
    digits = name[:20]
    if len(digits) == 20 and name[20:21] == "." and digits.isascii() and digits.isdigit():
        return int(digits)
    return -1


def parse_directory_name(name: str) -> TopicPartition | None:
    """The partition whose live directory has that name, None when it is no such name."""
    topic, dash, partition = name.rpartition("-")
    if not dash or not topic or not (partition.isascii() and partition.isdigit()):
        return None
    return TopicPartition(topic, int(partition))


def directory_name_with_suffix(topic_partition: TopicPartition, unique: bytes, suffix: str) -> str:
    """`<topic>-<partition>.<unique as hex><suffix>`, the topic cut so that the name keeps under 255 characters."""
    tail = f"-{topic_partition.partition}.{unique.hex()}{suffix}"
    return topic_partition.topic[: _NAME_LENGTH_MAX - len(tail)] + tail
