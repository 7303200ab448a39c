"""What `/v3` answers."""

from __future__ import annotations

from typing import Annotated, Generic, TypeVar

import msgspec

T = TypeVar("T")


class Shape(msgspec.Struct, kw_only=True):
    """Part of an answer."""


class Metadata(Shape, kw_only=True):
    """What a resource is called."""

    self_: str = msgspec.field(name="self")
    resource_name: str | None = None


class ListMetadata(Shape, kw_only=True):
    """Of a list; `next` is null: all of it is there."""

    self_: str = msgspec.field(name="self")
    next: str | None = None


class Related(Shape, kw_only=True):
    """Where something else is."""

    related: str


class Resource(Shape, kw_only=True):
    """What all resources have."""

    kind: str
    metadata: Metadata
    cluster_id: str


class Listing(Shape, Generic[T], kw_only=True):
    """A list of resources."""

    kind: str
    metadata: ListMetadata
    data: list[T]


class ClusterData(Resource, kw_only=True):
    """A cluster. `controller` is null while nobody knows it."""

    controller: Related | None
    acls: Related
    brokers: Related
    broker_configs: Related
    consumer_groups: Related
    topics: Related
    partition_reassignments: Related


class BrokerData(Resource, kw_only=True):
    """A broker; `host` and `port` are where clients find it."""

    broker_id: int
    host: str | None
    port: int | None
    rack: str | None
    configs: Related
    partition_replicas: Related


class ConfigSynonym(Shape, kw_only=True):
    """Where a value comes from."""

    name: str
    value: str | None
    source: str


class ConfigData(Resource, kw_only=True):
    """One property of a topic, a broker or all brokers: which of `topic_name`, `broker_id`, `config_type` is there says."""

    name: str
    value: str | None
    is_default: bool
    is_read_only: bool
    is_sensitive: bool
    source: str
    synonyms: list[ConfigSynonym]
    topic_name: str | msgspec.UnsetType = msgspec.UNSET
    broker_id: int | msgspec.UnsetType = msgspec.UNSET
    config_type: str | msgspec.UnsetType = msgspec.UNSET


class TopicFailure(Shape, kw_only=True):
    """A topic whose properties were not changed."""

    topic_name: str
    error_code: int
    message: str


class TopicFailures(Shape, kw_only=True):
    """Topics whose properties were not changed; those of the others were."""

    failures: list[TopicFailure]


class TopicData(Resource, kw_only=True):
    """A topic."""

    topic_name: str
    is_internal: bool
    replication_factor: int
    partitions_count: int
    partitions: Related
    configs: Related
    partition_reassignments: Related
    authorized_operations: list[str] | msgspec.UnsetType = msgspec.UNSET
    """What we may do, where that was asked for."""


class PartitionData(Resource, kw_only=True):
    """A partition. `leader` is null while it has none."""

    topic_name: str
    partition_id: int
    leader: Related | None
    replicas: Related
    reassignment: Related


class PartitionOffsetData(Resource, kw_only=True):
    """Where a partition begins and ends (exclusive)."""

    topic_name: str
    partition_id: int
    earliest_offset: int
    latest_offset: int


class ReplicaData(Resource, kw_only=True):
    """A replica of a partition on a broker."""

    topic_name: str
    partition_id: int
    broker_id: int
    is_leader: bool
    is_in_sync: bool
    broker: Related


class ReassignmentData(Resource, kw_only=True):
    """A partition whose replicas are being moved."""

    topic_name: str
    partition_id: int
    adding_replicas: list[int]
    removing_replicas: list[int]
    replicas: Related


class ConsumerGroupData(Resource, kw_only=True):
    """A consumer group. `is_simple`: it only commits, and has no members ever. `is_mixed_consumer_group`: some members
    of a group of KIP-848 speak the classic protocol, or it is not known of them."""

    consumer_group_id: str
    is_simple: bool
    partition_assignor: str
    state: str
    type: str
    is_mixed_consumer_group: bool
    coordinator: Related
    consumers: Related
    lag_summary: Related


class ConsumerData(Resource, kw_only=True):
    """A member of a group."""

    consumer_group_id: str
    consumer_id: str
    instance_id: str | None
    client_id: str
    assignments: Related


class AssignmentData(Resource, kw_only=True):
    """A partition that a member reads."""

    consumer_group_id: str
    consumer_id: str
    topic_name: str
    partition_id: int
    partition: Related
    lag: Related


class LagSummaryData(Resource, kw_only=True):
    """How far a group is behind."""

    consumer_group_id: str
    max_lag_consumer_id: str
    max_lag_instance_id: str | None
    max_lag_client_id: str
    max_lag_topic_name: str
    max_lag_partition_id: int
    max_lag: int
    total_lag: int
    max_lag_consumer: Related
    max_lag_partition: Related


class LagData(Resource, kw_only=True):
    """How far a group is behind on a partition; the consumer is "" where nobody reads it."""

    consumer_group_id: str
    topic_name: str
    partition_id: int
    consumer_id: str
    instance_id: str | None
    client_id: str
    current_offset: int
    log_end_offset: int
    lag: int


class AclData(Resource, kw_only=True):
    """An ACL; its address is the search that finds it."""

    resource_type: str
    resource_name: str
    pattern_type: str
    principal: str
    host: str
    operation: str
    permission: str


class WrittenPart(Shape, kw_only=True):
    """How large a key or value became, in bytes."""

    size: int
    type: str | None


class ProducedData(Shape, kw_only=True):
    """What became of a record: `error_code` is 200 when it was written, and then all but `message` is there. `offset` is
    -1 where the broker did not say."""

    error_code: int
    message: str | msgspec.UnsetType = msgspec.UNSET
    cluster_id: str | msgspec.UnsetType = msgspec.UNSET
    topic_name: str | msgspec.UnsetType = msgspec.UNSET
    partition_id: int | msgspec.UnsetType = msgspec.UNSET
    offset: int | msgspec.UnsetType = msgspec.UNSET
    timestamp: str | msgspec.UnsetType | None = msgspec.UNSET
    key: WrittenPart | msgspec.UnsetType | None = msgspec.UNSET
    value: WrittenPart | msgspec.UnsetType | None = msgspec.UNSET


class BatchSuccess(Shape, kw_only=True):
    """An entry that was written."""

    id: str
    cluster_id: str
    topic_name: str
    partition_id: int
    offset: int
    timestamp: str | None
    key: WrittenPart | None
    value: WrittenPart | None


class BatchFailure(Shape, kw_only=True):
    """An entry that was not."""

    id: str
    error_code: int
    message: str


class BatchProduced(Shape, kw_only=True):
    """What became of the entries of a batch."""

    successes: list[BatchSuccess]
    failures: list[BatchFailure]


NewValue = Annotated[str, msgspec.Meta(max_length=65_536)]
