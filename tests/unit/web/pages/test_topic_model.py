"""What the page of a topic knows."""

import pytest

from engine.types import TopicPartition
from tests.unit.web.pages.made import group, partition, snapshot, tracker
from web.pages.topic_actions import read_delete_records, read_election, read_more_partitions, read_partitions
from web.pages.topic_model import bars, by_topic, partition_rows, readers, skew, summary

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m"


def rows_of(seen, name):
    return partition_rows(seen, tracker(seen), by_topic(seen)[name])


def test_a_partition_is_shown_with_its_leader_isr_offsets_and_the_size_of_the_leaders_replica():
    key = TopicPartition("orders", 0)
    seen = snapshot({"orders": [partition(0, 2, (1, 2), (2,))]}, offsets={key: (10, 110)}, sizes={key: {1: 5, 2: 7}})
    (row,) = rows_of(seen, "orders")
    assert (row["leader"], row["replicas"], row["isr"]) == (2, [1, 2], [2])
    assert (row["log_start_offset"], row["high_watermark"], row["records_at_most"]) == (10, 110, 100)
    assert row["size_bytes"] == 7
    assert row["state"] == "under-replicated"
    assert not row["is_preferred_leader"]


def test_a_partition_without_leader_is_unavailable_and_its_size_is_not_known():
    seen = snapshot({"orders": [partition(0, -1, (1, 2), (), (1, 2))]}, offsets={})
    (row,) = rows_of(seen, "orders")
    assert (row["state"], row["leader"], row["size_bytes"], row["high_watermark"]) == ("unavailable", None, None, None)


def test_partitions_come_in_the_order_of_their_numbers_whatever_the_metadata_says():
    seen = snapshot({"orders": [partition(number) for number in (10, 2, 0)]})
    assert [row["partition"] for row in rows_of(seen, "orders")] == [0, 2, 10]


def test_a_sum_is_not_known_when_a_part_of_it_is_not():
    keys = [TopicPartition("orders", number) for number in range(2)]
    seen = snapshot({"orders": [partition(0), partition(1)]}, offsets={keys[0]: (0, 5)})
    found = summary(rows_of(seen, "orders"), 0)
    assert found["records_at_most"] is None
    assert found["size_bytes"] == 2000


def test_an_even_topic_has_no_skew_and_an_uneven_one_the_largest_over_the_mean():
    assert skew([10, 10]) == {"max_over_mean": 1.0, "coefficient_of_variation": 0.0}
    assert skew([0, 0, 30])["max_over_mean"] == 3.0


@pytest.mark.parametrize("values", [[], [5], [0, 0], [None, None]])
def test_there_is_no_skew_of_one_partition_or_of_nothing(values):
    assert skew(values) is None


def test_bars_of_ten_thousand_partitions_are_few_and_keep_the_largest():
    drawn = bars([1] * 9_999 + [50])
    assert len(drawn) <= 400
    assert drawn[-1][2] == 1.0
    assert drawn[0][2] == 1 / 50
    assert bars([]) == []


def test_readers_are_groups_that_committed_or_are_assigned_with_the_figures_of_this_topic_alone():
    orders, other = TopicPartition("orders", 0), TopicPartition("other", 0)
    groups = (
        group("both", {orders: 90, other: 0}),
        group("joined", {}, members=1, assigned=[orders], state="Stable"),
        group("elsewhere", {other: 5}),
    )
    seen = snapshot({"orders": [partition(0)], "other": [partition(0)]}, groups=groups)
    found = {row["group_id"]: row for row in readers(seen, tracker(seen), "orders")}
    assert set(found) == {"both", "joined"}
    assert found["both"]["lag"] == 10
    assert found["both"]["topic_count"] == 1
    assert found["joined"]["partition_count"] == 1


def test_hostile_names_are_only_text_to_the_model():
    seen = snapshot({HOSTILE: [partition(0)]}, groups=(group(HOSTILE, {TopicPartition(HOSTILE, 0): 1}),))
    assert readers(seen, tracker(seen), HOSTILE)[0]["group_id"] == HOSTILE


def test_partitions_are_written_as_numbers_and_ranges():
    errors = {}
    assert read_partitions(" 3, 0 5-7,6 ", errors) == (0, 3, 5, 6, 7)
    assert read_partitions("", errors) == ()
    assert not errors


@pytest.mark.parametrize("text", ["x", "7-5", "-1", "1e3", "0;drop"])
def test_what_is_no_partition_is_said_at_the_field(text):
    errors = {}
    assert read_partitions(text, errors) == ()
    assert "is no partition" in errors["partitions"]


@pytest.mark.parametrize("text", ["", "0", "-3", "three", "9" * 40])
def test_a_count_of_partitions_that_is_none_is_refused(text):
    errors = {}
    assert read_more_partitions("orders", {"partition_count": text}, errors) is None
    assert "partition_count" in errors


def test_records_are_deleted_before_a_place_and_never_by_a_shift():
    errors = {}
    change = read_delete_records("orders", {"before": "latest", "partitions": "1"}, errors)
    assert change.scope.partitions == (1,)
    assert not errors
    assert read_delete_records("orders", {"before": "-5"}, errors) is None
    assert "before" in errors


def test_an_election_is_preferred_or_unclean():
    errors = {}
    assert read_election("orders", {"election": "UNCLEAN"}, errors).election.name == "UNCLEAN"
    assert read_election("orders", {"election": "by lot"}, errors) is None
