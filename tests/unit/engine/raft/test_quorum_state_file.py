"""`quorum-state`, byte for byte (Kafka: FileQuorumStateStore)."""

import pytest

from engine.protocol.uuids import uuid_from_text
from engine.raft.quorum_state_file import CorruptQuorumState, decode_quorum_state, encode_quorum_state
from engine.raft.types import ElectionState, ReplicaKey

VERSION_0 = (
    b'{"clusterId":"","leaderId":1,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,'
    b'"currentVoters":[{"voterId":1},{"voterId":2}],"data_version":0}'
)
VERSION_1 = b'{"leaderId":-1,"leaderEpoch":2,"votedId":1,"votedDirectoryId":"J8aAPcfLQt2bqs1JT_rMgQ","data_version":1}'
DIRECTORY_ID = uuid_from_text("J8aAPcfLQt2bqs1JT_rMgQ")


def test_version_0_is_written_as_kafka_writes_it() -> None:
    """The example in FileQuorumStateStore's documentation, with voters."""
    assert encode_quorum_state(ElectionState(2, 1), (1, 2)) == VERSION_0


def test_version_1_is_written_as_kafka_writes_it() -> None:
    """The example in FileQuorumStateStore's documentation."""
    assert encode_quorum_state(ElectionState(2, -1, ReplicaKey(1, DIRECTORY_ID)), (), 1) == VERSION_1


def test_both_versions_are_read() -> None:
    assert decode_quorum_state(VERSION_0) == ElectionState(2, 1)
    assert decode_quorum_state(VERSION_1 + b"\n") == ElectionState(2, -1, ReplicaKey(1, DIRECTORY_ID))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        VERSION_0.replace(b'"data_version":0', b'"data_version":2'),
        VERSION_0.replace(b',"data_version":0', b""),
        VERSION_0.replace(b'"leaderEpoch":2', b'"leaderEpoch":-2'),
        VERSION_1.replace(b"J8aA", b"J8"),
        b"\xff\xfe",
        *[VERSION_1[:size] for size in range(0, len(VERSION_1), 7)],
    ],
)
def test_what_is_damaged_is_refused(data: bytes) -> None:
    """Never read as "nobody voted"."""
    with pytest.raises(CorruptQuorumState):
        decode_quorum_state(data)
