"""The cooperative rebalance: only what changes hands stops."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddMember, AddProducer, CreateTopic
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task

_KIND = "cooperative-sticky"


def _shared(room: Classroom, count: int) -> bool:
    group = room.view().group("shop")
    owned = [place for member in group.members for place in member.assignment]
    return (
        group.state == "Stable"
        and len(group.members) == count
        and len(owned) == 4
        and max(len(member.assignment) for member in group.members) <= -(-4 // count)
    )


LESSON = Lesson(
    id="groups-cooperative",
    title="A rebalance nobody notices",
    summary="Two small rebalances instead of one that stops the world.",
    story="The same four partitions. Every deployment used to stop the whole group for seconds. Now it is cooperative.",
    prediction=Prediction(
        "Alice reads all four partitions; Bert joins. How many generations until both have two?",
        ("One more", "Two more", "None: it happens without a rebalance"),
        1,
        "In the first Alice is told to give two up (nobody gets them yet, for she may still read them); she does, and "
        "asks for a second rebalance, in which Bert gets them.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", partitions=4),)),
    setup=(Task("", (AddProducer("writer", "orders", rate=10.0),), 1_000),),
    tasks=(
        Task(
            "Start Alice with the cooperative assignor.",
            (AddMember("alice", "shop", "orders", assignor=_KIND),),
            8_000,
            lambda room: _shared(room, 1),
        ),
        Task(
            "Start Bert and count the generations.",
            (AddMember("bert", "shop", "orders", assignor=_KIND),),
            20_000,
            lambda room: _shared(room, 2),
        ),
    ),
    goals=(
        Goal("both have two partitions", lambda room: _shared(room, 2)),
        Goal("it took two generations", lambda room: room.view().group("shop").generation >= 3),
        Goal("nothing was processed twice", lambda room: room.view().counts.processed_twice == 0),
    ),
    explanation=(
        "Members tell what they own. The assignor moves as little as balance allows, and leaves out in the first round "
        "what has to change hands. Everyone goes on reading what it keeps. KIP-848 moves all this to the coordinator, "
        "member by member, without any barrier."
    ),
    kips=("KIP-429", "KIP-848"),
    look_at=("groups",),
)
