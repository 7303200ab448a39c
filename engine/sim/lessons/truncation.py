"""KIP-101: a follower cuts its log where epochs part."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, Heal, Partitioned, ProduceByHand
from engine.sim.lessons.lesson import (
    Goal,
    Lesson,
    Prediction,
    Task,
    happened,
    in_sync,
    leader_is,
    logs_agree,
    values,
)


def _stale_is_gone(room: Classroom) -> bool:
    return not any("stale" in value for node in (1, 2, 3) for value in values(room, "orders", node))


LESSON = Lesson(
    id="truncation",
    title="Where two histories part",
    summary="Leader epochs, and what a returning leader deletes.",
    story=(
        "Node 1 leads in epoch 0 and is cut off. Believing itself the leader it writes three records that nobody "
        "copies, while the others elect node 2, which writes records of its own at the very same offsets."
    ),
    prediction=Prediction(
        "The network heals. Both logs have an offset 5, with different records. How does node 1 know where to cut?",
        (
            "It compares the records one by one",
            "It cuts back to its high watermark",
            "It asks where its last leader epoch ended in the new leader's log",
        ),
        2,
        "It knows its latest epoch. The new leader answers with the end of that epoch in its own log: beyond that the "
        "histories differ (KIP-101; since KIP-595's fetch the answer comes with the fetch itself).",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", replicas=((1, 2, 3),)),)),
    setup=(Task("", (AddProducer("writer", "orders", rate=5.0, count=5),), 2_000),),
    tasks=(
        Task("Cut node 1 off from the others.", (Partitioned(sets=((1,), (2, 3))),), 100),
        Task(
            "Write three records that only node 1 gets (acks=1).",
            tuple(ProduceByHand("orders", f"stale-{number}", acks=1) for number in range(3)),
            5_000,
            lambda room: sum("stale" in value for value in values(room, "orders", 1)) == 3,
            needs=leader_is("orders", 1),
            otherwise=(
                "Node 1 leads no more: the others wait only 9 seconds for its heartbeats "
                "(broker.session.timeout.ms). Start again, and write sooner."
            ),
        ),
        Task("Wait until node 2 leads.", (), 15_000, leader_is("orders", 2)),
        Task("Let node 2 take records of its own.", (AddProducer("fresh", "orders", rate=5.0, count=5),), 4_000),
        Task("Heal the network, and watch node 1.", (Heal(),), 15_000, in_sync("orders", 3)),
        Task("Let it settle.", (), 1_500),
    ),
    goals=(
        Goal("node 1 truncated", happened("truncation", "node 1 cut offsets")),
        Goal("nobody has a stale record", _stale_is_gone),
        Goal("all logs agree, epochs and all", logs_agree("orders")),
    ),
    explanation=(
        "Every batch carries the epoch of the leader that took it, and every replica remembers where each epoch began. "
        "Before KIP-101 followers cut back to their high watermark, which a follower learns late: in a fast sequence "
        "of failures that cut away committed records, or let logs diverge for ever. KIP-279 and KIP-320 closed what "
        "was left: repeated truncation, and fencing of every fetch by epoch."
    ),
    kips=("KIP-101", "KIP-279", "KIP-320"),
    look_at=("logs",),
)
