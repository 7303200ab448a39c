"""Which leader wrote what (KIP-101, KIP-279; Kafka: LeaderEpochFileCache)."""

import pytest

from engine.log.leader_epoch_cache import LeaderEpochCache


def cache_of(*entries):
    cache = LeaderEpochCache()
    for entry in entries:
        cache.assign(*entry)
    cache.dirty = False
    return cache


def test_the_latest_epoch_ends_at_the_log_end():
    assert cache_of((2, 0), (4, 10)).end_offset_for(4, 25) == (4, 25)


def test_an_earlier_epoch_ends_where_the_next_begins():
    assert cache_of((2, 0), (4, 10)).end_offset_for(2, 25) == (2, 10)


def test_an_epoch_without_records_is_answered_with_the_largest_below_it():
    """KIP-279."""
    assert cache_of((2, 0), (4, 10)).end_offset_for(3, 25) == (2, 10)


def test_an_epoch_before_all_known_ends_where_the_first_known_begins():
    assert cache_of((2, 7), (4, 10)).end_offset_for(1, 25) == (1, 7)


@pytest.mark.parametrize("epoch", [5, -1])
def test_a_later_epoch_or_none_is_unknown(epoch):
    assert cache_of((2, 0), (4, 10)).end_offset_for(epoch, 25) == (-1, -1)
    assert cache_of().end_offset_for(epoch, 25) == (-1, -1)


def test_assigning_a_known_epoch_again_changes_nothing():
    cache = cache_of((2, 0), (4, 10))
    cache.assign(4, 15)
    assert cache.entries() == [(2, 0), (4, 10)]
    assert not cache.dirty


def test_an_epoch_that_contradicts_later_ones_replaces_them():
    cache = cache_of((2, 0), (4, 10), (6, 20))
    cache.assign(5, 10)
    assert cache.entries() == [(2, 0), (5, 10)]
    assert cache.dirty


def test_truncating_the_end_forgets_epochs_that_begin_there():
    cache = cache_of((2, 0), (4, 10), (6, 20))
    cache.truncate_from_end(10)
    assert cache.entries() == [(2, 0)]
    assert cache.latest_epoch == 2


def test_truncating_the_start_keeps_the_epoch_it_falls_into():
    cache = cache_of((2, 0), (4, 10), (6, 20))
    cache.truncate_from_start(15)
    assert cache.entries() == [(4, 15), (6, 20)]
    cache.dirty = False
    cache.truncate_from_start(15)
    assert not cache.dirty


def test_the_epoch_of_an_offset():
    cache = cache_of((2, 5), (4, 10))
    assert [cache.epoch_for_offset(offset) for offset in (4, 5, 9, 10, 99)] == [-1, 2, 2, 4, 4]


def test_a_new_leaders_epoch_begins_at_the_log_end_before_anything_is_written(bench, log):
    """KAFKA-7415."""
    bench.append(3, epoch=1)
    log.assign_epoch_start(5, log.log_end_offset)
    assert log.end_offset_for_epoch(1) == (1, 3)
    assert log.end_offset_for_epoch(5) == (5, 3)
    assert log.latest_epoch == 5


def test_epochs_survive_a_clean_close(bench, log):
    bench.append(3, epoch=1)
    bench.append(3, epoch=4)
    bench.close()
    assert bench.path("leader-epoch-checkpoint").read_text() == "0\n2\n1 0\n4 3\n"
    assert bench.open(had_clean_shutdown=True).leader_epochs.entries() == [(1, 0), (4, 3)]


def test_epochs_behind_the_recovery_point_are_read_back_from_the_batches(bench, log):
    bench.append(3, epoch=1)
    bench.run(log.flush())
    bench.append(3, epoch=4)
    bench.append(3, epoch=6)
    assert bench.open(recovery_point=3).leader_epochs.entries() == [(1, 0), (4, 3), (6, 6)]


def test_a_truncation_takes_the_epochs_along(bench, log):
    bench.append(3, epoch=1)
    bench.append(3, epoch=4)
    log.truncate_to(3)
    assert log.leader_epochs.entries() == [(1, 0)]
    log.assign_epoch_start(7, 3)
    log.truncate_to(100)
    assert log.latest_epoch == 1, "an epoch that was only announced goes, too"
