"""acks=0: nobody says anything."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddProducer, CreateTopic, PowerCut, RemoveClient
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, leader_is


def _missing(room: Classroom) -> bool:
    view = room.view()
    return view.client("sensor").sent - view.partition("metrics").high_watermark >= 3


LESSON = Lesson(
    id="acks-zero",
    title="Fire and forget",
    summary="acks=0 loses records without anyone noticing.",
    story="A sensor sends its temperature with acks=0: as fast as can be, and it never waits for an answer.",
    prediction=Prediction(
        "The machine of the leader loses power. How many of the sensor's sends fail?",
        ("All until the new leader is elected", "One", "None, as far as the sensor knows"),
        2,
        "It asks for no answer, and a dark machine sends no reset: the bytes wait in the sender's TCP for a "
        "retransmission that never succeeds.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("metrics", replicas=((1, 2, 3),)),)),
    setup=(Task("", (AddProducer("sensor", "metrics", acks=0, idempotent=False, rate=5.0, retries=0),), 2_000),),
    tasks=(
        Task("Cut the power of node 1.", (PowerCut(nodes=(1,)),), 15_000, leader_is("metrics", 2)),
        Task("End the sensor and compare what it sent with what is in the log.", (RemoveClient("sensor"),), 2_000),
    ),
    goals=(
        Goal("the sensor saw no failure", lambda room: room.view().client("sensor").failed == 0),
        Goal("node 2 leads", leader_is("metrics", 2)),
        Goal("at least three records that it sent are nowhere", _missing),
    ),
    explanation=(
        "With acks=0 the broker answers nothing, not even an error: a wrong leader, a full disk, a record that is too "
        "large all look like success. The count of acknowledged records stays at zero, so strictly nothing was lost: "
        "nothing was ever promised."
    ),
    look_at=("clients", "logs"),
)
