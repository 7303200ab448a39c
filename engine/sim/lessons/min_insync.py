"""min.insync.replicas: rather refuse than hold a single copy."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, Kill, PowerCut, Restart
from engine.sim.lessons.lesson import (
    Goal,
    Lesson,
    Prediction,
    Task,
    Variant,
    happened,
    in_sync,
    isr_is,
    nothing_lost,
    some_lost,
)


def _shape(minimum: int) -> ClassShape:
    # Two brokers hold the partition; the others keep the quorum alive.
    topic = CreateTopic("payments", replicas=((1, 2),), configs={"min.insync.replicas": str(minimum)})
    return ClassShape(nodes=4, topics=(topic,))


_WRITER = AddProducer("writer", "payments", rate=4.0)

LESSON = Lesson(
    id="min-insync-replicas",
    title="How many copies are enough?",
    summary="acks=all with one replica in sync is acks=1.",
    story="Payments have two replicas, and min.insync.replicas=2. Node 2 is taken down for maintenance.",
    prediction=Prediction(
        "Node 2 is out of the ISR, node 1 is healthy. What does a producer with acks=all get?",
        ("Acknowledgements, as before", "NOT_ENOUGH_REPLICAS", "NOT_LEADER_OR_FOLLOWER"),
        1,
        "The leader counts the ISR before it writes: one is less than two.",
    ),
    shape=_shape(2),
    setup=(Task("", (_WRITER,), 2_000),),
    tasks=(
        Task("Kill node 2, and wait until the ISR has shrunk.", (Kill(node=2),), 15_000, isr_is("payments", 1)),
        Task("See what the producer is told.", (), 3_000),
        Task("Start node 2 again.", (Restart(node=2),), 15_000, in_sync("payments", 2)),
        Task("See the producer go on.", (), 2_000),
    ),
    goals=(
        Goal("the producer was refused", happened("produce", "NOT_ENOUGH_REPLICAS")),
        Goal("both replicas are in sync again", in_sync("payments", 2)),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "acks=all waits for the replicas in sync, and those may be one. min.insync.replicas is the lower bound that "
        "turns it into a promise: with three replicas and 2 you may lose any one node without losing a record, and "
        "writes go on with one node down. Below the bound the high watermark stands still too, or a record could "
        "become readable that only one disk holds (KAFKA-15583)."
    ),
    kips=("KIP-966",),
    look_at=("logs", "clients"),
    variant=Variant(
        title="with min.insync.replicas=1",
        text=(
            "With 1 the leader went on alone, and acknowledged what only it had. Then its power went before anything "
            "was synced: acknowledged payments are gone, though every producer used acks=all."
        ),
        goals=(Goal("acknowledged payments are lost", some_lost),),
        shape=_shape(1),
        tasks=(
            Task("Kill node 2, and wait until the ISR has shrunk.", (Kill(node=2),), 15_000, isr_is("payments", 1)),
            Task("Let some payments be acknowledged.", (), 2_000),
            Task("Cut the power of node 1.", (PowerCut(nodes=(1,)),), 500),
        ),
    ),
)
