"""What survives when a process or a machine stops in the middle (Kafka: LogLoader, LogSegment.recover)."""

import zlib

import pytest

from engine.errors import KafkaError
from engine.log.batches import LegacyFormat
from engine.protocol.errors import ErrorCode
from engine.protocol.records.batch import iterate_batches
from tests.unit.engine.log.conftest import START_MS, stamped

SMALL = {"segment_bytes": 700, "index_interval_bytes": 100}


def snapshot_of(bench):
    """Everything about a log that its files must bring back."""
    log = bench.log
    indexes = [[(i.entry(n)) for n in range(len(i))] for segment in log._segments for i in segment.indexes()]
    return (
        bench.fetch(log.log_start_offset),
        bench.segment_bases(),
        log.log_start_offset,
        log.log_end_offset,
        log.leader_epochs.entries(),
        sorted(entry.to_snapshot() for entry in log.producers.producers.values()),
        log.aborted_transactions(log.log_start_offset, log.log_end_offset),
        log.max_timestamp_and_offset(),
        indexes,
    )


def fill(bench, batches=30):
    """Plain, idempotent and transactional batches of several epochs."""
    for number in range(batches):
        epoch = number // 10
        bench.append(2, epoch=epoch, value=b"x" * 20)
        bench.append(1, epoch=epoch, producer_id=1, producer_epoch=0, base_sequence=number)
        bench.append(1, epoch=epoch, producer_id=2, producer_epoch=0, base_sequence=number, is_transactional=True)
        if number % 8 == 7:
            bench.append_marker(2, commit=number % 16 == 15, epoch=epoch)
        bench.clock.time_ms += 1000


def test_a_torn_tail_is_cut_at_every_byte_and_whole_batches_survive(bench):
    """The last segment is cut at every byte of its last three batches."""
    bench.open()
    for _ in range(6):
        bench.append(2, epoch=1)
    spans = bench.spans()
    data = bench.fetch(0)
    size = len(data) // 6
    bench.log.abandon()
    path = bench.path(f"{0:020d}.log")
    for length in range(3 * size, len(data) + 1):
        path.write_bytes(data[:length])
        bench.open()
        whole = length // size
        assert bench.spans() == spans[:whole]
        assert bench.log.log_end_offset == whole * 2
        assert bench.report.truncated_bytes == length - whole * size
        assert bench.report.lost_data == (length % size != 0)
        assert path.stat().st_size == whole * size
        bench.log.abandon()


@pytest.mark.parametrize("garbage", [b"\0" * 500, b"\xff" * 500, bytes(range(256)) * 2])
def test_garbage_behind_the_last_batch_is_cut(bench, log, garbage):
    bench.append(3)
    log.abandon()
    path = bench.path(f"{0:020d}.log")
    path.write_bytes(path.read_bytes() + garbage)
    bench.open()
    assert bench.offsets() == [0, 1, 2]
    assert bench.report.truncated_bytes == len(garbage)
    assert bench.append(1).first_offset == 3


def test_a_damaged_byte_in_the_middle_cuts_there_and_is_reported(bench):
    """As Kafka does: what is behind cannot be trusted to be what others have."""
    bench.open(**SMALL)
    fill(bench)
    bases = bench.segment_bases()
    assert len(bases) > 3
    bench.log.abandon()
    path = bench.path(f"{bases[1]:020d}.log")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    bench.open(**SMALL)
    assert bench.report.truncated_at_offset == bench.log.log_end_offset
    assert bases[1] < bench.log.log_end_offset < bases[2]
    assert bench.report.deleted_segments == bases[2:]
    assert bench.report.lost_data
    assert "checksum" in bench.report.reasons[0]
    assert bench.offsets() == list(range(bench.log.log_end_offset))


def test_a_restart_without_a_clean_stop_brings_everything_back(bench):
    bench.open(**SMALL)
    fill(bench)
    before = snapshot_of(bench)
    bench.open(**SMALL)
    assert snapshot_of(bench)[:-1] == before[:-1]
    assert not bench.report.lost_data
    assert bench.report.recovered_segments == bench.segment_bases()


def test_a_clean_stop_needs_no_recovery(bench):
    bench.open(**SMALL)
    fill(bench)
    bench.close()
    bench.open(had_clean_shutdown=True, **SMALL)
    before = snapshot_of(bench)
    assert bench.report.recovered_segments == []
    assert bench.log.recovery_point == bench.log.log_end_offset
    bench.close()
    bench.open(had_clean_shutdown=True, **SMALL)
    assert snapshot_of(bench) == before


def test_lost_indexes_and_snapshots_are_made_anew(bench):
    bench.open(**SMALL)
    fill(bench)
    bench.close()
    bench.open(had_clean_shutdown=True, **SMALL)
    before = snapshot_of(bench)
    bench.close()
    for clean in (True, False):
        for suffix in (".index", ".timeindex", ".snapshot"):
            for name in bench.files(suffix):
                bench.path(name).unlink()
        bench.open(had_clean_shutdown=clean, **SMALL)
        assert snapshot_of(bench) == before
        bench.close()


@pytest.mark.parametrize("suffix", [".index", ".timeindex"])
@pytest.mark.parametrize("content", [b"", b"\1", b"\xff" * 24, bytes(range(1, 25))])
def test_damaged_indexes_never_give_wrong_records(bench, suffix, content):
    bench.open(**SMALL)
    fill(bench)
    bench.close()
    bench.open(had_clean_shutdown=True, **SMALL)
    before = snapshot_of(bench)
    bench.close()
    for name in bench.files(suffix):
        bench.path(name).write_bytes(content)
    bench.open(had_clean_shutdown=True, **SMALL)
    for offset in range(bench.log.log_end_offset):
        assert offset in bench.offsets(offset)[:1]
    assert bench.fetch(0) == before[0]


def test_a_damaged_transaction_index_is_recovered_from_the_markers(bench):
    bench.open(**SMALL)
    fill(bench)
    bench.close()
    bench.open(had_clean_shutdown=True, **SMALL)
    before = snapshot_of(bench)
    bench.close()
    for name in bench.files(".txnindex"):
        bench.path(name).write_bytes(bench.path(name).read_bytes()[:-5])
    bench.open(had_clean_shutdown=True, **SMALL)
    assert snapshot_of(bench) == before


def test_only_what_is_behind_the_recovery_point_is_read(bench):
    bench.open(**SMALL)
    fill(bench)
    bases = bench.segment_bases()
    bench.run(bench.log.flush(bases[3]))
    assert bench.log.recovery_point == bases[3]
    bench.open(recovery_point=bases[3], **SMALL)
    assert bench.report.recovered_segments == bases[3:]
    bench.open(recovery_point=bases[3] + 1, **SMALL)
    assert bench.report.recovered_segments == bases[3:]


def test_the_recovery_point_is_known_after_a_flush_only(bench, log):
    bench.append(3)
    assert log.recovery_point == 0
    bench.run(log.flush(2))
    assert log.recovery_point == 2
    bench.run(log.flush())
    assert log.recovery_point == 3
    bench.open(recovery_point=3)
    bench.append(2)
    bench.open(recovery_point=3)
    assert (bench.log.recovery_point, bench.log.log_end_offset) == (3, 5)


def test_offsets_that_run_back_are_damage(bench, log):
    bench.append(2)
    log.abandon()
    path = bench.path(f"{0:020d}.log")
    path.write_bytes(path.read_bytes() + stamped(bench.batch(2), 1, 0))
    bench.open()
    assert bench.log.log_end_offset == 2


def test_an_epoch_that_runs_back_is_damage(bench, log):
    """A truncation that a power cut has undone leaves an older leader's batches behind a newer one's."""
    bench.append(2, epoch=5)
    bench.run(log.flush())
    log.abandon()
    path = bench.path(f"{0:020d}.log")
    path.write_bytes(path.read_bytes() + stamped(bench.batch(2), 2, 4))
    bench.open(recovery_point=2)
    assert bench.log.log_end_offset == 2
    assert "epoch 4 comes after epoch 5" in bench.report.reasons[0]


def test_of_two_epochs_in_the_wrong_order_that_were_never_synced_neither_is_kept(bench, log):
    """Which of them is wrong nothing tells, and no checksum covers it: what was never synced may be gone."""
    bench.append(2, epoch=3)
    bench.append(2, epoch=5)
    log.abandon()
    path = bench.path(f"{0:020d}.log")
    whole = path.read_bytes()
    path.write_bytes(whole + stamped(bench.batch(2), 4, 4) + stamped(bench.batch(2), 6, 6))
    bench.open()
    assert bench.log.log_end_offset == 2
    assert bench.log.latest_epoch == 3
    assert bench.report.truncated_at_offset == 2
    assert bench.report.truncated_bytes == 3 * len(whole) // 2
    assert "epoch 4 comes after epoch 5" in bench.report.reasons[0]


def test_a_wrong_leader_epoch_of_what_was_synced_is_told_by_the_checkpoint(bench, log):
    """The batch's checksum does not cover its leader epoch; the checkpoint was synced before the recovery point moved."""
    bench.append(2, epoch=3)
    bench.append(2, epoch=4)
    bench.append(2, epoch=7)
    bench.run(log.flush())
    log.abandon()
    path = bench.path(f"{0:020d}.log")
    whole = path.read_bytes()
    starts = [position for position, _ in iterate_batches(whole)]
    for number, wrong in ((0, 2), (1, 3), (1, 7), (2, 4), (2, 8), (2, -3)):
        damaged = bytearray(whole)
        at = starts[number] + 12
        damaged[at : at + 4] = wrong.to_bytes(4, "big", signed=True)
        path.write_bytes(damaged)
        bench.open(recovery_point=6)
        assert bench.log.log_end_offset == 2 * number
        bench.log.abandon()
        path.write_bytes(whole)
        bench.path("leader-epoch-checkpoint").write_text("0\n3\n3 0\n4 2\n7 4\n")


def test_a_hole_between_segments_is_damage_unless_compaction_explains_it(bench, log):
    log.append_as_follower(stamped(bench.batch(2), 0, 0))
    log.abandon()
    bench.path(f"{9:020d}.log").write_bytes(stamped(bench.batch(2), 9, 0))
    bench.open(cleanup_policy=("compact",))
    assert bench.log.log_end_offset == 11
    bench.open()
    assert bench.log.log_end_offset == 2
    assert bench.report.deleted_segments == [9]


def test_a_hole_inside_of_segments_is_compaction(bench, log):
    log.append_as_follower(stamped(bench.batch(2), 0, 0) + stamped(bench.batch(2), 5, 0))
    log.abandon()
    bench.path(f"{9:020d}.log").write_bytes(stamped(bench.batch(2), 9, 0))
    assert bench.open().log_end_offset == 11


def test_a_hole_before_the_last_batch_of_a_log_is_damage_unless_compaction_explains_it(bench, log):
    log.append_as_follower(stamped(bench.batch(2), 0, 0) + stamped(bench.batch(2), 5, 0))
    log.abandon()
    assert bench.open(cleanup_policy=("compact",)).log_end_offset == 7
    bench.log.abandon()
    assert bench.open().log_end_offset == 2


def test_a_batch_that_lies_behind_the_one_after_it_is_damage(bench, log):
    log.append_as_follower(b"".join(stamped(bench.batch(2), offset, 0) for offset in (0, 2, 4)))
    log.abandon()
    path = bench.path(f"{0:020d}.log")
    content = bytearray(path.read_bytes())
    content[len(content) // 3 + 6] ^= 1  # offset 2 is 258 now
    path.write_bytes(content)
    assert bench.open(cleanup_policy=("compact",)).log_end_offset == 2


def test_old_message_formats_are_never_taken_for_damage(bench, log):
    bench.append(1)
    log.abandon()
    body = b"\1\0" + START_MS.to_bytes(8) + (-1).to_bytes(4, signed=True) + (1).to_bytes(4) + b"v"
    legacy = (1).to_bytes(8) + (len(body) + 4).to_bytes(4) + zlib.crc32(body).to_bytes(4) + body
    path = bench.path(f"{0:020d}.log")
    whole = path.read_bytes() + legacy + bytes(61)
    path.write_bytes(whole)
    with pytest.raises(LegacyFormat):
        bench.open()
    assert path.read_bytes() == whole


def test_a_log_that_ends_before_its_start_begins_anew(bench, log):
    """Kafka: LogLoader.deleteSegmentsIfLogStartGreaterThanLogEnd."""
    bench.append(3)
    bench.open(log_start_offset=10)
    assert (bench.log.log_start_offset, bench.log.log_end_offset) == (10, 10)
    assert bench.append(1).first_offset == 10


def test_the_checkpointed_log_start_counts(bench, log):
    bench.append(5)
    bench.open(log_start_offset=3)
    assert bench.log.log_start_offset == 3
    assert bench.log.high_watermark == 3


def test_leftovers_are_removed(bench, log):
    bench.append(2)
    log.abandon()
    for name in (f"{7:020d}.log.deleted", f"{0:020d}.log.cleaned", f"{99:020d}.index", "leader-epoch-checkpoint.tmp"):
        bench.path(name).write_bytes(b"x")
    bench.open()
    assert bench.files() == sorted([f"{0:020d}.log", f"{0:020d}.index", f"{0:020d}.timeindex", "partition.metadata"])


def test_a_compaction_that_was_swapping_its_result_in_is_finished(bench):
    """Kafka: LogLoader.load, its first three passes."""
    bench.open(segment_bytes=180)
    for _ in range(6):
        bench.append(2, key=b"k")
    bases = bench.segment_bases()
    assert bases == [0, 4, 8]
    bench.log.abandon()
    compacted = stamped(bench.batch(1), 1, 0) + stamped(bench.batch(1), 7, 0)
    bench.path(f"{0:020d}.log.swap").write_bytes(compacted)
    bench.open(segment_bytes=180)
    assert bench.segment_bases() == [0, 8]
    assert bench.offsets() == [1, 7, 8, 9, 10, 11]


def test_a_directory_of_another_topic_id_is_refused(bench, log):
    """KIP-516: a topic deleted and created again under its name."""
    bench.path("partition.metadata").write_text("version: 0\ntopic_id: b29vb29vRvavb29vb29vbw")
    with pytest.raises(KafkaError) as caught:
        bench.open()
    assert caught.value.code is ErrorCode.INCONSISTENT_TOPIC_ID


def test_the_topic_id_is_written_when_it_was_missing(bench, log):
    bench.append(1)
    log.abandon()
    bench.path("partition.metadata").unlink()
    bench.open()
    assert bench.path("partition.metadata").exists()
    bench.path("partition.metadata").write_bytes(b"")
    bench.open()
    assert bench.path("partition.metadata").read_bytes() != b""
