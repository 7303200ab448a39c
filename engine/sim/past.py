"""Bugs of Kafka's past, and of engines like it, that lost or showed wrong data: what stands against each here.

Each has safeguards (`engine.runtime.safeguards`), every one of which can be taken away and is then noticed
(`engine.sim.hunt`); or a reason why there is no switch: the engine has no such feature, or is built so that it cannot
happen. Reasons are read from the code, not tried.
"""

from __future__ import annotations

from dataclasses import dataclass

_NO_TRANSACTIONS = "There are no transactions yet: InitProducerId refuses transactional ids."


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug of the past. It has either `safeguards` or a reason."""

    name: str
    """Tickets, KIPs or reports."""
    text: str
    """What happened. One sentence."""
    safeguards: tuple[str, ...] = ()
    reason: str = ""
    """Why no switch is needed. A sentence or two."""


KAFKA: tuple[Bug, ...] = (
    Bug("KIP-101, KAFKA-1211", "A follower cut back to its high watermark and was elected before it had fetched that again.", ("truncate_by_epoch",)),
    Bug("KIP-279, KAFKA-6361", "After a quick fail-over a follower cut where its leader said, not where the logs part.", ("truncate_until_epochs_agree",)),
    Bug("KIP-320, KAFKA-7395", "Fetches of another epoch were served: a stale follower counted, a consumer read what was cut.", ("fetch_epoch_fencing",)),
    Bug("KAFKA-13141", "A follower whose log had parted from the leader's was counted for the offset it asked for.", ("diverging_fetch_acknowledges_nothing",)),
    Bug("KAFKA-7128", "A follower joined the ISR before it had reached the start of the leader's epoch.", ("isr_join_at_leader_epoch_start",)),
    Bug("KAFKA-7415", "A new leader noted its epoch with its first record only: followers cut at a wrong place.", ("epoch_start_at_election",)),
    Bug("KAFKA-14704", "A follower took the high watermark from an answer that told it to cut its log.", ("diverging_epoch_comes_first",)),
    Bug("KAFKA-15583", "The high watermark went on with the ISR below min.insync.replicas.", ("high_watermark_respects_min_isr",)),
    Bug("KIP-497", "A leader did not count a replica that the controller had already added.", ("pending_isr_counts",)),
    Bug("KIP-966, KAFKA-15581", "The last replica standing came back from a crash empty, led, and wiped the others.", ("unclean_shutdown_leaves_elr",)),
    Bug("unclean election", "A replica that was not in sync was elected.", reason="It is what unclean.leader.election.enable=true asks for; the default is false, and a lesson shows what it costs."),
    Bug("KAFKA-15221, KIP-903", "A follower that was restarted was counted for the fetch of its former life.", ("isr_needs_current_broker_epoch",)),
    Bug("KAFKA-12460, KAFKA-12181", "A replica of the metadata log cut off what was committed.", ("committed_metadata_is_never_cut",)),
    Bug("KAFKA-15489", "A leader of the quorum that nobody followed served on.", ("check_quorum",)),
    Bug("KAFKA-9835", "A consumer read above the high watermark, which moved while it read.", ("consumers_stop_at_high_watermark",)),
    Bug("KAFKA-9807, KAFKA-9196", "Threads saw high watermark, last stable offset and segment from different moments.", reason="A partition belongs to one event loop, and nothing is awaited while a fetch is answered; both offsets are plain numbers, and the last stable one is computed from the high watermark."),
    Bug("KAFKA-13194", "Compaction removed a committed value in favour of one that was not committed.", ("cleaner_stops_at_high_watermark",)),
    Bug("KAFKA-6568, KAFKA-8335", "Compaction removed the last trace of a producer.", ("cleaner_keeps_producers_last_batch",)),
    Bug("KAFKA-8764", "Compaction began at the same offset for ever.", reason="A run takes in at least one whole batch, and its end is the end of that batch or of a segment: the next run begins later."),
    Bug("KAFKA-9144", "Producers expired by the time of their records, and a coordinator's epoch went back.", reason=_NO_TRANSACTIONS + " Reading others' logs, the time of the marker counts."),
    Bug("KAFKA-9777", "A lock held while a transaction completed left it hanging.", reason=_NO_TRANSACTIONS),
    Bug("KAFKA-14402, KAFKA-14884", "A late produce joined the next transaction, or none.", reason=_NO_TRANSACTIONS),
    Bug("KAFKA-17754, KAFKA-14562", "A late EndTxn ended the next transaction (found by Jepsen in Bufstream's test, in Kafka).", reason=_NO_TRANSACTIONS),
    Bug("KAFKA-15449", "An offset commit joined a transaction that did not know it.", reason=_NO_TRANSACTIONS),
    Bug("KAFKA-8710, KIP-360", "A producer whose records had been deleted was refused for ever.", ("unknown_producer_may_begin_anywhere",)),
    Bug("KIP-360", "A new epoch began in the middle.", ("new_epoch_begins_at_sequence_zero",)),
    Bug("KAFKA-12152, KAFKA-14920", "Producers were stuck in a loop of sequences out of order.", reason="The first is a client's; the second needs the verification of transactions (KIP-890), which there is not."),
    Bug("KIP-98", "Every lost answer made a duplicate; what was given up arrived late.", ("sequence_deduplication", "older_producer_epoch_is_fenced")),
    Bug("KIP-447", "A zombie's group members went on committing.", ("commit_generation_fencing",)),
    Bug("KIP-211, KAFKA-4682", "Offsets of a group that was alive expired.", ("offsets_of_living_groups_stay", "pending_commits_do_not_expire")),
    Bug("KAFKA-13636", "Offsets expired while the group rebalanced.", ("offsets_stay_during_rebalance",)),
    Bug("KAFKA-8069", "Offsets of an old format expired as soon as they were loaded.", reason="Every format has a time of commit, which is what counts, and it is kept when it is read."),
    Bug("KAFKA-9065", "Loading a coordinator's log never ended: a batch without records.", reason="Reading goes on at the offset behind what was read, whatever was in it."),
    Bug("KAFKA-5600", "A coordinator answered from a part of its log.", ("coordinator_answers_once_loaded",)),
    Bug("KAFKA-7286", "A coordinator stopped reading at a batch larger than its buffer.", ("load_reads_large_batches",)),
    Bug("KAFKA-16147", "Two members owned one partition (KIP-848).", reason="There are classic groups only; of those the judge double-assignment sees every generation."),
    Bug("KAFKA-9752", "A new member died while it joined, and the group waited for it for ever.", ("new_members_expire",)),
    Bug("KAFKA-2942", "A consumer committed what it had fetched and not processed.", reason="Clients commit; there is no such client here. The judge group-missed looks for the effect."),
    Bug("KAFKA-12257, KIP-516", "A topic was deleted and created anew under its name; what was left of it was taken for the new one's.", ("logs_belong_to_topic_ids", "offsets_belong_to_topic_ids")),
    Bug("KAFKA-10471", "A crash while logs were opened passed for a clean shutdown: the mark of the last one was still there.", ("clean_shutdown_mark_goes_first",)),
    Bug("KAFKA-16541", "A checkpoint of leader epochs was empty after a crash of the machine.", ("checkpoints_are_synced",)),
    Bug("KAFKA-15653", "Two threads used one request's buffer.", reason="One event loop, no buffer shared between requests: a handler whose request outlives the call gets a copy of its bytes."),
    Bug("CVE-2018-1288", "A client fetched in the name of a replica: records counted as replicated that were not.", reason="Open: there is no authorization yet, so whoever reaches a broker may do this."),
    Bug("acks, min.insync.replicas", "Data was lost by configuration.", reason="It is what was asked for; the lessons on acks=0 and min.insync.replicas show it."),
)  # fmt: skip
"""In Apache Kafka itself."""

RELATIVES: tuple[Bug, ...] = (
    Bug("Kafka 0.8 beta", "The ISR shrank to the leader, and acks=all meant the leader alone: 520 of 987 records lost (Jepsen).", ("min_insync_replicas", "high_watermark_respects_min_isr")),
    Bug("Redpanda #3036", "The last stable offset was taken as inclusive: aborted records were read.", reason=_NO_TRANSACTIONS),
    Bug("Redpanda #3003", "A produce was acknowledged although its records had been cut off while it waited.", ("waiting_produces_end_with_leadership",)),
    Bug("Redpanda #3038, #3039", "A batch sent again was called out of order: the window was too small.", ("five_batches_are_remembered",)),
    Bug("Redpanda #3616", "A commit that was repeated after the coordinator had died was refused.", reason=_NO_TRANSACTIONS),
    Bug("Redpanda 8cd0bc66ed", "A batch was called a duplicate of one that was not in the log any more.", ("truncation_rewinds_producers",)),
    Bug("Redpanda #5090, #6018, #6019", "Transactions were half there after an election.", reason=_NO_TRANSACTIONS),
    Bug("Redpanda #5355, #5356", "An offset that had been removed could not be translated: an unknown error, and clients stood still.", reason="Offsets are those of the log, nothing is translated; the reader of the laboratory reports every error it does not know."),
    Bug("Redpanda #9571", "An offset was committed, and the one before was read.", reason="A commit is answered once it is replicated and taken in, and OffsetFetch waits for commits under way; the judge commit-lost compares every answer."),
    Bug("Redpanda #31483", "What was in memory and what the log said were different.", reason="Live operation and replay take in the same records in the same order; the judge groups-not-replayed compares them in every run, a property test in the checks."),
    Bug("Redpanda 21.10 (Jepsen)", "Messages were never seen after members were added and removed.", reason="Replicas cannot be reassigned yet; the judges unseen and lost-write look for the effect."),
    Bug("Bufstream 0.1.0", "Clients stood still, offsets fell to zero, records were lost in a healthy cluster.", reason="No single safeguard: what the judges not-live, commit-invented and lost-write are for."),
    Bug("NATS 2.12.1", "A minority's lost or damaged files lost what was committed.", ("voters_sync_before_acknowledging", "recovery_after_unclean_shutdown")),
    Bug("fsyncgate", "A sync failed, was tried again, and succeeded without having written anything.", ("failed_sync_is_final",)),
    Bug("TigerBeetle 0.16.11", "A node that had lost everything could not be brought back.", reason="An empty disk is filled from the leader and the quorum; the fault `wipe` does it in storms."),
)  # fmt: skip
"""In engines like it, found by Jepsen and by their own chaos tests."""

BUGS = KAFKA + RELATIVES
