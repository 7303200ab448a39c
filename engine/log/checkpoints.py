"""Checkpoint files: a few numbers as text.

    leader-epoch-checkpoint (in a partition's directory)
    recovery-point-offset-checkpoint, log-start-offset-checkpoint, replication-offset-checkpoint,
    cleaner-offset-checkpoint (in a log directory)

      line 1   0                          version
      line 2   <n>                        how many entries follow
      n lines  <epoch> <start offset>     leader-epoch-checkpoint
               <topic> <partition> <offset>   the others

Each file is replaced as a whole: written aside, synced, renamed, directory synced (KAFKA-16541 is what happens else). A
file that cannot be read is worth nothing: recovery points and log start offsets then count as 0, which costs time but no
record (Kafka: CheckpointFile, OffsetCheckpointFile, LeaderEpochCheckpointFile).
"""

from collections.abc import Mapping, Sequence

from engine.runtime.disk import Disk, read_file, write_file_atomically
from engine.types import TopicPartition

RECOVERY_POINT_CHECKPOINT = "recovery-point-offset-checkpoint"
LOG_START_OFFSET_CHECKPOINT = "log-start-offset-checkpoint"
HIGH_WATERMARK_CHECKPOINT = "replication-offset-checkpoint"
CLEANER_CHECKPOINT = "cleaner-offset-checkpoint"
"""Which logs have been compacted, and up to where (see `cleaner`)."""

_VERSION = "0"


class CorruptCheckpoint(Exception):
    """A checkpoint file that does not follow its format; names the file and the line."""


def encode_checkpoint(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in (_VERSION, len(lines), *lines)).encode()


def decode_checkpoint(data: bytes, path: str) -> list[str]:
    """The entries' lines; none for an empty file, as Kafka creates them. Raises CorruptCheckpoint."""
    try:
        lines = data.decode().splitlines()
    except UnicodeDecodeError as error:
        raise CorruptCheckpoint(f"{path} is no text: {error}") from error
    if len(lines) < 2:
        return []
    if lines[0] != _VERSION:
        raise CorruptCheckpoint(f"{path} has version {lines[0]!r}, expected {_VERSION}")
    if not data.endswith(b"\n") or lines[1] != str(len(lines) - 2):
        raise CorruptCheckpoint(f"{path} announces {lines[1]!r} entries but has {len(lines) - 2}")
    return lines[2:]


def read_offset_checkpoint(disk: Disk, path: str) -> dict[TopicPartition, int]:
    """The offset of each partition; empty when there is no such file. Raises CorruptCheckpoint, StorageError."""
    if not disk.exists(path):
        return {}
    offsets: dict[TopicPartition, int] = {}
    for line in decode_checkpoint(read_file(disk, path), path):
        try:
            topic, partition, offset = line.split()
            offsets[TopicPartition(topic, int(partition))] = int(offset)
        except ValueError as error:
            raise CorruptCheckpoint(f"{path} has the line {line!r}") from error
    return offsets


async def write_offset_checkpoint(disk: Disk, path: str, offsets: Mapping[TopicPartition, int]) -> None:
    """Replace the file. Returns once it survives a power cut. Raises StorageError."""
    lines = [f"{topic} {partition} {offset}" for (topic, partition), offset in offsets.items()]
    await write_file_atomically(disk, path, encode_checkpoint(lines))
