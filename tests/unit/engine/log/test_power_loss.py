"""A log on a disk that forgets, tears and reorders what was not synced (the laboratory's disk).

After any power cut a log must be one that replication can work with: everything flushed is there, offsets have no holes,
epochs never go back, and a batch of some offset and epoch is the batch that the leader of that epoch wrote there (the log
matching property of Raft). Indexes, epochs and producers agree with the batches.
"""

import random

import pytest

from engine.log import LogConfig, LogManager, MetaProperties, format_directory
from engine.log.producer_snapshots import apply_batch
from engine.log.producer_state import ProducerStateManager
from engine.protocol.records.batch import iterate_batches
from engine.protocol.records.record import Record, build_batch
from engine.sim.crash import power_loss
from engine.sim.disk import SimDisk
from engine.sim.loop import SimLoop
from engine.sim.randomness import SimRandomness
from engine.types import TopicPartition
from tests.unit.engine.log.conftest import TOPIC_ID, ManualClock

ORDERS = TopicPartition("orders", 0)
CONFIG = LogConfig(segment_bytes=600, index_interval_bytes=100)


class Machine:
    """One node's log manager, on a machine whose power goes now and then."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.loop = SimLoop()
        self.sim = SimDisk(self.loop, random.Random(seed + 1))
        self.clock = ManualClock()
        self.epoch = 0
        self.sequence = {}
        self.written = {}
        """(base offset, epoch) -> the batch written there: at most one in all of history."""
        self.disk = self.sim.attach()
        self.run(format_directory(self.disk, "/data", MetaProperties("cluster", 1, TOPIC_ID)))
        self.start()

    def run(self, work):
        return self.loop.run_until_complete(work)

    def start(self):
        self.disk = self.sim.attach()
        self.manager = self.run(
            LogManager.open(
                self.disk,
                self.clock,
                SimRandomness(1),
                ["/data"],
                cluster_id="cluster",
                node_id=1,
                default_config=CONFIG,
            )
        )
        self.log = self.manager.create(ORDERS, TOPIC_ID, CONFIG)
        self.epoch += 1
        # A producer goes on where its partition's state says.
        self.sequence = {
            entry.producer_id: (entry.last_sequence + 1 if entry.batches else 0)
            for entry in self.log.producers.active()
        }

    def append(self):
        count = self.random.randint(1, 4)
        records = [
            Record(i, self.clock.time_ms, None, self.random.randbytes(self.random.randint(0, 60)), [])
            for i in range(count)
        ]
        producer_id = self.random.choice([-1, 1, 2])
        options = {}
        if producer_id > 0:
            sequence = self.sequence.get(producer_id, 0)
            options = {
                "producer_id": producer_id,
                "producer_epoch": 0,
                "base_sequence": sequence,
                "is_transactional": producer_id == 2,
            }
            self.sequence[producer_id] = sequence + count
        start = self.log.log_end_offset
        self.log.append_as_leader(build_batch(records, **options), leader_epoch=self.epoch, now_ms=self.clock.time_ms)
        self.written[start, self.epoch] = self.log.read(start, 1 << 20, max_offset=1 << 60).records

    def truncate(self):
        """Another leader's log ends earlier; from now on there is a new epoch."""
        boundaries = [header.base_offset for header in self.headers()][-12:]
        if boundaries:
            offset = self.random.choice(boundaries)
            if offset < self.log.recovery_point_checkpointed or self.random.random() < 0.5:
                self.run(self.manager.truncate_to({ORDERS: offset}))
            else:
                self.log.truncate_to(offset)
            self.epoch += 1
            self.sequence = {e.producer_id: e.last_sequence + 1 for e in self.log.producers.active()}

    def data(self):
        parts, offset = [], self.log.log_start_offset
        while offset < self.log.log_end_offset:
            result = self.log.read(offset, 1 << 20, max_offset=1 << 60)
            assert result.records, f"nothing at offset {offset}"
            parts.append(result.records)
            offset = result.next_offset
        return b"".join(parts)

    def headers(self):
        return [header for _, header in iterate_batches(self.data())]

    def step(self):
        self.clock.time_ms += 10
        action = self.random.random()
        if action < 0.75:
            self.append()
        elif action < 0.83:
            self.run(self.log.flush())
        elif action < 0.88:
            self.run(self.manager.flush_due(self.clock.time_ms))
        elif action < 0.92:
            self.run(self.manager.checkpoint_recovery_points())
        elif action < 0.94:
            self.log.roll(self.clock.time_ms)
        else:
            self.truncate()

    def lose_power(self):
        flushed = self.log.recovery_point
        before = self.data()
        power_loss(self.sim, self.random)
        self.start()
        self.judge(flushed, before)

    def judge(self, flushed, before):
        log, data = self.log, self.data()
        assert log.log_end_offset >= flushed
        expected = log.log_start_offset
        epoch = -1
        kept = dict(iterate_batches_by_offset(before))
        rebuilt = ProducerStateManager("rebuilt")
        for position, header in iterate_batches(data):
            batch = data[position : position + header.size_bytes]
            assert header.base_offset == expected, "offsets have no holes"
            assert header.partition_leader_epoch >= epoch, "epochs never go back"
            assert batch == self.written[header.base_offset, header.partition_leader_epoch], "log matching"
            if header.base_offset < flushed:
                assert batch == kept[header.base_offset], "what was flushed is there"
            assert log.epoch_for_offset(header.base_offset) == header.partition_leader_epoch
            expected, epoch = header.next_offset, header.partition_leader_epoch
            apply_batch(rebuilt, header, batch, None)
        assert expected == log.log_end_offset
        for header in self.headers():
            for offset in (header.base_offset, header.last_offset):
                first = log.read(offset, 1, max_offset=1 << 60).records
                assert int.from_bytes(first[:8]) == header.base_offset
        assert sorted(rebuilt.to_snapshot()) == sorted(log.producers.to_snapshot())
        assert rebuilt.ongoing == log.producers.ongoing


def iterate_batches_by_offset(data):
    for position, header in iterate_batches(data):
        yield header.base_offset, data[position : position + header.size_bytes]


@pytest.mark.seeds(60)
def test_a_log_survives_power_cuts(seed):
    machine = Machine(seed)
    for _ in range(6):
        for _ in range(machine.random.randint(1, 40)):
            machine.step()
        machine.lose_power()


@pytest.mark.seeds(60)
def test_a_log_that_begins_anew_survives_power_cuts(seed):
    """Seed 3759: of the segments that went, some came back, and recovery looked at none of them."""
    machine = Machine(seed)
    for _ in range(machine.random.randint(5, 40)):
        machine.append()
    machine.run(machine.log.flush())
    machine.run(machine.manager.checkpoint_recovery_points())
    machine.append()
    before, start = machine.data(), machine.log.log_end_offset + machine.random.randint(1, 20)

    machine.run(machine.manager.prepare_truncation({ORDERS: machine.log.first_segment_base_offset}))
    machine.log.truncate_fully_and_start_at(start)
    recorded = machine.random.random() < 0.5
    if recorded:
        machine.run(machine.manager.record_beginning(ORDERS))
    power_loss(machine.sim, machine.random)
    machine.start()
    machine.judge(0, before)
    assert not recorded or (machine.log.log_start_offset, machine.log.log_end_offset) == (start, start)


@pytest.mark.seeds(10)
def test_a_log_survives_kills_and_clean_stops(seed):
    """A killed process loses nothing; a clean stop loses nothing even when the power goes right after it."""
    machine = Machine(seed)
    for _ in range(6):
        for _ in range(machine.random.randint(1, 30)):
            machine.step()
        before = machine.data()
        if machine.random.random() < 0.5:
            machine.manager.abandon()
        else:
            machine.run(machine.manager.close())
            power_loss(machine.sim, machine.random)
        machine.start()
        assert machine.data() == before
        machine.judge(machine.log.log_end_offset, before)


@pytest.mark.seeds(10)
def test_the_mark_of_a_clean_stop_does_not_come_back(seed):
    """Its removal is synced before anything is written, or a power cut would make torn files pass for clean ones."""
    machine = Machine(seed)
    machine.append()
    machine.run(machine.manager.close(broker_epoch=9))
    machine.start()
    assert machine.manager.previous_broker_epoch == 9
    machine.append()
    power_loss(machine.sim, machine.random)
    machine.start()
    assert machine.manager.previous_broker_epoch == -1
