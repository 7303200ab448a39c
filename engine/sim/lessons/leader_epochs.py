"""KIP-101 itself: what was lost when followers cut back to their high watermark."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import CreateTopic, Kill, PowerCut, ProduceByHand, SlowDown
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, Variant, leader_is, nothing_lost


def _shape(*without: str) -> ClassShape:
    # Nodes 4 and 5 keep the quorum alive.
    return ClassShape(
        nodes=5,
        topics=(CreateTopic("orders", replicas=((1, 2, 3),)),),
        properties={"broker.session.timeout.ms": "6000"},
        without=without,
    )


def _committed_but_not_known(room: Classroom) -> bool:
    """The producer knows that the record is committed; node 3 has it, but has not heard so yet."""
    partition = room.view().partition("orders")
    leader, follower = partition.log(1), partition.log(3)
    return (
        leader is not None
        and follower is not None
        and leader.high_watermark == leader.log_end_offset == follower.log_end_offset == 2
        and follower.high_watermark < 2
        and _acknowledged_twice(room)
    )


def _follows_the_second(room: Classroom) -> bool:
    partition = room.view().partition("orders")
    log = partition.log(3)
    return partition.leader == 2 and log is not None and log.epoch == partition.leader_epoch


def _cut_off(room: Classroom) -> bool:
    log = room.view().partition("orders").log(3)
    return log is not None and log.log_end_offset < 2


def _acknowledged_twice(room: Classroom) -> bool:
    return room.view().client("hand").acked >= 2


def _tasks(*, is_safe: bool) -> tuple[Task, ...]:
    return (
        Task(
            "Produce a record, and stop in the moment when it is acknowledged but node 3 has not heard so.",
            (ProduceByHand("orders", "precious"),),
            8_000,
            _committed_but_not_known,
            otherwise="There was no such moment: node 3 must be slow, and follow node 1. Start again.",
        ),
        Task(
            "Cut the leader's power, and wait until node 3 follows node 2.",
            (PowerCut(nodes=(1,)),),
            20_000,
            _follows_the_second,
            needs=_committed_but_not_known,
            otherwise="Too late: node 3 has heard by now that the record is committed. Start again, and do not wait.",
        ),
        Task(
            "Give node 3 the time to connect to node 2 and ask, not to get the answer.",
            (),
            1_500,
            None if is_safe else _cut_off,
            otherwise="Node 3 cut the record off, and has fetched it again already. Start again, and do not wait.",
        ),
        Task(
            "Kill node 2, and wait for node 3 to lead.",
            (Kill(node=2),),
            20_000,
            leader_is("orders", 3),
            needs=None if is_safe else _cut_off,
            otherwise="Too late: node 3 has fetched the record again. Start again, and do not wait.",
        ),
        Task("Look at the log of node 3.", (), 1_000),
    )


LESSON = Lesson(
    id="leader-epochs",
    title="Committed, and deleted all the same",
    summary="Why followers no longer trust their high watermark (KIP-101).",
    story=(
        "The way to node 3 is slow, a third of a second. A record is on all three replicas and acknowledged, but node 3 will "
        "hear that it is committed only with the answer to its next fetch. In this very moment the leader loses power; "
        "node 2 takes over, and dies a few seconds later."
    ),
    prediction=Prediction(
        "Node 3 has the record, with a high watermark before it, when it begins to follow node 2. What does it do?",
        (
            "It cuts the record off, for it is beyond its high watermark, and fetches it again",
            "It keeps the record, unless the new leader's epochs say that it is from another history",
            "It stops until the first leader is back",
        ),
        1,
        "The record belongs to an epoch that node 2 knows to reach as far. The first answer was Kafka's until 0.11.",
    ),
    shape=_shape(),
    setup=(Task("", (ProduceByHand("orders", "first"), SlowDown(node=3, by_ms=300)), 6_000),),
    tasks=_tasks(is_safe=True),
    goals=(
        Goal("both records were acknowledged", _acknowledged_twice),
        Goal("node 3 leads", leader_is("orders", 3)),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "A high watermark is news, and news is late. Cutting back to it was meant to remove what might not be "
        "committed, and removed what was. Since KIP-101 every replica keeps a list of leader epochs with their first "
        "offsets, and asks the new leader where its own last epoch ends there. What lies before stays."
    ),
    kips=("KIP-101",),
    look_at=("logs", "nodes"),
    variant=Variant(
        title="without KIP-101",
        text=(
            "The follower cut the record off as soon as it followed node 2, to fetch it again; but node 2 died before it "
            "could. Node 3 was in sync, was elected, and lacks a record that was acknowledged by all replicas. That was "
            "Kafka until 0.11 (KAFKA-1211)."
        ),
        goals=(
            Goal("both records were acknowledged", _acknowledged_twice),
            Goal("node 3 leads", leader_is("orders", 3)),
            Goal("the panel of invariants is red", lambda room: any(not each.holds for each in room.view().invariants)),
            Goal("an acknowledged record is gone from the leader's log", lambda room: (
                "precious" not in room.log_values("orders", 0, 3).values())),
        ),
        shape=_shape("truncate_by_epoch"),
        tasks=_tasks(is_safe=False),
    ),
)  # fmt: skip
