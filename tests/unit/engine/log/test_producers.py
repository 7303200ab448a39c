"""Idempotent and transactional producers (KIP-98, KIP-360; Kafka: ProducerStateManager, ProducerAppendInfo)."""

import pytest

from engine.errors import KafkaError
from engine.log.values import AbortedTransaction, LogStartOffsetReason
from engine.protocol.errors import ErrorCode
from engine.runtime import safeguards
from tests.unit.engine.log.conftest import START_MS, stamped

SEQUENCE_MAX = 2**31 - 1


def write(bench, sequence, count=1, *, pid=7, epoch=0, txn=False):
    return bench.append(count, producer_id=pid, producer_epoch=epoch, base_sequence=sequence, is_transactional=txn)


def refused(bench, sequence, count=1, **options):
    end = bench.log.log_end_offset
    with pytest.raises(KafkaError) as caught:
        write(bench, sequence, count, **options)
    assert bench.log.log_end_offset == end
    return caught.value.code


def state(log):
    """Everything the log knows about its producers that a restart must not change."""
    return {
        producer_id: (
            entry.producer_epoch,
            entry.last_sequence,
            entry.last_data_offset,
            entry.last_timestamp_ms,
            entry.coordinator_epoch,
            entry.current_transaction_first_offset,
        )
        for producer_id, entry in log.producers.producers.items()
    }, dict(log.producers.ongoing)


def test_sequences_follow_each_other(bench, log):
    write(bench, 0, 3)
    write(bench, 3, 2)
    assert refused(bench, 6) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert refused(bench, 4, 2) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert write(bench, 5).first_offset == 5


def test_a_batch_sent_again_is_answered_with_its_first_offsets(bench, log):
    first = write(bench, 0, 3)
    write(bench, 3, 2)
    again = write(bench, 0, 3)
    assert again.duplicate
    assert (again.first_offset, again.last_offset) == (first.first_offset, first.last_offset)
    assert log.log_end_offset == 5


def test_five_batches_are_remembered(bench, log):
    """As many as may be in flight (KAFKA-5494)."""
    for sequence in range(6):
        write(bench, sequence)
    for sequence in range(1, 6):
        assert write(bench, sequence).first_offset == sequence
    assert refused(bench, 0) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    with safeguards.without("five_batches_are_remembered"):
        assert write(bench, 5).duplicate
        assert refused(bench, 4) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_sequences_wrap_to_zero(bench, log):
    write(bench, SEQUENCE_MAX - 1, 4)
    assert log.producers.producers[7].last_sequence == 1
    assert write(bench, SEQUENCE_MAX - 1, 4).duplicate
    write(bench, 2)
    write(bench, SEQUENCE_MAX, pid=8)
    write(bench, 0, pid=8)


def test_a_producer_never_seen_may_begin_anywhere(bench, log):
    """Its state may have gone with its records (KIP-360)."""
    assert write(bench, 41).first_offset == 0
    assert refused(bench, 43) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    with safeguards.without("unknown_producer_may_begin_anywhere"):
        assert refused(bench, 41, pid=8) is ErrorCode.UNKNOWN_PRODUCER_ID
        write(bench, 0, pid=8)


def test_a_new_epoch_begins_at_sequence_zero_and_fences_the_old_one(bench, log):
    write(bench, 0, 3)
    assert refused(bench, 3, epoch=1) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    write(bench, 0, epoch=1)
    assert refused(bench, 3, epoch=0) is ErrorCode.INVALID_PRODUCER_EPOCH
    assert refused(bench, 0, 3, epoch=0) is ErrorCode.INVALID_PRODUCER_EPOCH
    with safeguards.without("older_producer_epoch_is_fenced"):
        write(bench, 3, epoch=0)
    with safeguards.without("new_epoch_begins_at_sequence_zero"):
        write(bench, 7, epoch=2)


def test_producers_do_not_disturb_each_other(bench, log):
    write(bench, 0, pid=1)
    write(bench, 0, pid=2)
    assert refused(bench, 2, pid=1) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert [entry.producer_id for entry in log.producers.active()] == [1, 2]


def test_a_silent_producer_is_forgotten_after_the_expiration_time(bench):
    bench.open(producer_id_expiration_ms=1000)
    write(bench, 5)
    bench.log.producers.remove_expired(START_MS + 999)
    assert refused(bench, 9) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    bench.log.producers.remove_expired(START_MS + 1000)
    write(bench, 9)


def test_a_producer_with_an_open_transaction_is_not_forgotten(bench):
    bench.open(producer_id_expiration_ms=1000)
    write(bench, 0, txn=True)
    bench.log.producers.remove_expired(START_MS + 5000)
    assert 7 in bench.log.producers.producers


def test_followers_take_the_sequences_as_they_come(bench, log):
    for base, sequence in ((0, 0), (1, 5), (2, 5)):
        data = bench.batch(producer_id=7, producer_epoch=0, base_sequence=sequence)
        log.append_as_follower(stamped(data, base, 0))
    assert log.producers.producers[7].last_sequence == 5
    assert log.log_end_offset == 3


@pytest.mark.parametrize("clean", [True, False])
def test_producers_survive_a_restart(bench, log, clean):
    for sequence in range(4):
        write(bench, sequence * 2, 2)
        if sequence == 1:
            log.roll(START_MS)
    write(bench, 0, pid=8, txn=True)
    before = state(log)
    if clean:
        bench.close()
    assert state(bench.open(had_clean_shutdown=clean)) == before
    assert write(bench, 6, 2).duplicate
    assert refused(bench, 9) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER


@pytest.mark.parametrize("clean", [True, False])
def test_producers_are_read_from_the_batches_when_snapshots_are_missing_or_damaged(bench, log, clean):
    for sequence in range(6):
        write(bench, sequence)
        log.roll(START_MS)
    write(bench, 0, pid=8, txn=True)
    before = state(log)
    if clean:
        bench.close()
    snapshots = bench.files(".snapshot")
    assert len(snapshots) >= 6
    for name in snapshots[::2]:
        bench.path(name).unlink()
    for name in snapshots[1::2]:
        bench.path(name).write_bytes(bench.path(name).read_bytes()[:-1])
    assert state(bench.open(had_clean_shutdown=clean)) == before
    assert [len(bench.log.producers.producers[7].batches), write(bench, 1).duplicate] == [5, True]


def test_truncation_takes_the_producers_back(bench, log):
    for sequence in range(6):
        write(bench, sequence)
        if sequence % 2:
            log.roll(START_MS)
    write(bench, 0, pid=8, txn=True)
    log.truncate_to(3)
    assert state(log) == ({7: (0, 2, 2, START_MS, -1, -1)}, {})
    write(bench, 3)
    assert refused(bench, 6) is ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER
    with safeguards.without("truncation_rewinds_producers"):
        log.truncate_to(3)
        assert write(bench, 3).duplicate


def test_the_last_stable_offset_is_the_start_of_the_first_open_transaction(bench, log):
    bench.append(2)
    write(bench, 0, pid=1, txn=True)
    write(bench, 0, pid=2, txn=True)
    bench.append(1)
    log.update_high_watermark(5)
    assert log.last_stable_offset == 2
    bench.append_marker(1, commit=True)
    log.update_high_watermark(6)
    assert log.last_stable_offset == 3
    bench.append_marker(2, commit=False)
    log.update_high_watermark(7)
    assert log.last_stable_offset == 7


def test_a_transaction_is_stable_only_once_its_marker_is_replicated(bench, log):
    """Kafka: ProducerStateManager.unreplicatedTxns."""
    write(bench, 0, 2, txn=True)
    bench.append_marker(7, commit=True)
    log.update_high_watermark(2)
    assert log.last_stable_offset == 0
    log.update_high_watermark(3)
    assert log.last_stable_offset == 3


def test_the_last_stable_offset_never_exceeds_the_high_watermark(bench, log):
    bench.append(5)
    assert log.last_stable_offset == 0
    write(bench, 0, txn=True)
    log.update_high_watermark(3)
    assert log.last_stable_offset == 3


def test_aborted_transactions_are_found_for_the_range_that_was_read(bench):
    bench.open(segment_bytes=250)
    write(bench, 0, 2, pid=1, txn=True)
    write(bench, 0, 2, pid=2, txn=True)
    bench.append_marker(1, commit=False)
    bench.append(3)
    bench.append_marker(2, commit=False)
    write(bench, 2, pid=1, txn=True)
    bench.append_marker(1, commit=True)
    end = bench.log.log_end_offset
    one, two = AbortedTransaction(1, 0), AbortedTransaction(2, 2)
    for _ in range(2):
        assert len(bench.segment_bases()) > 1
        assert bench.log.aborted_transactions(0, end) == [one, two]
        assert bench.log.aborted_transactions(0, 2) == [one]
        assert bench.log.aborted_transactions(5, end) == [two]
        assert bench.log.aborted_transactions(9, end) == []
        bench.open(segment_bytes=250)


def test_a_marker_without_a_transaction_changes_nothing_but_the_epochs(bench, log):
    bench.append_marker(7, commit=False, producer_epoch=3, coordinator_epoch=4)
    log.update_high_watermark(1)
    assert log.last_stable_offset == 1
    assert log.aborted_transactions(0, 1) == []
    assert refused(bench, 0, epoch=2) is ErrorCode.INVALID_PRODUCER_EPOCH


def test_markers_of_older_epochs_and_coordinators_are_fenced(bench, log):
    write(bench, 0, epoch=2, txn=True)
    with pytest.raises(KafkaError) as caught:
        bench.append_marker(7, commit=True, producer_epoch=1)
    assert caught.value.code is ErrorCode.INVALID_PRODUCER_EPOCH
    bench.append_marker(7, commit=True, producer_epoch=2, coordinator_epoch=5)
    with pytest.raises(KafkaError) as caught:
        bench.append_marker(7, commit=True, producer_epoch=2, coordinator_epoch=4)
    assert caught.value.code is ErrorCode.TRANSACTION_COORDINATOR_FENCED
    assert log.log_end_offset == 2


def test_a_plain_batch_inside_a_transaction_is_refused(bench, log):
    write(bench, 0, txn=True)
    assert refused(bench, 1) is ErrorCode.INVALID_TXN_STATE


def test_an_open_transaction_is_known_by_producer_and_epoch(bench, log):
    """KIP-890."""
    write(bench, 0, epoch=3, txn=True)
    assert log.producers.has_ongoing_transaction(7, 3)
    assert not log.producers.has_ongoing_transaction(7, 4)
    assert not log.producers.has_ongoing_transaction(8, 3)


def test_a_transaction_that_began_before_the_log_start_is_unstable_from_there(bench, log):
    write(bench, 0, 3, txn=True)
    bench.append(4)
    log.update_high_watermark(7)
    log.increment_log_start_offset(5, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    assert log.last_stable_offset == 5


def test_truncation_reopens_a_transaction_whose_marker_goes(bench, log):
    write(bench, 0, 2, txn=True)
    bench.append_marker(7, commit=False)
    bench.append(2)
    log.truncate_to(2)
    log.update_high_watermark(2)
    assert log.last_stable_offset == 0
    assert log.aborted_transactions(0, 2) == []
    bench.append_marker(7, commit=True)
    log.update_high_watermark(3)
    assert log.last_stable_offset == 3
