"""A split network: the side with the majority goes on."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, Heal, Partitioned
from engine.sim.lessons.lesson import (
    Goal,
    Lesson,
    Prediction,
    Task,
    Variant,
    happened,
    in_sync,
    leader_is,
    nothing_lost,
)


def _two_leaders(room: Classroom) -> bool:
    """At some moment two nodes believed to lead the partition, in different epochs."""
    for at_ms in room.kept_moments():
        for partition in room.view_at(at_ms).partitions:
            epochs = {log.epoch for log in partition.logs if log.is_leader}
            if len(epochs) > 1:
                return True
    return False


def _shape(*without: str) -> ClassShape:
    topic = CreateTopic("orders", replicas=((1, 3, 4),), configs={"min.insync.replicas": "2"})
    return ClassShape(nodes=5, topics=(topic,), without=without)


LESSON = Lesson(
    id="split-network",
    title="Two cities, one cluster",
    summary="Five nodes, a cut cable: majority and minority.",
    story=(
        "Nodes 1 and 2 stand in Basel, 3, 4 and 5 in Zurich. An excavator finds the cable. Node 1, in Basel, leads "
        "the partition; producers everywhere use acks=all, min.insync.replicas is 2."
    ),
    prediction=Prediction(
        "Each side can be reached by clients. Which side takes writes?",
        ("Both: that is what replication is for", "Basel, for it has the leader", "Zurich, once it has elected a leader"),
        2,
        "Zurich has three of five voters, so it can change the metadata: it takes Basel out of the ISR and elects.",
    ),
    shape=_shape(),
    setup=(Task("", (AddProducer("writer", "orders", rate=5.0),), 2_000),),
    tasks=(
        Task("Cut Basel (1, 2) off from Zurich (3, 4, 5).", (Partitioned(sets=((1, 2), (3, 4, 5))),), 20_000,
             leader_is("orders", 3)),
        Task("See two nodes believe that they lead, and one producer go on.", (), 4_000),
        Task("Heal the network.", (Heal(),), 20_000, in_sync("orders", 3)),
        Task("Let it settle.", (), 1_500),
    ),
    goals=(
        Goal("Zurich elected node 3", happened("election", "node 3 is leader")),
        Goal("for a while two nodes believed to lead", _two_leaders),
        Goal("all replicas are in sync again", in_sync("orders", 3)),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "Two leaders at once look like a split brain, but they are in different epochs, and only one can commit: the "
        "old one needs its followers' fetches or the controller's leave to shrink the ISR, and has neither. What it "
        "took meanwhile was never acknowledged with acks=all, and is cut off when it comes back."
    ),
    kips=("KIP-595", "KIP-320"),
    look_at=("nodes", "logs", "quorum"),
    variant=Variant(
        title="without check-quorum",
        text=(
            "Node 1 was the active controller when the cable was cut. Zurich elected another one, and node 1 never "
            "noticed: nobody told it, and it did not ask whether a majority still fetches from it. Two controllers, one "
            "of which decides nothing any more; brokers and tools in Basel went on believing it. Since KAFKA-15489 a "
            "leader of the quorum that a majority has not fetched from for a while resigns by itself."
        ),
        shape=_shape("check_quorum"),
        goals=(
            Goal("two nodes are the active controller", lambda room: sum(node.is_controller for node in room.view().nodes) == 2),
            Goal("the panel of invariants is red",
                 lambda room: any(each.name == "stale-controller" and not each.holds for each in room.view().invariants)),
        ),
        tasks=(
            Task("Cut Basel (1, 2) off from Zurich (3, 4, 5), and wait until Zurich has a controller too.",
                 (Partitioned(sets=((1, 2), (3, 4, 5))),), 20_000,
                 lambda room: sum(node.is_controller for node in room.view().nodes) == 2),
            Task("Wait: when does node 1 notice?", (), 15_000,
                 lambda room: any(not each.holds for each in room.view().invariants)),
        ),
    ),
)  # fmt: skip
