"""How the cluster on the screen is called."""

from types import SimpleNamespace

import pytest

from tui.source import Source


@pytest.mark.parametrize(
    ("name", "shown"),
    [("production", "production"), ("local", "local"), ("kafka-1:9092,kafka-2:9092,kafka-3:9092", "kafka-1:9092 +2")],
)
def test_a_cluster_without_a_name_is_called_by_the_first_of_its_servers(name, shown):
    servers = [("kafka-1", 9092), ("kafka-2", 9092), ("kafka-3", 9092)]
    source = Source(SimpleNamespace(name=name, client=SimpleNamespace(bootstrap=servers)))

    assert source.name == shown
