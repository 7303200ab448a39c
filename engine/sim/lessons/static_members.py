"""Static members: a restart is no reason to rebalance."""

from dataclasses import replace

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddMember, AddProducer, CrashClient, CreateTopic, RestartClient
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, Variant


def _setup(static: bool) -> tuple[Task, ...]:
    return (
        Task(
            "",
            (
                AddProducer("writer", "orders", rate=10.0),
                AddMember("alice", "shop", "orders", static=static),
                AddMember("bert", "shop", "orders", static=static),
            ),
            8_000,
        ),
    )


def _generation(room: Classroom) -> int:
    return room.view().group("shop").generation


def _crashed_ms(room: Classroom) -> float:
    return next(event.at_ms for event in room.events() if event.text == "bert crashed.")


def _generation_then(room: Classroom) -> int:
    """Before the crash."""
    return room.view_at(_crashed_ms(room)).group("shop").generation


_CRASH = Task("Crash Bert, and wait two seconds.", (CrashClient("bert"),), 2_000)
_RETURN = Task("Start him again, and see whether the generation changes.", (RestartClient("bert"),), 8_000)
_RETURN_IN_TIME = replace(
    _RETURN,
    needs=lambda room: room.now_ms - _crashed_ms(room) < 5_000,
    otherwise="Bert was away for too long: after session.timeout.ms (6 s) the group gives his chair away. Start again.",
)

LESSON = Lesson(
    id="static-members",
    title="Same chair after lunch",
    summary="group.instance.id keeps a member's place while it restarts.",
    story="Bert is restarted for a new version: gone for two seconds, back with the same name.",
    prediction=Prediction(
        "Bert is a static member (group.instance.id=bert), the session timeout is 6 s. What do the others notice?",
        ("A rebalance when he goes and one when he comes", "One rebalance", "Nothing"),
        2,
        "The coordinator knows the name: whoever joins as bert within the session gets his chair and his partitions.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", partitions=4),)),
    setup=_setup(static=True),
    tasks=(_CRASH, _RETURN_IN_TIME),
    goals=(
        Goal("Bert was away", lambda room: any(event.text == "bert crashed." for event in room.events())),
        Goal("Bert reads again", lambda room: room.view().client("bert").state == "running"),
        Goal("the generation is what it was", lambda room: _generation(room) == _generation_then(room)),
        Goal("the group has two members", lambda room: len(room.view().group("shop").members) == 2),
    ),
    explanation=(
        "A static member that goes away is not missed before its session times out, and the one that comes back under "
        "its name takes over its member id; the old one is fenced (FENCED_INSTANCE_ID). With a session timeout as "
        "long as a restart takes, deployments cause no rebalance. The price: a member that died is missed later too."
    ),
    kips=("KIP-345",),
    look_at=("groups",),
    variant=Variant(
        tasks=(_CRASH, _RETURN),
        title="without group.instance.id",
        text=(
            "Without the name the coordinator cannot know him again: the old Bert is a dead member until the session "
            "times out, the new one a stranger. The group rebalanced, and everybody stopped for it."
        ),
        goals=(Goal("the group rebalanced", lambda room: _generation(room) > _generation_then(room)),),
        setup=_setup(static=False),
    ),
)
