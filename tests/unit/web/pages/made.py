"""Snapshots made by hand, for the pages' models."""

from console.history.snapshot import GroupProgress, Snapshot
from console.lag.tracker import LagTracker
from console.services.log_dirs import LogDir
from console.services.quorum import Quorum, QuorumReplica, QuorumRole
from engine.net.cluster_view import BrokerView, PartitionView
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition

AT_MS = 1_800_000_000_000


def partition(number, leader=1, replicas=(1, 2, 3), isr=None, offline=()):
    return PartitionView(number, leader, 4, replicas, replicas if isr is None else isr, offline, ErrorCode.NONE)


def snapshot(
    topics=None,
    *,
    brokers=(1, 2, 3),
    offsets=None,
    sizes=None,
    groups=(),
    quorum=None,
    log_dirs=(),
    missing=(),
    requests=None,
):
    """`topics`: name to partitions. Offsets, unless given, are 0 to 100; sizes 1000 bytes on each replica."""
    partitions = {TopicPartition(name, each.partition): each for name, held in (topics or {}).items() for each in held}
    return Snapshot(
        AT_MS,
        "the-cluster",
        {node: BrokerView(node, "127.0.0.1", 9091 + node) for node in brokers},
        partitions,
        dict.fromkeys(partitions, (0, 100)) if offsets is None else offsets,
        {key: dict.fromkeys(each.replicas, 1000) for key, each in partitions.items()} if sizes is None else sizes,
        log_dirs,
        {each.group_id: each for each in groups},
        quorum,
        None,
        missing,
        requests,
    )


def group(name, committed, *, members=0, assigned=(), state="Empty"):
    return GroupProgress(name, "classic", state, 1, members, committed, frozenset(assigned))


def tracker(of):
    """The tracker after one look at that snapshot."""
    made = LagTracker()
    ends = {key: end for key, (_, end) in of.offsets.items()}
    made.observe(of.at_ms, ends, {each.group_id: (each.committed, each.assigned) for each in of.groups.values()})
    return made


def a_quorum():
    def replica(node, role, end, fetched):
        return QuorumReplica(node, None, role, end, 50 - end, fetched, fetched, ())

    return Quorum(
        1,
        7,
        50,
        (
            replica(1, QuorumRole.LEADER, 50, AT_MS),
            replica(2, QuorumRole.VOTER, 50, AT_MS - 300),
            replica(4, QuorumRole.OBSERVER, 40, None),
        ),
    )


def log_dir(node, *, free=40, error=None):
    return LogDir(node, "/var/kafka", 100, free, 3, 60, error)
