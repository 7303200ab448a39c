"""Topics: which there are and how they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from console.errors import OperatorError, operator_errors
from console.services.partial import Missing
from console.services.partitions import PartitionDescription, describe_view, raise_topic_error
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode
from engine.protocol.uuids import ZERO_UUID, uuid_to_text

if TYPE_CHECKING:
    from console.services.configs import ConfigDescription, ConfigEntry


class TopicSummary(msgspec.Struct, frozen=True):
    """One topic in a list. What nobody answered, or nobody asked for, is None."""

    name: str
    topic_id: str | None
    """22 characters; None with brokers before Kafka 2.8."""
    is_internal: bool
    partition_count: int
    replication_factor: int
    """Of the first partition; they are equal unless a reassignment made them differ."""
    under_replicated_partitions: int
    """With replicas outside of the ISR."""
    unavailable_partitions: int
    """Without leader."""
    under_min_isr_partitions: int | None
    """With fewer replicas in the ISR than min.insync.replicas: producers with acks=all are refused."""
    records_at_most: int | None
    """Exact unless the topic is compacted, transactional or has deleted records."""
    size_bytes: int | None
    """Of the leaders' replicas."""
    overrides: dict[str, str | None] | None
    """Configuration set on the topic itself."""
    error: str | None
    """Why the cluster does not tell more."""


class TopicListing(msgspec.Struct, frozen=True):
    """Topics by name, and what is missing."""

    topics: tuple[TopicSummary, ...]
    missing: tuple[Missing, ...]
    hidden_internal: int
    """Internal topics that were left out."""


class TopicDescription(msgspec.Struct, frozen=True):
    """One topic with its partitions and configuration."""

    summary: TopicSummary
    partitions: tuple[PartitionDescription, ...]
    configs: tuple[ConfigEntry, ...]
    missing: tuple[Missing, ...]


def is_internal(name: str, flag: bool) -> bool:
    """Brokers flag their own topics; what is named like one (`__share_group_state`) belongs with them."""
    return flag or name.startswith("__")


async def list_topic_names(client: ClusterClient, *, include_internal: bool = False) -> list[str]:
    """Only the names: one question to one broker."""
    with operator_errors("topics"):
        view = await client.metadata(None)
    return [name for name, topic in view.topics.items() if include_internal or not is_internal(name, topic.is_internal)]


async def list_topics(
    client: ClusterClient,
    *,
    names: Collection[str] | None = None,
    include_internal: bool = False,
    with_offsets: bool = True,
    with_sizes: bool = True,
    with_configs: bool = False,
) -> TopicListing:
    """All topics, or `names`. With `with_configs` also what is overridden and which partitions are under min ISR."""
    with operator_errors("topics"):
        view = await client.metadata(names)
        wanted = list(view.topics) if names is None else list(dict.fromkeys(names))
        for name in names or ():
            raise_topic_error(view, name)
        hidden = 0
        if names is None and not include_internal:
            visible = [name for name in wanted if not is_internal(name, view.topics[name].is_internal)]
            hidden = len(wanted) - len(visible)
            wanted = visible
        described = await describe_view(client, view, wanted, with_offsets=with_offsets, with_sizes=with_sizes)
        configs = await _configs(client, wanted) if with_configs else {}
    by_topic: dict[str, list[PartitionDescription]] = {name: [] for name in wanted}
    for partition in described.partitions:
        by_topic[partition.topic].append(partition)
    summaries = []
    missing = list(described.missing)
    for name in wanted:
        topic = view.topics[name]
        config = configs.get(name)
        if isinstance(config, ErrorCode):
            missing.append(Missing(f"configuration of topic {name}", f"{config.name}: {config.text}"))
            config = None
        error = None if topic.error_code == ErrorCode.NONE else f"{topic.error_code.name}: {topic.error_code.text}"
        summaries.append(
            summarize(name, topic.topic_id, is_internal(name, topic.is_internal), by_topic[name], config, error)
        )
    return TopicListing(tuple(summaries), tuple(missing), hidden)


async def _configs(client: ClusterClient, names: Sequence[str]) -> dict[str, ConfigDescription | ErrorCode]:
    from console.services.configs import Resource, ResourceType, describe_configs

    # DescribeConfigs of ten thousand topics in one answer is tens of megabytes: ask in portions.
    found: dict[str, ConfigDescription | ErrorCode] = {}
    for start in range(0, len(names), 500):
        resources = [Resource(ResourceType.TOPIC, name) for name in names[start : start + 500]]
        for resource, config in (await describe_configs(client, resources)).items():
            found[resource.name] = config
    return found


def summarize(
    name: str,
    topic_id: bytes,
    internal: bool,
    partitions: Sequence[PartitionDescription],
    config: ConfigDescription | None,
    error: str | None,
) -> TopicSummary:
    """The line of a topic in a list."""
    under_min_isr = None
    if config is not None and (text := config.value("min.insync.replicas")) is not None:
        # A partition with fewer replicas than min.insync.replicas is held to its replicas (Kafka: Partition.effectiveMinIsr).
        under_min_isr = sum(len(each.isr) < min(int(text), len(each.replicas)) for each in partitions)
    return TopicSummary(
        name,
        None if topic_id == ZERO_UUID else uuid_to_text(topic_id),
        internal,
        len(partitions),
        len(partitions[0].replicas) if partitions else 0,
        sum(each.is_under_replicated for each in partitions),
        sum(each.is_unavailable for each in partitions),
        under_min_isr,
        _sum(each.records_at_most for each in partitions),
        _sum(each.size_bytes for each in partitions),
        None if config is None else config.overrides(),
        error,
    )


def _sum(values: Iterable[int | None]) -> int | None:
    """The sum, None when a part of it is not known."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


async def describe_topic(client: ClusterClient, name: str) -> TopicDescription:
    """One topic in full. Raises OperatorError when it does not exist."""
    with operator_errors(f"topic {name}"):
        view = await client.metadata([name])
        raise_topic_error(view, name)
        topic = view.topics[name]
        described = await describe_view(client, view, [name], with_offsets=True, with_sizes=True)
        missing = list(described.missing)
        found = (await _configs(client, [name])).get(name, ErrorCode.RESOURCE_NOT_FOUND)
    config = None
    if isinstance(found, ErrorCode):
        missing.append(Missing("configuration", f"{found.name}: {found.text}"))
    else:
        config = found
    internal = is_internal(name, topic.is_internal)
    summary = summarize(name, topic.topic_id, internal, described.partitions, config, None)
    return TopicDescription(summary, described.partitions, () if config is None else config.entries, tuple(missing))


async def existing_topic(client: ClusterClient, name: str) -> TopicSummary:
    """The topic from the metadata alone. Raises OperatorError when it does not exist."""
    listing = await list_topics(client, names=[name], with_offsets=False, with_sizes=False)
    if listing.topics[0].error is not None:
        raise OperatorError(f"topic {name}", listing.topics[0].error)
    return listing.topics[0]
