"""KIP-101: a follower cuts its log where epochs part."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import (
    AddProducer,
    CreateTopic,
    Cut,
    Heal,
    Kill,
    Partitioned,
    ProduceByHand,
    Restart,
)
from engine.sim.lessons.lesson import (
    Goal,
    Lesson,
    Prediction,
    Task,
    Variant,
    happened,
    in_sync,
    leader_is,
    logs_agree,
    values,
)


def _stale_is_gone(room: Classroom) -> bool:
    return not any("stale" in value for node in (1, 2, 3) for value in values(room, "orders", node))


def _parted(room: Classroom) -> bool:
    """Node 3 has another record than its leader at the same offset."""
    return values(room, "orders", 3)[4:] == ["other"] and values(room, "orders", 4)[4:] == ["one"]


# Two histories of the same length, and an epoch in which nobody wrote. Nodes 1 and 5 keep the quorum alive.
_KAFKA_7415 = Variant(
    title="without KAFKA-7415's fix",
    text=(
        "Nobody wrote in epoch 2, and its leader, node 4, did not note that it had begun. Node 3 asks where epoch 1 ends; "
        "node 4 has never heard of an epoch after 0, and can tell nothing. Both logs end at offset 5, so nothing looks "
        "wrong by length; but their last records differ, and node 3 asks on and on, until somebody writes. Since KAFKA-7415 a "
        "leader notes its epoch and log end when it is elected, before anybody writes."
    ),
    goals=(
        Goal("node 4 leads in a third epoch", lambda room: room.view().partition("orders").leader_epoch == 2),
        Goal("two replicas hold different records at offset 4", _parted),
        Goal("node 3 does not get back into the ISR", lambda room: 3 not in room.view().partition("orders").isr),
    ),
    shape=ClassShape(
        nodes=5, topics=(CreateTopic("orders", replicas=((2, 3, 4),)),), without=("epoch_start_at_election",)
    ),
    setup=(Task("", (AddProducer("writer", "orders", rate=5.0, count=4),), 2_000),),
    tasks=(
        Task(
            "Cut node 3 off from nodes 2 and 4, and write a record with acks=1: nodes 2 and 4 get it.",
            (Cut(2, 3), Cut(3, 4), ProduceByHand("orders", "one", acks=1)),
            1_200,
            lambda room: "one" in values(room, "orders", 4),
        ),
        Task(
            "Kill node 2, and wait until node 3 leads.",
            (Kill(node=2),),
            15_000,
            leader_is("orders", 3),
            needs=in_sync("orders", 3),
            otherwise="Node 3 is out of the ISR by now, and will not be elected. Start again, and do not wait.",
        ),
        Task(
            "Write another record, which only node 3 gets, at the same offset.",
            (ProduceByHand("orders", "other", acks=1),),
            1_500,
            lambda room: "other" in values(room, "orders", 3),
        ),
        Task(
            "Kill node 3 too, and wait until node 4 leads. Nobody writes.",
            (Kill(node=3),),
            15_000,
            leader_is("orders", 4),
            needs=lambda room: 4 in room.view().partition("orders").isr,
            otherwise="Node 4 is out of the ISR by now. Start again, and do not wait.",
        ),
        Task(
            "Heal the network and start both. Which record is at offset 4?",
            (Heal(), Restart(node=3), Restart(node=2)),
            9_000,
        ),
    ),
)

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
                "Node 1 leads no more: the others wait only a few seconds for its heartbeats "
                "(broker.session.timeout.ms: 3 s here, 9 s by default). Start again, and write sooner."
            ),
        ),
        Task("Wait until node 2 leads.", (), 15_000, leader_is("orders", 2)),
        Task("Let node 2 take records of its own.", (AddProducer("fresh", "orders", rate=5.0, count=5),), 4_000),
        Task("Heal the network, and watch node 1.", (Heal(),), 15_000, in_sync("orders", 3)),
        Task("Let it settle.", (), 1_500),
    ),
    goals=(
        Goal("node 1 truncated", happened("truncation", "node 1 cut")),
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
    variant=_KAFKA_7415,
)
