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

NAMES = (
    "fetch_epoch_fencing",
    "high_watermark_respects_min_isr",
    "isr_join_at_leader_epoch_start",
    "truncate_by_epoch",
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
