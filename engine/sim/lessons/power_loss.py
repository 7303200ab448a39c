"""fsync and power loss: where acknowledged records really are."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, PowerCut, Restart
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, some_lost

LESSON = Lesson(
    id="power-loss",
    title="The lights go out",
    summary="Kafka does not sync every write: replication is its durability, until everything fails at once.",
    story=(
        "All three nodes hang on one power strip. Orders go to two topics: \"fast\" with the defaults, \"safe\" with "
        "flush.messages=1. Every producer uses acks=all. Then the strip is pulled out."
    ),
    prediction=Prediction(
        "Everything was acknowledged by all three replicas. What is left of \"fast\" after the power is back?",
        ("Everything: three copies", "Only what had been synced to disk, perhaps nothing", "All but the last record"),
        1,
        "An acknowledgement means that the replicas have it in memory (the page cache). Three memories without power "
        "are no copy.",
    ),
    shape=ClassShape(
        nodes=3,
        topics=(
            CreateTopic("fast", replicas=((1, 2, 3),)),
            CreateTopic("safe", replicas=((1, 2, 3),), configs={"flush.messages": "1"}),
        ),
    ),
    setup=(
        Task("", (AddProducer("f", "fast", rate=6.0, count=30), AddProducer("s", "safe", rate=6.0, count=30)), 6_000),
    ),
    tasks=(
        Task("Both have sent their 30 orders. Look at what is in memory only (dashed), and what is on disk.", (), 1_000),
        Task("Pull the plug of all three.", (PowerCut(nodes=(1, 2, 3)),), 1_000),
        Task("Plug it in again.", (Restart(node=1), Restart(node=2), Restart(node=3)), 10_000,
             lambda room: all(node.state == "up" for node in room.view().nodes)),
        Task("Count.", (), 1_000),
    ),
    goals=(
        Goal("acknowledged records of fast are lost", some_lost),
        Goal("none of safe is", lambda room: all(lost.topic != "safe" for lost in room.view().lost)),
        Goal("all nodes are up again", lambda room: all(node.state == "up" for node in room.view().nodes)),
    ),
    explanation=(
        "Kafka leaves syncing to the operating system, because a sync for every batch costs an order of magnitude, "
        "and one machine's memory rarely dies together with the others'. That is why replicas belong on different "
        "power, in different racks. flush.messages=1 buys the other answer, at its price. The metadata quorum, whose "
        "loss nobody could survive, syncs every write. The panel of invariants is red: all replicas at once is more than "
        "Kafka promises to bear."
    ),
    kips=("KIP-966",),
    look_at=("disk", "logs"),
)  # fmt: skip
