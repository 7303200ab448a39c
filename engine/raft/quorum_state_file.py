"""`quorum-state`: what a replica remembers of elections, as one line of JSON (Kafka: FileQuorumStateStore).

    {"clusterId":"","leaderId":1,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,"currentVoters":[{"voterId":1}],"data_version":0}
    {"leaderId":-1,"leaderEpoch":2,"votedId":1,"votedDirectoryId":"J8aAPcfLQt2bqs1JT_rMgQ","data_version":1}

Version 0 is what Kafka writes while kraft.version is 0 (static voters): the vote is by node id alone. Version 1 belongs
to kraft.version 1 (KIP-853). We write version 0, and read both. The file is replaced atomically and synced; one that is
damaged stops the node, because a replica that forgot its vote may vote twice.
"""

import json
from typing import Any

from engine.protocol.uuids import ZERO_UUID, uuid_from_text, uuid_to_text
from engine.raft.types import NO_LEADER, ElectionState, ReplicaKey

FILE_NAME = "quorum-state"
DATA_VERSION_STATIC = 0
DATA_VERSION_DYNAMIC = 1


class CorruptQuorumState(Exception):
    """The file exists and cannot be understood; the message says why."""


def encode_quorum_state(
    state: ElectionState, voter_ids: tuple[int, ...], data_version: int = DATA_VERSION_STATIC
) -> bytes:
    """The content of the file. Raises ValueError for an unknown version."""
    voted_id = -1 if state.voted is None else state.voted.id
    fields: dict[str, Any]
    if data_version == DATA_VERSION_STATIC:
        fields = {
            "clusterId": "",
            "leaderId": state.leader_id,
            "leaderEpoch": state.epoch,
            "votedId": voted_id,
            "appliedOffset": 0,
            "currentVoters": [{"voterId": voter_id} for voter_id in voter_ids],
            "data_version": data_version,
        }
    elif data_version == DATA_VERSION_DYNAMIC:
        directory_id = ZERO_UUID if state.voted is None else state.voted.directory_id
        fields = {
            "leaderId": state.leader_id,
            "leaderEpoch": state.epoch,
            "votedId": voted_id,
            "votedDirectoryId": uuid_to_text(directory_id),
            "data_version": data_version,
        }
    else:
        raise ValueError(f"quorum-state has versions 0 and 1, not {data_version}")
    return json.dumps(fields, separators=(",", ":")).encode()


def decode_quorum_state(data: bytes) -> ElectionState:
    """The election state in the file's first line. Raises CorruptQuorumState."""
    try:
        fields = json.loads(data.decode().split("\n", 1)[0])
        version = fields["data_version"]
        if version not in (DATA_VERSION_STATIC, DATA_VERSION_DYNAMIC):
            raise CorruptQuorumState(f"data_version {version} is neither 0 nor 1")
        epoch, leader_id, voted_id = (int(fields[name]) for name in ("leaderEpoch", "leaderId", "votedId"))
        directory_id = ZERO_UUID
        if version == DATA_VERSION_DYNAMIC:
            directory_id = uuid_from_text(fields["votedDirectoryId"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptQuorumState(f"{type(error).__name__}: {error}") from error
    if epoch < 0:
        raise CorruptQuorumState(f"epoch {epoch}")
    voted = ReplicaKey(voted_id, directory_id) if voted_id >= 0 else None
    return ElectionState(epoch, leader_id if leader_id >= 0 else NO_LEADER, voted)
