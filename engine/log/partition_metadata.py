"""Which topic a partition's directory belongs to: `partition.metadata`.

    text, two lines, the second without newline
      version: 0
      topic_id: <uuid, 22 characters of URL-safe base64>

Written before the first record, so that a directory is never taken for a topic of the same name that was created later
(KIP-516). An empty file is what a power cut leaves of one never synced: it counts as missing (Kafka: PartitionMetadataFile).
"""

from engine.protocol.uuids import ZERO_UUID, uuid_from_text, uuid_to_text


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
