"""Reading the files of a cluster on this machine gives what the wire gives."""

from pathlib import Path

import pytest

from console.errors import OperatorError
from console.sql.segment_files import partition_directory

QUESTIONS = [
    "select sum(offset), count(value), min(key), max(timestamp) from {topic}",
    "select partition, offset, value from {topic} where offset in (0, 77, 499, 999) order by 1, 2",
    "select offset, key from {topic} where partition = 1 and offset between 333 and 340 order by 1",
    "select offset from {topic} order by offset desc, partition limit 5",
]


@pytest.fixture(scope="module")
def local(asker):
    return asker.new_service(data_dir=Path(asker.cluster.data_dir))


@pytest.fixture(scope="module")
def rolled(asker):
    """Many small segments."""
    topic = asker.topic(partitions=2, configs={"segment.bytes": "1048576", "index.interval.bytes": "1024"})
    for partition in range(2):
        for start in range(0, 1000, 20):
            records = [(b"k%d" % each, b"%d " % each + b"x" * 4000) for each in range(start, start + 20)]
            asker.produce(topic, *records, partition=partition)
    return topic


@pytest.mark.parametrize("question", QUESTIONS)
def test_files_say_what_the_wire_says(ask, orders, rolled, local, question):
    for topic in (orders, rolled):
        read = ask(question.format(topic=topic), service=local)
        assert read.rows == ask(question.format(topic=topic)).rows


def test_files_are_read_and_the_wire_is_not(ask, local):
    topic = ask.topic()
    ask.produce(topic, *[(b"k", b"v") for _ in range(100)])

    assert ask(f"select count(value) from {topic}", service=local).statistics.from_files
    assert not ask(f"select count(value) from {topic}").statistics.from_files


def test_several_segments_are_read_as_one(ask, rolled, local):
    directory = Path(ask.cluster.data_dir) / "node-1" / f"{rolled}-0"
    assert len(list(directory.glob("*.log"))) > 2

    answer = ask(f"select count(value), count(distinct offset) from {rolled} where partition = 0", service=local)

    assert answer.rows == [(1000, 1000)]


def test_compacted_topics_are_left_to_the_wire(ask, local):
    topic = ask.topic(configs={"cleanup.policy": "compact"})
    ask.produce(topic, (b"k", b"v"))

    answer = ask(f"select value from {topic}", service=local)

    assert answer.rows == [("v",)]
    assert not answer.statistics.from_files


def test_a_directory_of_another_topic_of_that_name_is_not_read(ask, orders):
    data_dir = Path(ask.cluster.data_dir)
    topic_id = ask.client.view.topics["orders"].topic_id

    assert partition_directory(data_dir, 1, "orders", 0, topic_id) is not None
    assert partition_directory(data_dir, 1, "orders", 0, bytes(16)) is None
    assert partition_directory(data_dir, 2, "orders", 0, topic_id) is None


def test_files_that_are_gone_are_no_loss(ask, orders, tmp_path):
    service = ask.new_service(data_dir=tmp_path)

    answer = ask("select count(value) from orders", service=service)

    assert answer.rows == [(3000,)]
    assert not answer.statistics.from_files


def test_segments_are_a_table_where_the_files_are_here(ask, rolled, local):
    rows = ask(
        f"select count(*), sum(size_bytes), sum(is_active::int), min(base_offset) from segments"
        f" where topic = '{rolled}' and partition = 0",
        service=local,
    ).rows
    directory = Path(ask.cluster.data_dir) / "node-1" / f"{rolled}-0"
    files = list(directory.glob("*.log"))

    assert rows == [(len(files), sum(each.stat().st_size for each in files), 1, 0)]


def test_segments_of_a_cluster_elsewhere_cannot_be_had_and_it_says_why(ask):
    with pytest.raises(OperatorError, match="not on this machine"):
        ask("select * from segments")
