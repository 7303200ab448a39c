"""The API keys of Apache Kafka 4.3: names, versions, listeners, and the classes of their requests and responses."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

import msgspec

from engine.protocol import messages
from engine.protocol.errors import Blame, ProtocolError
from engine.protocol.index import API_ROWS
from engine.protocol.message import Message


class ApiKey(IntEnum):
    """The live API keys (Kafka: org.apache.kafka.common.protocol.ApiKeys). 4 to 7 went with ZooKeeper."""

    PRODUCE = 0
    FETCH = 1
    LIST_OFFSETS = 2
    METADATA = 3
    OFFSET_COMMIT = 8
    OFFSET_FETCH = 9
    FIND_COORDINATOR = 10
    JOIN_GROUP = 11
    HEARTBEAT = 12
    LEAVE_GROUP = 13
    SYNC_GROUP = 14
    DESCRIBE_GROUPS = 15
    LIST_GROUPS = 16
    SASL_HANDSHAKE = 17
    API_VERSIONS = 18
    CREATE_TOPICS = 19
    DELETE_TOPICS = 20
    DELETE_RECORDS = 21
    INIT_PRODUCER_ID = 22
    OFFSET_FOR_LEADER_EPOCH = 23
    ADD_PARTITIONS_TO_TXN = 24
    ADD_OFFSETS_TO_TXN = 25
    END_TXN = 26
    WRITE_TXN_MARKERS = 27
    TXN_OFFSET_COMMIT = 28
    DESCRIBE_ACLS = 29
    CREATE_ACLS = 30
    DELETE_ACLS = 31
    DESCRIBE_CONFIGS = 32
    ALTER_CONFIGS = 33
    ALTER_REPLICA_LOG_DIRS = 34
    DESCRIBE_LOG_DIRS = 35
    SASL_AUTHENTICATE = 36
    CREATE_PARTITIONS = 37
    CREATE_DELEGATION_TOKEN = 38
    RENEW_DELEGATION_TOKEN = 39
    EXPIRE_DELEGATION_TOKEN = 40
    DESCRIBE_DELEGATION_TOKEN = 41
    DELETE_GROUPS = 42
    ELECT_LEADERS = 43
    INCREMENTAL_ALTER_CONFIGS = 44
    ALTER_PARTITION_REASSIGNMENTS = 45
    LIST_PARTITION_REASSIGNMENTS = 46
    OFFSET_DELETE = 47
    DESCRIBE_CLIENT_QUOTAS = 48
    ALTER_CLIENT_QUOTAS = 49
    DESCRIBE_USER_SCRAM_CREDENTIALS = 50
    ALTER_USER_SCRAM_CREDENTIALS = 51
    VOTE = 52
    BEGIN_QUORUM_EPOCH = 53
    END_QUORUM_EPOCH = 54
    DESCRIBE_QUORUM = 55
    ALTER_PARTITION = 56
    UPDATE_FEATURES = 57
    ENVELOPE = 58
    FETCH_SNAPSHOT = 59
    DESCRIBE_CLUSTER = 60
    DESCRIBE_PRODUCERS = 61
    BROKER_REGISTRATION = 62
    BROKER_HEARTBEAT = 63
    UNREGISTER_BROKER = 64
    DESCRIBE_TRANSACTIONS = 65
    LIST_TRANSACTIONS = 66
    ALLOCATE_PRODUCER_IDS = 67
    CONSUMER_GROUP_HEARTBEAT = 68
    CONSUMER_GROUP_DESCRIBE = 69
    CONTROLLER_REGISTRATION = 70
    GET_TELEMETRY_SUBSCRIPTIONS = 71
    PUSH_TELEMETRY = 72
    ASSIGN_REPLICAS_TO_DIRS = 73
    LIST_CONFIG_RESOURCES = 74
    DESCRIBE_TOPIC_PARTITIONS = 75
    SHARE_GROUP_HEARTBEAT = 76
    SHARE_GROUP_DESCRIBE = 77
    SHARE_FETCH = 78
    SHARE_ACKNOWLEDGE = 79
    ADD_RAFT_VOTER = 80
    REMOVE_RAFT_VOTER = 81
    UPDATE_RAFT_VOTER = 82
    INITIALIZE_SHARE_GROUP_STATE = 83
    READ_SHARE_GROUP_STATE = 84
    WRITE_SHARE_GROUP_STATE = 85
    DELETE_SHARE_GROUP_STATE = 86
    READ_SHARE_GROUP_STATE_SUMMARY = 87
    STREAMS_GROUP_HEARTBEAT = 88
    STREAMS_GROUP_DESCRIBE = 89
    DESCRIBE_SHARE_GROUP_OFFSETS = 90
    ALTER_SHARE_GROUP_OFFSETS = 91
    DELETE_SHARE_GROUP_OFFSETS = 92


class ApiSpec(msgspec.Struct, frozen=True):
    """What there is to know of one API key without its messages."""

    key: ApiKey
    min_version: int
    """Lowest version that exists. (Brokers advertise 0 for Produce nevertheless, see KAFKA-18659.)"""
    max_version: int
    """Highest stable version: the one to advertise."""
    latest_unstable: bool
    """A version above `max_version` exists and is only for testing (Kafka: unstable.api.versions.enable)."""
    listeners: tuple[str, ...]
    """Who answers it: "broker", "controller"."""
    flexible_from: int | None
    """First version with compact lengths, tagged fields and the headers to match (KIP-482)."""
    request_name: str
    response_name: str

    @property
    def highest_version(self) -> int:
        """Highest version that exists, stable or not."""
        return self.max_version + self.latest_unstable

    def is_flexible(self, version: int) -> bool:
        return self.flexible_from is not None and version >= self.flexible_from


API_VERSIONS: Mapping[ApiKey, ApiSpec] = MappingProxyType(
    {key: ApiSpec(key, *row) for key, row in zip(map(ApiKey, API_ROWS), API_ROWS.values(), strict=True)}
)
"""Every live API key, in ascending order. Out of the index, so that nobody waits for a hundred files to be read."""


def request_class(api_key: int) -> type[Message]:
    """The class of the requests of `api_key`. Raises ProtocolError when there is no such key."""
    return _class(api_key, "request_name")


def response_class(api_key: int) -> type[Message]:
    """The class of the responses of `api_key`. Raises ProtocolError when there is no such key."""
    return _class(api_key, "response_name")


def _class(api_key: int, name_field: str) -> type[Message]:
    spec = API_VERSIONS.get(api_key)  # type: ignore[call-overload]
    if spec is None:
        raise ProtocolError(Blame.LOCAL, f"there is no API key {api_key}")
    found: type[Message] = getattr(messages, getattr(spec, name_field))
    return found
