"""Without a majority nothing can be decided."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, Kill, Restart
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, happened, nothing_lost

LESSON = Lesson(
    id="quorum-majority",
    title="One of three is nobody",
    summary="A quorum without a majority elects nobody and changes nothing.",
    story="Two of the three nodes are killed. The third is in the best of health.",
    prediction=Prediction(
        "Someone asks the last node to create a topic. What happens?",
        ("It is created, on one node", "Nothing: nobody can decide it until a second voter is back", "The node crashes"),
        1,
        "A record of metadata counts once two of three voters have it. One cannot be leader, and not even be elected.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", replicas=((3, 1, 2),)),)),
    setup=(Task("", (AddProducer("writer", "orders", acks=1, idempotent=False, rate=4.0),), 2_000),),
    tasks=(
        Task("Kill nodes 1 and 2.", (Kill(node=1), Kill(node=2)), 15_000, lambda room: room.view().quorum.leader < 0),
        Task("Ask for a topic.", (CreateTopic("late"),), 4_000),
        Task("Start node 1: with two of three the quorum works again.", (Restart(node=1),), 20_000,
             lambda room: room.view().quorum.leader > 0 and room.view().partition("late").leader > 0),
    ),
    goals=(
        Goal("there was no leader of the quorum", happened("quorum", "no leader")),
        Goal("there is one again", lambda room: room.view().quorum.leader > 0),
        Goal("the topic was created in the end", lambda room: room.view().partition("late").leader > 0),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "Three voters bear one failure, five bear two. Partitions go on with the leaders they have: a producer with "
        "acks=1 may not notice, one with acks=all waits, for the ISR cannot be shrunk without a controller. An even "
        "number of voters bears no more failures than one less."
    ),
    kips=("KIP-595",),
    look_at=("quorum",),
)  # fmt: skip
