"""Keys choose the partition; order is kept within one."""

from engine.sim.classroom import Classroom, ClassShape
from engine.sim.classroom.actions import AddConsumer, AddProducer, CreateTopic
from engine.sim.lessons.lesson import Goal, Lesson, Prediction, Task


def _one_partition_each(room: Classroom) -> bool:
    homes: dict[str | None, set[int]] = {}
    for key, partition, _, _ in room.clients["writer"][0].ordered:
        homes.setdefault(key, set()).add(partition)
    return len(homes) == 3 and all(len(home) == 1 for home in homes.values())


def _in_order(room: Classroom) -> bool:
    offsets: dict[str | None, int] = {}
    for key, _, offset, _ in room.clients["writer"][0].ordered:
        if offset <= offsets.get(key, -1):
            return False
        offsets[key] = offset
    return True


LESSON = Lesson(
    id="keys-and-order",
    title="Keys and order",
    summary="Which records keep their order, and why the key decides.",
    story=(
        "Three customers, Ada, Bob and Cora, place and cancel orders. A cancellation that is read before its order "
        "would be a disaster. The topic has three partitions."
    ),
    prediction=Prediction(
        "The producer sends Ada's, Bob's and Cora's records in turn, keyed by name. What order will a reader see?",
        ("Exactly the order in which they were sent", "Each customer's own order, mixed in any way", "None at all"),
        1,
        "A key always leads to the same partition, and a partition is one log: its order is fixed. Between partitions "
        "there is no order.",
    ),
    shape=ClassShape(nodes=3, topics=(CreateTopic("orders", partitions=3),)),
    tasks=(
        Task(
            "Start a producer with the keys Ada, Bob and Cora, and watch into which partition each of them goes.",
            (AddProducer("writer", "orders", keys=("Ada", "Bob", "Cora"), rate=5.0),),
            2_500,
            pace=0.7,
        ),
        Task(
            "Start a consumer, and let 20 records through.",
            (AddConsumer("reader", "orders"),),
            10_000,
            lambda room: room.view().client("reader").read >= 20,
            pace=1.5,
        ),
    ),
    goals=(
        Goal("20 records were read", lambda room: room.view().client("reader").read >= 20),
        Goal("every key has a partition of its own choice, always the same", _one_partition_each),
        Goal("the offsets of each key only grow", _in_order),
    ),
    explanation=(
        "The producer hashes the key and takes the partition with that number: hash(key) mod partitions. Adding "
        "partitions later moves keys, and with them their order; so does another hash: Java's clients take murmur2, "
        "librdkafka takes CRC-32 unless told otherwise (as the producers here). Records without a key go where it suits "
        "batching."
    ),
    kips=("KIP-480", "KIP-794"),
    look_at=("logs", "clients"),
)
