"""Unclean leader election: availability bought with records."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, Elect, Kill, RemoveClient, Restart
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, happened, isr_is, leader_is, some_lost

LESSON = Lesson(
    id="unclean-election",
    title="A leader that knows too little",
    summary="When nobody in sync is left: wait, or lose.",
    story=(
        "Node 2 fell out of the ISR an hour ago. Node 1 went on alone, and now it is on fire. Node 2 is back, but "
        "lacks an hour. The shop stands still."
    ),
    prediction=Prediction(
        "Node 2 is up, node 1 is not. Who leads the partition?",
        ("Node 2, at once", "Nobody, until node 1 is back or someone orders an unclean election", "Node 3"),
        1,
        "Kafka waits for a replica that surely has everything (unclean.leader.election.enable=false by default).",
    ),
    # Nodes 3, 4 and 5 keep the quorum alive.
    shape=ClassShape(
        nodes=5, topics=(CreateTopic("orders", replicas=((1, 2),), configs={"min.insync.replicas": "1"}),)
    ),
    setup=(Task("", (AddProducer("writer", "orders", rate=5.0),), 1_000),),
    tasks=(
        Task("Kill node 2, and wait until the ISR is node 1 alone.", (Kill(node=2),), 20_000, isr_is("orders", 1)),
        Task("Let node 1 take some records alone.", (), 2_000),
        Task("End the producer.", (RemoveClient("writer"),), 500),
        Task("Kill node 1, and wait.", (Kill(node=1),), 20_000, leader_is("orders", -1)),
        Task("Start node 2 again. Does it lead?", (Restart(node=2),), 4_000),
        Task("Order an unclean election.", (Elect("orders", 0, unclean=True),), 10_000, leader_is("orders", 2)),
        Task("Start node 1 again: its records are cut off.", (Restart(node=1),), 15_000, some_lost),
    ),
    goals=(
        Goal("nobody led while only node 2 was up", happened("election", "orders-0 has no leader")),
        Goal("node 2 leads, elected uncleanly", happened("election", "node 2 is leader")),
        Goal("acknowledged records are lost", some_lost),
    ),
    explanation=(
        "An unclean election makes a replica leader that was not in sync. What it lacks is gone for good, even from "
        "the disks that had it: when they return they truncate to the new leader's history. Choose it per topic where "
        "old metrics matter less than new ones; never for orders. KIP-966 keeps a list of replicas that left the ISR "
        "but still hold everything (ELR), so that the choice comes up less often."
    ),
    kips=("KIP-106", "KIP-966"),
    look_at=("logs", "nodes"),
)
