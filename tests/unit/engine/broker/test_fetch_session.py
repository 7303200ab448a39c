"""Fetch sessions (KIP-227; Kafka: FetchSessionTest)."""

import random

import pytest

from engine.broker.fetch_session import FetchedPartition, Fetches, FetchSessionCache
from engine.protocol.errors import ErrorCode
from engine.protocol.uuids import ZERO_UUID

EVICTION_MS = 120_000


@pytest.fixture
def cache():
    return FetchSessionCache(slots=2, eviction_ms=EVICTION_MS, ids=random.Random(1))


def session(cache, *, is_follower=False, partitions=1, now_ms=0):
    fetches = cache.create(is_follower, True, partitions, now_ms)
    for index in range(partitions):
        fetches.partitions[(ZERO_UUID, "t", index)] = FetchedPartition(fetches, ZERO_UUID, "t", index)
    return fetches


def test_an_incremental_fetch_finds_its_session_and_moves_its_epoch(cache):
    fetches = session(cache)
    assert cache.resolve(fetches.session_id, 1, True, 5) is fetches
    assert cache.resolve(fetches.session_id, 2, True, 6) is fetches
    assert fetches.last_used_ms == 6


@pytest.mark.parametrize(
    ("session_id", "epoch", "uses_topic_ids", "expected"),
    [
        (12345, 1, True, ErrorCode.FETCH_SESSION_ID_NOT_FOUND),
        (None, 2, True, ErrorCode.INVALID_FETCH_SESSION_EPOCH),
        (None, 1, False, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR),
    ],
)
def test_what_does_not_fit_the_session_is_an_error(cache, session_id, epoch, uses_topic_ids, expected):
    fetches = session(cache)
    assert cache.resolve(session_id or fetches.session_id, epoch, uses_topic_ids, 0) is expected


def test_the_epoch_starts_over_at_one_after_the_largest():
    fetches = Fetches(1, False, True, 0)
    fetches.epoch = 0x7FFFFFFF
    fetches.next_epoch()
    assert fetches.epoch == 1


def test_a_full_cache_gives_no_session_while_its_sessions_are_young(cache):
    session(cache)
    session(cache)
    assert session(cache, is_follower=True, now_ms=10).session_id == 0


def test_a_session_unused_for_long_makes_room(cache):
    old = session(cache)
    session(cache, now_ms=EVICTION_MS)
    assert session(cache, now_ms=EVICTION_MS + 1).session_id != 0
    assert cache.resolve(old.session_id, 1, True, EVICTION_MS + 2) is ErrorCode.FETCH_SESSION_ID_NOT_FOUND


def test_a_follower_replaces_a_consumer_and_never_the_other_way_round(cache):
    """Kafka: FetchSessionCache.tryEvict, privileged sessions."""
    now_ms = EVICTION_MS + 1
    consumer, follower = session(cache), session(cache, is_follower=True)
    consumer.last_used_ms = follower.last_used_ms = now_ms
    assert session(cache, is_follower=True, now_ms=now_ms).session_id != 0
    assert cache.resolve(consumer.session_id, 1, True, now_ms) is ErrorCode.FETCH_SESSION_ID_NOT_FOUND
    assert session(cache, partitions=50, now_ms=now_ms).session_id == 0


def test_a_follower_that_registered_anew_acknowledges_every_partition_again():
    """KIP-903: what its earlier life fetched says nothing about what this one has."""
    fetches = Fetches(7, True, True, 0)
    each = fetches.partitions[(ZERO_UUID, "t", 0)] = FetchedPartition(fetches, ZERO_UUID, "t", 0)
    each.acknowledged = True
    fetches.on_fetch(42, 0)
    assert not each.acknowledged
    assert list(fetches.dirty) == [each]
    assert fetches.replica_epoch == 42
