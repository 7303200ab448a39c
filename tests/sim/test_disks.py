"""Disks that lose, tear, flip and refuse: what a log manager and a cluster make of it.

Short scripts are taken through every crash state and every failing call; `tests/unit/engine/log/test_power_loss.py` samples
long ones.
"""

import asyncio
import contextlib
import errno
import random

import pytest

from engine.errors import ConfigError, KafkaError
from engine.log import LogConfig, LogManager, MetaProperties, format_directory
from engine.protocol.errors import ProtocolError
from engine.protocol.records.batch import iterate_batches, verify_crc
from engine.protocol.records.record import Record, build_batch, decode_records
from engine.runtime import StorageError
from engine.sim import final_state
from engine.sim.clients import SimProducer
from engine.sim.crash import PowerLoss, crash_states, power_loss
from engine.sim.disk import SimDisk
from engine.sim.disk_faults import DiskFaultRule
from engine.sim.loop import SimLoop
from engine.sim.nemesis import Level
from engine.sim.randomness import SimRandomness
from engine.sim.workloads import TOPIC
from engine.sim.world import Shape, World
from engine.types import CLUSTER_METADATA, TopicPartition

PLACE = TopicPartition("orders", 0)
TOPIC_ID = bytes(range(1, 17))
SEGMENT = "/data/orders-0/00000000000000000000.log"


class Clock:
    def now_ms(self):
        return 1_750_000_000_000


class Machine:
    """One log manager with one log on a disk in memory."""

    def __init__(self, config=None):
        self.loop = SimLoop()
        self.disk = SimDisk(self.loop, random.Random(1))
        self.config = config or LogConfig(segment_bytes=1 << 20)
        self.values = []
        """What was appended, by offset."""
        self.flushed = 0
        self.failures = []
        self.run(format_directory(self.disk.attach(), "/data", MetaProperties("cluster", 1, TOPIC_ID)))

    def run(self, work):
        return self.loop.run_until_complete(work)

    def open(self):
        self.manager = self.run(
            LogManager.open(
                self.disk.attach(),
                Clock(),
                SimRandomness(1),
                ["/data"],
                cluster_id="cluster",
                node_id=1,
                default_config=self.config,
                on_directory_failure=lambda path, error: self.failures.append(error),
            )
        )
        self.log = self.manager.create(PLACE, TOPIC_ID, self.config)
        return self

    def append(self, count):
        for _ in range(count):
            value = b"value-%d" % len(self.values) * 3
            record = Record(0, Clock().now_ms(), b"key", value, [])
            self.log.append_as_leader(build_batch([record]), leader_epoch=1, now_ms=Clock().now_ms())
            self.values.append(value)
        return self

    def flush(self):
        self.run(self.log.flush())
        self.flushed = self.log.log_end_offset
        return self

    def segments(self):
        """The files of the log's segments."""
        return (node for path, node in sorted(self.disk.files().items()) if path.endswith(".log"))

    def crash(self, content):
        """The machine comes back with that in its segment, and everything else as it was."""
        for path, node in self.disk.files().items():
            node.restart(bytearray(content if path == SEGMENT else node.data))
        self.disk.locks.clear()
        return self.open()

    def judge(self):
        """What was flushed is there, and what is there is what was written."""
        found = read(self.log)
        assert self.log.log_end_offset >= self.flushed
        assert found == {offset: self.values[offset] for offset in range(self.log.log_end_offset)}


def read(log, offset=0):
    """Every record from there as a consumer takes it: what has a wrong checksum or cannot be read is not taken."""
    found = {}
    while offset < log.log_end_offset:
        try:
            data = bytes(log.read(offset, 1 << 20, max_offset=log.log_end_offset).records)
            progress = offset
            for start, header in iterate_batches(data, allow_partial_tail=True):
                if not verify_crc(data, start, header):
                    return found
                for record in decode_records(data, start):
                    if record.offset >= offset:
                        found[record.offset] = record.value
                progress = header.next_offset
        except (ProtocolError, KafkaError, StorageError):
            return found
        if progress <= offset:
            return found
        offset = progress
    return found


# ---- crash states


def prepared():
    return Machine().open().append(3).flush().append(7)


def test_every_crash_state_of_a_short_script_is_a_log_with_all_that_was_flushed():
    """Each unsynced write kept or dropped: 2 to the power of 7 states, holes among them (ALICE, OSDI'14)."""
    states = crash_states(prepared().disk.files()[SEGMENT])
    assert len(states) == 2**7
    for content in states:
        prepared().crash(content).judge()


def test_a_last_write_torn_at_any_byte_costs_nothing_but_itself():
    whole = bytes(prepared().disk.files()[SEGMENT].data)
    last = len(whole) // 10
    for length in range(len(whole) - last, len(whole)):
        machine = prepared().crash(whole[:length])
        machine.judge()
        assert machine.log.log_end_offset == 9
    for length in range(len(whole) - last, len(whole)):  # the file was longer already: zeros, then garbage
        for filler in (b"\0", b"\xa5"):
            machine = prepared().crash(whole[:length] + filler * (len(whole) - length))
            machine.judge()


@pytest.mark.parametrize("how", list(PowerLoss))
def test_long_scripts_are_sampled(how):
    for seed in range(15):
        source = random.Random(seed)
        machine = Machine(LogConfig(segment_bytes=600)).open()
        for _ in range(30):
            machine.append(source.randint(1, 4))
            if source.random() < 0.2:
                machine.flush()
        power_loss(machine.disk, source, how)
        machine.open().judge()


# ---- calls that fail


def script(machine):
    machine.open().append(3).flush()
    machine.log.roll(Clock().now_ms())
    machine.append(3)
    machine.run(machine.manager.checkpoint_recovery_points())
    machine.flush()
    machine.append(2)
    machine.run(machine.manager.truncate_to({PLACE: 7}))
    del machine.values[7:]
    machine.run(machine.manager.checkpoint_high_watermarks({PLACE: 7}))
    machine.run(machine.manager.close())


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_whichever_call_of_a_script_fails_nothing_flushed_is_lost_and_nothing_wrong_is_found(number):
    for k in range(1_000):
        machine = Machine()
        rule = machine.disk.faults.add(DiskFaultRule("*", "*", number, remaining=1, skip=k))
        with contextlib.suppress(StorageError, KafkaError, ConfigError):
            script(machine)
        if rule in machine.disk.faults.rules:
            break  # the script has fewer calls
        machine.disk.faults.clear()
        if hasattr(machine, "manager"):
            machine.manager.abandon()
        power_loss(machine.disk, random.Random(k), PowerLoss.LOST if k % 2 else PowerLoss.DURABLE)
        machine.open()
        found = read(machine.log)
        assert machine.log.log_end_offset >= min(machine.flushed, len(machine.values)), k
        assert all(found[offset] == b"value-%d" % offset * 3 for offset in found), k
        assert sorted(found) == list(range(machine.log.log_end_offset)), k
    assert k > 40


def test_a_failed_sync_takes_the_directory_offline_and_is_never_tried_again():
    """After a failed fsync the kernel forgets what it was for, and says yes to the next one (Rebello et al., ATC'20)."""
    machine = Machine().open().append(3)
    machine.disk.faults.add(DiskFaultRule("fsync", "*.log", errno.EIO, remaining=1))
    with pytest.raises(KafkaError):
        machine.run(machine.log.flush())
    assert machine.manager.offline_directories == ["/data"]
    assert len(machine.failures) == 1
    calls = []
    machine.disk.faults.errno_for = lambda operation, path: calls.append((operation, path)) or 0
    machine.disk.faults.add(DiskFaultRule("none"))  # so that every call is asked about
    for work in (
        lambda: machine.append(1),
        lambda: machine.run(machine.log.flush()),
        lambda: machine.run(machine.manager.flush_due(Clock().now_ms() + 10**12)),
        lambda: machine.run(machine.manager.checkpoint_recovery_points()),
        lambda: machine.run(machine.manager.close()),
    ):
        with contextlib.suppress(KafkaError):
            work()
    assert [call for call in calls if call[0] in ("fsync", "fsync_directory", "pwrite", "rename")] == []


def test_the_name_of_the_metadata_log_is_durable_before_anything_is_promised():
    """Seed 1026: a power cut took the directory's name, and with it votes and what a voter had acknowledged."""
    world = World(1, level=Level.CALM, shape=Shape(partitions=1))
    try:
        world.loop.run_until_complete(world.start())
        for node in world.nodes.values():
            assert str(CLUSTER_METADATA) in node.disk.find(node.directories[0]).durable_entries
            assert "quorum-state" in node.disk.find(f"{node.directories[0]}/{CLUSTER_METADATA}").durable_entries
    finally:
        world.close()


# ---- bytes that are wrong


def flipped_positions(content):
    return [
        (start, position)
        for start, header in iterate_batches(content)
        for position in range(start, start + header.size_bytes)
    ]


@pytest.mark.parametrize("index_interval_bytes", [0, 4096])
@pytest.mark.parametrize("life", ["the one that wrote it", "another"])
def test_whichever_byte_of_a_segment_reads_wrong_no_wrong_record_is_served(index_interval_bytes, life):
    """The checksum does not cover a batch's base offset, its first eight bytes: there the neighbours tell."""
    machine = Machine(LogConfig(segment_bytes=350, index_interval_bytes=index_interval_bytes)).open().append(9)
    assert len(list(machine.segments())) == 3
    if life == "another":
        machine.run(machine.manager.close())
        machine.open()
    right = dict(enumerate(machine.values))
    wrong = []
    for node in machine.segments():
        for start, position in flipped_positions(bytes(node.data)):
            for mask in (1, 0x80):
                node.flips = {position: mask}
                for offset in range(9):
                    served = read(machine.log, offset)
                    if any(right.get(each) != value for each, value in served.items()):
                        wrong.append((position - start, mask, offset))
                    elif served and list(served) != list(range(offset, offset + len(served))):
                        wrong.append((position - start, mask, offset, "a gap"))
                node.flips = {}
                assert read(machine.log) == right, "a byte that reads right again has left no mark"
    assert wrong == []


def test_whichever_byte_of_a_segment_is_wrong_after_a_crash_recovery_keeps_only_what_is_right():
    machine = Machine().open().append(4)
    content = bytes(machine.disk.files()[SEGMENT].data)
    wrong = []
    for start, position in flipped_positions(content):
        machine = Machine().open().append(4)
        damaged = bytearray(content)
        damaged[position] ^= 1
        machine.crash(bytes(damaged))
        found = read(machine.log)
        if any(offset >= 4 or machine.values[offset] != value for offset, value in found.items()):
            wrong.append(position - start)
    assert wrong == []


@pytest.mark.parametrize("seed", range(3))
def test_a_replica_with_a_flipped_byte_is_repaired_from_its_peers(seed):
    """The follower is killed, comes back with one wrong byte in its log, cuts there, and copies the rest again."""
    source = random.Random(seed)
    world = World(seed, level=Level.CALM, shape=Shape(partitions=1))

    async def story():
        await world.start()
        await world.create_topic(TOPIC, 1)
        stream = world.randomness.stream("p")
        producer = SimProducer("p", world.bootstrap, TOPIC, stream, world.history, world.violations.append)
        await world.client_process.spawn(producer.start())
        world.producers.append(producer)
        await asyncio.sleep(1)
        for _ in range(20):
            world.client_process.run(producer.send)
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        leader, _ = world.leader(0)
        follower = next(node for node in world.nodes.values() if node is not leader)
        for _ in range(4):
            follower.kill()
            node = follower.disk.files()[f"/data/{TOPIC}-0/00000000000000000000.log"]
            start, header = source.choice(list(iterate_batches(bytes(node.data))))
            byte = source.choice(source.choice((range(8), range(21, header.size_bytes))))
            # The order of offsets protects the first 8 bytes, the checksum those from 21 on.
            node.data[start + byte] ^= 1 << source.randrange(8)
            node.restart(bytearray(node.data))
            follower.start()
            assert await world.settle()
        final_state.judge_logs(world.nodes.values(), world.complain)

    try:
        world.loop.run_until_complete(story())
    finally:
        world.close()
    assert world.violations == []
