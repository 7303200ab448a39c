"""At least once and at most once: when offsets are committed."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddMember, AddProducer, CrashClient, CreateTopic, RestartClient
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task

_SETUP = (Task("", (AddProducer("writer", "orders", rate=20.0, count=60),), 4_000),)


def _in_a_batch(room: Classroom) -> bool:
    return len(room.clients["worker"][0].processed) % 10 == 5


LESSON = Lesson(
    id="at-least-once",
    title="Twice is better than never",
    summary="Commit after processing, crash in between: some records come again.",
    story=(
        "A worker charges credit cards. It reads ten orders, charges them one by one, and then commits its offset. "
        "After the fifth it crashes."
    ),
    prediction=Prediction(
        "The worker is started again. What happens with the five cards it had charged?",
        ("They are skipped", "They are charged again", "The group refuses the worker"),
        1,
        "The committed offset is from before the ten. Kafka knows nothing of what happened in between.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders"),)),
    setup=_SETUP,
    tasks=(
        Task(
            "Start a worker that commits after processing; crash it in the middle of a batch.",
            (AddMember("worker", "shop", "orders", commit="after", process_ms=100),),
            12_000,
            lambda room: len(room.clients["worker"][0].processed) > 10 and _in_a_batch(room),
        ),
        Task(
            "Crash it now.",
            (CrashClient("worker"),),
            500,
            needs=lambda room: len(room.clients["worker"][0].processed) % 10 != 0,
            otherwise="It is not in the middle of a batch any more. Start again, and crash it as soon as it is.",
        ),
        Task(
            "Start it again and let it finish.",
            (RestartClient("worker"),),
            30_000,
            lambda room: room.view().group("shop").lag == 0 and room.view().counts.processed > 60,
        ),
    ),
    goals=(
        Goal("some records were processed twice", lambda room: room.view().counts.processed_twice > 0),
        Goal("none was left out", lambda room: room.view().counts.skipped == 0),
        Goal("the group is at the end", lambda room: room.view().group("shop").lag == 0),
    ),
    explanation=(
        "The committed offset says where to go on, nothing else. Commit after the work, and a crash repeats work: at "
        "least once. So make the work repeatable: charge with the order's number as an idempotency key. Exactly once "
        "needs the offset and the result in one transaction (KIP-98, KIP-447)."
    ),
    kips=("KIP-98", "KIP-447"),
    look_at=("groups", "clients"),
)
