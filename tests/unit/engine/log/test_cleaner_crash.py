"""A crash at any step of compaction (the laboratory's disk): the log is then what it was, or what it was to become.

Group by group: a run replaces one group of segments after the other, so a crash may leave some of each.
"""

import random

import pytest

from engine.log import LogCleaner, LogConfig, LogManager, MetaProperties, format_directory
from engine.protocol.records.batch import iterate_batches
from engine.protocol.records.record import Record, build_batch, decode_records
from engine.sim.crash import PowerLoss, power_loss
from engine.sim.disk import SimDisk
from engine.sim.loop import SimLoop
from engine.sim.randomness import SimRandomness
from engine.types import TopicPartition
from tests.unit.engine.log.conftest import TOPIC_ID, ManualClock

ORDERS = TopicPartition("orders", 0)
CONFIG = LogConfig(segment_bytes=900, index_interval_bytes=100, cleanup_policy=("compact",))
CLEANED = LogConfig(segment_bytes=1_900, index_interval_bytes=100, cleanup_policy=("compact",))
"""With it, two segments or more become one."""
ELSEWHERE = LogConfig(segment_bytes=900)
"""What a restarting node knows of the topic before the cluster's metadata has come."""


class Machine:
    """A log of several segments with producers, tombstones, epochs and an aborted transaction, ready to be compacted."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.loop = SimLoop()
        self.sim = SimDisk(self.loop, random.Random(seed + 1))
        self.clock = ManualClock()
        self.steps = 0
        self.disk = self.sim.attach()
        self.run(format_directory(self.disk, "/data", MetaProperties("cluster", 1, TOPIC_ID)))
        self.start()
        self.write()

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
                default_config=ELSEWHERE,
            )
        )
        self.recovered_loss = [report.reasons for report in self.manager.recovery_reports if report.lost_data]
        self.log = self.manager.create(ORDERS, TOPIC_ID, CONFIG)
        self.log.update_high_watermark(self.log.log_end_offset)

    def write(self):
        sequences = {}
        for number in range(30):
            producer_id = self.random.choice([-1, 1, 2])
            count = self.random.randint(1, 3)
            options = {}
            if producer_id > 0:
                sequence = sequences.get(producer_id, 0)
                options = {"producer_id": producer_id, "producer_epoch": 0, "base_sequence": sequence}
                sequences[producer_id] = sequence + count
            records = [
                Record(
                    index,
                    self.clock.time_ms,
                    b"key-%d" % self.random.choice([self.random.randrange(6), 100 + number]),
                    None if self.random.random() < 0.2 else b"v" * self.random.randint(0, 60),
                    [],
                )
                for index in range(count)
            ]
            self.log.append_as_leader(
                build_batch(records, **options), leader_epoch=number // 7, now_ms=self.clock.time_ms
            )
        self.log.roll(0)
        self.log.append_as_leader(
            build_batch([Record(0, 0, b"tail", b"", [])]), leader_epoch=9, now_ms=self.clock.time_ms
        )
        self.log.update_high_watermark(self.log.log_end_offset)
        # Synced, so that what a power cut takes is only what compaction did.
        self.run(self.log.flush())
        self.run(self.manager.checkpoint_recovery_points())

    def clean(self):
        cleaner = LogCleaner(self.disk, self.clock, self.manager)
        self.log.update_config(CLEANED)

        async def once():
            return await cleaner.clean(self.log)

        report = self.run(once())
        assert not cleaner.uncleanable
        return report

    def die_after(self, steps):
        """From now on the disk takes `steps` more changes; then the process is gone."""
        record, disk = self.sim.record, self.disk

        def counting(line):
            record(line)
            self.steps += 1
            if self.steps == steps:
                disk.process_died(silent=True)

        self.steps = 0
        self.sim.record = counting

    def crash(self, how):
        del self.sim.record
        self.manager.abandon()
        self.disk.process_died(silent=True)
        if how is not None:
            power_loss(self.sim, self.random, how)

    def records(self):
        data = b""
        offset = self.log.log_start_offset
        while (result := self.log.read(offset, 1 << 20, max_offset=1 << 60)).records:
            data += result.records
            offset = result.next_offset
        assert offset == self.log.log_end_offset
        return [record for position, _ in iterate_batches(data) for record in decode_records(data, position)]

    def facts(self):
        """What compaction never changes."""
        log = self.log
        return (
            log.log_start_offset,
            log.log_end_offset,
            log.leader_epochs.entries(),
            sorted(log.producers.to_snapshot()),
        )

    def names(self):
        return [name for name in self.disk.list_directory(f"/data/{ORDERS}") if name.endswith((".cleaned", ".swap"))]


def latest(records):
    found = {record.key: record.value for record in records}
    return {key: value for key, value in found.items() if value is not None}


def count_steps(seed):
    machine = Machine(seed)
    machine.die_after(-1)
    assert machine.clean() is not None
    return machine.steps


HOWS = [None, *PowerLoss]


@pytest.mark.parametrize("how", HOWS, ids=lambda how: "kill" if how is None else how.value)
@pytest.mark.seeds(2)
def test_a_crash_at_any_step_leaves_the_old_log_or_the_new_one(seed, how):
    whole = Machine(seed)
    before, facts = whole.records(), whole.facts()
    assert whole.log.segment_count > 5
    assert whole.clean() is not None
    after = whole.records()
    assert len(after) < 0.9 * len(before)
    assert latest(after) == latest(before)
    assert whole.facts() == facts

    for step in range(1, count_steps(seed) + 1):
        machine = Machine(seed)
        machine.die_after(step)
        machine.clean()
        machine.crash(how)
        machine.start()

        found = machine.records()
        assert set(map(repr, after)) <= set(map(repr, found)) <= set(map(repr, before)), step
        assert [record.offset for record in found] == sorted(record.offset for record in found)
        assert machine.facts() == facts, step
        assert latest(found) == latest(before)
        assert not machine.names(), step
        assert not machine.recovered_loss, step

        machine.clean()
        assert [record.offset for record in machine.records()] == [record.offset for record in after], step


@pytest.mark.seeds(3)
def test_power_cuts_after_a_run_find_the_new_log(seed):
    machine = Machine(seed)
    machine.clean()
    after, facts = machine.records(), machine.facts()
    for how in PowerLoss:
        machine.sim.record = machine.sim.record
        machine.crash(how)
        machine.start()

        assert machine.records() == after
        assert machine.facts() == facts


@pytest.mark.parametrize("how", list(PowerLoss), ids=lambda how: how.value)
@pytest.mark.seeds(5)
def test_a_truncation_while_the_new_segment_goes_in_is_not_undone(seed, how):
    """Compaction is done with the segment, its `.swap` name perhaps on the disk; then the log is cut and goes on."""
    machine = Machine(seed)
    cut = machine.log.segments.base_offsets[1] + 1

    async def run():
        begin_swap = machine.log.begin_swap

        def interfere():
            machine.log.truncate_to(cut)
            new = build_batch([Record(0, machine.clock.time_ms, b"new", b"1", [])])
            machine.log.append_as_leader(new, leader_epoch=20, now_ms=machine.clock.time_ms)

        cleaner = LogCleaner(machine.disk, machine.clock, machine.manager)
        machine.log.update_config(CLEANED)

        def begin(replacement):
            begin_swap(replacement)
            machine.loop.call_soon(interfere)

        patched = type("Log", (type(machine.log),), {"__slots__": (), "begin_swap": lambda self, new: begin(new)})
        machine.log.__class__ = patched
        assert await cleaner.clean(machine.log) is None
        await machine.log.flush()

    machine.run(run())
    kept, facts = machine.records(), machine.facts()
    assert machine.log.log_end_offset <= cut + 1
    assert kept[-1].key == b"new"
    machine.sim.record = machine.sim.record
    machine.crash(how)
    machine.start()

    assert machine.records() == kept
    assert machine.facts() == facts
    assert not machine.names()
