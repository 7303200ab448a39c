"""Compaction, producers and transactions (in the spirit of Kafka: LogCleanerTest's transactional half)."""

import pytest

from engine.log import AbortedTransaction
from engine.protocol.records.batch import iterate_batches
from tests.unit.engine.log.test_cleaner import HOUR_MS, CleanerBench


class TransactionBench(CleanerBench):
    def transactional(self, producer_id, *pairs, sequence=0):
        return self.put(
            *pairs, producer_id=producer_id, producer_epoch=0, base_sequence=sequence, is_transactional=True
        )

    def end(self, producer_id, *, commit):
        self.append_marker(producer_id, commit=commit)
        self.log.update_high_watermark(self.log.log_end_offset)

    def clean_again(self):
        self.log.cleaner_offset = None
        return self.clean()

    def control_offsets(self):
        return [header.base_offset for header in self.headers() if header.is_control and header.records_count]

    def data(self):
        """(offset, key, value) of what producers wrote."""
        data = self.fetch(self.log.log_start_offset)
        control = {header.base_offset for _, header in iterate_batches(data) if header.is_control}
        return [pair for pair in self.pairs() if pair[0] not in control]


@pytest.fixture
def bench(tmp_path):
    bench = TransactionBench(tmp_path)
    bench.open()
    yield bench
    bench.log.abandon()


def test_aborted_records_go_and_do_not_replace_others(bench):
    """Kafka: LogCleanerTest.testAbortMarkerRemoval and testCommitMarkerRemoval."""
    bench.put(("a", "kept"), ("b", "replaced"))
    bench.transactional(7, ("a", "aborted"))
    bench.end(7, commit=False)
    bench.transactional(7, ("b", "committed"), sequence=1)
    bench.end(7, commit=True)
    bench.put(("z", "1"))
    bench.roll()

    bench.clean()

    assert bench.data() == [(0, "a", "kept"), (4, "b", "committed"), (6, "z", "1")]


def test_a_transaction_that_is_open_bounds_the_run(bench):
    """Kafka: LogCleanerManagerTest.testUndecidedTransactionalDataNotCleanable."""
    bench.put(("a", "1"))
    bench.roll()
    bench.transactional(7, ("a", "2"))
    bench.roll()
    bench.put(("a", "3"))
    bench.roll()

    bench.clean()

    assert bench.offsets() == [0, 1, 2]


def test_an_abort_marker_outlives_its_records_by_delete_retention_ms(bench):
    """Kafka: LogCleanerTest.testAbortMarkerRemoval. The index entry goes with the records' last trace."""
    bench.transactional(7, ("a", "1"))
    bench.end(7, commit=False)
    bench.transactional(7, ("b", "1"), sequence=1)
    bench.end(7, commit=True)
    bench.put(("z", "1"))
    bench.roll()

    bench.clean()
    assert bench.data() == [(2, "b", "1"), (4, "z", "1")]
    assert bench.control_offsets() == [1, 3]
    assert bench.log.aborted_transactions(0, 5) == [AbortedTransaction(7, 0)]

    bench.clean_again()
    assert bench.control_offsets() == [1, 3], "the horizon is only set by the run that met no records"
    assert bench.log.aborted_transactions(0, 5) == []

    bench.clock.time_ms += 24 * HOUR_MS
    bench.clean_again()
    assert bench.control_offsets() == [3]
    assert bench.data() == [(2, "b", "1"), (4, "z", "1")]


def test_a_commit_marker_stays_while_a_record_of_its_transaction_does(bench):
    bench.transactional(7, ("a", "1"))
    bench.end(7, commit=True)
    bench.put(("z", "1"))
    bench.roll()
    bench.clean()
    bench.clock.time_ms += 48 * HOUR_MS
    bench.clean_again()
    assert bench.control_offsets() == [1]

    bench.transactional(8, ("a", "2"))
    bench.end(8, commit=True)
    bench.put(("z", "2"))
    bench.roll()
    bench.log.producers.producers.clear()  # expired: nothing has to be kept for them
    for _ in range(3):
        bench.clean_again()
        bench.clock.time_ms += 25 * HOUR_MS

    assert bench.control_offsets() == [4]
    assert bench.data() == [(3, "a", "2"), (5, "z", "2")]


def test_a_transaction_over_several_segments_and_groups(bench):
    """Kafka: LogCleanerTest.testAbortedTransactionSeparation and its kind."""
    bench.open(segment_bytes=200)
    bench.put(("a", "kept"))
    bench.transactional(7, ("a", "aborted" * 10))
    bench.roll()
    bench.transactional(7, ("b", "aborted" * 10), sequence=1)
    bench.roll()
    bench.end(7, commit=False)
    bench.put(("z", "1"))
    bench.roll()

    bench.clean()

    assert bench.data() == [(0, "a", "kept"), (4, "z", "1")]
    bench.open(recovery_point=0, was_cleaned=True)
    assert bench.log.producers.ongoing == {}


def test_the_last_batch_of_a_producer_stays_so_that_its_sequence_is_known(bench):
    """Kafka: LogCleanerTest.testBasicTransactionAwareCleaning's neighbour testPartialSegmentClean, KAFKA-5357's kind."""
    bench.put(("a", "1"), producer_id=5, producer_epoch=2, base_sequence=0)
    bench.put(("a", "2"), ("b", "2"), producer_id=5, producer_epoch=2, base_sequence=1)
    bench.put(("a", "3"), ("b", "3"), producer_id=-1)
    bench.roll()

    bench.clean()

    assert bench.pairs() == [(3, "a", "3"), (4, "b", "3")]
    empty = bench.headers()[0]
    assert (empty.base_offset, empty.last_offset, empty.records_count) == (1, 2, 0)
    assert (empty.producer_id, empty.producer_epoch, empty.base_sequence, empty.last_sequence) == (5, 2, 1, 2)
    bench.open(recovery_point=0, was_cleaned=True)
    assert bench.log.producers.producers[5].last_sequence == 2
    repeated = bench.put(("a", "2"), ("b", "2"), producer_id=5, producer_epoch=2, base_sequence=1)
    assert repeated.duplicate


def test_nothing_is_kept_for_producers_that_expired(bench):
    bench.put(("a", "1"), producer_id=5, producer_epoch=0, base_sequence=0)
    bench.put(("a", "2"))
    bench.roll()
    bench.log.producers.producers.clear()

    bench.clean()

    assert bench.spans() == [(1, 1)]


def test_the_last_marker_of_a_producer_stays_for_its_epoch(bench):
    bench.transactional(7, ("a", "1"))
    bench.end(7, commit=False)
    bench.log.producers.producers[7].batches.clear()
    bench.put(("z", "1"))
    bench.roll()
    for _ in range(3):
        bench.clean_again()
        bench.clock.time_ms += 25 * HOUR_MS

    headers = [header for header in bench.headers() if header.is_control]
    assert [(header.producer_id, header.records_count) for header in headers] == [(7, 0)]
