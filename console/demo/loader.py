"""Creating the samples' topics and loading their records, as often as one likes.

Where a record goes follows from its key, and each partition gets its records in the sample's order. So what a partition
lacks is what lies beyond its end offset: a second load adds nothing, and one that was interrupted is completed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from console.demo.samples import Sample, SampleTopic, samples
from console.errors import OperatorError, operator_errors
from console.records.partitioner import partition_for_key
from console.records.producer import RecordProducer
from console.records.producing import NewRecord
from console.services.offsets import LATEST, list_offsets
from console.services.topic_changes import NewTopic, create_topic, until_led
from engine.net.cluster_client import ClusterClient
from engine.protocol.errors import ErrorCode
from engine.runtime import SystemClock
from engine.types import TopicPartition

Progress = Callable[[str, int, int], None]
"""Called with the sample's name, how many of its records were acknowledged by now, and how many are to be sent."""


@dataclass(frozen=True, slots=True)
class LoadedTopic:
    """What loading did to one topic."""

    sample: str
    topic: str
    created: bool
    loaded_records: int
    present_records: int
    """Of the sample, which were there before."""


async def load(
    client: ClusterClient,
    names: Collection[str] | None = None,
    progress: Progress | None = None,
    *,
    ending_at_ms: int | None = None,
) -> tuple[LoadedTopic, ...]:
    """Creates the topics of all samples, or of those in `names`, and sends what is not there yet.

    `ending_at_ms` moves the timestamps of each sample so that its newest record is of that time; None leaves them as
    they are in the files. Raises OperatorError: for a topic of the same name with other partitions before anything is
    sent to it, and for the first record that is not acknowledged.
    """
    outcome: list[LoadedTopic] = []
    for sample in samples(names):
        outcome += await _load_sample(client, sample, progress, ending_at_ms)
    return tuple(outcome)


async def _load_sample(
    client: ClusterClient, sample: Sample, progress: Progress | None, ending_at_ms: int | None
) -> list[LoadedTopic]:
    created = {topic.name: await _ensure_topic(client, topic) for topic in sample.topics}
    held = {topic.name: sample.records(topic.name) for topic in sample.topics}
    shift_ms = 0
    if ending_at_ms is not None:
        shift_ms = ending_at_ms - max(record.timestamp or 0 for records in held.values() for record in records)
    lacking = {
        topic.name: await _lacking(client, topic, [_moved(record, shift_ms) for record in held[topic.name]])
        for topic in sample.topics
    }
    total = sum(map(len, lacking.values()))
    async with RecordProducer(client, SystemClock()) as producer:
        statistics = producer.statistics
        for name, records in lacking.items():
            for record in records:
                await producer.send(name, record)
                if progress is not None and statistics.sent_records % 200 == 0:
                    progress(sample.name, statistics.acknowledged_records, total)
        await producer.flush()
    if statistics.first_error is not None:
        raise statistics.first_error
    if progress is not None:
        progress(sample.name, total, total)
    return [
        LoadedTopic(
            sample.name,
            topic.name,
            created[topic.name],
            len(lacking[topic.name]),
            len(held[topic.name]) - len(lacking[topic.name]),
        )
        for topic in sample.topics
    ]


async def _ensure_topic(client: ClusterClient, topic: SampleTopic) -> bool:
    """Creates it when it is not there; says whether it did. Raises OperatorError when it is there with other partitions."""
    with operator_errors(f"topic {topic.name}"):
        view = (await client.metadata([topic.name])).topics.get(topic.name)
    if view is not None and view.partitions:
        if len(view.partitions) != topic.partition_count:
            raise OperatorError(
                f"topic {topic.name} is there with {len(view.partitions)} partitions, the sample's has"
                f" {topic.partition_count}",
                hint="It is somebody else's: load the sample into another cluster, or delete the topic first.",
            )
        return False
    try:
        await create_topic(client, NewTopic(topic.name, topic.partition_count, configs=topic.configs))
    except OperatorError as error:
        if error.code != ErrorCode.TOPIC_ALREADY_EXISTS:
            raise
        # Somebody else loads it too, or brokers did not all know of it yet.
        with operator_errors(f"topic {topic.name}"):
            await until_led(client, topic.name)
        return False
    return True


async def end_offsets(client: ClusterClient, topic: SampleTopic) -> dict[int, int]:
    """Where the partitions of the topic end. Raises OperatorError when a partition does not say."""
    targets = {TopicPartition(topic.name, number): LATEST for number in range(topic.partition_count)}
    with operator_errors(f"topic {topic.name}"):
        found = await list_offsets(client, targets)
    for partition in targets:
        if (reason := found.why_not(partition)) is not None:
            raise OperatorError(f"partition {partition}: its end is not known", reason)
    return {partition.partition: at.offset for partition, at in found.values.items()}


async def _lacking(client: ClusterClient, topic: SampleTopic, records: list[NewRecord]) -> list[NewRecord]:
    """The records, each with its partition, that lie beyond what the partitions hold."""
    ends = await end_offsets(client, topic)
    lacking = []
    seen = dict.fromkeys(ends, 0)
    for record in records:
        # Samples have keys throughout (a test holds that).
        partition = partition_for_key(record.key or b"", topic.partition_count)
        if seen[partition] >= ends[partition]:
            lacking.append(record._replace(partition=partition))
        seen[partition] += 1
    return lacking


def _moved(record: NewRecord, shift_ms: int) -> NewRecord:
    return record._replace(timestamp=(record.timestamp or 0) + shift_ms)
