"""The first record lost on purpose: acks=1."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import CreateTopic, Heal, Kill, Partitioned, ProduceByHand, Restart
from engine.sim.lessons.lesson import (
    Goal,
    Lesson,
    Prediction,
    Task,
    Variant,
    happened,
    in_sync,
    leader_is,
    nothing_lost,
    some_lost,
    values,
)

_SHAPE = ClassShape(nodes=3, topics=(CreateTopic("orders", replicas=((1, 2, 3),)),))


def _on_node_1_alone(room: Classroom) -> bool:
    holders = [node for node in (1, 2, 3) if "precious" in values(room, "orders", node)]
    return holders == [1]


def _acknowledged(room: Classroom) -> bool:
    return room.view().client("hand-acks-1").acked > 0 and _on_node_1_alone(room)


def _is_decided(room: Classroom, acks: int) -> bool:
    """The record is gone; or, with acks=all, it has come to the new leader."""
    return some_lost(room) if acks == 1 else "precious" in values(room, "orders", 2)


def _tasks(acks: int) -> tuple[Task, ...]:
    return (
        Task("Cut node 1 off from nodes 2 and 3. Clients still reach it.", (Partitioned(sets=((1,), (2, 3))),), 100),
        Task(
            f"Produce a record by hand, with acks={'all' if acks == -1 else acks}.",
            (ProduceByHand("orders", "precious", acks=acks),),
            5_000,
            _acknowledged if acks == 1 else _on_node_1_alone,
            needs=lambda room: leader_is("orders", 1)(room) and len(room.view().links) >= 4,
            otherwise=(
                "Node 1 must lead and be cut off when the record comes. The others wait only a few seconds for its "
                "heartbeats (broker.session.timeout.ms), then they elect node 2. Start again, and produce sooner."
            ),
        ),
        Task(
            "Kill node 1, and wait for the election.",
            (Kill(node=1),),
            15_000,
            leader_is("orders", 2),
            needs=_on_node_1_alone,
            otherwise="The record must be on node 1, and nowhere else. Start again: cut node 1 off, then produce.",
        ),
        Task(
            "Heal the network and start node 1 again. Look at the ends of the logs.",
            (Heal(), Restart(node=1)),
            15_000,
            lambda room: in_sync("orders", 3)(room) and _is_decided(room, acks),
            needs=leader_is("orders", 2),
            otherwise="Node 2 must lead before node 1 is back, or node 1 just goes on. Start again, and wait for it.",
        ),
    )


LESSON = Lesson(
    id="lost-record",
    title="Your first lost record",
    summary="acks=1, a cut cable and a crash: an acknowledged record is gone.",
    story=(
        "The record is called \"precious\". The producer waits for the leader's word (acks=1) and for nobody else's. "
        "Make it disappear. You have three minutes."
    ),
    prediction=Prediction(
        "Node 1 acknowledges the record while nobody can copy it, and dies. It comes back with its disk intact. "
        "Is the record there?",
        ("Yes: it is on node 1's disk", "No: node 1 deletes it", "It is there, but only node 1 shows it"),
        1,
        "Meanwhile node 2 leads. Node 1 comes back as a follower, and a follower's log becomes the leader's log.",
    ),
    shape=_SHAPE,
    setup=(Task("", (ProduceByHand("orders", "plain"),), 1_000),),
    tasks=_tasks(1),
    goals=(
        Goal("a record that was acknowledged is lost", some_lost),
        Goal("node 1 cut it off its own log", happened("truncation", "node 1")),
        Goal("node 1 is back in sync", happened("isr", "node 1 is in sync again")),
    ),
    explanation=(
        "acks=1 promises that the leader has the record in its log, no more. When another replica is elected that "
        "never got it, the record is outside the history that counts: the old leader, back as a follower, asks where "
        "its last epoch ended, and truncates to that. With acks=all the producer would never have been told that the "
        "record is safe, and would have sent it again."
    ),
    kips=("KIP-101",),
    minutes=3,
    look_at=("logs", "clients"),
    variant=Variant(
        title="with acks=all",
        text=(
            "The same accident with acks=all: no acknowledgement came while nobody could copy the record, so the "
            "producer sent it again to the new leader. Nothing that was acknowledged is lost."
        ),
        goals=(
            Goal("nothing that was acknowledged is lost", nothing_lost),
            Goal("the record is on the new leader", lambda room: "precious" in values(room, "orders", 2)),
        ),
        tasks=_tasks(-1),
    ),
)
