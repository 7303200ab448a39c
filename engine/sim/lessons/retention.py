"""Retention: what is old goes, segment by segment."""

from engine.sim.classroom import ClassShape
from engine.sim.classroom.actions import AddConsumer, AddProducer, CreateTopic
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, happened, nothing_lost

LESSON = Lesson(
    id="retention",
    title="What is old goes",
    summary="retention.ms, segments, and a reader that comes too late.",
    story="Clicks are kept for three seconds here (a week elsewhere). A new reader starts at the very beginning.",
    prediction=Prediction(
        "The reader asks for offset 0, which was deleted long ago. What does it get?",
        (
            "Offset 0: a leader never deletes what was not read",
            "OFFSET_OUT_OF_RANGE, and auto.offset.reset decides",
            "Nothing, for ever",
        ),
        1,
        "Kafka does not care who has read what. The log start offset has moved, and the client must choose again.",
    ),
    shape=ClassShape(
        nodes=3,
        topics=(CreateTopic("clicks", configs={"retention.ms": "3000", "segment.ms": "1000"}),),
    ),
    setup=(Task("", (AddProducer("writer", "clicks", rate=8.0),), 1_000),),
    tasks=(
        Task("Wait until the log's start has moved.", (), 20_000,
             lambda room: room.view().partition("clicks").logs[0].log_start_offset > 10),
        Task("Start a consumer that begins at offset 0.", (AddConsumer("late", "clicks"),), 4_000),
    ),
    goals=(
        Goal("the log no longer begins at 0",
             lambda room: max(log.log_start_offset for log in room.view().partition("clicks").logs) > 0),
        Goal("the timeline tells of the deletion", happened("retention", "deleted what was before")),
        Goal("the reader was refused", happened("produce", "late: OFFSET_OUT_OF_RANGE")),
        Goal("and reads from the new start", lambda room: room.view().client("late").read > 0),
        Goal("nothing counts as lost", nothing_lost),
    ),
    explanation=(
        "Retention deletes whole segments, when their newest record is older than retention.ms or the log larger than "
        "retention.bytes. So records live longer than the setting says: up to a segment more. "
        "The leader's start offset goes to the followers with their fetches."
    ),
    kips=("KIP-107",),
    look_at=("logs",),
)  # fmt: skip
