"""Leader and ISR changes of many partitions at once: a broker goes, comes, or is out of balance.

Kafka: ReplicationControlManager.generateLeaderAndIsrUpdates, electLeaders, maybeBalancePartitionLeaders,
maybeElectUncleanLeaders. Partitions are found by walking the image, topics in order of creation: some 2 ms for 10,000
partitions, and only when a broker changes state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from engine.errors import KafkaError
from engine.metadata.apply import merge_partition
from engine.metadata.decision import NO_ERROR, ApiError, Decision, check_record_count
from engine.metadata.features import elr_enabled
from engine.metadata.image import NO_LEADER, MetadataImage, PartitionImage, TopicImage
from engine.metadata.partition_change import Election, PartitionChange
from engine.metadata.settings import ControllerSettings
from engine.protocol.errors import ErrorCode
from engine.protocol.message import Message
from engine.protocol.messages import ElectLeadersRequest, ElectLeadersResponse

PREFERRED_ELECTION = 0
UNCLEAN_ELECTION = 1
"""ElectionType of ElectLeaders (KIP-460)."""

PartitionPlace = tuple[TopicImage, int, PartitionImage]


def partitions(image: MetadataImage) -> Iterator[PartitionPlace]:
    """Every partition, topics in order of creation."""
    for topic in image.topics_by_id.values():
        for index, partition in topic.partitions.items():
            yield topic, index, partition


def with_broker_in_isr(image: MetadataImage, broker_id: int) -> Iterator[PartitionPlace]:
    return (place for place in partitions(image) if broker_id in place[2].isr)


def with_broker_in_elr(image: MetadataImage, broker_id: int) -> Iterator[PartitionPlace]:
    return (place for place in partitions(image) if broker_id in place[2].elr)


def without_leader(image: MetadataImage) -> Iterator[PartitionPlace]:
    return (place for place in partitions(image) if place[2].leader == NO_LEADER)


def leads_any(image: MetadataImage, broker_id: int) -> bool:
    """Whether the broker leads a partition (Kafka: BrokersToIsrs.hasLeaderships)."""
    return any(partition.leader == broker_id for _, _, partition in partitions(image))


def leader_acceptor(
    image: MetadataImage, partition: PartitionImage, is_alive: Callable[[int], bool]
) -> Callable[[int], bool]:
    """A broker may lead when it is alive and the directory of its replica is online (Kafka: LeaderAcceptor)."""

    def is_acceptable(broker_id: int) -> bool:
        if broker_id < 0 or not is_alive(broker_id):
            return False
        broker = image.brokers.get(broker_id)
        return broker is not None and broker.has_online_directory(partition.directory(broker_id))

    return is_acceptable


class ChangeFactory:
    """Makes `PartitionChange`s over one image, with the topic's configs looked up once per topic."""

    def __init__(self, image: MetadataImage, settings: ControllerSettings) -> None:
        self.image = image
        self._settings = settings
        self._elr_enabled = elr_enabled(image)
        self._configs: dict[bytes, tuple[int, bool]] = {}

    def change(
        self,
        place: PartitionPlace,
        *,
        is_alive: Callable[[int], bool] | None = None,
        election: Election | None = None,
    ) -> PartitionChange:
        """A change of that partition; without `election` it is UNCLEAN where the topic allows it, else ONLINE."""
        topic, index, partition = place
        configs = self._configs.get(topic.id)
        if configs is None:
            configs = self._configs[topic.id] = (
                self._settings.min_insync_replicas(self.image, topic),
                self._settings.unclean_election_enabled(self.image, topic.name),
            )
        min_insync_replicas, unclean = configs
        return PartitionChange(
            partition,
            topic.id,
            index,
            leader_acceptor(self.image, partition, is_alive or self.image.is_active_broker),
            min_insync_replicas,
            elr_enabled=self._elr_enabled,
            election=election or (Election.UNCLEAN if unclean else Election.ONLINE),
            default_directory=self.image.default_directory,
        )

    def unclean_election_enabled(self, topic: TopicImage) -> bool:
        return self._settings.unclean_election_enabled(self.image, topic.name)


def leader_and_isr_updates(
    image: MetadataImage,
    settings: ControllerSettings,
    places: Iterable[PartitionPlace],
    *,
    removed: int = NO_LEADER,
    added: int = NO_LEADER,
    unclean_shutdown: int = NO_LEADER,
) -> list[Message]:
    """What becomes of `places` when the broker `removed` goes, `added` comes, or one comes back from an unclean
    shutdown. `added` counts as alive although the image still shows it fenced, the other two as dead."""
    factory = ChangeFactory(image, settings)

    def is_alive(broker_id: int) -> bool:
        return broker_id not in (removed, unclean_shutdown) and (
            broker_id == added or image.is_active_broker(broker_id)
        )

    records: list[Message] = []
    for place in places:
        change = factory.change(place, is_alive=is_alive)
        if unclean_shutdown != NO_LEADER:
            change.unclean_shutdown_replicas = (unclean_shutdown,)
        change.target_isr = tuple(r for r in place[2].isr if r not in (removed, unclean_shutdown))
        record = change.build()
        if record is not None:
            records.append(record)
    return records


def elect_leaders(
    image: MetadataImage, settings: ControllerSettings, request: ElectLeadersRequest
) -> Decision[ElectLeadersResponse]:
    """ElectLeaders: preferred or unclean, for the named partitions or for all (KIP-183, KIP-460).

    With all, partitions that need no election are left out of the answer. INVALID_REQUEST for an unknown type.
    """
    if request.election_type not in (PREFERRED_ELECTION, UNCLEAN_ELECTION):
        raise KafkaError(ErrorCode.INVALID_REQUEST, f"Unknown election type {request.election_type}")
    factory = ChangeFactory(image, settings)
    records: list[Message] = []
    results: list[ElectLeadersResponse.ReplicaElectionResult] = []

    def elect(name: str, indexes: Iterable[int], *, skip_not_needed: bool) -> None:
        result = ElectLeadersResponse.ReplicaElectionResult(topic=name)
        for index in indexes:
            error = _elect_leader(factory, name, index, request.election_type, records)
            if skip_not_needed and error.code == ErrorCode.ELECTION_NOT_NEEDED:
                continue
            result.partition_result.append(
                ElectLeadersResponse.PartitionResult(
                    partition_id=index, error_code=error.code, error_message=error.message
                )
            )
        results.append(result)

    if request.topic_partitions is None:
        for topic in image.topics_by_id.values():
            elect(topic.name, topic.partitions, skip_not_needed=True)
    else:
        for wanted in request.topic_partitions:
            elect(wanted.topic, wanted.partitions, skip_not_needed=False)
    check_record_count(records)
    return Decision(records, ElectLeadersResponse(replica_election_results=results))


def _elect_leader(
    factory: ChangeFactory, name: str, index: int, election_type: int, records: list[Message]
) -> ApiError:
    topic = factory.image.topic(name)
    if topic is None:
        return ApiError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"No such topic as {name}")
    partition = topic.partitions.get(index)
    if partition is None:
        return ApiError(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, f"No such partition as {name}-{index}")
    unclean = election_type == UNCLEAN_ELECTION
    if partition.leader != NO_LEADER if unclean else partition.leader == partition.preferred_leader:
        return ApiError(ErrorCode.ELECTION_NOT_NEEDED, ErrorCode.ELECTION_NOT_NEEDED.text)
    election = Election.UNCLEAN if unclean else Election.PREFERRED
    record = factory.change((topic, index, partition), election=election).build()
    if record is None:
        code = ErrorCode.ELIGIBLE_LEADERS_NOT_AVAILABLE if unclean else ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE
        return ApiError(code, code.text)
    records.append(record)
    return NO_ERROR


def has_imbalance(image: MetadataImage) -> bool:
    """Whether some partition is led by another than its preferred replica."""
    return any(partition.leader != partition.preferred_leader for _, _, partition in partitions(image))


def balance_leaders(image: MetadataImage, settings: ControllerSettings) -> Decision[bool]:
    """Give leadership back to preferred replicas that are in sync (Kafka: maybeBalancePartitionLeaders).

    At most `elections_per_imbalance_max` elections; the response says whether there may be more to do.
    """
    factory = ChangeFactory(image, settings)
    records: list[Message] = []
    for place in partitions(image):
        if len(records) >= settings.elections_per_imbalance_max:
            break
        if place[2].leader != place[2].preferred_leader:
            record = factory.change(place, election=Election.PREFERRED).build()
            if record is not None:
                records.append(record)
    return Decision(records, len(records) >= settings.elections_per_imbalance_max)


def elect_unclean_leaders(image: MetadataImage, settings: ControllerSettings) -> Decision[bool]:
    """Elect for partitions without a leader where unclean.leader.election.enable allows it; response as above.

    Needed because the config can be changed while a partition is already leaderless (Kafka: maybeElectUncleanLeaders).
    """
    factory = ChangeFactory(image, settings)
    records: list[Message] = []
    for place in without_leader(image):
        if len(records) >= settings.elections_per_imbalance_max:
            break
        if factory.unclean_election_enabled(place[0]):
            record = factory.change(place, election=Election.UNCLEAN).build()
            if record is not None and merge_partition(place[2], record).leader != NO_LEADER:
                records.append(record)
    return Decision(records, len(records) >= settings.elections_per_imbalance_max)
