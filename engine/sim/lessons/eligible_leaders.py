"""KIP-966: who may still lead when nobody is in sync, and why a crash ends that."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, Heal, Partitioned, PowerCut, ProduceByHand, Restart
from engine.sim.lessons.lesson import (
    Goal,
    Lesson,
    Prediction,
    Task,
    Variant,
    happened,
    in_sync,
    isr_is,
    leader_is,
    nothing_lost,
    some_lost,
    values,
)

_RETURN = "Start node 3 again. Its disk is as the power cut left it. Does it lead?"


def _shape(*without: str) -> ClassShape:
    # Nodes 1, 4 and 5 keep the quorum alive.
    topic = CreateTopic("orders", replicas=((2, 3),), configs={"min.insync.replicas": "2"})
    return ClassShape(nodes=5, topics=(topic,), without=without)


def _acknowledged(room: Classroom) -> bool:
    return room.view().client("hand").acked > 0


_BEGIN = (
    Task("Produce a record by hand. Both replicas have it, in memory.", (ProduceByHand("orders", "precious"),), 5_000,
         _acknowledged),
    Task("Cut the power of node 3, and wait until it is out of the ISR. Look at the ELR.", (PowerCut(nodes=(3,)),), 20_000,
         isr_is("orders", 2)),
    Task("Cut node 2 off from everybody, and wait until nobody leads.", (Partitioned(sets=((2,), (1, 3, 4, 5))),), 20_000,
         leader_is("orders", -1)),
)  # fmt: skip

LESSON = Lesson(
    id="eligible-leaders",
    title="Who may still lead?",
    summary="The ELR: out of sync, and complete all the same; unless it crashed.",
    story=(
        "The partition has two replicas and min.insync.replicas=2. Node 3 drops out, and the high watermark stands "
        "still: so node 3 holds all that is committed, and the controller remembers that. Then node 2 is gone too."
    ),
    prediction=Prediction(
        "Node 3 comes back first. It had left the ISR as an eligible leader, but its machine has lost power. Does it lead?",
        ("Yes: the controller has it in the ELR", "No: what a crashed machine still has, nobody knows", "Only if node 2 agrees"),
        1,
        "A broker that was not shut down in good order may have lost what it had in memory. It says so when it "
        "registers, and the controller takes it out of every ELR.",
    ),
    shape=_shape(),
    setup=(Task("", (AddProducer("writer", "orders", rate=5.0, count=3),), 2_000),),
    tasks=(
        *_BEGIN,
        Task(_RETURN, (Restart(node=3),), 5_000),
        Task("Let node 2 back.", (Heal(),), 20_000, in_sync("orders", 2)),
    ),
    goals=(
        Goal("node 3 was eligible for a while", happened("isr", "node 3 may still be elected safely")),
        Goal("nobody led while only node 3 was there", happened("election", "orders-0 has no leader")),
        Goal("node 3 has the record again", lambda room: "precious" in values(room, "orders", 3)),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "The ISR says who keeps up; the eligible leader replicas (ELR) say who holds everything committed though it "
        "keeps up no more. That works because below min.insync.replicas the high watermark stands still. It ends with "
        "an unclean shutdown: Kafka writes .kafka_cleanshutdown when it stops in good order, and a broker that starts "
        "without that file (or with another broker epoch in it) has its replicas taken out of the ELR."
    ),
    kips=("KIP-966",),
    look_at=("logs", "nodes"),
    variant=Variant(
        title="without looking at how a broker stopped",
        text=(
            "Node 3 came back with an empty log and was elected, for it had been eligible; the panel of invariants is "
            "red from that event on. Node 2, with every record, follows it now, and has cut all of them off: they were "
            "acknowledged with acks=all and min.insync.replicas=2. Without the ELR, too, the last replica in the ISR could "
            "come back empty and lead: \"the last replica standing\", open until KIP-966 (KAFKA-15586)."
        ),
        shape=_shape("unclean_shutdown_leaves_elr"),
        goals=(
            Goal("node 3 led with an empty log", happened("election", "node 3 is leader")),
            Goal("acknowledged records are lost", some_lost),
        ),
        tasks=(
            *_BEGIN,
            Task(_RETURN, (Restart(node=3),), 10_000, leader_is("orders", 3)),
            Task("Let node 2 back, and see what it does to its log.", (Heal(),), 20_000, some_lost),
        ),
    ),
)  # fmt: skip
