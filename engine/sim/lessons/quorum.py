"""The metadata quorum elects a controller."""

from engine.sim.classroom import ClassShape, WorldView
from engine.sim.classroom.actions import Action, AddProducer, CreateTopic, Kill, Restart
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task, nothing_lost


def _kill_controller(view: WorldView) -> Action:
    return Kill(node=view.quorum.leader if view.quorum.leader > 0 else 1)


def _restart_dead(view: WorldView) -> Action:
    return Restart(node=next((node.id for node in view.nodes if node.state == "down"), 1))


LESSON = Lesson(
    id="quorum",
    title="Who decides who decides?",
    summary="Epochs, votes, and a new controller in a second.",
    story=(
        "Three nodes keep the cluster's metadata in a log of their own. One of them leads: it is the active "
        "controller. It is also the next to fail."
    ),
    prediction=Prediction(
        "The active controller is killed. What happens to the partitions that other nodes lead?",
        ("They stop until there is a new controller", "They go on", "They all elect new leaders"),
        1,
        "Leaders and followers know their roles. The controller is only needed to change them.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", partitions=3),)),
    setup=(Task("", (AddProducer("writer", "orders", rate=5.0),), 2_000),),
    tasks=(
        Task(
            "Kill the active controller, and watch the votes.",
            (_kill_controller,),
            15_000,
            lambda room: room.view().counts.quorum_elections >= 2,
        ),
        Task("Wait until its partitions have new leaders.", (), 15_000, lambda room: all(
            partition.leader > 0 and room.view().node(partition.leader).state == "up"
            for partition in room.view().partitions)),
        Task("Start the node again: it follows.", (_restart_dead,), 8_000),
    ),
    goals=(
        Goal("a second controller was elected", lambda room: room.view().counts.quorum_elections >= 2),
        Goal("in a later epoch", lambda room: room.view().quorum.epoch >= 2),
        Goal("all three voters follow it", lambda room: all(
            voter.leader == room.view().quorum.leader for voter in room.view().quorum.voters)),
        Goal("nothing was lost", nothing_lost),
    ),
    explanation=(
        "KRaft is raft over a Kafka log: followers fetch, the leader commits what a majority has on disk (here, unlike "
        "for topics, every write is synced). A voter that hears nothing for a random time asks around (pre-vote), "
        "then stands for election in a new epoch. One vote per voter and epoch, only for a log at least as new: so "
        "whoever wins has everything that was committed."
    ),
    kips=("KIP-500", "KIP-595", "KIP-996"),
    look_at=("quorum", "nodes"),
)  # fmt: skip
