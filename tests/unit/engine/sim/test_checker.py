"""The judges find what they are there to find, in histories made by hand."""

from engine.sim.checker import check
from engine.sim.history import Fate, History, Polled
from engine.types import TopicPartition

A = TopicPartition("t", 0)
B = TopicPartition("t", 1)


def history(*values, fate=Fate.ACKNOWLEDGED, producer="p"):
    """Sends of one session to A, acknowledged at offsets 0, 1, 2 ..."""
    made = History()
    for index, value in enumerate(values):
        send = made.send(producer, index, value, index)
        send.fate = fate
        if fate is Fate.ACKNOWLEDGED:
            send.topic_partition, send.offset = A, index
    return made


def log(*values):
    return dict(enumerate(values))


def kinds(made, logs):
    return [violation.kind for violation in check(made, logs)]


def test_a_perfect_run_has_no_violation():
    made = history(b"a", b"b", b"c")
    made.consumer("c").records = [Polled(A, 0, b"a"), Polled(A, 1, b"b"), Polled(A, 2, b"c")]
    assert check(made, {A: log(b"a", b"b", b"c")}) == []


def test_an_acknowledged_value_that_is_gone_is_lost():
    assert kinds(history(b"a", b"b"), {A: log(b"a")}) == ["lost-write"]


def test_a_value_of_unknown_fate_may_be_there_or_not():
    assert kinds(history(b"a", b"b", fate=Fate.UNKNOWN), {A: log(b"a")}) == []


def test_a_refused_value_must_not_be_there():
    assert kinds(history(b"a", fate=Fate.REFUSED), {A: log(b"a")}) == ["refused-write"]
    assert kinds(history(b"a", fate=Fate.REFUSED), {A: {}}) == []


def test_a_value_at_two_offsets_is_a_duplicate():
    assert kinds(history(b"a", b"b"), {A: log(b"a", b"b", b"a")}) == ["duplicate", "reordered"]
    assert kinds(history(b"a"), {A: log(b"a"), B: log(b"a")}) == ["duplicate"]


def test_a_value_nobody_sent_is_unknown():
    assert kinds(history(b"a"), {A: log(b"a", b"x")}) == ["unknown-value"]


def test_an_offset_acknowledged_for_one_value_and_holding_another_is_inconsistent():
    assert kinds(history(b"a"), {A: log(b"b", b"a")}) == ["inconsistent-offsets", "unknown-value"]


def test_two_consumers_that_read_different_values_at_one_offset_are_inconsistent():
    made = history(b"a")
    made.consumer("c").records = [Polled(A, 0, b"a")]
    made.consumer("d").records = [Polled(A, 0, b"z")]
    assert "inconsistent-offsets" in kinds(made, {A: log(b"a")})


def test_values_of_a_session_out_of_order_are_reordered():
    made = history(b"a", b"b", b"c", fate=Fate.UNKNOWN)
    assert kinds(made, {A: log(b"a", b"c", b"b")}) == ["reordered"]
    assert kinds(made, {A: log(b"a", b"c")}) == []
    assert kinds(made, {A: log(b"b"), B: log(b"a")}) == []


def test_two_sessions_may_interleave():
    made = history(b"a", b"b", fate=Fate.UNKNOWN)
    made.send("q", 0, b"x", 0)
    made.send("q", 1, b"y", 0)
    assert kinds(made, {A: log(b"x", b"a", b"y", b"b")}) == []


def test_a_consumer_that_goes_back_is_nonmonotonic():
    made = history(b"a", b"b")
    made.consumer("c").records = [Polled(A, 1, b"b"), Polled(A, 0, b"a")]
    assert kinds(made, {A: log(b"a", b"b")}) == ["nonmonotonic-poll"]
    made.consumers[0].records = [Polled(A, 1, b"b"), Polled(A, 1, b"b")]
    assert kinds(made, {A: log(b"a", b"b")}) == ["nonmonotonic-poll"]


def test_a_consumer_that_leaves_out_an_offset_skips():
    made = history(b"a", b"b", b"c")
    made.consumer("c").records = [Polled(A, 0, b"a"), Polled(A, 2, b"c")]
    assert kinds(made, {A: log(b"a", b"b", b"c")}) == ["poll-skip"]


def test_a_consumer_that_was_told_that_the_log_begins_later_leaves_out_what_is_before():
    """Another replica had not deleted that yet, and led in the end (seed 4562)."""
    made = history(b"a", b"b", b"c", b"d")
    consumer = made.consumer("c")
    consumer.records = [Polled(A, 0, b"a"), Polled(A, 3, b"d")]
    consumer.log_starts[A] = [3]
    assert kinds(made, {A: log(b"a", b"b", b"c", b"d")}) == []
    for told in ([2], [4]):
        consumer.log_starts[A] = told
        assert kinds(made, {A: log(b"a", b"b", b"c", b"d")}) == ["poll-skip"]


def test_a_gap_in_the_log_itself_is_no_skip():
    made = history(b"a", b"b")
    made.sends[1].offset = 5
    made.consumer("c").records = [Polled(A, 0, b"a"), Polled(A, 5, b"b")]
    assert kinds(made, {A: {0: b"a", 5: b"b"}}) == []


def test_partitions_are_read_independently():
    made = history(b"a", b"b")
    made.send("p", 2, b"x", 0)
    made.consumer("c").records = [Polled(A, 0, b"a"), Polled(B, 0, b"x"), Polled(A, 1, b"b")]
    assert kinds(made, {A: log(b"a", b"b"), B: log(b"x")}) == []


def test_a_record_read_that_is_not_in_the_log_is_a_phantom():
    made = history(b"a", fate=Fate.UNKNOWN)
    made.consumer("c").records = [Polled(A, 0, b"a")]
    assert kinds(made, {A: {}}) == ["phantom-read"]
