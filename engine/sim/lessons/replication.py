"""Replication, the in-sync replicas, and the high watermark."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, Pause, ProduceByHand
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, happened, in_sync, nothing_lost, values

LESSON = Lesson(
    id="replication",
    title="One record, three copies",
    summary="Followers fetch; the high watermark says what is safe.",
    story=(
        "A record is written to the leader on node 1. Nodes 2 and 3 ask the leader for what is new, all the time. "
        "Follow one record on its way."
    ),
    prediction=Prediction(
        "Node 3 stands still (a long garbage collection). What happens to writes with acks=all?",
        (
            "They wait until node 3 goes on",
            "They wait a while; then node 3 is out of the ISR and they go on",
            "They fail for good",
        ),
        1,
        "acks=all means: all replicas in sync, not all replicas. Who lags longer than replica.lag.time.max.ms is out.",
    ),
    shape=ClassShape(
        nodes=3, topics=(CreateTopic("orders", replicas=((1, 2, 3),), configs={"min.insync.replicas": "2"}),)
    ),
    tasks=(
        Task(
            "Produce one record by hand and watch it being copied: who asks whom, and when the high watermark moves.",
            (ProduceByHand("orders", "first"),),
            2_000,
            lambda room: room.view().partition("orders").high_watermark == 1 and room.view().client("hand").acked == 1,
            pace=0.005,
        ),
        Task(
            "Start a producer, and pause node 3.",
            (AddProducer("writer", "orders", rate=4.0), Pause(node=3)),
            8_000,
            in_sync("orders", 2),
        ),
        Task("Let some records through.", (), 2_000),
    ),
    goals=(
        Goal("the record is on all three nodes", lambda room: all("first" in values(room, "orders", n) for n in (1, 2, 3))),
        Goal("node 3 left the ISR", happened("isr", "node 3 left the ISR")),
        Goal("writes go on without it", lambda room: room.view().client("writer").acked >= 3),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "The leader knows from each fetch how far a follower is. What every replica in the ISR has is committed: the "
        "high watermark moves there, acks=all is answered, consumers may read it. A follower that does not keep up is "
        "taken out of the ISR, so that it holds nobody up; it comes back by catching up."
    ),
    kips=("KIP-16", "KIP-497"),
    look_at=("logs", "nodes"),
)  # fmt: skip
