"""The disk that forgets what was not synced."""

import asyncio
import errno
import random

import pytest

from engine.runtime.disk import DiskLockHeld, StorageError, read_file, write_file_atomically
from engine.sim.crash import PowerLoss, crash_states, power_loss
from engine.sim.disk import DiskProfile, SimDisk
from engine.sim.disk_faults import DiskFaultRule
from engine.sim.loop import SimLoop
from engine.sim.network import SimNetwork
from engine.sim.randomness import SimRandomness


class Machine:
    def __init__(self, seed=1, **options):
        self.loop = SimLoop()
        self.random = random.Random(seed)
        self.sim = SimDisk(self.loop, self.random, **options)
        self.disk = self.sim.attach()

    def run(self, coroutine):
        return self.loop.run_until_complete(coroutine)

    def file(self, path, data=b"", create=True):
        file = self.disk.open(path, create=create)
        if data:
            file.pwrite([data], 0)
        return file

    def sync(self, file, directory="/"):
        self.run(file.fsync())
        self.run(self.disk.fsync_directory(directory))

    def lose_power(self, how=None):
        power_loss(self.sim, self.random, how)
        self.disk = self.sim.attach()


def test_what_is_written_is_read_at_once():
    machine = Machine()
    file = machine.file("/a")
    assert file.pwrite([b"hello ", bytearray(b"wor"), memoryview(b"ld")], 2) == 11
    assert file.pread(100, 0) == b"\0\0hello world"
    assert file.pread(5, 2) == b"hello"
    assert file.pread(5, 100) == b""
    file.truncate(4)
    assert file.size() == 4
    file.truncate(6)
    assert file.pread(10, 0) == b"\0\0he\0\0"


def test_names_behave_like_names():
    machine = Machine()
    disk = machine.disk
    disk.make_directories("/data/topic-0")
    disk.make_directories("/data/topic-0")
    machine.file("/data/topic-0/b")
    machine.file("/data/topic-0/a", b"old")
    assert disk.list_directory("/data/topic-0") == ["a", "b"]
    assert disk.exists("/data/topic-0/a")
    assert disk.is_directory("/data/topic-0/")
    machine.file("/data/topic-0/new", b"new")
    disk.rename("/data/topic-0/new", "/data/topic-0/a")
    assert read_file(disk, "/data/topic-0/a") == b"new"
    disk.rename("/data/topic-0", "/data/topic-0-delete")
    assert disk.list_directory("/data") == ["topic-0-delete"]
    disk.unlink("/data/topic-0-delete/b")
    disk.unlink("/data/topic-0-delete/b")
    disk.remove_tree("/data/topic-0-delete")
    disk.remove_tree("/data/topic-0-delete")
    assert disk.list_directory("/data") == []


@pytest.mark.parametrize(
    ("operation", "number"),
    [
        (lambda disk: disk.open("/none"), errno.ENOENT),
        (lambda disk: disk.open("/none/file", create=True), errno.ENOENT),
        (lambda disk: disk.list_directory("/none"), errno.ENOENT),
        (lambda disk: disk.list_directory("/file"), errno.ENOTDIR),
        (lambda disk: disk.open("/directory"), errno.EISDIR),
        (lambda disk: disk.unlink("/directory"), errno.EISDIR),
        (lambda disk: disk.rename("/none", "/b"), errno.ENOENT),
        (lambda disk: disk.rename("/directory", "/full"), errno.ENOTEMPTY),
        (lambda disk: disk.make_directories("/file/below"), errno.ENOTDIR),
    ],
)
def test_mistakes_are_answered_as_the_operating_system_does(operation, number):
    machine = Machine()
    machine.file("/file")
    machine.disk.make_directories("/directory")
    machine.disk.make_directories("/full/of")
    with pytest.raises(StorageError) as raised:
        operation(machine.disk)
    assert raised.value.errno == number


def test_synced_content_under_a_synced_name_survives_any_power_cut():
    for seed in range(50):
        machine = Machine(seed)
        file = machine.file("/a", b"kept")
        machine.sync(file)
        file.pwrite([b" and perhaps this"], 4)
        machine.lose_power()
        assert read_file(machine.disk, "/a").startswith(b"kept")


def test_content_that_was_not_synced_is_lost():
    machine = Machine()
    file = machine.file("/a", b"kept")
    machine.sync(file)
    file.pwrite([b"lost"], 0)
    assert machine.sim.unsynced() == ["/a"]
    machine.lose_power(PowerLoss.LOST)
    assert read_file(machine.disk, "/a") == b"kept"


def test_a_file_whose_directory_was_not_synced_is_gone():
    machine = Machine()
    machine.run(machine.file("/a", b"synced").fsync())
    machine.lose_power(PowerLoss.LOST)
    assert not machine.disk.exists("/a")


def test_a_write_made_while_a_sync_was_running_is_not_promised():
    machine = Machine()
    file = machine.file("/a", b"before")
    machine.sync(file)

    async def sync_and_write():
        syncing = asyncio.create_task(file.fsync())
        await asyncio.sleep(0)
        file.pwrite([b"after!"], 0)
        await syncing

    machine.run(sync_and_write())
    machine.lose_power(PowerLoss.LOST)
    assert read_file(machine.disk, "/a") == b"before"


def test_an_unsynced_truncate_can_come_back():
    machine = Machine()
    file = machine.file("/a", b"0123456789")
    machine.sync(file)
    file.truncate(2)
    machine.lose_power(PowerLoss.LOST)
    assert read_file(machine.disk, "/a") == b"0123456789"


def test_a_rename_is_whole_or_not_there():
    for seed in range(50):
        machine = Machine(seed)
        machine.sync(machine.file("/old", b"x"))
        machine.disk.make_directories("/sub")
        machine.run(machine.disk.fsync_directory("/"))
        machine.disk.rename("/old", "/sub/new")
        machine.lose_power()
        assert machine.disk.exists("/old") != machine.disk.exists("/sub/new")


def test_an_atomic_replacement_leaves_the_old_or_the_new_content():
    """`write_file_atomically` against every kind of crash, at every moment of its run."""
    seen = set()
    for seed in range(300):
        machine = Machine(seed)
        machine.run(write_file_atomically(machine.disk, "/checkpoint", b"old" * 1000))
        replacing = machine.loop.create_task(write_file_atomically(machine.disk, "/checkpoint", b"new" * 2000))
        machine.run(asyncio.sleep(machine.random.random() * 0.003))
        finished = replacing.done()
        machine.lose_power()
        content = read_file(machine.disk, "/checkpoint")
        assert content in (b"old" * 1000, b"new" * 2000)
        if finished:
            assert content == b"new" * 2000
        seen.add((finished, content[:3]))
        machine.loop.close()
    assert seen == {(False, b"old"), (False, b"new"), (True, b"new")}


def test_replacing_without_syncing_the_content_can_leave_a_mixture():
    """The bug the atomic replacement avoids: a rename that reaches the disk before the bytes."""
    contents = set()
    for seed in range(200):
        machine = Machine(seed)
        machine.run(write_file_atomically(machine.disk, "/checkpoint", b"old" * 1000))
        machine.run(write_file_atomically(machine.disk, "/checkpoint", b"new" * 2000, sync=False))
        machine.lose_power()
        contents.add(read_file(machine.disk, "/checkpoint"))
    assert b"" in contents
    assert len(contents) > 3


def test_torn_writes_are_torn_at_sectors():
    before, after = b"a" * 8192, b"b" * 8192
    torn = 0
    for seed in range(300):
        machine = Machine(seed)
        file = machine.file("/a", before)
        machine.sync(file)
        file.pwrite([after], 0)
        machine.lose_power(PowerLoss.SCATTERED)
        content = read_file(machine.disk, "/a")
        sectors = [content[start : start + 512] for start in range(0, 8192, 512)]
        kinds = {sector[:1] for sector in sectors if sector in (b"a" * 512, b"b" * 512)}
        torn += kinds == {b"a", b"b"}
    assert torn > 20


def test_every_crash_state_of_a_short_script_can_be_listed():
    machine = Machine()
    file = machine.file("/a", b"....")
    machine.sync(file)
    file.pwrite([b"A"], 0)
    file.pwrite([b"B"], 1)
    file.truncate(2)
    states = crash_states(machine.sim.files()["/a"])
    assert states == sorted({b"....", b"A...", b".B..", b"AB..", b"..", b"A.", b".B", b"AB"})


def test_a_dead_process_cannot_touch_the_disk_and_loses_its_locks_but_no_bytes():
    machine = Machine()
    network = SimNetwork(machine.loop, SimRandomness(1))
    process = network.new_process("node", network.add_host("node"))
    disk = machine.sim.attach(process)
    disk.lock("/.lock")
    file = disk.open("/a", create=True)
    file.pwrite([b"unsynced"], 0)
    with pytest.raises(DiskLockHeld):
        machine.disk.lock("/.lock")
    process.kill()
    with pytest.raises(StorageError):
        file.pwrite([b"too late"], 0)
    with pytest.raises(StorageError):
        disk.open("/b", create=True)
    machine.disk.lock("/.lock").release()
    assert read_file(machine.disk, "/a") == b"unsynced"


def test_a_full_disk_says_so_and_still_reads():
    machine = Machine(profile=DiskProfile(total_bytes=1000))
    file = machine.file("/a", bytes(900))
    with pytest.raises(StorageError) as raised:
        file.pwrite([bytes(200)], 900)
    assert raised.value.errno == errno.ENOSPC
    assert machine.disk.free_bytes("/") <= 100
    assert len(file.pread(900, 0)) == 900
    file.pwrite([b"overwriting needs no room"], 0)
    machine.disk.unlink("/a")
    assert machine.disk.free_bytes("/") == 1000


def test_a_disk_that_shrinks_is_full_until_it_is_well_again():
    machine = Machine()
    file = machine.file("/a", bytes(500))
    machine.sim.faults.capacity_bytes = 500
    with pytest.raises(StorageError):
        file.pwrite([b"x"], 500)
    machine.sim.faults.clear()
    file.pwrite([b"x"], 500)


def test_the_kth_call_can_be_made_to_fail():
    machine = Machine()
    file = machine.file("/data", bytes(10))
    machine.sim.faults.add(DiskFaultRule("pread", "/da*", skip=2, remaining=1))
    outcomes = []
    for _ in range(5):
        try:
            file.pread(1, 0)
            outcomes.append("ok")
        except StorageError as error:
            outcomes.append(error.errno)
    assert outcomes == ["ok", "ok", errno.EIO, "ok", "ok"]


def test_writes_of_a_failed_fsync_are_never_durable_even_if_the_next_one_succeeds():
    machine = Machine()
    file = machine.file("/a", b"old")
    machine.sync(file)
    machine.sim.faults.add(DiskFaultRule("fsync", remaining=1))
    file.pwrite([b"new"], 0)
    with pytest.raises(StorageError):
        machine.run(file.fsync())
    assert file.pread(3, 0) == b"new"
    machine.run(file.fsync())
    machine.lose_power(PowerLoss.DURABLE)
    assert read_file(machine.disk, "/a") == b"old"


def test_a_flipped_bit_is_seen_until_the_byte_is_written_again():
    machine = Machine()
    file = machine.file("/a", b"\x00\x00\x00\x00")
    machine.sim.files()["/a"].flips[2] = 0x10
    assert file.pread(4, 0) == b"\x00\x00\x10\x00"
    assert file.pread(1, 2) == b"\x10"
    file.pwrite([b"\x01"], 2)
    assert file.pread(4, 0) == b"\x00\x00\x01\x00"


def test_a_slow_disk_takes_its_time_to_sync():
    machine = Machine()
    file = machine.file("/a", b"x")
    machine.sim.faults.sync_delay_ns = 3_000_000_000
    before = machine.loop.now_ns
    machine.run(file.fsync())
    assert machine.loop.now_ns - before >= 3_000_000_000


def test_blocking_work_runs_in_place_and_takes_virtual_time():
    machine = Machine()
    before = machine.loop.now_ns
    assert machine.run(machine.disk.run_blocking(lambda: 7)) == 7
    assert machine.loop.now_ns > before


def test_the_same_seed_crashes_the_same_way():
    def content(seed):
        machine = Machine(seed)
        file = machine.file("/a", b"a" * 5000)
        machine.sync(file)
        for index in range(20):
            file.pwrite([bytes([index]) * 700], index * 600)
        machine.lose_power()
        return read_file(machine.disk, "/a")

    assert content(3) == content(3)
    assert len({content(seed) for seed in range(20)}) > 5
