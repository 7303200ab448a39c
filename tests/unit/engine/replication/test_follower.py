"""Where a follower cuts its log (KIP-101, KIP-279)."""

from typing import NamedTuple

import pytest

from engine.replication.follower import diverges, truncation_offset
from engine.runtime import safeguards


class End(NamedTuple):
    epoch: int
    end_offset: int


@pytest.mark.parametrize(
    ("diverging", "local", "expected"),
    [
        ((2, 50), End(2, 60), 50),  # both have the epoch, the leader's ends earlier
        ((2, 50), End(2, 40), 40),  # ... ours ends earlier
        ((2, 50), End(1, 30), 30),  # we have no epoch 2: our last common epoch ends at 30
        ((2, 50), End(-1, -1), 50),  # we have nothing that old
        ((-1, -1), End(-1, -1), 20),  # the leader has no epochs at all: the high watermark
    ],
)
def test_truncation_offset(diverging, local, expected):
    """Kafka: AbstractFetcherThread.getOffsetTruncationState."""
    assert truncation_offset(*diverging, local_end_for_epoch=local, log_end_offset=100, high_watermark=20) == expected


def test_the_leaders_end_alone_does_not_tell_where_the_logs_part():
    """KIP-279: our epoch 1 ends at 30, and what follows until 50 is ours alone."""
    ends = {"local_end_for_epoch": End(1, 30), "log_end_offset": 100, "high_watermark": 20}
    assert truncation_offset(1, 50, **ends) == 30
    with safeguards.without("truncate_until_epochs_agree"):
        assert truncation_offset(1, 50, **ends) == 50


def test_a_fetch_past_the_end_of_its_epoch_diverges():
    """Kafka: Partition.readRecords, KIP-595."""
    assert diverges(60, 2, End(2, 50))
    assert diverges(40, 2, End(1, 50))
    assert not diverges(50, 2, End(2, 50))
