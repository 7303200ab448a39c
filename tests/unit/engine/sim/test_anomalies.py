"""Histories made by hand, with every anomaly of Jepsen's Kafka checker, and what lies just beside each.

One line of HISTORIES is one history: a name, the operations, and the kinds that must be found, no others. The cases are
our own; they cover what jepsen/test/jepsen/tests/kafka_test.clj covers.
"""

import pytest

from engine.sim.anomalies import LEGAL, Got, Operation, Outcome, Sent, find, operations_of, violations_of
from engine.sim.history import Fate, History, Polled
from engine.types import TopicPartition

X = TopicPartition("x", 0)
Y = TopicPartition("y", 0)
Z = TopicPartition("z", 0)


def move(text):
    """ "s x0 a": sent a to x at offset 0; "s x a": offset unknown; "g x0 a": got."""
    verb, where, value = text.split()
    place = {"x": X, "y": Y, "z": Z}[where[0]]
    offset = int(where[1:] or -1)
    return Sent(place, value.encode(), offset) if verb == "s" else Got(place, value.encode(), offset)


def operation(process, outcome, *moves, **more):
    return Operation(process, outcome, tuple(move(each) for each in moves), **more)


def ok(process, *moves, **more):
    return operation(process, Outcome.OK, *moves, **more)


def fail(process, *moves, **more):
    return operation(process, Outcome.FAIL, *moves, **more)


def info(process, *moves, **more):
    return operation(process, Outcome.INFO, *moves, **more)


def txn(process, *moves, **more):
    return ok(process, *moves, is_transaction=True, **more)


def assign(process, *places):
    return ok(process, assigned=places)


def subscribe(process, *places):
    return ok(process, assigned=places, subscribes=True)


ABC = ok("p", "s x0 a", "s x1 b", "s x2 c")
READ = ok("c", "g x0 a", "g x1 b", "g x2 c")

HISTORIES = [
    # nothing wrong
    ("nothing happened", [], []),
    ("one sends, another reads", [ABC, READ], []),
    ("each record in an operation of its own", [ok("p", "s x0 a"), ok("p", "s x1 b"), ok("c", "g x0 a"), ok("c", "g x1 b")], []),
    ("gaps in the offsets are markers, not records", [ok("p", "s x0 a", "s x5 b"), ok("c", "g x0 a", "g x5 b")], []),
    ("two partitions are two orders", [ok("p", "s x0 a", "s y0 b"), ok("c", "g y0 b", "g x0 a")], []),
    ("what an open send wrote may be polled", [info("p", "s x a"), ok("c", "g x0 a")], []),
    ("what an open send wrote may be missing", [info("p", "s x a"), ok("p", "s x0 b"), ok("c", "g x0 b")], []),
    ("what failed may be missing", [fail("p", "s x a"), ok("p", "s x0 b"), ok("c", "g x0 b")], []),
    # inconsistent offsets
    ("two polls disagree", [ok("c", "g x0 a"), ok("d", "g x0 b")], ["inconsistent-offsets"]),
    ("an acknowledgement and a poll disagree", [ok("p", "s x0 a", "s x1 b"), ok("c", "g x0 b")], ["duplicate", "inconsistent-offsets", "lost-write"]),
    ("two acknowledgements disagree", [ok("p", "s x0 a"), ok("q", "s x0 b"), ok("c", "g x0 a")], ["inconsistent-offsets", "unseen"]),
    ("an offset told with an open outcome counts", [info("p", "s x0 a"), ok("c", "g x0 b")], ["inconsistent-offsets"]),
    ("an offset told with a failure does not", [fail("p", "s x0 a"), ok("c", "g x0 b")], []),
    ("one value at one offset of two partitions", [ok("c", "g x0 a"), ok("d", "g y0 b")], []),
    # duplicates
    ("one value at two offsets", [ok("p", "s x0 a"), ok("c", "g x0 a", "g x1 a")], ["duplicate", "int-nonmonotonic-poll"]),
    ("one value in two partitions", [ok("p", "s x0 a"), ok("c", "g x0 a"), ok("c", "g y0 a")], ["duplicate"]),
    ("acknowledged here, polled there", [ok("p", "s x0 a"), ok("c", "g x3 a")], ["duplicate"]),
    ("the same record polled by two", [ok("p", "s x0 a"), ok("c", "g x0 a"), ok("d", "g x0 a")], []),
    # lost writes
    ("an earlier record than the last one polled is gone", [ABC, ok("c", "g x0 a", "g x2 c")], ["int-poll-skip", "lost-write"]),
    ("somebody else polled it", [ABC, ok("c", "g x0 a"), ok("d", "g x1 b"), ok("e", "g x2 c")], []),
    ("the last one was never polled", [ABC, ok("c", "g x0 a", "g x1 b")], ["unseen"]),
    ("nothing was polled", [ABC], ["unseen"] * 3),
    ("the first is lost", [ABC, ok("c", "g x1 b", "g x2 c")], ["lost-write"]),
    ("in another partition nothing was read", [ok("p", "s x0 a", "s y0 b"), ok("c", "g x0 a")], ["unseen"]),
    ("acknowledged without an offset, and gone", [ok("p", "s x a"), ok("p", "s x0 b"), ok("c", "g x0 b")], ["unseen"]),
    ("an open write that nobody saw is not lost", [info("p", "s x0 a"), ok("p", "s x1 b"), ok("c", "g x1 b")], []),
    ("an open transaction of which a part was seen", [info("p", "s x0 a", "s y0 b", is_transaction=True), ok("q", "s y1 c"), ok("c", "g x0 a"), ok("c", "g y1 c")], ["lost-write", "torn-transaction"]),
    ("an open transaction of which nothing was seen", [info("p", "s x0 a", "s y0 b", is_transaction=True), ok("q", "s y1 c"), ok("c", "g y1 c")], []),
    ("a committed transaction, half of it lost", [txn("p", "s x0 a", "s y0 b"), ok("q", "s y1 c"), ok("c", "g x0 a"), ok("c", "g y1 c")], ["lost-write", "torn-transaction"]),
    ("a committed transaction, half of it unseen", [txn("p", "s x0 a", "s y0 b"), ok("c", "g x0 a")], ["torn-transaction", "unseen"]),
    ("a committed transaction, all of it there", [txn("p", "s x0 a", "s y0 b"), ok("c", "g x0 a", "g y0 b")], []),
    # aborted and early reads
    ("an aborted write was polled", [fail("p", "s x a", is_transaction=True), ok("c", "g x0 a")], ["G1a"]),
    ("a refused write was polled", [fail("p", "s x a"), ok("c", "g x0 a")], ["G1a"]),
    ("an aborted write was polled by one who failed", [fail("p", "s x a"), fail("c", "g x0 a")], []),
    ("a transaction polls its own write", [txn("p", "s x0 a", "g x0 a")], ["precommitted-read"]),
    ("a transaction polls another's write", [txn("p", "s x0 a"), txn("q", "s x1 b", "g x0 a"), ok("c", "g x1 b")], []),
    ("without a transaction one may read one's own", [ok("p", "s x0 a", "g x0 a")], []),
    ("consumed twice by one process", [ok("p", "s x0 a"), txn("c", "g x0 a"), assign("c", Y), assign("c", X), txn("c", "g x0 a")], ["consumed-twice"]),
    ("consumed by two processes", [ok("p", "s x0 a"), txn("c", "g x0 a"), txn("d", "g x0 a")], []),
    ("consumed again after an abort", [ok("p", "s x0 a"), fail("c", "g x0 a", is_transaction=True), txn("c", "g x0 a")], []),
    # sends
    ("two sends of one operation in reverse", [ok("p", "s x1 a", "s x0 b"), ok("c", "g x0 b", "g x1 a")], ["int-nonmonotonic-send"]),
    ("two operations of one producer in reverse", [ok("p", "s x1 a"), ok("p", "s x0 b"), ok("c", "g x0 b", "g x1 a")], ["G0-process", "nonmonotonic-send"]),
    ("two producers in any order", [ok("p", "s x1 a"), ok("q", "s x0 b"), ok("c", "g x0 b", "g x1 a")], []),
    ("in reverse in two partitions is no reverse", [ok("p", "s x1 a"), ok("p", "s y0 b"), ok("q", "s x0 c", "s y1 d"), ok("c", "g x0 c", "g x1 a", "g y0 b", "g y1 d")], ["G0-process"]),
    ("a failed send does not count", [ok("p", "s x1 a"), fail("p", "s x0 b"), ok("c", "g x1 a")], []),
    ("another's record between two of one operation", [ok("p", "s x0 a", "s x2 b"), ok("q", "s x1 c"), ok("c", "g x0 a", "g x1 c", "g x2 b")], ["G0", "int-send-skip"]),
    ("another's record between two operations", [ok("p", "s x0 a"), ok("q", "s x1 c"), ok("p", "s x2 b"), ok("c", "g x0 a", "g x1 c", "g x2 b")], []),
    # polls within one operation
    ("one poll skips", [ABC, ok("c", "g x0 a", "g x2 c"), ok("d", "g x0 a", "g x1 b", "g x2 c")], ["int-poll-skip"]),
    ("one poll goes back", [ABC, ok("c", "g x0 a", "g x1 b", "g x0 a"), READ], ["int-nonmonotonic-poll", "nonmonotonic-poll"]),
    ("one poll gives a record twice", [ok("p", "s x0 a"), ok("c", "g x0 a", "g x0 a")], ["int-nonmonotonic-poll"]),
    ("one poll skips across a rebalance of that partition", [ABC, ok("c", "g x0 a", "g x2 c", rebalanced=(X,)), ok("d", "g x0 a", "g x1 b", "g x2 c")], []),
    ("one poll interleaves partitions", [ABC, ok("p", "s y0 d", "s y1 e"), ok("c", "g x0 a", "g y0 d", "g x1 b", "g y1 e", "g x2 c")], []),
    # polls between operations
    ("a consumer skips", [ABC, READ, ok("d", "g x0 a"), ok("d", "g x2 c")], ["poll-skip"]),
    ("a consumer goes back", [ABC, READ, ok("d", "g x1 b"), ok("d", "g x0 a")], ["nonmonotonic-poll"]),
    ("a consumer repeats", [ABC, READ, ok("d", "g x0 a"), ok("d", "g x0 a")], ["nonmonotonic-poll"]),
    ("a consumer that subscribes may skip", [ABC, READ, subscribe("d", X), ok("d", "g x0 a"), ok("d", "g x2 c")], ["poll-skip (legal)"]),
    ("a consumer that subscribes may go back", [ABC, READ, subscribe("d", X), ok("d", "g x1 b"), ok("d", "g x0 a")], ["nonmonotonic-poll (legal)"]),
    ("but not within one poll", [ABC, READ, subscribe("d", X), ok("d", "g x1 b", "g x0 a")], ["int-nonmonotonic-poll"]),
    ("a new assignment starts anew", [ABC, READ, ok("d", "g x1 b"), assign("d", Y), assign("d", X), ok("d", "g x0 a")], []),
    ("an assignment that keeps the partition keeps its position", [ABC, READ, ok("d", "g x1 b"), assign("d", X, Y), ok("d", "g x0 a")], ["nonmonotonic-poll"]),
    ("a new subscription starts anew", [ABC, READ, subscribe("d", X), ok("d", "g x1 b"), subscribe("d", X), ok("d", "g x0 a")], []),
    ("a rebalance excuses the poll it was in", [ABC, READ, assign("d", X), ok("d", "g x1 b"), ok("d", "g x0 a", rebalanced=(X,))], []),
    ("a rebalance of another partition excuses nothing", [ABC, READ, assign("d", X), ok("d", "g x1 b"), ok("d", "g x0 a", rebalanced=(Y,))], ["nonmonotonic-poll"]),
    ("polls of an open operation are trusted", [ABC, READ, info("d", "g x1 b"), ok("d", "g x0 a")], ["nonmonotonic-poll"]),
    ("after an abort a consumer may go back", [ABC, READ, txn("d", "g x0 a"), fail("d", "g x1 b", is_transaction=True), txn("d", "g x1 b")], []),
    ("a gap that nobody's record fills is no skip", [ok("p", "s x0 a", "s x7 b"), ok("c", "g x0 a"), ok("c", "g x7 b")], []),
    # circles
    ("two transactions read each other", [txn("p", "s x0 a", "g y0 b"), txn("q", "s y0 b", "g x0 a")], ["G1c"]),
    ("three transactions read in a ring", [txn("p", "s x0 a", "g z0 c"), txn("q", "s y0 b", "g x0 a"), txn("r", "s z0 c", "g y0 b")], ["G1c"]),
    ("a chain is no circle", [txn("p", "s x0 a"), txn("q", "s y0 b", "g x0 a"), txn("r", "g y0 b")], []),
    ("two transactions' writes interleave", [txn("p", "s x0 a", "s y1 b"), txn("q", "s x1 c", "s y0 d"), ok("c", "g x0 a", "g x1 c", "g y0 d", "g y1 b")], ["G0"]),
    ("a circle through the order of one process", [txn("p", "g x0 a", began=0, ended=1), txn("p", "s y0 b", began=2, ended=3), txn("q", "g y0 b", "s x0 a", began=0, ended=9)], ["G1c-process"]),
    ("a circle through time", [txn("p", "g x0 a", began=0, ended=1), txn("q", "s y0 b", began=2, ended=3), txn("r", "g y0 b", "s x0 a", began=0, ended=9)], ["G1c-realtime"]),
    ("the same at once is no circle", [txn("p", "g x0 a", began=0, ended=9), txn("q", "s y0 b", began=0, ended=9), txn("r", "g y0 b", "s x0 a", began=0, ended=9)], []),
    ("what failed is in no circle", [fail("p", "s x a", "g y0 b", is_transaction=True), txn("q", "s y0 b"), ok("c", "g y0 b")], []),
]  # fmt: skip


def found_in(operations):
    return sorted(
        f"{each.kind} (legal)" if each.is_legal and each.kind not in LEGAL else each.kind for each in find(operations)
    )


@pytest.mark.parametrize(("operations", "kinds"), [each[1:] for each in HISTORIES], ids=[each[0] for each in HISTORIES])
def test_history(operations, kinds):
    assert found_in(operations) == sorted(kinds), find(operations)


def test_there_are_enough_histories_and_every_anomaly_is_in_one():
    assert len(HISTORIES) >= 60
    covered = {kind.removesuffix(" (legal)") for _, _, kinds in HISTORIES for kind in kinds}
    assert covered >= {
        "inconsistent-offsets", "duplicate", "lost-write", "unseen", "G1a", "precommitted-read", "torn-transaction",
        "G1c", "G1c-process", "G1c-realtime", "G0", "int-nonmonotonic-send", "nonmonotonic-send", "int-send-skip",
        "int-poll-skip", "int-nonmonotonic-poll", "poll-skip", "nonmonotonic-poll", "consumed-twice",
    }  # fmt: skip


def test_before_everything_was_read_nothing_is_unseen():
    assert [each.kind for each in find([ABC], read_to_the_end=False)] == []


def test_circles_through_writes_are_found_when_asked_for_and_are_legal():
    operations = [
        txn("p", "s x0 a", "s y1 b"),
        txn("q", "s y0 d", "g x0 a"),
        ok("c", "g x0 a", "g y0 d", "g y1 b"),
    ]
    assert find(operations) == []
    assert [(each.kind, each.is_legal) for each in find(operations, ww=True)] == [("G1c", True)]


def test_a_circle_without_writes_over_writes_is_never_legal():
    circle = [txn("p", "s x0 a", "g y0 b"), txn("q", "s y0 b", "g x0 a")]
    assert [(each.kind, each.is_legal) for each in find(circle, ww=True)] == [("G1c", False)]


def test_the_laboratorys_histories_are_judged_the_same_way():
    history = History()
    for index, value in enumerate((b"a", b"b", b"c")):
        send = history.send("p", index, value, index)
        send.fate, send.topic_partition, send.offset = Fate.ACKNOWLEDGED, X, index
    history.consumer("c").records = [Polled(X, 0, b"a"), Polled(X, 1, b"b"), Polled(X, 2, b"c")]
    assert violations_of(history) == []
    history.consumers[0].records = [Polled(X, 0, b"a"), Polled(X, 2, b"c")]
    assert [violation.kind for violation in violations_of(history)] == ["lost-write", "poll-skip"]


def test_what_only_the_leader_acknowledged_may_be_lost():
    history = History()
    send = history.send("p", 0, b"a", 0, acks=1)
    send.fate, send.topic_partition, send.offset = Fate.ACKNOWLEDGED, X, 0
    assert [each.outcome for each in operations_of(history)] == [Outcome.INFO]
    assert violations_of(history) == []
