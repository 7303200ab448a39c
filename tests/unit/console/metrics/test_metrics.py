"""What Prometheus reads: kafka_exporter's names and labels, escaped as the exposition format demands."""

import math
import re

from console.history.isr_changes import IsrChanges
from console.history.snapshot import GroupProgress, Snapshot
from console.lag.tracker import LagTracker
from console.local_machine import LocalUsage, MachineUsage, ProcessUsage
from console.metrics import exposition
from console.metrics.catalog import METRICS, Metric
from console.metrics.exposition import render, render_pieces
from console.metrics.families import Family, families, families_when_down
from console.services.log_dirs import LogDir
from console.services.partial import Missing
from console.services.quorum import Quorum, QuorumReplica, QuorumRole
from engine.net.cluster_view import BrokerView, PartitionView
from engine.net.request_figures import RequestFigure
from engine.protocol.errors import ErrorCode
from engine.types import TopicPartition

ORDERS, ORDERS_1 = TopicPartition("orders", 0), TopicPartition("orders", 1)
MACHINE = MachineUsage(2, 10.5, 1000, 500, 1, 2, 3, None)


def view(partition, leader, replicas, isr):
    return PartitionView(partition, leader, 3, replicas, isr, (), ErrorCode.NONE)


def snapshot(**more):
    values = {
        "at_ms": 1_500_000_000_500,
        "cluster_id": "c",
        "brokers": {1: BrokerView(1, "h", 9092), 2: BrokerView(2, "::1", 9093)},
        "partitions": {ORDERS: view(0, 1, (1, 2), (1, 2)), ORDERS_1: view(1, 1, (2, 1), (1,))},
        "offsets": {ORDERS: (5, 2**60 + 1), ORDERS_1: (0, 0)},
        "sizes": {ORDERS: {1: 100, 2: 90}},
        "log_dirs": (LogDir(1, "/d", 1000, 400, 1, 100, None),),
        "groups": {
            "g": GroupProgress("g", "classic", "Stable", 1, 2, {ORDERS: 2**60 - 9, ORDERS_1: 0}, frozenset({ORDERS}))
        },
        "quorum": Quorum(1, 7, 33, (QuorumReplica(2, None, QuorumRole.VOTER, 30, 3, None, None, ()),)),
        "usage": None,
        "missing": (Missing("a", "b"),),
    }
    return Snapshot(**{**values, **more})


def lines(snap, tracker=None):
    return render(families(snap, tracker)).splitlines()


def test_the_names_and_labels_are_those_of_kafka_exporter():
    """danielqsj/kafka_exporter, kafka_exporter.go."""
    text = lines(snapshot())

    for line in (
        "kafka_brokers 2",
        'kafka_broker_info{id="2",address="[::1]:9093"} 1',
        'kafka_topic_partitions{topic="orders"} 2',
        'kafka_topic_partition_current_offset{topic="orders",partition="0"} 1152921504606846977',
        'kafka_topic_partition_oldest_offset{topic="orders",partition="0"} 5',
        'kafka_topic_partition_leader{topic="orders",partition="1"} 1',
        'kafka_topic_partition_replicas{topic="orders",partition="1"} 2',
        'kafka_topic_partition_in_sync_replica{topic="orders",partition="1"} 1',
        'kafka_topic_partition_leader_is_preferred{topic="orders",partition="0"} 1',
        'kafka_topic_partition_leader_is_preferred{topic="orders",partition="1"} 0',
        'kafka_topic_partition_under_replicated_partition{topic="orders",partition="1"} 1',
        'kafka_consumergroup_members{consumergroup="g"} 2',
        'kafka_consumergroup_lag{consumergroup="g",topic="orders",partition="0"} 10',
        'kafka_consumergroup_lag_sum{consumergroup="g",topic="orders"} 10',
        'kafka_consumergroup_current_offset{consumergroup="g",topic="orders",partition="1"} 0',
        f'kafka_consumergroup_current_offset_sum{{consumergroup="g",topic="orders"}} {2**60 - 9}',
    ):
        assert line in text


def test_our_own_figures_are_beside_them():
    text = lines(snapshot(usage=LocalUsage((ProcessUsage(7, (1, 2), 1.5, 100, 4, None, 1, 2),), MACHINE, ())))

    for line in (
        'stoker_topic_partition_size_bytes{topic="orders",partition="0",broker="2"} 90',
        'stoker_log_dir_usable_bytes{broker="1",path="/d"} 400',
        "stoker_cluster_under_replicated_partitions 1",
        'stoker_broker_out_of_sync_replicas{broker="2"} 1',
        'stoker_quorum_replica_lag{broker="2",role="voter"} 3',
        'stoker_process_cpu_seconds_total{node="1,2"} 1.5',
        "stoker_machine_network_received_bytes_total 3",
        "stoker_snapshot_timestamp_seconds 1500000000.5",
        "stoker_snapshot_missing_parts 1",
        "# TYPE stoker_process_cpu_seconds_total counter",
    ):
        assert line in text
    assert not any(name in line for line in text for name in ("open_fds", "network_sent"))


def test_what_the_tracker_knows_is_told():
    tracker = LagTracker()
    for number in range(20):
        tracker.observe(number * 5000, {ORDERS: 100, ORDERS_1: 0}, {"g": ({ORDERS: 50, ORDERS_1: 0}, [ORDERS])})

    text = lines(snapshot(), tracker)

    assert 'stoker_consumergroup_status{consumergroup="g"} 3' in text
    assert 'stoker_consumergroup_partition_status{consumergroup="g",topic="orders",partition="0"} 5' in text
    assert 'stoker_consumergroup_lag_seconds{consumergroup="g",topic="orders",partition="0"} 95.0' in text
    assert 'stoker_consumergroup_drain_seconds{consumergroup="g"} +Inf' in text


def test_what_nobody_answered_is_left_out_and_not_zero():
    text = lines(snapshot(offsets={}, quorum=None, log_dirs=(), sizes={}))

    assert not any(
        line.startswith(("kafka_consumergroup_lag", "stoker_quorum", "kafka_topic_partition_current")) for line in text
    )


def test_records_lost_to_retention_are_told():
    group = GroupProgress("g", "classic", "Empty", 1, 0, {ORDERS: 2}, frozenset())

    text = lines(snapshot(groups={"g": group}))

    assert 'stoker_consumergroup_lost_records{consumergroup="g",topic="orders",partition="0"} 3' in text


def test_every_line_is_well_formed_and_every_family_is_in_the_catalogue_with_its_labels():
    found = families(snapshot(), LagTracker())

    assert len({family.metric.name for family in found}) == len(found)
    for family in found:
        assert METRICS[family.metric.name] is family.metric
        assert all(len(labels) == len(family.metric.labels) for labels, _ in family.rows)
        assert len({labels for labels, _ in family.rows}) == len(family.rows)
    pattern = re.compile(r'[a-z_]+(\{[a-z]+="[^"\n]*"(,[a-z]+="[^"\n]*")*\})? (\d+(\.\d+)?(e[+-]\d+)?|\+Inf|-1)')
    for line in render(found).splitlines():
        assert line.startswith("# ") or pattern.fullmatch(line), line


def test_labels_are_escaped_and_numbers_written_as_prometheus_reads_them():
    metric = Metric("m", "a\\b\nc", ("x",))
    rows = (
        (('q"\\\n\x1b</script>é\udc80',), 1.5),
        (("inf",), math.inf),
        (("minus",), -math.inf),
        (("nan",), math.nan),
        (("big",), 2**62 + 1),
    )

    text = render([Family(metric, rows)])

    assert text == (
        "# HELP m a\\\\b\\nc\n# TYPE m gauge\n"
        'm{x="q\\"\\\\\\n\x1b</script>é?"} 1.5\n'
        'm{x="inf"} +Inf\nm{x="minus"} -Inf\nm{x="nan"} NaN\nm{x="big"} 4611686018427387905\n'
    )
    assert text.encode()


def test_the_catalogue_is_in_order():
    for name, metric in METRICS.items():
        assert re.fullmatch(r"(kafka|stoker)_[a-z_]+", name)
        assert metric.help
        assert (metric.kind.value == "counter") == name.endswith("_total")


def test_while_the_cluster_does_not_answer_no_figure_of_it_is_told():
    """An alarm on `absent(kafka_brokers)` goes off; three brokers of yesterday would keep it quiet."""
    text = render(families_when_down(1_500_000_000_500)).splitlines()
    assert [each for each in text if not each.startswith("#")] == [
        "stoker_cluster_up 0",
        "stoker_snapshot_timestamp_seconds 1500000000.5",
    ]
    assert "stoker_cluster_up 1" in lines(snapshot())
    assert [each for each in render(families_when_down(None)).splitlines() if each[0] != "#"] == ["stoker_cluster_up 0"]


def test_what_is_large_comes_in_pieces_of_whole_lines(monkeypatch):
    monkeypatch.setattr(exposition, "PIECE_LINES", 100)
    groups = {f"g{n}": GroupProgress(f"g{n}", "classic", "Stable", 1, 2, {ORDERS: 1}, frozenset()) for n in range(300)}
    found = families(snapshot(groups=groups))
    pieces = list(render_pieces(found))
    assert len(pieces) > 5
    assert all(each.endswith("\n") and each.count("\n") <= 102 for each in pieces)
    assert "".join(pieces) == render(found)


def test_every_line_is_one_that_prometheus_reads():
    """Exposition format 0.0.4: each family once, HELP and TYPE before it, labels escaped, counters called _total."""
    hostile = 'a"b\\c\nd{}=,# \r\t\x00é\ud800'
    groups = {hostile: GroupProgress(hostile, "classic", "Stable", 1, 2, {ORDERS: 1}, frozenset())}
    usage = LocalUsage((ProcessUsage(7, (1, 2), 1.5, 100, 4, None, 1, 2),), MACHINE, ())
    text = render(families(snapshot(groups=groups, usage=usage)))
    text.encode()
    family, seen = None, set()
    sample = re.compile(r"""([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (NaN|[+-]Inf|[0-9.e+-]+)""")
    for line in text.removesuffix("\n").split("\n"):
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            assert family not in seen
            seen.add(family)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family
            assert kind == ("counter" if name.endswith("_total") else "gauge")
        else:
            found = sample.fullmatch(line)
            assert found, line
            assert found[1] == family
    assert seen <= set(METRICS)


def test_requests_and_isr_changes_count_up():
    """Kafka: RequestMetrics, IsrShrinksPerSec, IsrExpandsPerSec."""
    changes = IsrChanges()
    for isr in ((1, 2), (1,)):
        changes.observe({ORDERS: view(0, 1, (1, 2), isr)})
    produce = RequestFigure("Produce", 3, 300, 90, 0.5, (3,))
    text = render(families(snapshot(requests={1: [produce]}), None, changes)).splitlines()

    for line in (
        'stoker_requests_total{broker="1",request="Produce"} 3',
        'stoker_request_bytes_total{broker="1",request="Produce"} 300',
        'stoker_response_bytes_total{broker="1",request="Produce"} 90',
        'stoker_request_seconds_total{broker="1",request="Produce"} 0.5',
        "# TYPE stoker_requests_total counter",
        "stoker_isr_shrinks_total 1",
        "stoker_isr_expands_total 0",
    ):
        assert line in text
    assert not [line for line in lines(snapshot()) if "stoker_request" in line]  # nobody told: not 0
