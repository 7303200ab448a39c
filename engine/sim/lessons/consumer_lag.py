"""Consumer lag: the work that waits."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddMember, AddProducer, CreateTopic
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task


def _member(name: str) -> AddMember:
    return AddMember(name, "shop", "orders", process_ms=150)


LESSON = Lesson(
    id="consumer-lag",
    title="The queue in front of the door",
    summary="Lag grows when work comes faster than it is done; partitions are the limit of help.",
    story="Orders come twelve a second. A worker needs 150 ms for each. The topic has three partitions.",
    prediction=Prediction(
        "One worker lags behind further and further. You start four more. How many of the five will work?",
        ("All five", "Three", "One"),
        1,
        "A partition is read by one member of a group. Three partitions: three workers, and two that stand by.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", partitions=3),)),
    setup=(Task("", (AddProducer("writer", "orders", rate=12.0, count=240),), 500),),
    tasks=(
        Task("Start one worker and see the lag grow to 30.", (_member("w1"),), 30_000,
             lambda room: room.view().group("shop").lag >= 30),
        Task(
            "Start four more.",
            (_member("w2"), _member("w3"), _member("w4"), _member("w5")),
            15_000,
            lambda room: len(room.view().group("shop").members) == 5 and room.view().group("shop").state == "Stable",
        ),
        Task("Wait until the lag is below 5.", (), 60_000, lambda room: room.view().group("shop").lag < 5),
    ),
    goals=(
        Goal("the lag had grown to 30",
             lambda room: any(group.lag >= 30 for at in room.kept_moments()[::5] for group in room.view_at(at).groups)),
        Goal("two of five members own nothing",
             lambda room: sum(not member.assignment for member in room.view().group("shop").members) == 2),
        Goal("the lag is below 5", lambda room: room.view().group("shop").lag < 5),
    ),
    explanation=(
        "Lag is the log end offset less the committed offset, per partition. It is the number to watch: it grows long "
        "before anything fails. More members help up to one per partition; beyond that the work itself must get "
        "faster, or the topic needs more partitions (which moves keys)."
    ),
    look_at=("groups",),
)  # fmt: skip
