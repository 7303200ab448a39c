"""A disk is full."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, FillDisk, RepairDisk, Restart
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, happened, in_sync, leader_is, nothing_lost

LESSON = Lesson(
    id="full-disk",
    title="No space left on device",
    summary="A failed write takes the log directory offline; the others go on.",
    story="Someone left debug logging on. The disk of node 1, which leads the partition, has no byte left.",
    prediction=Prediction(
        "Node 1 cannot write a record. What does it do?",
        (
            "It answers with an error and tries the next write",
            "It takes the whole log directory offline, and with only one directory it stops",
            "It deletes old records to make room",
        ),
        1,
        "After a failed write nobody knows what is on the disk. Kafka gives the directory up until the restart, which "
        "checks it.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", replicas=((1, 2, 3),)),)),
    setup=(Task("", (AddProducer("writer", "orders", rate=5.0),), 2_000),),
    tasks=(
        Task("Fill the disk of node 1.", (FillDisk(node=1),), 20_000, leader_is("orders", 2)),
        Task("See the producer go on with node 2.", (), 3_000),
        Task("Make room, and start node 1 again.", (RepairDisk(node=1), Restart(node=1)), 20_000, in_sync("orders", 3)),
    ),
    goals=(
        Goal("node 1 gave up", happened("disk", "Node 1 gave up")),
        Goal("node 2 took over", happened("election", "node 2 is leader")),
        Goal("all replicas are in sync again", in_sync("orders", 3)),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "An I/O error means: leave it alone. A failed fsync in particular must never be tried again, for the kernel "
        "may have thrown the data away and call the second one a success. With several log directories only the "
        "failed one goes offline, and the controller is told which (KIP-112, KIP-858)."
    ),
    kips=("KIP-112", "KIP-858"),
    look_at=("nodes", "disk"),
)
