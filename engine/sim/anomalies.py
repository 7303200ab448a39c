"""Finds every anomaly of Jepsen's Kafka checker in a history of operations, transactions included.

Written from the definitions (jepsen/src/jepsen/tests/kafka.clj); no code is shared. An operation is one call of one
process with the sends and polls it made. The checker knows values, offsets and who did what, nothing of the engine and
nothing of the logs:

    inconsistent-offsets    one offset of a partition was seen with two values
    duplicate               one value was seen at two offsets
    lost-write              an acknowledged value before the last polled one was never polled by anyone
    unseen                  an acknowledged value was not polled although everything was read at the end
    G1a                     a value of an operation that failed was polled
    precommitted-read       a transaction polled what it sent itself
    torn-transaction        part of a transaction was polled, another part is lost
    G1c                     operations saw each other's effects in a circle
    G0                      writes of two transactions interleave in a circle                              (legal)
    int-nonmonotonic-send   two sends of one operation landed in reverse
    nonmonotonic-send       successive operations of a producer landed in reverse
    int-send-skip           another's record lies between two sends of one operation                       (legal)
    int-poll-skip           one operation skipped a record that is there
    int-nonmonotonic-poll   one operation went back
    poll-skip               between two operations of a consumer a record was skipped        (legal with subscribe)
    nonmonotonic-poll       between two operations a consumer went back                      (legal with subscribe)
    consumed-twice          one process was given a record twice within committed transactions

With `-process` at the end a circle also uses the order of one process, with `-realtime` that one ended before the
other began. What Kafka allows is found too, and marked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from engine.sim.history import Fate, History, Violation
from engine.types import TopicPartition


class Outcome(Enum):
    """How an operation ended, as far as its process knows."""

    OK = "ok"
    FAIL = "fail"
    """It did not happen."""
    INFO = "info"
    """It may have happened."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that an operation sent; offset -1 when it was not told."""

    place: TopicPartition
    value: bytes
    offset: int = -1


@dataclass(frozen=True, slots=True)
class Got:
    """A record that an operation was given."""

    place: TopicPartition
    value: bytes
    offset: int


@dataclass(slots=True)
class Operation:
    """One call of one process. `moves` in the order they were made."""

    process: str
    outcome: Outcome
    moves: Sequence[Sent | Got] = ()
    began: int = 0
    ended: int = 0
    is_transaction: bool = False
    assigned: tuple[TopicPartition, ...] | None = None
    """This call is an assign or subscribe of these partitions: expectations of all others end."""
    subscribes: bool = False
    """From here on the group decides what is read: it may go back, and skip."""
    rebalanced: tuple[TopicPartition, ...] = ()
    """Partitions that were taken or given while it polled: no expectations about them."""

    def sends(self) -> Iterator[Sent]:
        return (move for move in self.moves if isinstance(move, Sent))

    def gets(self) -> Iterator[Got]:
        return (move for move in self.moves if isinstance(move, Got))


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One thing found. `is_legal`: Kafka allows it."""

    kind: str
    detail: str
    is_legal: bool = False


LEGAL = frozenset({"G0", "G0-process", "G0-realtime", "int-send-skip"})


@dataclass(slots=True)
class _Order:
    """The version order of one partition, out of the offsets that were seen."""

    values: dict[int, dict[bytes, None]] = field(default_factory=dict)
    """Offset -> the values seen there."""
    index: dict[bytes, int] = field(default_factory=dict)
    """Value -> its place among all values seen."""
    sorted_values: list[bytes] = field(default_factory=list)


def find(
    operations: Sequence[Operation], *, read_to_the_end: bool = True, ww: bool = False, circles: bool = True
) -> list[Anomaly]:
    """Every anomaly, in a fixed order.

    `read_to_the_end`: consumers had the time to read everything (else `unseen` is not looked for). `ww`: circles may
    use that one operation's records lie behind another's; such circles are normal, writes are not isolated in Kafka.
    `circles`: look for those at all; without transactions there are none worth the time.
    """
    orders = _orders(operations)
    return [
        *_offsets(orders),
        *_losses(operations, orders, read_to_the_end),
        *_transactions(operations),
        *_sends(operations, orders),
        *_polls(operations, orders),
        *(_circles(operations, orders, ww) if circles else ()),
    ]


def _orders(operations: Sequence[Operation]) -> dict[TopicPartition, _Order]:
    orders: dict[TopicPartition, _Order] = {}
    for operation in operations:
        for move in operation.moves:
            if move.offset >= 0 and (isinstance(move, Got) or operation.outcome is not Outcome.FAIL):
                order = orders.setdefault(move.place, _Order())
                order.values.setdefault(move.offset, {})[move.value] = None
    for order in orders.values():
        for _, values in sorted(order.values.items()):
            value = next(iter(values))
            if value not in order.index:
                order.index[value] = len(order.sorted_values)
                order.sorted_values.append(value)
    return dict(sorted(orders.items()))


def _offsets(orders: Mapping[TopicPartition, _Order]) -> Iterator[Anomaly]:
    for place, order in orders.items():
        for offset, values in sorted(order.values.items()):
            if len(values) > 1:
                yield Anomaly("inconsistent-offsets", f"{place} offset {offset} has {list(values)}")
    places: dict[bytes, dict[tuple[TopicPartition, int], None]] = {}
    for place, order in orders.items():
        for offset, values in order.values.items():
            for value in values:
                places.setdefault(value, {})[(place, offset)] = None
    for value, where in places.items():
        if len(where) > 1:
            yield Anomaly("duplicate", f"{value!r} is at {[f'{place} {offset}' for place, offset in sorted(where)]}")


def _losses(
    operations: Sequence[Operation], orders: Mapping[TopicPartition, _Order], read_to_the_end: bool
) -> Iterator[Anomaly]:
    polled: dict[bytes, None] = {}
    last_read: dict[TopicPartition, int] = {}
    for operation in operations:
        for got in operation.gets():
            polled[got.value] = None
            index = orders[got.place].index.get(got.value, -1)
            last_read[got.place] = max(last_read.get(got.place, -1), index)
    for operation in operations:
        sends = list(operation.sends())
        # A transaction of which something was read must have been committed, whatever its process was told.
        seen = [send for send in sends if send.value in polled]
        is_kept = operation.outcome is Outcome.OK or (
            operation.is_transaction and seen and operation.outcome is Outcome.INFO
        )
        if not is_kept:
            continue
        for send in sends:
            if send.value in polled:
                continue
            order = orders.get(send.place)
            index = -1 if order is None else order.index.get(send.value, -1)
            if 0 <= index <= last_read.get(send.place, -1):
                yield Anomaly("lost-write", f"{send.value!r} at {send.place} offset {send.offset} was never polled")
            elif read_to_the_end:
                yield Anomaly("unseen", f"{send.value!r}, sent to {send.place}, was not polled at the end")
            else:
                continue
            if operation.is_transaction and seen:
                yield Anomaly("torn-transaction", f"{seen[0].value!r} was polled, {send.value!r} was not")


def _transactions(operations: Sequence[Operation]) -> Iterator[Anomaly]:
    writer = {send.value: operation for operation in operations for send in operation.sends()}
    consumed: dict[tuple[str, TopicPartition, int], None] = {}
    for operation in operations:
        own = {send.value for send in operation.sends()}
        for got in operation.gets():
            source = writer.get(got.value)
            if source is not None and source.outcome is Outcome.FAIL and operation.outcome is Outcome.OK:
                yield Anomaly("G1a", f"{operation.process} polled {got.value!r} of an operation that failed")
            if operation.is_transaction and got.value in own:
                yield Anomaly(
                    "precommitted-read", f"{operation.process} polled {got.value!r} before it had committed it"
                )
            if operation.is_transaction and operation.outcome is Outcome.OK:
                key = (operation.process, got.place, got.offset)
                if key in consumed:
                    yield Anomaly(
                        "consumed-twice", f"{operation.process} consumed {got.place} offset {got.offset} twice"
                    )
                consumed[key] = None


def _sends(operations: Sequence[Operation], orders: Mapping[TopicPartition, _Order]) -> Iterator[Anomaly]:
    last: dict[tuple[str, TopicPartition], tuple[int, bytes]] = {}
    for operation in operations:
        if operation.outcome is Outcome.FAIL:
            continue
        inside: dict[TopicPartition, tuple[int, bytes]] = {}
        first: dict[TopicPartition, tuple[int, bytes]] = {}
        for send in operation.sends():
            order = orders.get(send.place)
            index = -1 if order is None else order.index.get(send.value, -1)
            if index < 0:
                continue
            before = inside.get(send.place)
            if before is not None and index <= before[0]:
                yield Anomaly(
                    "int-nonmonotonic-send",
                    f"{operation.process} sent {before[1]!r}, then {send.value!r}, which lies before",
                )
            elif before is not None and index > before[0] + 1:
                yield Anomaly(
                    "int-send-skip", f"others lie between {before[1]!r} and {send.value!r} of {operation.process}", True
                )
            inside[send.place] = index, send.value
            first.setdefault(send.place, (index, send.value))
        for place, (index, value) in first.items():
            before = last.get((operation.process, place))
            if before is not None and index <= before[0]:
                yield Anomaly(
                    "nonmonotonic-send", f"{operation.process} sent {before[1]!r}, then {value!r}, which lies before"
                )
        for place, (index, value) in inside.items():
            last[(operation.process, place)] = index, value


@dataclass(slots=True)
class _Reader:
    expectations: dict[TopicPartition, int] = field(default_factory=dict)
    subscribes: bool = False


def _polls(operations: Sequence[Operation], orders: Mapping[TopicPartition, _Order]) -> Iterator[Anomaly]:
    readers: dict[str, _Reader] = {}
    for operation in operations:
        reader = readers.setdefault(operation.process, _Reader())
        if operation.assigned is not None:
            # Partitions that stay assigned keep their position; a subscription starts from what is committed.
            reader.subscribes = operation.subscribes
            kept = () if operation.subscribes else operation.assigned
            reader.expectations = {place: index for place, index in reader.expectations.items() if place in kept}
        inside: dict[TopicPartition, int] = {}
        for got in operation.gets():
            index = orders[got.place].index.get(got.value, -1)
            if index < 0:
                continue
            before = inside.get(got.place)
            between = before is None
            if between:
                before = reader.expectations.get(got.place)
            if before is not None and got.place not in operation.rebalanced:
                yield from _step(operation, got, orders[got.place], before, index, between, reader.subscribes)
            inside[got.place] = index
        if operation.outcome is Outcome.OK or not operation.is_transaction:
            reader.expectations.update(inside)
        else:  # an aborted transaction may go back to what was committed before it
            for place in inside:
                reader.expectations.pop(place, None)
        for place in operation.rebalanced:
            reader.expectations.pop(place, None)


def _step(
    operation: Operation, got: Got, order: _Order, before: int, index: int, between: bool, subscribes: bool
) -> Iterator[Anomaly]:
    prefix = "" if between else "int-"
    is_legal = between and subscribes
    if index <= before:
        yield Anomaly(
            f"{prefix}nonmonotonic-poll",
            f"{operation.process} was given {got.value!r} after {order.sorted_values[before]!r} of {got.place}",
            is_legal,
        )
    elif index > before + 1:
        yield Anomaly(
            f"{prefix}poll-skip",
            f"{operation.process} was given {got.value!r} of {got.place} and not {order.sorted_values[before + 1]!r}",
            is_legal,
        )


# ---- circles


def _circles(operations: Sequence[Operation], orders: Mapping[TopicPartition, _Order], ww: bool) -> Iterator[Anomaly]:
    happened = [operation for operation in operations if operation.outcome is not Outcome.FAIL and operation.moves]
    writer = {send.value: number for number, operation in enumerate(happened) for send in operation.sends()}
    wr: list[tuple[int, int]] = []
    for number, operation in enumerate(happened):
        for got in operation.gets():
            source = writer.get(got.value)
            if source is not None and source != number:
                wr.append((source, number))
    over: list[tuple[int, int]] = []
    for order in orders.values():
        for one, other in zip(order.sorted_values, order.sorted_values[1:], strict=False):
            if one in writer and other in writer and writer[one] != writer[other]:
                over.append((writer[one], writer[other]))
    process = _process_edges(happened)
    realtime = _realtime_edges(happened)
    told: set[str] = set()
    for suffix, extra in (("", []), ("-process", process), ("-realtime", realtime)):
        if "G0" not in told and _has_circle(len(happened), [*over, *extra], over):
            told.add("G0")
            yield Anomaly(f"G0{suffix}", "writes of several operations interleave in a circle", True)
        edges = [*wr, *over, *extra] if ww else [*wr, *extra]
        if "G1c" not in told and _has_circle(len(happened), edges, wr):
            told.add("G1c")
            yield Anomaly(
                f"G1c{suffix}",
                "operations saw each other's effects in a circle",
                ww and not _has_circle(len(happened), [*wr, *extra], wr),
            )


def _process_edges(operations: Sequence[Operation]) -> list[tuple[int, int]]:
    last: dict[str, int] = {}
    edges = []
    for number, operation in enumerate(operations):
        if operation.process in last:
            edges.append((last[operation.process], number))
        last[operation.process] = number
    return edges


def _realtime_edges(operations: Sequence[Operation]) -> list[tuple[int, int]]:
    """One ended before the other began. What is implied by others is left out where that is cheap."""
    by_end = sorted(range(len(operations)), key=lambda number: operations[number].ended)
    edges = []
    for number, operation in enumerate(operations):
        newest_begin = -1
        for other in reversed(by_end):
            candidate = operations[other]
            if candidate.ended >= operation.began or other == number:
                continue
            if candidate.ended < newest_begin:
                break
            edges.append((other, number))
            newest_begin = max(newest_begin, candidate.began)
    return edges


def _has_circle(count: int, edges: Iterable[tuple[int, int]], needed: Sequence[tuple[int, int]]) -> bool:
    """Whether some circle uses one of the `needed` edges: whether its ends are in one strong component (Tarjan)."""
    following: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        following[source].append(target)
    component = _components(following)
    return any(component[source] == component[target] for source, target in needed)


def _components(following: Sequence[Sequence[int]]) -> list[int]:
    count = len(following)
    number = [-1] * count
    low = [0] * count
    component = [-1] * count
    stack: list[int] = []
    counter = 0
    for root in range(count):
        if number[root] >= 0:
            continue
        work = [(root, iter(following[root]))]
        number[root] = low[root] = counter
        counter += 1
        stack.append(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if number[target] < 0:
                    number[target] = low[target] = counter
                    counter += 1
                    stack.append(target)
                    work.append((target, iter(following[target])))
                    break
                if component[target] < 0:
                    low[node] = min(low[node], number[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    while True:
                        member = stack.pop()
                        component[member] = node
                        if member == node:
                            break
    return component


# ---- the laboratory's own histories


def operations_of(history: History) -> list[Operation]:
    """The sends and polls of a run. What only fewer than all replicas acknowledged counts as open."""
    operations = []
    for send in history.sends:
        place = send.topic_partition
        if place is None or not send.is_idempotent:
            continue
        is_ok = send.fate is Fate.ACKNOWLEDGED and send.acks == -1
        outcome = Outcome.FAIL if send.fate is Fate.REFUSED else Outcome.OK if is_ok else Outcome.INFO
        sent = Sent(place, send.value, send.offset if is_ok else -1)
        operations.append(Operation(send.producer, outcome, (sent,), send.sent_ns, send.sent_ns))
    for number, consumer in enumerate(history.consumers):
        process = f"{consumer.name} #{number}"
        for polled in consumer.records:
            got = Got(polled.topic_partition, polled.value, polled.offset)
            operations.append(Operation(process, Outcome.OK, (got,)))
    return operations


def violations_of(history: History) -> list[Violation]:
    """What Kafka never allows in a run's history. Records of careless producers may be written twice: left out."""
    careless = {send.value for send in history.sends if not send.is_idempotent}
    operations = [
        operation for operation in operations_of(history) if not any(move.value in careless for move in operation.moves)
    ]
    return [
        Violation(anomaly.kind, anomaly.detail) for anomaly in find(operations, circles=False) if not anomaly.is_legal
    ]
