"""A follower that is only slow."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, SlowDown
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, happened, in_sync, nothing_lost

LESSON = Lesson(
    id="slow-follower",
    title="Alive, but not in sync",
    summary="replica.lag.time.max.ms, and why slow is worse than dead.",
    story="The network card of node 3 has a bad day: every packet takes more than a second. Its heartbeats still come.",
    prediction=Prediction(
        "What do producers with acks=all notice first?",
        ("Nothing", "Every write takes seconds, until node 3 leaves the ISR", "Their writes are refused"),
        1,
        "As long as node 3 is in the ISR every write waits for it. Only after replica.lag.time.max.ms (2 s here, 30 s "
        "by default) the leader gives it up.",
    ),
    shape=ClassShape(
        nodes=3, topics=(CreateTopic("orders", replicas=((1, 2, 3),), configs={"min.insync.replicas": "2"}),)
    ),
    setup=(Task("", (AddProducer("writer", "orders", rate=8.0),), 2_000),),
    tasks=(
        Task("Slow node 3 down by 1100 ms.", (SlowDown(node=3, by_ms=1_100),), 30_000, in_sync("orders", 2)),
        Task("See the producer at full speed.", (), 3_000),
        Task("Make node 3 fast again.", (SlowDown(node=3, by_ms=0),), 20_000, in_sync("orders", 3)),
    ),
    goals=(
        Goal("node 3 left the ISR", happened("isr", "node 3 left the ISR")),
        Goal("and came back", happened("isr", "node 3 is in sync again")),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "A follower is in sync when it was at the leader's end within replica.lag.time.max.ms: time, not records "
        "(KIP-16 ended the count of records, under which a burst threw healthy followers out). A dead follower is "
        "gone at once when its session ends; a slow one costs everybody latency for as long as it is tolerated."
    ),
    kips=("KIP-16", "KIP-497"),
    look_at=("logs", "nodes"),
)
