"""What `stoker groups describe` says of a group that nobody reads for."""

from console.commands.groups import _group_facts, _without_window
from console.lag.burrow import LagStatus
from console.lag.measure import PartitionLag, summarize
from console.lag.retention import NO_RISK


def lag_of(status, commit_rate):
    partition = PartitionLag("t", 0, 5, 0, 5, 0, None, commit_rate, 0.0, None, status, None, NO_RISK)
    return summarize("g", [partition], ())


def test_a_group_without_members_and_commits_is_not_ok_but_unknown():
    lag = _without_window(lag_of(LagStatus.OK, None))

    assert (lag.status, lag.partitions[0].status) == (None, None)
    assert ("Status", "unknown yet") in _group_facts(lag)


def test_what_its_commits_show_stays():
    assert _without_window(lag_of(LagStatus.OK, 3.0)).status is LagStatus.OK
    assert _without_window(lag_of(LagStatus.STOP, 0.0)).status is LagStatus.ERROR
