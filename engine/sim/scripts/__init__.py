"""Scripts that walk into a bug of Kafka's past on purpose, for the safeguards that storms seldom put to the test.

    SCRIPTS["check_quorum"]()                     -> [] with the safeguard in place
    with safeguards.without("check_quorum"): ...  -> ["stale-controller: ..."]

Each plays one story in a calm world and returns what the judges saw. `engine.sim.hunt` knows them.

    stage.py          one partition, one producer, nodes by their part in the story
    by_hand.py        a client that does as it is told
    elections.py      logs that part: who cuts what, and who is told so
    in_sync_sets.py   what a leader counts, what a controller accepts, where an epoch begins
    quorum.py         the metadata quorum
    files.py          disks and directories
    compaction.py     what compaction must leave alone
    producers.py      idempotent producers
    groups.py         consumer groups

A story must not depend on its world's seed: latencies differ from seed to seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from engine.sim.scripts import compaction, elections, files, groups, in_sync_sets, producers, quorum
from engine.sim.scripts.stage import played

SCRIPTS: Mapping[str, Callable[[], Sequence[str]]] = {
    "check_quorum": played(quorum.check_quorum),
    "clean_shutdown_mark_goes_first": played(files.clean_shutdown_mark_goes_first),
    "cleaner_keeps_producers_last_batch": played(
        compaction.cleaner_keeps_producers_last_batch, properties=compaction.PROPERTIES
    ),
    "cleaner_stops_at_high_watermark": played(
        compaction.cleaner_stops_at_high_watermark, properties=compaction.PROPERTIES
    ),
    "commit_generation_fencing": played(groups.commit_generation_fencing),
    "committed_metadata_is_never_cut": played(quorum.committed_metadata_is_never_cut),
    "coordinator_answers_once_loaded": played(groups.coordinator_answers_once_loaded),
    "diverging_epoch_comes_first": played(elections.diverging_epoch_comes_first),
    "diverging_fetch_acknowledges_nothing": played(elections.diverging_fetch_acknowledges_nothing, nodes=5),
    "epoch_start_at_election": played(in_sync_sets.epoch_start_at_election, nodes=5),
    "failed_sync_is_final": played(files.failed_sync_is_final, properties=files.FLUSH_EVERY_RECORD),
    "five_batches_are_remembered": played(producers.five_batches_are_remembered),
    "isr_join_at_leader_epoch_start": played(in_sync_sets.isr_join_at_leader_epoch_start),
    "isr_needs_current_broker_epoch": played(in_sync_sets.isr_needs_current_broker_epoch, nodes=5),
    "load_reads_large_batches": played(groups.load_reads_large_batches, properties=groups.LARGE_METADATA),
    "logs_belong_to_topic_ids": played(files.logs_belong_to_topic_ids),
    "new_epoch_begins_at_sequence_zero": played(producers.new_epoch_begins_at_sequence_zero),
    "new_members_expire": played(groups.new_members_expire, partitions=4),
    "offsets_belong_to_topic_ids": played(groups.offsets_belong_to_topic_ids),
    "offsets_of_living_groups_stay": played(groups.offsets_of_living_groups_stay, properties=groups.EXPIRY),
    "offsets_stay_during_rebalance": played(groups.offsets_stay_during_rebalance, properties=groups.SLOW_START),
    "older_producer_epoch_is_fenced": played(producers.older_producer_epoch_is_fenced),
    "pending_commits_do_not_expire": played(groups.pending_commits_do_not_expire, properties=groups.PATIENT),
    "pending_isr_counts": played(
        in_sync_sets.pending_isr_counts, nodes=5, properties={"broker.session.timeout.ms": "9000"}
    ),
    "truncate_until_epochs_agree": played(elections.truncate_until_epochs_agree, nodes=5),
    "truncation_rewinds_producers": played(elections.truncation_rewinds_producers),
    "unclean_shutdown_leaves_elr": played(in_sync_sets.unclean_shutdown_leaves_elr, nodes=5),
    "unknown_producer_may_begin_anywhere": played(producers.unknown_producer_may_begin_anywhere),
    "waiting_produces_end_with_leadership": played(elections.waiting_produces_end_with_leadership),
}
"""Safeguard -> its script."""
