"""kcat: what people have in their shells."""

import json
import shutil
import subprocess

import pytest

from tests.wire.clients import CODECS

KCAT = shutil.which("kcat") or shutil.which("kafkacat")
pytestmark = pytest.mark.skipif(KCAT is None, reason="kcat is not installed (Debian: kcat)")


def kcat(*arguments, stdin=None):
    done = subprocess.run([KCAT, *arguments], input=stdin, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("codec", CODECS)
def test_records_come_back_as_sent(bootstrap, new_topic, codec):
    topic = new_topic()
    lines = b"".join(b"k%d:v%d\n" % (i, i) for i in range(100))
    kcat("-P", "-b", bootstrap, "-t", topic, "-K:", "-H", "h=1", "-z", codec, stdin=lines)
    out = kcat("-C", "-b", bootstrap, "-t", topic, "-e", "-q", "-f", "%k:%s %h %o\n")
    assert out == b"".join(b"k%d:v%d h=1 %d\n" % (i, i, i) for i in range(100))


def test_a_group_reads_and_resumes(bootstrap, new_topic, group_id):
    topic = new_topic(partitions=2)
    kcat("-P", "-b", bootstrap, "-t", topic, stdin=b"one\ntwo\nthree\n")
    first = kcat("-b", bootstrap, "-G", group_id, "-q", "-X", "auto.offset.reset=earliest", "-c", "3", topic)
    assert sorted(first.split()) == [b"one", b"three", b"two"]
    kcat("-P", "-b", bootstrap, "-t", topic, stdin=b"four\n")
    second = kcat("-b", bootstrap, "-G", group_id, "-q", "-X", "auto.offset.reset=earliest", "-c", "1", topic)
    assert second.split() == [b"four"]


def test_metadata_lists_brokers_topics_and_leaders(bootstrap, new_topic):
    topic = new_topic(partitions=3)
    listing = json.loads(kcat("-L", "-J", "-b", bootstrap, "-t", topic))
    assert [broker["id"] for broker in listing["brokers"]] == [1, 2, 3]
    partitions = listing["topics"][0]["partitions"]
    assert len(partitions) == 3
    assert all(sorted(replica["id"] for replica in p["replicas"]) == [1, 2, 3] for p in partitions)


def test_offsets_are_found_by_time(bootstrap, new_topic):
    topic = new_topic()
    kcat("-P", "-b", bootstrap, "-t", topic, stdin=b"one\ntwo\n")
    assert kcat("-Q", "-b", bootstrap, "-t", f"{topic}:0:-2").strip().endswith(b"offset 0")
    assert kcat("-Q", "-b", bootstrap, "-t", f"{topic}:0:-1").strip().endswith(b"offset 2")


def test_a_topic_comes_into_being_by_producing_to_it(bootstrap):
    """auto.create.topics.enable."""
    kcat("-P", "-b", bootstrap, "-t", "made-by-producing", stdin=b"hello\n")
    assert kcat("-C", "-b", bootstrap, "-t", "made-by-producing", "-e", "-q") == b"hello\n"
