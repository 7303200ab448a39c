"""Compaction: the last value of every key."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddConsumer, AddProducer, CreateTopic
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, values


def _compacted(room: Classroom) -> bool:
    log = room.view().partition("prices").log(1)
    return log is not None and len(room.log_values("prices", 0, 1)) < log.log_end_offset - 10


def _newest_kept(room: Classroom) -> bool:
    newest: dict[str | None, str] = {}
    for key, _, _, value in room.clients["writer"][0].ordered:
        newest[key] = value.decode()
    found = values(room, "prices", 1)
    return len(newest) == 3 and all(value in found for value in newest.values())


def _read_with_holes(room: Classroom) -> bool:
    reader = room.view().client("reader")
    position = dict(reader.positions).get(0, 0)
    return 0 < reader.read < position - 5


LESSON = Lesson(
    id="compaction",
    title="Only the last word counts",
    summary="cleanup.policy=compact keeps the newest record of each key.",
    story="A topic holds the price of three products. Nobody needs yesterday's prices, but nobody may miss today's.",
    prediction=Prediction(
        "The log is compacted. What happens to the offsets of the records that stay?",
        ("They are counted anew from 0", "They stay as they were, with holes between", "They move to the end"),
        1,
        "An offset names a record for ever; readers just skip the holes.",
    ),
    shape=ClassShape(
        nodes=3,
        topics=(
            CreateTopic(
                "prices",
                replicas=((1, 2, 3),),
                configs={"cleanup.policy": "compact", "segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01"},
            ),
        ),
    ),
    tasks=(
        Task(
            "Start a producer that updates three prices again and again, and wait for the cleaner.",
            (AddProducer("writer", "prices", keys=("apple", "pear", "plum"), rate=10.0),),
            40_000,
            _compacted,
        ),
        Task(
            "Start a reader at offset 0: what does it get of all that was written?",
            (AddConsumer("reader", "prices"),),
            3_000,
            pace=1.0,
        ),
    ),
    goals=(
        Goal("old prices are gone", _compacted),
        Goal("a reader gets fewer records than there were offsets", _read_with_holes),
        Goal("the newest price of every product is there", _newest_kept),
    ),
    explanation=(
        "The cleaner copies old segments without the records that a newer one of their key replaces; the active "
        "segment is left alone, so some old values remain for a while. A record without a value is a tombstone: it "
        "deletes its key, and goes itself after delete.retention.ms. __consumer_offsets lives by this."
    ),
    kips=("KIP-58", "KIP-280"),
    look_at=("logs",),
)
