"""KAFKA-15583: what only one disk holds must not be read."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddConsumer, AddProducer, CreateTopic, Heal, Partitioned, PowerCut
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, Variant, happened, isr_is, leader_is


def _shape(*without: str) -> ClassShape:
    # Nodes 1, 4 and 5 keep the quorum alive.
    topic = CreateTopic("orders", replicas=((2, 3),), configs={"min.insync.replicas": "2"})
    return ClassShape(nodes=5, topics=(topic,), without=without)


def _read(room: Classroom) -> list[str]:
    return [value.decode() for value in room.clients["reader"][0].values]


_fell_off = happened("produce", "reader: OFFSET_OUT_OF_RANGE")


def _read_hasty(room: Classroom) -> bool:
    return any(value.startswith("hasty") for value in _read(room))


_TASKS = (
    Task("Cut node 3 off, and wait until node 2 is alone in the ISR.", (Partitioned(sets=((3,), (1, 2, 4, 5))),), 20_000,
         isr_is("orders", 2)),
    Task(
        "Send three records with acks=1. Compare the leader's log end with its high watermark, and look at the reader.",
        (AddProducer("hasty", "orders", acks=1, idempotent=False, rate=5.0, count=3),),
        4_000,
        lambda room: room.view().client("hasty").acked == 3,
        needs=isr_is("orders", 2),
        otherwise="Node 2 must be alone in the ISR. Start again.",
    ),
    Task("Let the reader read what it can.", (), 1_500),
    Task("Cut the power of node 2, let node 3 back, and wait until it leads.", (PowerCut(nodes=(2,)), Heal()), 20_000,
         leader_is("orders", 3)),
    Task("See what the reader says.", (), 3_000),
)  # fmt: skip

LESSON = Lesson(
    id="readable",
    title="Written, and not to be read",
    summary="Below min.insync.replicas the high watermark stands still, even for acks=1.",
    story=(
        "Two replicas, min.insync.replicas=2. Node 3 is cut off. A hasty producer goes on with acks=1, which needs "
        "nobody but the leader; a reader is waiting for records."
    ),
    prediction=Prediction(
        "The leader took three records with acks=1 while it is alone in the ISR. Can the reader read them?",
        ("Yes, at once: the whole ISR has them", "Not before a second replica is in sync again", "Only with read_uncommitted"),
        1,
        "The ISR is one replica, and that is less than min.insync.replicas. The high watermark waits, and with it all "
        "readers.",
    ),
    shape=_shape(),
    setup=(Task("", (AddProducer("writer", "orders", rate=5.0, count=3), AddConsumer("reader", "orders")), 2_500),),
    tasks=_TASKS,
    goals=(
        Goal("the hasty records were acknowledged", lambda room: room.view().client("hasty").acked == 3),
        Goal("they are lost (acks=1 promises no more)", lambda room: room.view().counts.lost == 3),
        Goal("the reader has seen nothing that is gone",
             lambda room: _read(room) == ["writer-0", "writer-1", "writer-2"] and not _fell_off(room)),
        Goal("node 3 leads", leader_is("orders", 3)),
    ),
    explanation=(
        "The high watermark is a promise to readers: what lies before it stays. Kafka kept it at what the ISR has, even "
        "if the ISR had shrunk to one machine; since KIP-966 it does not move while the ISR is smaller than "
        "min.insync.replicas. That is also what makes replicas that dropped out eligible again: nothing was "
        "committed without them."
    ),
    kips=("KIP-966",),
    look_at=("logs", "clients"),
    variant=Variant(
        title="without KAFKA-15583's guard",
        text=(
            "The high watermark moved with a single replica. The reader read three records, and acted on them; then that "
            "machine lost power. Now the log ends before the reader's position: OFFSET_OUT_OF_RANGE, it begins again, "
            "reads the old records twice, and other records at the offsets of those it once saw. The panel has "
            "been red since the first of them became readable."
        ),
        shape=_shape("high_watermark_respects_min_isr"),
        goals=(
            Goal("the reader read a record that is gone", lambda room: _read_hasty(room) and room.view().counts.lost == 3),
            Goal("the reader fell off the log's end", _fell_off),
            Goal("the panel of invariants is red",
                 lambda room: any(each.name == "under-min-isr-commit" and not each.holds for each in room.view().invariants)),
        ),
    ),
)  # fmt: skip
