"""Safeguards that storms seldom put to the test: a script walks into the bug of the past that each is there for."""

import pytest

from engine.runtime import safeguards
from engine.sim.case import kind_of
from engine.sim.scripts import SCRIPTS

NOTICED_AS = {
    "check_quorum": {"stale-controller"},
    "clean_shutdown_mark_goes_first": {"replicas-differ"},
    "cleaner_keeps_producers_last_batch": {"compacted-value-lost"},
    "cleaner_stops_at_high_watermark": {"compacted-value-lost"},
    "commit_generation_fencing": {"commit-lost"},
    "committed_metadata_is_never_cut": {"committed-metadata-cut"},
    "coordinator_answers_once_loaded": {"commit-lost"},
    "diverging_epoch_comes_first": {"inconsistent-offsets"},
    "diverging_fetch_acknowledges_nothing": {"committed-record-lost", "inconsistent-offsets"},
    "epoch_start_at_election": {"not-live"},
    "failed_sync_is_final": {"recovery-point-not-durable"},
    "five_batches_are_remembered": {"duplicate"},
    "isr_join_at_leader_epoch_start": {"lost-write"},
    "isr_needs_current_broker_epoch": {"lost-write"},
    "load_reads_large_batches": {"commit-lost", "groups-not-replayed"},
    "logs_belong_to_topic_ids": {"log-matching", "replicas-differ"},
    "new_epoch_begins_at_sequence_zero": {"sequence-gap", "reordered"},
    "new_members_expire": {"not-live"},
    "offsets_belong_to_topic_ids": {"commit-invented"},
    "offsets_of_living_groups_stay": {"commit-lost"},
    "offsets_stay_during_rebalance": {"commit-lost"},
    "older_producer_epoch_is_fenced": {"fenced-producer-appended", "duplicate"},
    "pending_commits_do_not_expire": {"commit-lost"},
    "pending_isr_counts": {"lost-write"},
    "truncate_until_epochs_agree": {"replicas-differ"},
    "truncation_rewinds_producers": {"inconsistent-offsets", "lost-write"},
    "unclean_shutdown_leaves_elr": {"lost-write"},
    "unknown_producer_may_begin_anywhere": {"producer-refused"},
    "waiting_produces_end_with_leadership": {"inconsistent-offsets", "lost-write"},
}


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_nothing_happens_with_the_safeguard_in_place(name):
    assert SCRIPTS[name]() == []


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_the_judges_notice_when_it_is_gone(name):
    with safeguards.without(name):
        found = {kind_of(violation) for violation in SCRIPTS[name]()}
    assert NOTICED_AS[name] <= found
