"""What goes wrong on the wire: `ProtocolError` by blame, and Kafka's error codes.

    Exception
      ProtocolError              bytes or values that are not valid Kafka; `kind` says whose fault it is
        UnsupportedVersionError  a message in a version that does not exist

An `ErrorCode` is a value inside a response, never raised. `ProtocolError` of kind REMOTE means that the peer sent
something broken: its connection is closed. Of kind LOCAL: our own caller asked for something that cannot be written.
"""

from enum import Enum, IntEnum


class Blame(Enum):
    """Who caused a `ProtocolError`."""

    LOCAL = "local"
    """Our side tried to write a value that the message or its version cannot carry."""
    REMOTE = "remote"
    """The bytes we were given are not what they claim to be."""


class ProtocolError(Exception):
    """Bytes or values that are not valid Kafka.

    `message_name`, `version`, `field_path` ("topics[3].partitions[0].index") and `byte_position` (from the start of the
    buffer decoded) say where; each is None where it does not apply.
    """

    def __init__(
        self,
        kind: Blame,
        reason: str,
        *,
        message_name: str | None = None,
        version: int | None = None,
        field_path: str | None = None,
        byte_position: int | None = None,
    ) -> None:
        self.kind = kind
        self.reason = reason
        self.message_name = message_name
        self.version = version
        self.field_path = field_path
        self.byte_position = byte_position
        where = ""
        if message_name is not None:
            where = message_name if version is None else f"{message_name} v{version}"
        if field_path:
            where = f"{where} {field_path}".strip()
        if byte_position is not None:
            where = f"{where} at byte {byte_position}".strip()
        super().__init__(f"{where}: {reason}" if where else reason)


class UnsupportedVersionError(ProtocolError):
    """A message in a version that does not exist."""


class ErrorCode(IntEnum):
    """Kafka's error codes, as of Apache Kafka 4.3 (Kafka: org.apache.kafka.common.protocol.Errors)."""

    retriable: bool
    """The same request may succeed later, perhaps after a metadata refresh (Kafka: RetriableException)."""
    text: str
    """What it means, for humans."""

    def __new__(cls, code: int, retriable: bool, text: str) -> "ErrorCode":
        member = int.__new__(cls, code)
        member._value_ = code
        member.retriable = retriable
        member.text = text
        return member

    @classmethod
    def of(cls, code: int) -> "ErrorCode":
        """The error of `code`; UNKNOWN_SERVER_ERROR for a code that is not known (Kafka: Errors.forCode)."""
        return _BY_CODE.get(code, cls.UNKNOWN_SERVER_ERROR)

    UNKNOWN_SERVER_ERROR = -1, False, "the server failed in a way it has no code for"
    NONE = 0, False, "no error"
    OFFSET_OUT_OF_RANGE = 1, False, "the offset is outside the log: before its start or beyond its end"
    CORRUPT_MESSAGE = (
        2,
        True,
        "a batch is damaged: wrong checksum, bad size, or a record without key for a compacted topic",
    )
    UNKNOWN_TOPIC_OR_PARTITION = 3, True, "this broker has no such topic or partition"
    INVALID_FETCH_SIZE = 4, False, "the fetch size is not valid"
    LEADER_NOT_AVAILABLE = 5, True, "the partition has no leader at the moment"
    NOT_LEADER_OR_FOLLOWER = 6, True, "this broker is not the leader, or holds no replica of the partition at all"
    REQUEST_TIMED_OUT = 7, True, "the request ran out of time"
    BROKER_NOT_AVAILABLE = 8, False, "the broker is not available"
    REPLICA_NOT_AVAILABLE = 9, True, "the replica is not available"
    MESSAGE_TOO_LARGE = 10, False, "a batch is larger than max.message.bytes"
    STALE_CONTROLLER_EPOCH = 11, False, "the controller has moved on"
    OFFSET_METADATA_TOO_LARGE = 12, False, "the text kept with an offset is larger than offset.metadata.max.bytes"
    NETWORK_EXCEPTION = 13, True, "the connection ended before the answer came"
    COORDINATOR_LOAD_IN_PROGRESS = 14, True, "the coordinator is still reading its log"
    COORDINATOR_NOT_AVAILABLE = 15, True, "there is no coordinator yet"
    NOT_COORDINATOR = 16, True, "another broker is the coordinator"
    INVALID_TOPIC_EXCEPTION = 17, False, "the topic name is not allowed, or the topic may not be used this way"
    RECORD_LIST_TOO_LARGE = 18, False, "a batch is larger than segment.bytes"
    NOT_ENOUGH_REPLICAS = 19, True, "fewer replicas are in sync than min.insync.replicas asks for; nothing was written"
    NOT_ENOUGH_REPLICAS_AFTER_APPEND = (
        20,
        True,
        "written, but fewer replicas are in sync than min.insync.replicas asks for",
    )
    INVALID_REQUIRED_ACKS = 21, False, "acks must be 0, 1 or -1"
    ILLEGAL_GENERATION = 22, False, "the generation of the group is another one"
    INCONSISTENT_GROUP_PROTOCOL = 23, False, "the member shares no protocol with the group, or offered none"
    INVALID_GROUP_ID = 24, False, "the group id is not valid"
    UNKNOWN_MEMBER_ID = 25, False, "the coordinator does not know this member"
    INVALID_SESSION_TIMEOUT = (
        26,
        False,
        "the session timeout is outside group.min.session.timeout.ms and group.max.session.timeout.ms",
    )
    REBALANCE_IN_PROGRESS = 27, False, "the group is rebalancing: join again"
    INVALID_COMMIT_OFFSET_SIZE = 28, False, "the offsets to commit are too large for a batch"
    TOPIC_AUTHORIZATION_FAILED = 29, False, "not allowed on this topic"
    GROUP_AUTHORIZATION_FAILED = 30, False, "not allowed on this group"
    CLUSTER_AUTHORIZATION_FAILED = 31, False, "not allowed on the cluster"
    INVALID_TIMESTAMP = 32, False, "the timestamp of a record is out of range"
    UNSUPPORTED_SASL_MECHANISM = 33, False, "the server does not offer this SASL mechanism"
    ILLEGAL_SASL_STATE = 34, False, "the request is not allowed at this point of SASL authentication"
    UNSUPPORTED_VERSION = 35, False, "this version of the API is not supported"
    TOPIC_ALREADY_EXISTS = 36, False, "a topic of this name exists"
    INVALID_PARTITIONS = 37, False, "the partition count is not valid"
    INVALID_REPLICATION_FACTOR = 38, False, "the replication factor is below 1 or above the number of brokers"
    INVALID_REPLICA_ASSIGNMENT = 39, False, "the replica assignment is not valid"
    INVALID_CONFIG = 40, False, "the configuration is not valid"
    NOT_CONTROLLER = 41, True, "another node is the active controller"
    INVALID_REQUEST = 42, False, "the request contradicts itself or the protocol"
    UNSUPPORTED_FOR_MESSAGE_FORMAT = 43, False, "the message format of the log cannot do this"
    POLICY_VIOLATION = 44, False, "a policy of the cluster forbids it"
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45, False, "a sequence number is missing before this batch"
    DUPLICATE_SEQUENCE_NUMBER = 46, False, "the batch was already written, too long ago to repeat its offset"
    INVALID_PRODUCER_EPOCH = 47, False, "the producer epoch is an old one"
    INVALID_TXN_STATE = 48, False, "the transaction is not in a state that allows this"
    INVALID_PRODUCER_ID_MAPPING = 49, False, "the transactional id belongs to another producer id"
    INVALID_TRANSACTION_TIMEOUT = 50, False, "the transaction timeout is above transaction.max.timeout.ms"
    CONCURRENT_TRANSACTIONS = 51, True, "an earlier change of this transaction is still under way"
    TRANSACTION_COORDINATOR_FENCED = 52, False, "a newer transaction coordinator has taken over"
    TRANSACTIONAL_ID_AUTHORIZATION_FAILED = 53, False, "not allowed on this transactional id"
    SECURITY_DISABLED = 54, False, "security features are off"
    OPERATION_NOT_ATTEMPTED = 55, False, "an earlier part of the request failed, so this part was not tried"
    KAFKA_STORAGE_ERROR = 56, True, "the disk under the log failed"
    LOG_DIR_NOT_FOUND = 57, False, "the broker has no such log directory"
    SASL_AUTHENTICATION_FAILED = 58, False, "SASL authentication failed"
    UNKNOWN_PRODUCER_ID = 59, False, "nothing is known of this producer id, its records may have been deleted"
    REASSIGNMENT_IN_PROGRESS = 60, False, "the partition is being reassigned"
    DELEGATION_TOKEN_AUTH_DISABLED = 61, False, "delegation tokens are off"
    DELEGATION_TOKEN_NOT_FOUND = 62, False, "there is no such delegation token"
    DELEGATION_TOKEN_OWNER_MISMATCH = 63, False, "the principal neither owns nor may renew the token"
    DELEGATION_TOKEN_REQUEST_NOT_ALLOWED = 64, False, "delegation tokens may not be asked for over this connection"
    DELEGATION_TOKEN_AUTHORIZATION_FAILED = 65, False, "not allowed on this delegation token"
    DELEGATION_TOKEN_EXPIRED = 66, False, "the delegation token has expired"
    INVALID_PRINCIPAL_TYPE = 67, False, "the type of principal is not supported"
    NON_EMPTY_GROUP = 68, False, "the group still has members"
    GROUP_ID_NOT_FOUND = 69, False, "there is no such group"
    FETCH_SESSION_ID_NOT_FOUND = 70, True, "there is no such fetch session"
    INVALID_FETCH_SESSION_EPOCH = 71, True, "the epoch of the fetch session is not the expected one"
    LISTENER_NOT_FOUND = 72, True, "the leader has no listener of the name this request came in by"
    TOPIC_DELETION_DISABLED = 73, False, "topics may not be deleted here"
    FENCED_LEADER_EPOCH = 74, True, "the leader epoch in the request is older than the broker's"
    UNKNOWN_LEADER_EPOCH = 75, True, "the leader epoch in the request is newer than the broker's"
    UNSUPPORTED_COMPRESSION_TYPE = 76, False, "the client cannot read the compression of this partition"
    STALE_BROKER_EPOCH = 77, False, "the broker has registered again since"
    OFFSET_NOT_AVAILABLE = 78, True, "a new leader does not know its high watermark yet"
    MEMBER_ID_REQUIRED = 79, False, "join again with the member id given here"
    PREFERRED_LEADER_NOT_AVAILABLE = 80, True, "the preferred leader is not available"
    GROUP_MAX_SIZE_REACHED = 81, False, "the group is full"
    FENCED_INSTANCE_ID = 82, False, "another member has taken this group.instance.id"
    ELIGIBLE_LEADERS_NOT_AVAILABLE = 83, True, "no replica that may lead is available"
    ELECTION_NOT_NEEDED = 84, True, "the partition already has the leader it should have"
    NO_REASSIGNMENT_IN_PROGRESS = 85, False, "the partition is not being reassigned"
    GROUP_SUBSCRIBED_TO_TOPIC = 86, False, "the group still subscribes to the topic"
    INVALID_RECORD = 87, False, "a record does not pass the broker's checks"
    UNSTABLE_OFFSET_COMMIT = 88, True, "an offset is part of an open transaction"
    THROTTLING_QUOTA_EXCEEDED = 89, True, "a quota is used up"
    PRODUCER_FENCED = 90, False, "a newer producer uses this transactional id"
    RESOURCE_NOT_FOUND = 91, False, "the request names something that does not exist"
    DUPLICATE_RESOURCE = 92, False, "the request names the same thing twice"
    UNACCEPTABLE_CREDENTIAL = 93, False, "the credential does not meet the rules"
    INCONSISTENT_VOTER_SET = 94, False, "sender or receiver is not one of the expected voters"
    INVALID_UPDATE_VERSION = 95, False, "the update names a version that is not valid"
    FEATURE_UPDATE_FAILED = 96, False, "the finalized features could not be changed"
    PRINCIPAL_DESERIALIZATION_FAILURE = 97, False, "the forwarded principal could not be read"
    SNAPSHOT_NOT_FOUND = 98, False, "there is no such snapshot"
    POSITION_OUT_OF_RANGE = 99, False, "the position is outside the snapshot"
    UNKNOWN_TOPIC_ID = 100, True, "this broker has no topic of this id"
    DUPLICATE_BROKER_REGISTRATION = 101, False, "another live broker has this id"
    BROKER_ID_NOT_REGISTERED = 102, False, "no broker of this id is registered"
    INCONSISTENT_TOPIC_ID = 103, True, "the topic id differs from the one of the log"
    INCONSISTENT_CLUSTER_ID = 104, False, "the cluster id is another one"
    TRANSACTIONAL_ID_NOT_FOUND = 105, False, "there is no such transactional id"
    FETCH_SESSION_TOPIC_ID_ERROR = 106, True, "the fetch session mixes topic ids and names"
    INELIGIBLE_REPLICA = 107, False, "the new ISR holds a replica that may not join"
    NEW_LEADER_ELECTED = 108, False, "the partition was changed, and another leader elected"
    OFFSET_MOVED_TO_TIERED_STORAGE = 109, False, "the offset is in tiered storage only"
    FENCED_MEMBER_EPOCH = 110, False, "the member is fenced: give up every partition and join again"
    UNRELEASED_INSTANCE_ID = 111, False, "another member still holds this group.instance.id"
    UNSUPPORTED_ASSIGNOR = 112, False, "the group does not support this assignor"
    STALE_MEMBER_EPOCH = 113, False, "the member epoch is out of date: heartbeat, then retry"
    MISMATCHED_ENDPOINT_TYPE = 114, False, "the request came to the wrong kind of endpoint"
    UNSUPPORTED_ENDPOINT_TYPE = 115, False, "this kind of endpoint is not supported"
    UNKNOWN_CONTROLLER_ID = 116, False, "no controller of this id is known"
    UNKNOWN_SUBSCRIPTION_ID = 117, False, "the telemetry subscription is unknown or out of date"
    TELEMETRY_TOO_LARGE = 118, False, "the telemetry is larger than the broker takes"
    INVALID_REGISTRATION = 119, False, "the controller refuses the registration"
    TRANSACTION_ABORTABLE = 120, False, "the transaction failed and can be aborted; the transactional id stays usable"
    INVALID_RECORD_STATE = 121, False, "the record is not in a state that can be acknowledged"
    SHARE_SESSION_NOT_FOUND = 122, True, "there is no such share session"
    INVALID_SHARE_SESSION_EPOCH = 123, True, "the epoch of the share session is not the expected one"
    FENCED_STATE_EPOCH = 124, False, "the state epoch of the share partition is another one"
    INVALID_VOTER_KEY = 125, False, "the voter key is not the one of the receiving replica"
    DUPLICATE_VOTER = 126, False, "the node is a voter already"
    VOTER_NOT_FOUND = 127, False, "the node is not a voter"
    INVALID_REGULAR_EXPRESSION = 128, False, "the regular expression is not valid"
    REBOOTSTRAP_REQUIRED = 129, False, "the client's metadata is too old: start again from the bootstrap servers"
    STREAMS_INVALID_TOPOLOGY = 130, False, "the topology is not valid"
    STREAMS_INVALID_TOPOLOGY_EPOCH = 131, False, "the topology epoch is not valid"
    STREAMS_TOPOLOGY_FENCED = 132, False, "the topology epoch is out of date"
    SHARE_SESSION_LIMIT_REACHED = 133, True, "there are too many share sessions"


_BY_CODE: dict[int, ErrorCode] = {int(member): member for member in ErrorCode}
