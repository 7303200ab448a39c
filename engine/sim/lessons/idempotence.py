"""Idempotent producers: a retry that writes once."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, Cut, Heal, RemoveClient
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, Variant, values


def _copies(room: Classroom, name: str) -> int:
    """How many records of that producer are in the log more than once."""
    found = [value for value in values(room, "orders", 1) if value.startswith(f"{name}-")]
    return len(found) - len(set(found))


def _shape(*without: str) -> ClassShape:
    return ClassShape(nodes=3, topics=(CreateTopic("orders", replicas=((1, 2, 3),)),), without=without)


LESSON = Lesson(
    id="idempotence",
    title="The answer that got lost",
    summary="Retries write twice, unless the producer is idempotent.",
    story=(
        "Two producers write to node 1, one of them idempotent. The link breaks, but only in the direction back to "
        "them: their records arrive, the acknowledgements do not."
    ),
    prediction=Prediction(
        "Both producers time out and send their record again. What is in the log?",
        (
            "Each record once",
            "The plain producer's record twice, the idempotent one's once",
            "Both records twice",
        ),
        1,
        "The leader remembers the last sequence numbers of every producer id. A batch that it has is acknowledged "
        "again, not written again.",
    ),
    shape=_shape(),
    setup=(
        Task(
            "",
            (
                AddProducer("plain", "orders", idempotent=False, rate=5.0),
                AddProducer("safe", "orders", idempotent=True, rate=5.0),
            ),
            2_000,
        ),
    ),
    tasks=(
        Task("Cut the link from node 1 back to the clients.", (Cut(source=1, to=0, both_ways=False),), 8_000),
        Task("Heal it, and let the producers go on for a while.", (Heal(),), 5_000),
        Task("End them.", (RemoveClient("plain"), RemoveClient("safe")), 5_000),
    ),
    goals=(
        Goal("a record of the plain producer is there twice", lambda room: _copies(room, "plain") > 0),
        Goal("no record of the idempotent producer is there twice", lambda room: _copies(room, "safe") == 0),
        Goal(
            "both producers went on",
            lambda room: all(room.view().client(name).acked > 10 for name in ("plain", "safe")),
        ),
    ),
    explanation=(
        "enable.idempotence=true (the default since 3.0) gives a producer an id and an epoch, and every batch a "
        "sequence number per partition. The leader appends a batch only if its number follows the last one, answers a "
        "known one with its old offset, and refuses a gap. That state is in the log itself, so it survives a failover. "
        "It covers one producer session; across restarts there are transactions."
    ),
    kips=("KIP-98", "KIP-679"),
    look_at=("logs", "clients"),
    variant=Variant(
        title="without sequence numbers",
        text=(
            "The leader did not compare sequence numbers, and appended the batch again when it came again: the record of "
            "the idempotent producer is there twice too, both times acknowledged. That was every producer's life before "
            "0.11. The panel of invariants is red: the same sequence number stands in the log twice."
        ),
        shape=_shape("sequence_deduplication"),
        goals=(
            Goal("a record of the idempotent producer is there twice", lambda room: _copies(room, "safe") > 0),
            Goal("the panel of invariants is red", lambda room: any(not each.holds for each in room.view().invariants)),
        ),
    ),
)
