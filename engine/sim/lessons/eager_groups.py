"""Consumer groups and the eager rebalance."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddMember, AddProducer, CrashClient, CreateTopic
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, happened


def _members(room: Classroom, count: int) -> bool:
    group = room.view().group("shop")
    owned = [place for member in group.members for place in member.assignment]
    return (
        group.state == "Stable"
        and len(group.members) == count
        and sorted(owned) == sorted(set(owned))
        and len(owned) == 4
    )


LESSON = Lesson(
    id="groups-eager",
    title="A group shares the work",
    summary="Members, generations, and what a rebalance costs.",
    story="Four partitions of orders, one consumer. A second joins, a third joins; then one of them dies.",
    prediction=Prediction(
        "A member crashes without a word. When do the others get its partitions?",
        ("At once", "After session.timeout.ms without heartbeats", "When it is restarted"),
        1,
        "The coordinator only sees that heartbeats stop. A member that leaves in good order says so, and costs nobody "
        "the wait.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", partitions=4),)),
    setup=(Task("", (AddProducer("writer", "orders", rate=10.0),), 1_000),),
    tasks=(
        Task("Start the first member.", (AddMember("alice", "shop", "orders"),), 8_000, lambda room: _members(room, 1)),
        Task(
            "Start two more.",
            (AddMember("bert", "shop", "orders"), AddMember("carol", "shop", "orders")),
            15_000,
            lambda room: _members(room, 3),
        ),
        Task("Crash one.", (CrashClient("bert"),), 25_000, lambda room: _members(room, 2)),
    ),
    goals=(
        Goal("three members shared four partitions", happened("group", "carol joined")),
        Goal("the coordinator put the crashed member out", happened("group", "bert is no member any more")),
        Goal("two members own all four partitions, none twice", lambda room: _members(room, 2)),
    ),
    explanation=(
        "One broker coordinates the group: the leader of its partition of __consumer_offsets. In a rebalance everyone "
        "joins again, one member (the group's leader) computes the assignment, and the coordinator hands it out with a "
        "new generation. Eager assignors (range, roundrobin, sticky) make everybody give up everything first: the "
        "whole group stands still until the last one has joined."
    ),
    kips=("KIP-62", "KIP-394"),
    look_at=("groups", "clients"),
)
