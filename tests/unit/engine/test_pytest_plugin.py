"""The fixtures that an application's own tests get from Stoker."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

TESTS = """
from confluent_kafka import Consumer, Producer, TopicPartition


def round_trip(cluster, topic, value):
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    producer.produce(topic, value)
    assert producer.flush(20) == 0
    consumer = Consumer({"bootstrap.servers": cluster.bootstrap_servers, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(20)
    consumer.close()
    assert message.value() == value
    assert message.offset() == 0


def test_one(kafka_cluster, kafka_topic):
    round_trip(kafka_cluster, kafka_topic, b"one")


def test_two_has_a_topic_of_its_own(kafka_cluster, kafka_topic):
    round_trip(kafka_cluster, kafka_topic, b"two")


def test_names_with_odd_characters_make_legal_topics(kafka_topic):
    assert set(kafka_topic) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
"""


def test_a_cluster_for_the_session_and_a_fresh_topic_for_each_test(tmp_path):
    (tmp_path / "test_application.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nkafka_nodes = 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "engine.pytest_plugin", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
