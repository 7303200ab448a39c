"""Partitions of keys as the Java client computes them, and stickiness without keys."""

import random

import pytest

from console.records.partitioner import StickyPartitioner, murmur2, partition_for_key


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(key, expected):
    """Kafka: UtilsTest.testMurmur2."""
    assert murmur2(key) == expected % 2**32


def test_the_partition_of_a_key_counts_all_partitions():
    """Kafka: BuiltInPartitioner.partitionForKey: toPositive(murmur2(key)) % numPartitions."""
    assert partition_for_key(b"foobar", 6) == (-790332482 & 0x7FFFFFFF) % 6
    assert {partition_for_key(b"%d" % number, 3) for number in range(50)} == {0, 1, 2}


def test_records_without_key_stay_together_until_a_batch_is_full():
    """KIP-794."""
    sticky = StickyPartitioner(1000, random.Random(1))

    chosen = [sticky.choose("orders", [0, 1, 2], 100) for _ in range(30)]

    assert len(set(chosen[:10])) == len(set(chosen[10:20])) == 1
    assert chosen[0] != chosen[10] != chosen[20]


def test_a_partition_that_lost_its_leader_is_left():
    sticky = StickyPartitioner(10_000, random.Random(1))
    first = sticky.choose("orders", [0, 1], 1)

    assert sticky.choose("orders", [1 - first], 1) == 1 - first
