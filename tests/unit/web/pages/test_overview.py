"""What the overview makes of a snapshot and of the past."""

from console.history.model import Series, SeriesAnswer
from engine.net.request_figures import RequestFigure
from tests.unit.web.pages.made import log_dir, partition, snapshot
from web.charts import spark
from web.pages.overview import ISR_EXPANDS, ISR_SHRINKS, disks, figures_of, health, increase, isr_changes


def series(*values):
    return Series("m", {}, list(range(0, 1000 * len(values), 1000)), list(values), list(values), list(values))


def test_a_broker_that_ought_to_hold_replicas_and_is_not_there_is_gone():
    seen = snapshot({"t": [partition(0, 1, (1, 2, 3), (1, 2), (3,))]}, brokers=(1, 2))
    figures = health(seen)
    assert (figures["broker_count"], figures["gone_broker_count"]) == (2, 1)
    assert (figures["under_replicated_partitions"], figures["offline_replicas"]) == (1, 1)


def test_a_counter_went_up_by_what_it_went_up_also_when_it_began_anew():
    assert increase(series(3.0, 3.0, 5.0, None, 6.0)) == 3
    assert increase(series(7.0, 0.0, 2.0)) == 2
    assert increase(series(None, 4.0)) == 0
    assert increase(series(None, None)) is None
    assert increase(None) is None


def test_changes_of_the_isr_are_told_when_both_are_known():
    """In its first seconds the history may have one and not the other."""
    shrinks, expands = (SeriesAnswer((series(0.0, each),), 0) for each in (3.0, 2.0))
    assert isr_changes({ISR_SHRINKS: shrinks, ISR_EXPANDS: expands}) == (3, 2)
    assert isr_changes({ISR_SHRINKS: shrinks, ISR_EXPANDS: None}) == (None, None)
    assert isr_changes({ISR_SHRINKS: shrinks, ISR_EXPANDS: SeriesAnswer((), 0)}) == (None, None)
    assert isr_changes({}) == (None, None)


def test_bytes_are_those_of_requests_where_brokers_tell_and_of_logs_where_they_do_not():
    told = snapshot(requests={1: [RequestFigure("Produce", 1, 1, 1, 0.0, (1,))]})
    assert [each.key for each in figures_of(told) if each.key.startswith("bytes")] == ["bytes_in", "bytes_out"]
    assert [each.key for each in figures_of(snapshot()) if each.key.startswith("bytes")] == ["bytes_written"]


def test_keys_of_figures_are_each_ones_own():
    for seen in (snapshot(), snapshot(requests={})):
        keys = [each.key for each in figures_of(seen)]
        assert len(keys) == len(set(keys))


def test_disks_keep_their_order_though_a_few_bytes_more_are_used():
    one, two, full = log_dir(1, free=40), log_dir(2, free=39.9), log_dir(3, free=10)
    assert [each["broker"] for each in disks(snapshot(log_dirs=(two, one, full)))] == [3, 1, 2]


def test_a_small_chart_begins_where_something_is_known_first():
    chart = spark(series(None, None, 1.0, 2.0), str, "it")
    assert chart.from_ms == 2000
    assert chart.line.startswith("M0.0,")
    assert chart.latest == 2.0
    assert spark(series(None), str, "it").is_empty
