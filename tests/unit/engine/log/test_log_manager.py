"""A node's log directories: whose they are, what is in them, and what happens when one fails (Kafka: LogManager)."""

import asyncio
import errno
import json
import shutil

import pytest

from engine.errors import ConfigError, KafkaError
from engine.log import LogConfig, LogManager, MetaProperties, format_directory, read_meta_properties
from engine.log.log_config import LONG_MAX
from engine.protocol.errors import ErrorCode
from engine.protocol.records.record import Record, build_batch
from engine.runtime.disk import StorageError
from engine.runtime.randomness import SystemRandomness
from engine.runtime.system_disk import SystemDisk
from engine.types import TopicPartition
from tests.unit.engine.log.conftest import START_MS, TOPIC_ID, ManualClock

ORDERS = [TopicPartition("orders", number) for number in range(8)]
OTHER_ID = bytes(range(101, 117))
CLUSTER = "4L6g3nShT-eMCtK--X86sw"


class FailingFile:
    """A file whose operations fail while the disk says so."""

    def __init__(self, file, disk):
        self._file = file
        self._disk = disk

    def __getattr__(self, name):
        return getattr(self._file, name)

    def pwrite(self, parts, position):
        self._disk.check("pwrite", self._file.path)
        return self._file.pwrite(parts, position)

    def pread(self, length, position):
        self._disk.check("pread", self._file.path)
        return self._file.pread(length, position)

    async def fsync(self):
        self._disk.syncs.append(self._file.path)
        self._disk.check("fsync", self._file.path)
        await self._file.fsync()


class FailingDisk(SystemDisk):
    """The machine's disk, of which one operation fails in one directory."""

    def __init__(self):
        super().__init__()
        self.failing = None
        self.syncs = []

    def check(self, operation, path):
        if self.failing is not None and operation == self.failing[0] and path.startswith(self.failing[1]):
            raise StorageError(operation, path, "input/output error", errno.EIO)

    def open(self, path, *, create=False):
        return FailingFile(super().open(path, create=create), self)


class Node:
    """One node with two log directories, driven from outside of any loop."""

    def __init__(self, root):
        self.disk = FailingDisk()
        self.clock = ManualClock()
        self.randomness = SystemRandomness()
        self.dirs = [f"{root}/a", f"{root}/b"]
        self.failed = []
        self.loop = asyncio.new_event_loop()
        for number, directory in enumerate(self.dirs):
            properties = MetaProperties(CLUSTER, 3, bytes([number + 1] * 16))
            self.run(format_directory(self.disk, directory, properties))
        self.manager = None

    def run(self, work):
        return self.loop.run_until_complete(work)

    def start(self, *, dirs=None, cluster_id=CLUSTER, node_id=3, **options):
        self.manager = self.run(
            LogManager.open(
                self.disk,
                self.clock,
                self.randomness,
                dirs or self.dirs,
                cluster_id=cluster_id,
                node_id=node_id,
                on_directory_failure=lambda directory, error: self.failed.append(directory),
                **options,
            )
        )
        return self.manager

    def append(self, log, count=1, timestamp_ms=None):
        time_ms = self.clock.time_ms if timestamp_ms is None else timestamp_ms
        data = build_batch([Record(i, time_ms, None, b"v" * 50, []) for i in range(count)])
        return log.append_as_leader(data, leader_epoch=1, now_ms=self.clock.time_ms)


@pytest.fixture
def node(tmp_path):
    node = Node(tmp_path)
    yield node
    if node.manager is not None:
        node.manager.abandon()
    node.loop.close()


def test_a_directory_is_formatted_once(node):
    properties = read_meta_properties(node.disk, node.dirs[0])
    assert properties == MetaProperties(CLUSTER, 3, bytes([1] * 16))
    with pytest.raises(ConfigError, match="already formatted"):
        node.run(format_directory(node.disk, node.dirs[0], properties))


def test_a_directory_in_use_is_refused_by_name(node):
    node.start()
    with pytest.raises(ConfigError, match=f"{node.dirs[0]} is in use"):
        Node.start(node, dirs=node.dirs[:1])
    node.manager.abandon()
    node.start()


def test_a_directory_of_another_cluster_or_node_is_refused_with_both_names(node):
    with pytest.raises(ConfigError, match=f"{CLUSTER}.*b29vb29vRvavb29vb29vbw"):
        node.start(cluster_id="b29vb29vRvavb29vb29vbw")
    with pytest.raises(ConfigError, match=r"node 3.*node\.id=4"):
        node.start(node_id=4)
    node.start()


def test_a_directory_that_is_missing_or_not_formatted_is_refused(node, tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        node.start(dirs=[f"{tmp_path}/c"])
    (tmp_path / "c").mkdir()
    with pytest.raises(ConfigError, match=r"no meta\.properties"):
        node.start(dirs=[f"{tmp_path}/c"])


def test_two_directories_with_one_id_are_refused(node, tmp_path):
    shutil.copy(tmp_path / "a" / "meta.properties", tmp_path / "b" / "meta.properties")
    with pytest.raises(ConfigError, match=r"same directory\.id"):
        node.start()


def test_new_logs_go_to_the_directory_with_the_fewest(node):
    manager = node.start()
    for partition in ORDERS:
        manager.create(partition, TOPIC_ID)
    assert [manager.directory_of(partition) for partition in ORDERS] == node.dirs * 4
    assert manager.directory_id_of(ORDERS[1]) == bytes([2] * 16)
    assert manager.directory_ids == {node.dirs[0]: bytes([1] * 16), node.dirs[1]: bytes([2] * 16)}


def test_creating_a_log_that_is_there_gives_it_back(node):
    manager = node.start()
    log = manager.create(ORDERS[0], TOPIC_ID)
    assert manager.create(ORDERS[0], TOPIC_ID, is_new=False) is log
    with pytest.raises(KafkaError) as caught:
        manager.create(ORDERS[0], OTHER_ID)
    assert caught.value.code is ErrorCode.INCONSISTENT_TOPIC_ID


@pytest.mark.parametrize("clean", [True, False])
def test_logs_are_there_after_a_restart(node, clean):
    manager = node.start()
    for number, partition in enumerate(ORDERS):
        node.append(manager.create(partition, TOPIC_ID), number + 1)
    if clean:
        node.run(manager.close(broker_epoch=42))
    else:
        manager.abandon()
    manager = node.start()
    assert [manager.get(partition).log_end_offset for partition in ORDERS] == list(range(1, 9))
    assert all(manager.get(partition).topic_id == TOPIC_ID for partition in ORDERS)
    assert len(manager.recovery_reports) == (0 if clean else 8)
    assert manager.previous_broker_epoch == (42 if clean else -1)
    assert manager.get(TopicPartition("orders", 99)) is None


def test_the_mark_of_a_clean_shutdown_is_used_once(node, tmp_path):
    """Or a crash after the next start would pass for a clean stop."""
    manager = node.start()
    node.append(manager.create(ORDERS[0], TOPIC_ID))
    node.run(manager.close(broker_epoch=7))
    assert json.loads((tmp_path / "a" / ".kafka_cleanshutdown").read_text()) == {"version": 0, "brokerEpoch": 7}
    node.start()
    assert not (tmp_path / "a" / ".kafka_cleanshutdown").exists()


def test_checkpoints_are_kafkas_files(node, tmp_path):
    manager = node.start(dirs=node.dirs[:1])
    first, second = (manager.create(partition, TOPIC_ID) for partition in ORDERS[:2])
    node.append(first, 5)
    node.append(second, 3)
    first.update_high_watermark(4)
    node.run(first.flush())
    node.run(manager.checkpoint_recovery_points())
    node.run(manager.checkpoint_high_watermarks({ORDERS[1]: 2}))
    from engine.log.values import LogStartOffsetReason

    first.increment_log_start_offset(3, LogStartOffsetReason.CLIENT_RECORD_DELETION)
    node.run(manager.checkpoint_log_start_offsets())
    root = tmp_path / "a"
    assert (root / "recovery-point-offset-checkpoint").read_text() == "0\n2\norders 0 5\norders 1 0\n"
    assert (root / "replication-offset-checkpoint").read_text() == "0\n2\norders 0 4\norders 1 2\n"
    assert (root / "log-start-offset-checkpoint").read_text() == "0\n1\norders 0 3\n"
    manager.abandon()
    manager = node.start(dirs=node.dirs[:1])
    first, second = (manager.get(partition) for partition in ORDERS[:2])
    assert (first.log_start_offset, first.high_watermark, first.log_end_offset) == (3, 4, 5)
    assert (second.high_watermark, second.log_end_offset) == (2, 3)


def test_damaged_checkpoints_cost_time_only(node, tmp_path):
    manager = node.start(dirs=node.dirs[:1])
    node.append(manager.create(ORDERS[0], TOPIC_ID), 5)
    node.run(manager.close())
    for name in ("recovery-point-offset-checkpoint", "replication-offset-checkpoint", "log-start-offset-checkpoint"):
        (tmp_path / "a" / name).write_bytes(b"0\n5\n\xff\xfe")
    assert node.start(dirs=node.dirs[:1]).get(ORDERS[0]).log_end_offset == 5


def test_a_deleted_log_leaves_its_name_at_once_and_the_disk_later(node, tmp_path):
    manager = node.start(dirs=node.dirs[:1])
    log = manager.create(ORDERS[0], TOPIC_ID, LogConfig(file_delete_delay_ms=1000))
    node.append(log)
    manager.delete(ORDERS[0])
    assert manager.get(ORDERS[0]) is None
    names = [path.name for path in (tmp_path / "a").iterdir() if path.is_dir()]
    assert len(names) == 1
    assert names[0].startswith("orders-0.")
    assert names[0].endswith("-delete")
    assert manager.create(ORDERS[0], OTHER_ID).log_end_offset == 0, "a topic of the same name begins anew"
    assert node.run(manager.purge_deleted(START_MS + 999)) == 0
    assert node.run(manager.purge_deleted(START_MS + 1000)) == 1
    assert [path.name for path in (tmp_path / "a").iterdir() if path.is_dir()] == ["orders-0"]
    with pytest.raises(KafkaError):
        node.append(log)


def test_what_was_being_deleted_goes_after_a_restart(node, tmp_path):
    manager = node.start(dirs=node.dirs[:1])
    node.append(manager.create(ORDERS[0], TOPIC_ID))
    manager.delete(ORDERS[0])
    manager.abandon()
    manager = node.start(dirs=node.dirs[:1])
    assert manager.logs == {}
    node.run(manager.purge_deleted(START_MS))
    assert [path.name for path in (tmp_path / "a").iterdir() if path.is_dir()] == []


def test_strays_are_set_aside_and_left_alone(node, tmp_path):
    """Kafka: LogManager.isStrayKraftReplica."""
    manager = node.start(dirs=node.dirs[:1])
    for partition in ORDERS[:3]:
        node.append(manager.create(partition, TOPIC_ID))
    assert manager.move_strays(lambda log: log.topic_partition.partition == 1) == [ORDERS[1]]
    node.run(manager.close())
    manager = node.start(dirs=node.dirs[:1])
    assert list(manager.logs) == [ORDERS[0], ORDERS[2]]
    assert [path.name for path in (tmp_path / "a").iterdir() if path.name.endswith("-stray")] != []


def test_the_metadata_log_is_not_a_partition_of_the_broker(node, tmp_path):
    (tmp_path / "a" / "__cluster_metadata-0").mkdir()
    assert node.start().logs == {}


def test_a_failed_write_takes_the_directory_offline_with_all_its_logs(node):
    manager = node.start()
    logs = [manager.create(partition, TOPIC_ID) for partition in ORDERS[:4]]
    for log in logs:
        node.append(log)
    node.disk.failing = ("pwrite", f"{node.dirs[0]}/orders-0/")
    with pytest.raises(KafkaError) as caught:
        node.append(logs[0])
    assert caught.value.code is ErrorCode.KAFKA_STORAGE_ERROR
    node.disk.failing = None
    assert node.failed == node.dirs[:1]
    assert manager.offline_directories == node.dirs[:1]
    assert [log.is_offline for log in logs] == [True, False, True, False]
    for act in (
        lambda: node.append(logs[2]),
        lambda: logs[2].read(0, 100, max_offset=1),
        lambda: logs[2].truncate_to(0),
        lambda: node.run(logs[2].flush()),
    ):
        with pytest.raises(KafkaError) as caught:
            act()
        assert caught.value.code is ErrorCode.KAFKA_STORAGE_ERROR
    node.append(logs[1])
    with pytest.raises(KafkaError):
        manager.create(ORDERS[5], TOPIC_ID, is_new=False)
    assert manager.directory_of(manager.create(ORDERS[5], TOPIC_ID).topic_partition) == node.dirs[1]


def test_a_failed_sync_is_never_tried_again(node, tmp_path):
    """After it the kernel may call dirty pages clean (ATC'20)."""
    manager = node.start()
    log, other = manager.create(ORDERS[0], TOPIC_ID), manager.create(ORDERS[1], TOPIC_ID)
    node.append(log)
    node.append(other)
    node.disk.failing = ("fsync", f"{node.dirs[0]}/orders-0/")
    with pytest.raises(KafkaError):
        node.run(log.flush())
    node.disk.failing = None
    node.disk.syncs.clear()
    node.clock.time_ms += 1000
    node.run(manager.flush_due(node.clock.time_ms))
    node.run(manager.checkpoint_recovery_points())
    node.run(manager.close())
    assert [path for path in node.disk.syncs if path.startswith(node.dirs[0])] == []
    assert not (tmp_path / "a" / ".kafka_cleanshutdown").exists(), "it is recovered at the next start"
    assert (tmp_path / "b" / ".kafka_cleanshutdown").exists()


def test_a_directory_that_cannot_be_read_at_the_start_is_offline(node):
    manager = node.start()
    node.append(manager.create(ORDERS[0], TOPIC_ID))
    node.append(manager.create(ORDERS[1], TOPIC_ID))
    node.run(manager.close())
    node.disk.failing = ("pread", f"{node.dirs[0]}/orders-0/")
    manager = node.start()
    assert manager.offline_directories == node.dirs[:1]
    assert list(manager.logs) == [ORDERS[1]]
    manager.abandon()
    with pytest.raises(StorageError):
        node.start(dirs=node.dirs[:1])


def test_retention_runs_over_all_logs(node):
    config = LogConfig(segment_bytes=300, retention_ms=1000, file_delete_delay_ms=10)
    manager = node.start(default_config=config)
    for partition in ORDERS[:2]:
        log = manager.create(partition, TOPIC_ID)
        for _ in range(6):
            node.append(log)
        log.update_high_watermark(6)
    node.run(manager.flush_due(START_MS))
    assert node.run(manager.run_retention(START_MS + 1000)) == 0
    assert node.run(manager.run_retention(START_MS + 1001)) > 2
    assert all(manager.get(partition).log_start_offset == 6 for partition in ORDERS[:2])
    node.run(manager.run_retention(START_MS + 2000))
    assert not [path for path in node.disk.list_directory(f"{node.dirs[0]}/orders-0") if path.endswith(".deleted")]


def test_segments_that_rolled_and_what_flush_ms_asks_for_are_flushed(node):
    config = LogConfig(segment_bytes=300)
    manager = node.start()
    rolled = manager.create(ORDERS[0], TOPIC_ID, config)
    timed = manager.create(ORDERS[1], TOPIC_ID, LogConfig(flush_ms=500))
    for log in (rolled, timed):
        for _ in range(5):
            node.append(log)
    node.run(manager.flush_due(START_MS + 499))
    assert rolled.recovery_point == rolled.active_segment_base_offset > 0
    assert timed.recovery_point == 0
    node.run(manager.flush_due(START_MS + 500))
    assert timed.recovery_point == 5
    assert LogConfig().flush_ms == LONG_MAX


def test_truncation_lowers_the_checkpoint_before_it_cuts(node, tmp_path):
    manager = node.start(dirs=node.dirs[:1])
    log = manager.create(ORDERS[0], TOPIC_ID)
    for _ in range(4):
        node.append(log, 2)
    node.run(log.flush())
    node.run(manager.checkpoint_recovery_points())
    node.run(manager.truncate_to({ORDERS[0]: 4}))
    assert log.log_end_offset == 4
    assert (tmp_path / "a" / "recovery-point-offset-checkpoint").read_text() == "0\n1\norders 0 4\n"


def test_many_logs_are_created_with_few_files(node):
    manager = node.start(dirs=node.dirs[:1])
    manager.create(ORDERS[0], TOPIC_ID)
    assert node.disk.list_directory(f"{node.dirs[0]}/orders-0") == ["partition.metadata"]


def test_a_partition_whose_topic_nobody_can_tell_is_offline_and_the_others_go_on(node):
    """Kafka takes the whole directory offline; which topic a single partition is of says nothing about its disk."""
    manager = node.start(dirs=node.dirs[:1])
    for partition in ORDERS[:2]:
        node.append(manager.create(partition, TOPIC_ID), 2)
    node.run(manager.close(broker_epoch=42))
    path = f"{node.dirs[0]}/orders-0/partition.metadata"
    with open(path, "w") as file:
        file.write("version: 0\ntopic_id: b29vb29v")
    manager = node.start(dirs=node.dirs[:1])
    assert list(manager.damaged) == [ORDERS[0]]
    assert path in manager.damaged[ORDERS[0]]
    assert manager.online_directories == node.dirs[:1]
    assert manager.get(ORDERS[1]).log_end_offset == 2
    with pytest.raises(KafkaError, match="damaged") as caught:
        manager.create(ORDERS[0], TOPIC_ID)
    assert caught.value.code is ErrorCode.KAFKA_STORAGE_ERROR


def test_a_damaged_topic_id_that_was_never_synced_counts_as_missing(node):
    """A power cut in the first second of a partition's life: one write of it went astray."""
    manager = node.start(dirs=node.dirs[:1])
    node.append(manager.create(ORDERS[0], TOPIC_ID), 2)
    manager.abandon()
    with open(f"{node.dirs[0]}/orders-0/partition.metadata", "r+b") as file:
        content = file.read()
        file.seek(0)
        file.write(bytes(20) + content)
    manager = node.start(dirs=node.dirs[:1])
    assert manager.damaged == {}
    assert "made anew" in manager.recovery_reports[0].reasons[0]
    assert manager.create(ORDERS[0], TOPIC_ID).topic_id == TOPIC_ID


def test_the_topic_ids_of_new_partitions_are_synced_soon_and_once(node):
    manager = node.start(dirs=node.dirs[:1])
    logs = [manager.create(partition, TOPIC_ID) for partition in ORDERS]
    assert all(log.topic_id_unsynced for log in logs)
    node.run(manager.flush_due(0))
    assert not any(log.topic_id_unsynced for log in logs)
    node.run(manager.close(broker_epoch=42))
    manager = node.start(dirs=node.dirs[:1])
    assert not any(log.topic_id_unsynced for log in manager.logs.values())
