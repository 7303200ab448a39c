"""Safeguards against bugs of Kafka's past, each of which can be taken away in the laboratory, and only there.

The engine reads these names as plain module attributes (`safeguards.truncate_by_epoch`), so they cost a dictionary
look-up. They are all True; `without(name)` takes one away for the length of a `with` block, to show that the
laboratory's judges notice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

truncate_by_epoch = True
"""A follower cuts its log where epochs part, not at its high watermark (KIP-101, KIP-279)."""

fetch_epoch_fencing = True
"""A fetch with another leader epoch than the leader's is refused (KIP-320)."""

isr_join_at_leader_epoch_start = True
"""A follower joins the ISR only once it holds everything up to the start of the leader's epoch (KAFKA-7128)."""

high_watermark_respects_min_isr = True
"""The high watermark stands still while the ISR is smaller than min.insync.replicas (KAFKA-15583)."""

epoch_start_at_election = True
"""A leader notes where its epoch starts when it is elected, not with its first record (KAFKA-7415)."""

pending_isr_counts = True
"""A replica that is being added to the ISR holds the high watermark back already (KIP-497)."""

check_quorum = True
"""A leader of the quorum that no majority fetches from resigns (KAFKA-15489)."""

unclean_shutdown_leaves_elr = True
"""A broker that comes back from a crash leaves every ISR and ELR: it may have lost what was committed (KIP-966)."""

isr_needs_current_broker_epoch = True
"""A follower counts only while it fetches with the epoch of its present life (KAFKA-15221, KIP-903)."""

commit_generation_fencing = True
"""A member of an earlier generation may not commit offsets (Kafka: ClassicGroup.validateOffsetCommit)."""

sequence_deduplication = True
"""A batch that arrives again is recognised by its sequence and not appended again (KIP-98)."""

recovery_after_unclean_shutdown = True
"""Segments behind the recovery point are read through and cut at the first damage after a crash (Kafka: LogLoader)."""

NAMES = (
    "check_quorum",
    "commit_generation_fencing",
    "epoch_start_at_election",
    "fetch_epoch_fencing",
    "high_watermark_respects_min_isr",
    "isr_join_at_leader_epoch_start",
    "isr_needs_current_broker_epoch",
    "pending_isr_counts",
    "recovery_after_unclean_shutdown",
    "sequence_deduplication",
    "truncate_by_epoch",
    "unclean_shutdown_leaves_elr",
)


@contextmanager
def without(name: str) -> Iterator[None]:
    """Take the safeguard `name` away inside the block. For tests and lessons only."""
    if name not in NAMES:
        raise KeyError(f"no safeguard {name!r}; there are {', '.join(NAMES)}")
    globals()[name] = False
    try:
        yield
    finally:
        globals()[name] = True
