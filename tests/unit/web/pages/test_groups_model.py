"""What the pages of groups know."""

import pytest

from console.changes.kinds import DeleteOffsets, ResetOffsets, TargetKind
from console.services.group_members import GroupMember
from engine.types import TopicPartition
from tests.unit.web.pages.made import AT_MS, group, partition, snapshot, tracker
from web.pages.group_actions import read_delete_offsets, read_reset
from web.pages.group_model import group_partition_rows, member_rows, retention_summary, short_assignment
from web.pages.groups_model import drains_in, group_row, group_rows

ORDERS = [TopicPartition("orders", number) for number in range(3)]


def seen_with(*groups, offsets=None):
    return snapshot({"orders": [partition(number) for number in range(3)]}, groups=groups, offsets=offsets)


def test_lag_is_the_sum_over_partitions_whose_end_is_known():
    seen = seen_with(group("g", {ORDERS[0]: 90, ORDERS[1]: 40}), offsets={ORDERS[0]: (0, 100)})
    assert group_row(seen, tracker(seen), "g")["lag"] == 10


def test_lag_is_not_known_when_no_end_is_and_nothing_when_nothing_was_committed():
    seen = seen_with(group("g", {ORDERS[0]: 90}), group("new", {}), offsets={})
    assert group_row(seen, tracker(seen), "g")["lag"] is None
    assert group_row(seen, tracker(seen), "new")["lag"] == 0
    assert group_row(seen, tracker(seen), "new")["status"] is None


def test_a_group_that_never_drains_says_nothing_of_when_and_a_level_one_is_drained():
    seen = seen_with(group("behind", {ORDERS[0]: 10}), group("level", {ORDERS[0]: 100}))
    follower = tracker(seen)
    assert group_row(seen, follower, "behind")["drain_ms"] is None
    assert group_row(seen, follower, "level")["drain_ms"] == 0
    assert group_row(seen, follower, "level")["status"] == "OK"


def test_fifteen_thousand_groups_are_rows():
    seen = seen_with(*(group(f"g-{number}", dict.fromkeys(ORDERS, 50)) for number in range(15_000)))
    follower = tracker(seen)
    assert len(group_rows(seen, follower)) == 15_000


def test_a_partition_of_a_group_shows_who_has_it():
    member = GroupMember("m-1", None, "client", "10.0.0.1", None, (ORDERS[0],), None)
    seen = seen_with(group("g", {ORDERS[0]: 90}, members=1, assigned=[ORDERS[0], ORDERS[1]]))
    rows = group_partition_rows(seen, tracker(seen), "g", [member], {})
    assert [row["topic_partition"] for row in rows] == ["orders-0", "orders-1"]
    assert rows[0]["client_id"] == "client"
    assert rows[1]["committed_offset"] is None
    assert rows[1]["is_assigned"]


def test_records_deleted_before_they_were_read_are_lost():
    seen = seen_with(group("g", {ORDERS[0]: 20}), offsets={ORDERS[0]: (50, 100)})
    rows = group_partition_rows(seen, tracker(seen), "g", [], {})
    assert rows[0]["retention"] == "lost"
    assert retention_summary(rows) == {"retention": "lost", "lost_records": 30, "remaining_ms": 0}


def test_without_a_retention_time_nothing_is_about_to_go():
    seen = seen_with(group("g", {ORDERS[0]: 20}))
    rows = group_partition_rows(seen, tracker(seen), "g", [], {})
    assert retention_summary(rows) == {"retention": "safe", "lost_records": 0, "remaining_ms": None}
    assert retention_summary([])["retention"] == "safe"


def test_a_member_has_the_lag_of_what_is_assigned_to_it():
    members = [
        GroupMember("m-1", "static", "c", "h", "rack", (ORDERS[0], ORDERS[1]), None),
        GroupMember("m-2", None, "c", "h", None, (), None),
    ]
    first, second = member_rows(members, {ORDERS[0]: 7})
    assert (first["lag"], first["partition_count"], first["assignment"]) == (7, 2, ["orders-0", "orders-1"])
    assert second["lag"] == 0


def test_a_long_assignment_is_cut_and_says_so():
    names = [f"orders-{number}" for number in range(25)]
    assert short_assignment(names).endswith("and 5 more")
    assert short_assignment(names[:2]) == "orders-0, orders-1"


@pytest.mark.parametrize(
    ("target", "value", "kind", "number"),
    [
        ("earliest", "", TargetKind.EARLIEST, 0),
        ("latest", "ignored", TargetKind.LATEST, 0),
        ("offset", "120", TargetKind.OFFSET, 120),
        ("shift", "-100", TargetKind.SHIFT, -100),
        ("time", "@1800000000000", TargetKind.TIMESTAMP, AT_MS),
        ("time", "5m", TargetKind.TIMESTAMP, AT_MS - 300_000),
    ],
)
def test_the_form_says_where_offsets_go(target, value, kind, number):
    errors = {}
    change = read_reset("g", {"target": target, "value": value, "scope": "orders:0,2"}, errors, AT_MS)
    assert not errors
    assert isinstance(change, ResetOffsets)
    assert (change.target.kind, change.target.value) == (kind, number)
    assert change.scope[0].partitions == (0, 2)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"target": "offset", "value": "-5"}, "value"),
        ({"target": "offset", "value": ""}, "value"),
        ({"target": "shift", "value": "100"}, "value"),
        ({"target": "time", "value": "1200"}, "value"),
        ({"target": "time", "value": "when?"}, "value"),
        ({"target": "somewhere"}, "target"),
        ({"target": "earliest", "scope": "orders:x"}, "scope"),
    ],
)
def test_what_is_wrong_with_it_stands_at_its_field(form, field):
    errors = {}
    assert read_reset("g", form, errors, AT_MS) is None
    assert list(errors) == [field]


def test_offsets_are_deleted_only_where_it_is_said_of_which():
    errors = {}
    assert isinstance(read_delete_offsets("g", {"scope": "orders"}, errors, AT_MS), DeleteOffsets)
    assert read_delete_offsets("g", {"scope": " "}, errors, AT_MS) is None
    assert "scope" in errors


def a_row(**values):
    return {"lag": 10, "drain_ms": None, "commit_rate": 2.0, "status": "OK", **values}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lag": 0}, "level"),
        ({"lag": None}, "-"),
        ({"drain_ms": 12_000}, "12 s"),
        ({}, "keeps up"),
        ({"commit_rate": 0.0}, "never"),
        ({"status": "WARN"}, "never"),
        ({"status": "STALL", "commit_rate": 0.0}, "never"),
        ({"commit_rate": None}, "-"),
    ],
)
def test_a_healthy_group_that_reads_as_fast_as_records_come_is_not_said_never_to_be_done(values, words):
    assert drains_in(a_row(**values)) == words
