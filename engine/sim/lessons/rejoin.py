"""KAFKA-7128: when a follower may be called in sync again."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import CreateTopic, Cut, Heal, Kill, ProduceByHand, SlowDown
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, Variant, isr_is, leader_is, nothing_lost, values


def _shape(*without: str) -> ClassShape:
    # Nodes 1 and 5 keep the quorum alive.
    topic = CreateTopic("orders", replicas=((2, 3, 4),), configs={"min.insync.replicas": "2"})
    return ClassShape(nodes=5, topics=(topic,), without=without)


def _committed_but_not_known(room: Classroom) -> bool:
    """The producer knows that the record is committed; node 3 has it, but has not heard so yet."""
    partition = room.view().partition("orders")
    leader, follower = partition.log(2), partition.log(3)
    return (
        leader is not None
        and follower is not None
        and leader.high_watermark == leader.log_end_offset == follower.log_end_offset == 2
        and follower.high_watermark < 2
        and room.view().client("hand").acked >= 2
    )


def _tasks() -> tuple[Task, ...]:
    return (
        Task(
            "Produce a record, and stop when it is acknowledged but node 3 has not heard so.",
            (ProduceByHand("orders", "precious"),),
            12_000,
            _committed_but_not_known,
            otherwise="There was no such moment: node 3 must be slow, and follow node 2. Start again.",
        ),
        Task("Kill node 2, and wait until node 3 leads, with a high watermark before the record.", (Kill(node=2),), 20_000,
             leader_is("orders", 3), needs=_committed_but_not_known,
             otherwise="Too late: node 3 has heard by now. Start again, and do not wait."),
        Task(
            "Make node 3 fast again, and let node 4 back, over a slow link. Wait until it is in sync.",
            (Heal(), SlowDown(node=4, by_ms=400)),
            20_000,
            isr_is("orders", 3, 4),
            needs=leader_is("orders", 3),
            otherwise="Node 3 must lead. Start again.",
        ),
        Task("Cut node 3 off from node 4, kill it, and wait until node 4 leads.", (Cut(3, 4), Kill(node=3)), 20_000,
             leader_is("orders", 4), needs=isr_is("orders", 3, 4), otherwise="Node 4 must be in sync. Start again."),
        Task("Look at the log of node 4.", (), 1_500),
    )  # fmt: skip


LESSON = Lesson(
    id="rejoin",
    title="Back in the circle",
    summary="A follower is in sync again when it has reached the start of the leader's epoch.",
    story=(
        "Node 4 was cut off and lacks a record, \"precious\", that nodes 2 and 3 have. Node 2 dies in the moment when "
        "the record is acknowledged; node 3 leads now, and does not know yet that it is committed. Node 4 comes back, "
        "over a slow link."
    ),
    prediction=Prediction(
        "Node 4's log ends exactly at node 3's high watermark, one record behind its log end. Is it in sync?",
        (
            "Yes: it has everything before the high watermark",
            "Not yet: it must reach where the new leader's epoch begins",
            "Yes, after replica.lag.time.max.ms",
        ),
        1,
        "A new leader's high watermark is old news. What it had when it was elected may all be committed.",
    ),
    shape=_shape(),
    setup=(
        Task("", (ProduceByHand("orders", "first"),), 1_500),
        Task("", (Cut(2, 4), Cut(3, 4), SlowDown(node=3, by_ms=300)), 3_000),
    ),
    tasks=_tasks(),
    goals=(
        Goal("both records were acknowledged", lambda room: room.view().client("hand").acked >= 2),
        Goal("node 4 leads in the end", leader_is("orders", 4)),
        Goal("and has the record", lambda room: "precious" in values(room, "orders", 4)),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "A leader knows what is committed only from fetches in its own epoch; its high watermark lags behind when it is "
        "elected. So a follower joins the ISR when it is at the high watermark, and at least at the offset where the "
        "leader's epoch begins: everything that a former leader may have committed lies before that."
    ),
    kips=("KIP-320", "KIP-497"),
    look_at=("logs", "nodes"),
    variant=Variant(
        title="without KAFKA-7128's guard",
        text=(
            "Node 4 was called in sync as soon as it asked: its log ended at the leader's high watermark. A moment later "
            "the leader died, and node 4, in sync by name, was elected in good order. It lacks a record that was "
            "acknowledged with acks=all, and the panel of invariants is red. Kafka had this until 2018."
        ),
        shape=_shape("isr_join_at_leader_epoch_start"),
        goals=(
            Goal("both records were acknowledged", lambda room: room.view().client("hand").acked >= 2),
            Goal("node 4 leads without the record",
                 lambda room: leader_is("orders", 4)(room) and "precious" not in values(room, "orders", 4)),
            Goal("the panel of invariants is red", lambda room: any(not each.holds for each in room.view().invariants)),
        ),
    ),
)  # fmt: skip
