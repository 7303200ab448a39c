"""Racks: reading from the closest replica."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddConsumer, AddProducer, CreateTopic
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task

LESSON = Lesson(
    id="rack-awareness",
    title="The copy next door",
    summary="Consumers may read from a follower in their own zone.",
    story=(
        "The nodes stand in three zones, and traffic between zones costs money. The leader is in zone a, "
        "a consumer in zone b reads everything."
    ),
    prediction=Prediction(
        "The consumer says client.rack=b. From which node does it read?",
        ("From node 1, the leader: always", "From node 2, in its zone", "From whichever is fastest"),
        1,
        "Its first fetch goes to the leader, which answers: ask node 2 (preferred_read_replica).",
    ),
    shape=ClassShape(
        nodes=3,
        racks=("a", "b", "c"),
        topics=(CreateTopic("orders", replicas=((1, 2, 3),)),),
        properties={"replica.selector.class": "org.apache.kafka.common.replica.RackAwareReplicaSelector"},
    ),
    setup=(Task("", (AddProducer("writer", "orders", rate=8.0),), 1_000),),
    tasks=(
        Task(
            "Start a consumer that says nothing of its zone.",
            (AddConsumer("far", "orders"),),
            6_000,
            lambda room: room.view().client("far").read > 5,
            pace=0.5,
        ),
        Task(
            "Start one in zone b, and watch whom it asks first, and then.",
            (AddConsumer("near", "orders", rack="b"),),
            6_000,
            lambda room: room.view().client("near").read > 5,
            pace=0.02,
        ),
    ),
    goals=(
        Goal(
            "the consumer in zone b reads from node 2", lambda room: room.view().client("near").reads_from == ((0, 2),)
        ),
        Goal("the other reads from the leader", lambda room: room.view().client("far").reads_from == ((0, 1),)),
        Goal("both read", lambda room: min(room.view().client(name).read for name in ("near", "far")) > 5),
    ),
    explanation=(
        "A follower serves consumers up to its own high watermark, which it learns from the leader with its fetches; "
        "so a record is readable there a moment later. Replicas are spread over racks when a topic is created, so "
        "that a zone may burn down and every partition has copies left."
    ),
    kips=("KIP-36", "KIP-392"),
    look_at=("logs", "clients"),
)
