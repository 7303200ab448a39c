"""The leader dies, another takes over, and nothing that was acknowledged is gone."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, Kill, Restart
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, happened, in_sync, leader_is, nothing_lost

LESSON = Lesson(
    id="failover",
    title="The leader dies",
    summary="Who takes over, when, and what producers notice.",
    story="Node 1 leads the partition and takes every write. It is four in the morning, and its power supply smokes.",
    prediction=Prediction(
        "Node 1 is killed. How long can nobody write?",
        ("Not at all", "Until the controller has missed its heartbeats (a few seconds)", "Until node 1 is back"),
        1,
        "The controller learns of a crash by the heartbeats that do not come: broker.session.timeout.ms, here 3 s. "
        "After that the election is one record in the metadata log.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", replicas=((1, 2, 3),)),)),
    setup=(Task("", (AddProducer("writer", "orders", rate=5.0),), 2_000),),
    tasks=(
        Task("Kill node 1, and wait for the election.", (Kill(node=1),), 15_000, leader_is("orders", 2)),
        Task("See the producer go on.", (), 3_000),
        Task("Start node 1 again and wait until it is in sync.", (Restart(node=1),), 15_000, in_sync("orders", 3)),
    ),
    goals=(
        Goal("node 2 was elected", happened("election", "node 2 is leader")),
        Goal("the producer went on", lambda room: room.view().client("writer").acked > 15),
        Goal("all three replicas are in sync again", in_sync("orders", 3)),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "The controller elects the first live replica of the ISR, in the order of the assignment, and raises the "
        "leader epoch. Producers get NOT_LEADER_OR_FOLLOWER or no answer, ask for the metadata again and retry. "
        "Everything acknowledged with acks=all is on every replica in the ISR, so whoever is elected has it."
    ),
    kips=("KIP-631",),
    look_at=("nodes", "logs"),
)
