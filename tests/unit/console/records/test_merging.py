"""Several partitions as one stream in the order of time."""

import random

from console.records.merging import TimeMerge
from console.records.model import ConsumedRecord
from engine.protocol.records.batch import TimestampType
from engine.types import TopicPartition

A, B, C = (TopicPartition("t", number) for number in range(3))


def records(partition, *timestamps, first=0):
    return [
        ConsumedRecord("t", partition.partition, first + index, timestamp, TimestampType.CREATE_TIME, None, None, [])
        for index, timestamp in enumerate(timestamps)
    ]


def times(taken):
    return [record.timestamp for record in taken]


def test_what_may_still_be_preceded_waits():
    merge = TimeMerge([A, B], [A, B])
    merge.add(A, records(A, 1, 5, 9), 9)
    assert merge.take() == []

    merge.add(B, records(B, 2, 6), 6)

    assert times(merge.take()) == [1, 2, 5, 6]
    assert (merge.first_held(A), merge.first_held(B)) == (2, None)


def test_what_went_by_without_matching_lets_others_pass():
    """Otherwise one partition without matches would hold up all others to its end."""
    merge = TimeMerge([A, B], [A, B])
    merge.add(A, records(A, 1, 5, 9), 9)

    merge.add(B, [], 7)

    assert times(merge.take()) == [1, 5]


def test_who_has_caught_up_is_not_waited_for():
    merge = TimeMerge([A, B], [A, B])
    merge.add(A, records(A, 1, 5), 5)
    merge.catch_up(B)

    assert times(merge.take()) == [1, 5]
    assert not merge.caught_up
    merge.catch_up(A)
    assert merge.caught_up


def test_a_partition_keeps_its_own_order_where_its_time_goes_back():
    merge = TimeMerge([A, B], [])
    merge.add(A, records(A, 5, 3, 7), 7)
    merge.add(B, records(B, 4, 6), 6)

    assert [(record.partition, record.timestamp) for record in merge.take()] == [(1, 4), (0, 5), (0, 3), (1, 6), (0, 7)]


def test_how_it_was_cut_into_pieces_makes_no_difference():
    choose = random.Random(4)
    whole = {each: records(each, *sorted(choose.choices(range(60), k=40))) for each in (A, B, C)}
    outcomes = set()
    for seed in range(20):
        choose = random.Random(seed)
        left = {each: list(all_of_it) for each, all_of_it in whole.items()}
        merge, out = TimeMerge([A, B, C], [A, B, C]), []
        while any(left.values()):
            each = choose.choice([each for each in left if left[each]])
            count = choose.randint(1, 9)
            piece, left[each] = left[each][:count], left[each][count:]
            merge.add(each, [record for record in piece if record.offset % 3], piece[-1].timestamp)
            if not left[each]:
                merge.catch_up(each)
            out += merge.take(choose.choice([None, 3]))
        out += merge.take()
        outcomes.add(tuple((record.partition, record.offset) for record in out))

    assert len(outcomes) == 1
    assert len(next(iter(outcomes))) == sum(record.offset % 3 > 0 for each in whole.values() for record in each)


def test_held_bytes_are_those_of_what_waits():
    merge = TimeMerge([A, B], [A, B])
    merge.add(A, records(A, 1, 2), 2)
    assert merge.held_bytes(A) > 0
    merge.catch_up(B)
    merge.take()

    assert merge.held_bytes(A) == 0
