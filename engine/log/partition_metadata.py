"""Which topic a partition's directory belongs to: `partition.metadata`.

    text, two lines, the second without newline
      version: 0
      topic_id: <uuid, 22 characters of URL-safe base64>

Written before the first record, so that a directory is never taken for a topic of the same name that was created later
(KIP-516). It appears under its name as a whole, by a rename; the sync follows within a second, and before that of any
segment. (Kafka's PartitionMetadataFile syncs before the rename, in the scheduler or in the first append; an append here
does not wait for a disk.) Until then a power cut may leave an empty file or zeros, which count as missing, and so does
whatever else is there while nothing of the log was synced (a write that went astray). Anything else is damage, and the
partition stays offline.
"""

from engine.protocol.uuids import ZERO_UUID, uuid_from_text, uuid_to_text
from engine.runtime.disk import StorageError


class DamagedPartition(StorageError):
    """A partition that cannot be opened, because nobody can tell which topic it belongs to; its disk is well."""


class CorruptPartitionMetadata(Exception):
    """A partition.metadata that does not follow its format."""


def encode_partition_metadata(topic_id: bytes) -> bytes:
    return f"version: 0\ntopic_id: {uuid_to_text(topic_id)}".encode()


def decode_partition_metadata(data: bytes) -> bytes:
    """The topic id; ZERO_UUID for an empty file. Raises CorruptPartitionMetadata."""
    if not data.strip(b"\0"):
        return ZERO_UUID
    try:
        fields = dict(line.split(": ", 1) for line in data.decode().splitlines() if line.strip())
        if int(fields["version"]) < 0:
            raise ValueError(f"version {fields['version']}")
        topic_id = uuid_from_text(fields["topic_id"].strip())
    except (ValueError, KeyError) as error:
        raise CorruptPartitionMetadata(f"{data[:100]!r}: {error}") from error
    if topic_id == ZERO_UUID:
        raise CorruptPartitionMetadata("the topic id is zero")
    return topic_id
