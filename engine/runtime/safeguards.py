"""Safeguards against bugs of the past, each of which can be taken away in the laboratory, and only there.

The engine reads these names as plain module attributes (`safeguards.truncate_by_epoch`), so they cost a dictionary
look-up. They are all True; `without(name)` takes one away for the length of a `with` block: the engine then does what
Kafka, or a relative of Kafka, did before the bug was found. `SAFEGUARDS` says in words what each is for. Which bugs of
the past they answer, and which cannot happen here, is in `engine.sim.past`; `engine.sim.hunt` shows that the
laboratory's judges notice when one is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Replication
truncate_by_epoch = True
truncate_until_epochs_agree = True
diverging_epoch_comes_first = True
fetch_epoch_fencing = True
diverging_fetch_acknowledges_nothing = True
epoch_start_at_election = True
isr_join_at_leader_epoch_start = True
isr_needs_current_broker_epoch = True
pending_isr_counts = True
unclean_shutdown_leaves_elr = True
min_insync_replicas = True
high_watermark_respects_min_isr = True
consumers_stop_at_high_watermark = True
waiting_produces_end_with_leadership = True
# Quorum
check_quorum = True
committed_metadata_is_never_cut = True
voters_sync_before_acknowledging = True
# Files
recovery_after_unclean_shutdown = True
clean_shutdown_mark_goes_first = True
checkpoints_are_synced = True
failed_sync_is_final = True
logs_belong_to_topic_ids = True
cleaner_stops_at_high_watermark = True
cleaner_keeps_producers_last_batch = True
# Producers
sequence_deduplication = True
five_batches_are_remembered = True
new_epoch_begins_at_sequence_zero = True
older_producer_epoch_is_fenced = True
unknown_producer_may_begin_anywhere = True
truncation_rewinds_producers = True
# Groups
commit_generation_fencing = True
coordinator_answers_once_loaded = True
load_reads_large_batches = True
offsets_belong_to_topic_ids = True
offsets_of_living_groups_stay = True
offsets_stay_during_rebalance = True
pending_commits_do_not_expire = True
new_members_expire = True


@dataclass(frozen=True, slots=True)
class Safeguard:
    """What one of the names above is for."""

    name: str
    source: str
    """Where it is from: a KIP, a ticket, a report."""
    text: str
    """What the engine does. One sentence."""
    otherwise: str
    """What happens without it. One sentence."""


SAFEGUARDS: tuple[Safeguard, ...] = (
    # Replication
    Safeguard(
        "truncate_by_epoch", "KIP-101",
        "A follower cuts its log where epochs part, not at its high watermark.",
        "A follower cuts off what was committed; when it leads before it has fetched that again, it is lost.",
    ),
    Safeguard(
        "truncate_until_epochs_agree", "KIP-279",
        "A follower cuts to where its own copy of the epoch ends, and compares again until both logs agree.",
        "After two quick elections a follower keeps records of a leader that nobody else has heard of: logs differ.",
    ),
    Safeguard(
        "diverging_epoch_comes_first", "KAFKA-14704",
        "A follower cuts its log before it believes the high watermark that came with the answer.",
        "For a moment a follower shows consumers records that were never committed.",
    ),
    Safeguard(
        "fetch_epoch_fencing", "KIP-320",
        "A fetch that names another leader epoch than the leader's is refused.",
        "A replica that missed an election counts for, or reads from, the wrong leader.",
    ),
    Safeguard(
        "diverging_fetch_acknowledges_nothing", "KAFKA-13141",
        "The offset of a fetch counts only once the follower's log is a prefix of the leader's.",
        "A follower with records of another history counts as holding the leader's: the high watermark runs ahead.",
    ),
    Safeguard(
        "epoch_start_at_election", "KAFKA-7415",
        "A leader notes where its epoch starts when it is elected, not with its first record.",
        "A follower is told a wrong place to cut at, and never gets back in sync.",
    ),
    Safeguard(
        "isr_join_at_leader_epoch_start", "KAFKA-7128",
        "A follower joins the ISR only once it holds everything up to the start of the leader's epoch.",
        "Right after an election a follower that lacks committed records is let in; when it leads, they are lost.",
    ),
    Safeguard(
        "isr_needs_current_broker_epoch", "KIP-903",
        "A follower counts only while it fetches with the epoch of its present life (KAFKA-15221).",
        "A follower that came back empty is counted for what it held in its former life.",
    ),
    Safeguard(
        "pending_isr_counts", "KIP-497",
        "A replica that is being added to the ISR holds the high watermark back already.",
        "Records are committed without a replica that the controller may already elect.",
    ),
    Safeguard(
        "unclean_shutdown_leaves_elr", "KIP-966",
        "A broker that comes back from a crash leaves every ISR and ELR: it may have lost what was committed.",
        "The last replica standing comes back empty, is elected, and wipes the others.",
    ),
    Safeguard(
        "min_insync_replicas", "Kafka 0.8 beta",
        "For acks=all a record must be on min.insync.replicas, not only on whoever happens to be in sync.",
        "The ISR shrinks to the leader, which acknowledges alone; what it acknowledged dies with it.",
    ),
    Safeguard(
        "high_watermark_respects_min_isr", "KAFKA-15583",
        "The high watermark stands still while the ISR is smaller than min.insync.replicas.",
        "Records that producers were refused are committed all the same, on fewer replicas than was promised.",
    ),
    Safeguard(
        "consumers_stop_at_high_watermark", "KAFKA-9835",
        "Consumers never read at or beyond the high watermark.",
        "Consumers read records that are gone after the next election.",
    ),
    Safeguard(
        "waiting_produces_end_with_leadership", "Redpanda #3003",
        "A produce that waits for its replicas fails when the leader steps down.",
        "It is acknowledged when the same node leads again, though its records were cut off in between.",
    ),
    # Quorum
    Safeguard(
        "check_quorum", "KAFKA-15489",
        "A leader of the quorum that no majority fetches from resigns.",
        "A deposed controller goes on for ever, and tells whoever still hears it what is no longer true.",
    ),
    Safeguard(
        "committed_metadata_is_never_cut", "KAFKA-12460",
        "A replica of the metadata log stops rather than cut it below its high watermark.",
        "A voter that lost its disk takes committed metadata with it, on every node.",
    ),
    Safeguard(
        "voters_sync_before_acknowledging", "NATS 2.12",
        "A voter has what it fetched on its disk before it says so.",
        "Power cuts take metadata that was committed.",
    ),
    # Files
    Safeguard(
        "recovery_after_unclean_shutdown", "Kafka: LogLoader",
        "Segments behind the recovery point are read through and cut at the first damage after a crash.",
        "Torn writes are taken for records.",
    ),
    Safeguard(
        "clean_shutdown_mark_goes_first", "KAFKA-10471",
        "The mark of a clean shutdown is removed, for good, before any log is opened.",
        "A crash is taken for a clean stop because of the one before it: nothing is recovered.",
    ),
    Safeguard(
        "checkpoints_are_synced", "KAFKA-16541",
        "A checkpoint file is synced before it gets its name, and the directory after.",
        "After a power cut it is empty or half of another: epochs, votes and offsets are forgotten.",
    ),
    Safeguard(
        "failed_sync_is_final", "fsyncgate",
        "A sync that failed takes the directory offline and is never tried again.",
        "The second try succeeds and means nothing: what counts as durable is not on the disk.",
    ),
    Safeguard(
        "logs_belong_to_topic_ids", "KIP-516",
        "A log left from a deleted topic is not taken for that of a new one of the same name (KAFKA-12257).",
        "Records of the old topic show up in the new one, on one replica.",
    ),
    Safeguard(
        "cleaner_stops_at_high_watermark", "KAFKA-13194",
        "Compaction leaves alone what is not committed.",
        "A committed value is removed in favour of a newer one that is then cut off: both are gone.",
    ),
    Safeguard(
        "cleaner_keeps_producers_last_batch", "KAFKA-6568",
        "Compaction keeps the last batch of every producer, if need be without records.",
        "Whoever reads the log anew does not know the producer: a batch that is sent again is written twice.",
    ),
    # Producers
    Safeguard(
        "sequence_deduplication", "KIP-98",
        "A batch that arrives again is recognised by its sequence and not appended again.",
        "Every answer that is lost makes a duplicate.",
    ),
    Safeguard(
        "five_batches_are_remembered", "KAFKA-5494",
        "The last five batches of a producer are recognised, as many as may be in flight (Redpanda #3038, #3039).",
        "A batch that arrives again is called out of order; the producer begins a new epoch and writes it twice.",
    ),
    Safeguard(
        "new_epoch_begins_at_sequence_zero", "KIP-360",
        "A producer begins a new epoch with sequence 0.",
        "The second batch of an epoch overtakes the first: records are out of order.",
    ),
    Safeguard(
        "older_producer_epoch_is_fenced", "KIP-98",
        "A batch of a producer epoch before the newest is refused.",
        "What a producer has given up and sent anew arrives late, and is written twice.",
    ),
    Safeguard(
        "unknown_producer_may_begin_anywhere", "KIP-360",
        "A producer that a partition does not know (any more) may go on with its sequence (KAFKA-8710).",
        "Once its records are deleted a producer is refused for ever.",
    ),
    Safeguard(
        "truncation_rewinds_producers", "Redpanda 8cd0bc66ed",
        "Cutting a log takes back what it knew of the producers of what was cut.",
        "A batch that was cut off is called a duplicate when it is sent again: acknowledged, and lost.",
    ),
    # Groups
    Safeguard(
        "commit_generation_fencing", "Kafka: ClassicGroup",
        "A member of an earlier generation may not commit offsets.",
        "A member that missed a rebalance sets the group back.",
    ),
    Safeguard(
        "coordinator_answers_once_loaded", "KAFKA-5600",
        "A coordinator answers nobody before it has read its log to the end.",
        "Members are told old offsets, or none, and read everything again.",
    ),
    Safeguard(
        "load_reads_large_batches", "KAFKA-7286",
        "A coordinator that loads reads a batch as a whole, however large.",
        "It stops at a batch larger than its buffer: all commits behind it are gone.",
    ),
    Safeguard(
        "offsets_belong_to_topic_ids", "KIP-848",
        "An offset committed for a deleted topic is not given to who asks for a new one of the same name.",
        "A consumer begins in the middle of a topic of which it has seen nothing.",
    ),
    Safeguard(
        "offsets_of_living_groups_stay", "KIP-211",
        "Committed offsets expire once a group is empty, not while it has members (KAFKA-4682).",
        "A group that reads a quiet topic loses its place and begins anew.",
    ),
    Safeguard(
        "offsets_stay_during_rebalance", "KAFKA-13636",
        "No offset of a group expires while it rebalances.",
        "A group that restarts after a quiet time loses its place.",
    ),
    Safeguard(
        "pending_commits_do_not_expire", "Kafka: pendingOffsetCommits",
        "An offset is not expired while a new commit of it is on its way.",
        "A commit is acknowledged, and deleted by the tombstone behind it.",
    ),
    Safeguard(
        "new_members_expire", "KAFKA-9752",
        "A member that joined and is never heard of again is removed.",
        "The group waits for it for ever, or leaves partitions to it that nobody reads.",
    ),
)  # fmt: skip

BY_NAME = {each.name: each for each in SAFEGUARDS}
NAMES = tuple(sorted(BY_NAME))


@contextmanager
def without(name: str) -> Iterator[None]:
    """Take the safeguard `name` away inside the block. For tests and lessons only."""
    if name not in BY_NAME:
        raise KeyError(f"no safeguard {name!r}; there are {', '.join(NAMES)}")
    globals()[name] = False
    try:
        yield
    finally:
        globals()[name] = True
