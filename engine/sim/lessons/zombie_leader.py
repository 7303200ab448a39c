"""A leader that slept through its own deposition."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, Pause, Resume
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, happened, in_sync, leader_is, nothing_lost

LESSON = Lesson(
    id="zombie-leader",
    title="The zombie",
    summary="A leader pauses, is replaced, wakes up, and still believes.",
    story=(
        "Node 1 leads, and stops for a garbage collection of ten seconds. When it goes on, it believes that no time "
        "has passed, and that it leads."
    ),
    prediction=Prediction(
        "Node 1 wakes up while node 2 leads. A producer's old connection sends it a record with acks=all. What happens?",
        (
            "It is written and acknowledged; the two logs differ",
            "It is not acknowledged: the followers of the new epoch do not fetch from node 1",
            "Node 1 takes the leadership back",
        ),
        1,
        "acks=all needs the followers, and they follow epoch 1. Their fetches carry the epoch; so do all changes of "
        "the ISR. The zombie can commit nothing.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", replicas=((1, 2, 3),)),)),
    setup=(Task("", (AddProducer("writer", "orders", rate=5.0),), 2_000),),
    tasks=(
        Task("Pause node 1 until node 2 leads.", (Pause(node=1),), 15_000, leader_is("orders", 2)),
        Task("Let node 2 take some records.", (), 3_000),
        Task("Wake node 1 up.", (Resume(node=1),), 20_000, in_sync("orders", 3)),
    ),
    goals=(
        Goal("node 2 was elected", happened("election", "node 2 is leader")),
        Goal("node 1 learnt that it leads no more", happened("fenced", "node 1 learnt")),
        Goal("all replicas are in sync", in_sync("orders", 3)),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "No clock can tell a sleeper that it slept. So nothing rests on a leader knowing that it leads: the epoch in "
        "every message fences it. The broker epoch does the same for whole brokers (their heartbeats), producer "
        "epochs for producers, generations for group members."
    ),
    kips=("KIP-320", "KIP-380"),
    look_at=("nodes", "logs"),
)
