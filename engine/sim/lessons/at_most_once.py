"""At most once: committed before the work was done."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddMember, AddProducer, CrashClient, CreateTopic, RestartClient
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task

LESSON = Lesson(
    id="at-most-once",
    title="Never is worse than twice",
    summary="Commit before processing, crash in between: some records are never processed.",
    story="To charge nobody twice, the worker now commits its offset first, and charges then. It crashes again.",
    prediction=Prediction(
        "Ten orders were read and committed, five were charged, crash. What of the other five?",
        ("They are charged after the restart", "They are never charged", "Another member charges them"),
        1,
        "The group's offset is behind them. Nobody will ever ask for them again.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders"),)),
    setup=(Task("", (AddProducer("writer", "orders", rate=20.0, count=60),), 4_000),),
    tasks=(
        Task(
            "Start a worker that commits before it processes, and wait until it is in the middle of a batch.",
            (AddMember("worker", "shop", "orders", commit="before", process_ms=100),),
            12_000,
            lambda room: len(room.clients["worker"][0].processed) % 10 == 5,
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
            lambda room: room.view().group("shop").lag == 0 and room.view().counts.processed >= 50,
        ),
        Task("Let it end its last batch.", (), 2_000),
    ),
    goals=(
        Goal("some records were never processed", lambda room: room.view().counts.skipped > 0),
        Goal("none was processed twice", lambda room: room.view().counts.processed_twice == 0),
        Goal("the group is at the end", lambda room: room.view().group("shop").lag == 0),
    ),
    explanation=(
        "Commit before the work, and a crash leaves work out: at most once. enable.auto.commit is neither: it commits "
        "from time to time what the last poll returned, so work handed to another thread may be committed before it "
        "is done, and work done since the last commit comes again."
    ),
    look_at=("groups", "clients"),
)
