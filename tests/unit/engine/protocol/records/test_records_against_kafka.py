"""Our batches and Apache Kafka's own classes: it reads ours, we read its, and uncompressed they are the same bytes."""

import random
from typing import Any

import pytest

from engine.protocol.messages import (
    EndTxnMarker,
    KRaftVersionRecord,
    LeaderChangeMessage,
    SnapshotFooterRecord,
    SnapshotHeaderRecord,
    VotersRecord,
)
from engine.protocol.records.batch import TimestampType, parse_batch_header, verify_crc
from engine.protocol.records.compression import Compression
from engine.protocol.records.control import ControlType, build_control_batch
from engine.protocol.records.record import Record, build_batch, decode_records

pytestmark = pytest.mark.java


def random_records(rng: random.Random, base_offset: int, count: int) -> list[Record]:
    def payload() -> bytes | None:
        return rng.choice((None, b"", rng.randbytes(rng.randrange(300)), b"text " * rng.randrange(2000)))

    return [
        Record(
            base_offset + index, rng.randrange(2**41), payload(), payload(),
            [(rng.choice(("", "name", "Größe")), payload()) for _ in range(rng.choice((0, 0, 1, 3)))],
        )
        for index in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("codec", list(Compression))
def test_kafka_reads_our_batches_and_we_read_what_it_writes(java: Any, codec: Compression) -> None:
    """Kafka: MemoryRecords, MemoryRecordsBuilder."""
    rng = random.Random(int(codec))
    built = []
    for _ in range(40):
        base_offset = rng.choice((0, 12, 2**40))
        records = random_records(rng, base_offset, rng.choice((1, 2, 50)))
        producer = rng.choice(({}, {"producer_id": 9, "producer_epoch": 3, "base_sequence": 17}))
        data = build_batch(
            records, base_offset=base_offset, compression=codec, leader_epoch=rng.choice((-1, 4)),
            is_transactional=bool(producer) and rng.random() < 0.5, **producer,
        )  # fmt: skip
        built.append((records, data))
    answers = java.run("Batches", "".join(f"{data.hex()}\n" for _, data in built))
    for (records, ours), answer in zip(built, answers, strict=True):
        theirs = bytes.fromhex(answer)
        header = parse_batch_header(theirs)
        assert verify_crc(theirs, 0, header)
        assert decode_records(theirs) == records
        if codec is Compression.NONE:
            assert theirs == ours
        else:
            assert header.compression == codec


def test_log_append_time_is_the_same_to_both(java: Any) -> None:
    records = random_records(random.Random(5), 0, 3)
    data = build_batch(records, timestamp_type=TimestampType.LOG_APPEND_TIME)
    [answer] = java.run("Batches", f"{data.hex()}\n")
    theirs = bytes.fromhex(answer)
    assert parse_batch_header(theirs).timestamp_type is TimestampType.LOG_APPEND_TIME
    assert decode_records(theirs) == decode_records(data)


def test_control_batches_have_kafkas_bytes(java: Any) -> None:
    """Kafka: MemoryRecords.withEndTransactionMarker, withLeaderChangeMessage and the others."""
    voters = [LeaderChangeMessage.Voter(1), LeaderChangeMessage.Voter(3)]
    values = {
        ControlType.ABORT: EndTxnMarker(7),
        ControlType.COMMIT: EndTxnMarker(8),
        ControlType.LEADER_CHANGE: LeaderChangeMessage(0, 3, voters),
        ControlType.SNAPSHOT_HEADER: SnapshotHeaderRecord(0, 123456),
        ControlType.SNAPSHOT_FOOTER: SnapshotFooterRecord(0),
        ControlType.KRAFT_VERSION: KRaftVersionRecord(0, 1),
        ControlType.KRAFT_VOTERS: VotersRecord(0, [VotersRecord.Voter(1, bytes(range(16)))]),
    }
    [answer] = java.run("Batches", "control\n")
    for (control_type, value), theirs in zip(values.items(), answer.split(), strict=True):
        marker = control_type in (ControlType.ABORT, ControlType.COMMIT)
        ours = build_control_batch(
            control_type, value, offset=40, timestamp=99, leader_epoch=6,
            producer_id=5 if marker else -1, producer_epoch=1 if marker else -1,
        )  # fmt: skip
        assert ours.hex() == theirs, control_type.name
