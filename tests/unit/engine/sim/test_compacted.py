"""The judge of compacted topics: of each key the newest value must stay, on every replica."""

from types import SimpleNamespace

from engine.protocol.records.record import Record, build_batch
from engine.sim.compacted import judge_compacted
from engine.sim.history import Fate, Send
from engine.types import TopicPartition

PLACE = TopicPartition("t", 0)


def node(*pairs):
    """A node whose replica has these (key, value) pairs."""
    content = b"".join(
        build_batch([Record(offset, 0, key, value, [])], base_offset=offset)
        for offset, (key, value) in enumerate(pairs)
    )
    log = SimpleNamespace(
        log_start_offset=0,
        log_end_offset=1,
        read=lambda offset, size, max_offset: SimpleNamespace(records=content, next_offset=max_offset),
    )
    broker = SimpleNamespace(replicas=SimpleNamespace(partitions={PLACE: SimpleNamespace(log=log)}))
    return SimpleNamespace(name="node-1", node=SimpleNamespace(broker=broker))


def sent(*values, fate=Fate.ACKNOWLEDGED):
    return [Send("p", index, value, 0, fate, PLACE, key=b"k") for index, value in enumerate(values)]


def judged(sends, *nodes):
    found = []
    judge_compacted("t", sends, nodes, lambda kind, detail: found.append(kind))
    return found


def test_older_values_may_be_there_or_not():
    assert judged(sent(b"1", b"2"), node((b"k", b"1"), (b"k", b"2")), node((b"k", b"2"))) == []


def test_the_newest_acknowledged_value_must_be_there():
    assert judged(sent(b"1", b"2"), node((b"k", b"1"))) == ["compacted-value-lost"]
    assert judged(sent(b"1", b"2"), node()) == ["compacted-value-lost"]
    assert judged(sent(b"1", b"2"), node((b"k", b"2"), (b"k", b"1"))) == ["compacted-value-lost"]


def test_a_later_value_whose_fate_is_open_may_have_replaced_it():
    sends = sent(b"1") + sent(b"2", fate=Fate.UNKNOWN)
    assert judged(sends, node((b"k", b"1")), node((b"k", b"2"))) == []
    assert judged(sends[::-1], node((b"k", b"2"))) == ["compacted-value-lost"]


def test_other_topics_are_not_looked_at():
    assert judged([Send("p", 0, b"1", 0, Fate.ACKNOWLEDGED, TopicPartition("u", 0), key=b"k")], node()) == []
