"""Every judge finds the state it is there to find, made by hand; and says nothing about the sound one beside it."""

from pathlib import Path

import pytest

from engine.metadata.image import BrokerRegistration, MetadataImage, PartitionImage, TopicImage
from engine.protocol.records.record import Record, build_batch
from engine.sim.group_load import GroupWatch
from engine.sim.history import Violation
from engine.sim.inodes import FileNode, Write
from engine.sim.invariants.contents import ContentsJudge, durable_end, segments_of
from engine.sim.invariants.groups import GroupJudge
from engine.sim.invariants.metadata import MetadataJudge
from engine.sim.invariants.quorum import QuorumJudge
from engine.sim.invariants.replication import ReplicationJudge
from engine.sim.invariants.table import INVARIANTS, NAMES
from engine.sim.invariants.views import FetcherView, GroupView, QuorumView, ReplicaView
from engine.types import TopicPartition

PLACE = TopicPartition("t", 0)
TOPIC_ID = b"t" * 16


class Found(list[Violation]):
    def kinds(self):
        for violation in self:
            assert violation.kind in NAMES, violation
        return [violation.kind for violation in self]


def replica(node_id, *, leads=False, life=1, end=10, high_watermark=10, epoch=0, **more):
    view = ReplicaView(
        node_id,
        life,
        PLACE,
        TOPIC_ID,
        0,
        min(high_watermark, end),
        high_watermark,
        end,
        epoch,
        0,
        leads=leads,
        leader_id=1,
    )
    if leads:
        view.isr = view.maximal_isr = (1, 2, 3)
        view.min_isr = 2
    for name, value in more.items():
        setattr(view, name, value)
    return view


def looks(*moments):
    found = Found()
    judge = ReplicationJudge(found.append)
    for moment in moments:
        judge.look(moment)
    return found.kinds()


def across(views, image, current=(1, 2, 3), committed=None):
    found = Found()
    judge = ReplicationJudge(found.append)
    judge.look(views)
    judge.committed.update({} if committed is None else {(TOPIC_ID, 0): committed})
    judge.look_across(views, {PLACE: image}, current)
    return found.kinds()


def partition(leader=1, isr=(1, 2, 3), epoch=0, partition_epoch=0, elr=(), **more):
    return PartitionImage(
        replicas=(1, 2, 3),
        directories=(b"d" * 16,) * 3,
        isr=isr,
        leader=leader,
        leader_epoch=epoch,
        partition_epoch=partition_epoch,
        elr=elr,
        **more,
    )


# ---- replication


def test_three_replicas_that_agree_are_sound():
    moment = [replica(1, leads=True), replica(2), replica(3)]
    assert looks(moment, moment) == []
    assert across(moment, partition()) == []


def test_two_leaders():
    assert looks([replica(1, leads=True), replica(2, leads=True)]) == ["two-leaders"]
    assert looks([replica(1, leads=True)], [replica(2, leads=True)]) == ["two-leaders"]
    assert looks([replica(1, leads=True)], [replica(2, leads=True, epoch=1)]) == []


def test_a_topic_created_anew_may_begin_its_epochs_again():
    assert looks([replica(1, leads=True)], [replica(2, leads=True, topic_id=b"u" * 16)]) == []


def test_epoch_back():
    assert looks([replica(2, epoch=5)], [replica(2, epoch=4)]) == ["epoch-back"]
    assert looks([replica(2, epoch=5)], [replica(2, epoch=4, life=2)]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"high_watermark": 11},
        {"last_stable_offset": 11},
        {"log_start_offset": 11},
    ],
)
def test_bad_offsets(wrong):
    assert looks([replica(2, **wrong)]) == ["bad-offsets"]


def test_high_watermark_back():
    assert looks([replica(1, leads=True)], [replica(1, leads=True, high_watermark=9)]) == ["high-watermark-back"]
    assert looks([replica(1, leads=True)], [replica(1, leads=True, high_watermark=9, life=2)]) == []


def test_leader_incomplete():
    shorter = replica(2, leads=True, epoch=1, end=9, high_watermark=9)
    assert looks([replica(1, leads=True)], [shorter]) == ["leader-incomplete"]


def test_acknowledged_incomplete():
    found = Found()
    judge = ReplicationJudge(found.append)
    judge.acknowledged[PLACE] = 11
    judge.look([replica(1, leads=True)])
    assert found.kinds() == ["acknowledged-incomplete"]


def test_strong_isr():
    views = [replica(1, leads=True), replica(2, end=9, high_watermark=9), replica(3)]
    assert "strong-isr" in across(views, partition())
    assert across(views, partition(), current=(1, 3)) == []  # node 2 is in a life of which the controller does not know
    views[0].isr = views[0].maximal_isr = (1, 3)
    assert across(views, partition(isr=(1, 3))) == []


def test_candidate_incomplete():
    views = [replica(1, leads=True, isr=(1, 3), maximal_isr=(1, 3)), replica(2, end=9, high_watermark=9), replica(3)]
    assert across(views, partition(isr=(1, 3), elr=(2,))) == ["candidate-incomplete"]
    assert across(views, partition(isr=(1, 3))) == []


def test_quorum_superset():
    views = [replica(1, leads=True, isr=(1, 2), maximal_isr=(1, 2)), replica(2), replica(3)]
    assert across(views, partition(isr=(1, 2, 3))) == ["quorum-superset"]
    views[0].maximal_isr = (1, 2, 3)
    assert across(views, partition(isr=(1, 2, 3))) == []


def test_leader_not_in_isr():
    assert looks([replica(1, leads=True, isr=(2, 3))]) == ["leader-not-in-isr"]


def test_under_min_isr_commit():
    alone = {"leads": True, "isr": (1,), "maximal_isr": (1,), "end": 20}
    assert looks([replica(1, **alone)], [replica(1, high_watermark=11, **alone)]) == ["under-min-isr-commit"]
    whole = replica(1, leads=True, end=20, partition_epoch=1)
    later = replica(1, high_watermark=11, partition_epoch=2, **alone)
    assert looks([replica(1, **alone)], [whole], [later]) == []


def test_fetcher_state():
    found = Found()
    judge = ReplicationJudge(found.append)
    judge.look_at_fetchers([FetcherView(2, PLACE, (1,), 1, False), FetcherView(1, PLACE, (), 1, True)])
    assert found == []
    judge.look_at_fetchers([FetcherView(2, PLACE, (1, 3), 1, False)])
    judge.look_at_fetchers([FetcherView(1, PLACE, (2,), 1, True)])
    judge.look_at_fetchers([FetcherView(3, PLACE, (2,), 1, False)])
    assert found.kinds() == ["fetcher-state"] * 3


# ---- contents


def batch(offset, *, epoch=0, count=1, producer_id=-1, producer_epoch=-1, sequence=-1, value=b"v"):
    data = bytearray(
        build_batch(
            [Record(offset + index, 0, b"k", value, []) for index in range(count)],
            base_offset=offset,
            producer_id=producer_id,
            producer_epoch=producer_epoch,
            base_sequence=sequence,
            leader_epoch=epoch,
        )
    )
    return bytes(data)


def log(*batches):
    return {"00000000000000000000.log": b"".join(batches)}


def contents(*logs, high_watermark=100, end=None, log_start=0):
    found = Found()
    judge = ContentsJudge(found.append)
    for node_id, content in logs:
        judge.look(node_id, "t", "t-0", content, high_watermark, log_start)
    if end is not None:
        judge.look_at_the_end("t", "t-0", end)
    return found.kinds()


def test_log_matching():
    sound = log(batch(0), batch(1))
    assert contents((1, sound), (2, sound)) == []
    assert contents((1, sound), (2, log(batch(0), batch(1, value=b"x")))) == ["log-matching"]
    assert contents((1, sound), (2, log(batch(0), batch(1, epoch=1)))) == ["log-matching"]
    assert contents((1, sound), (2, log(batch(0, count=2)))) == ["log-matching"]


def test_what_is_not_committed_may_differ():
    assert contents((1, log(batch(0), batch(1))), (2, log(batch(0), batch(1, value=b"x"))), high_watermark=1) == []


def test_what_is_before_the_start_of_a_log_may_differ():
    """A leader whose log begins behind a follower's uncommitted records cannot tell it to cut them (seed 3015)."""
    sound, stale = log(batch(0), batch(1), batch(2)), log(batch(0), batch(1, value=b"x"), batch(2))
    assert contents((1, sound), (2, stale), log_start=2) == []
    assert contents((1, sound), (2, stale), log_start=1) == ["log-matching"]
    assert contents((1, sound), (2, log(batch(0, count=2), batch(2))), log_start=2) == []


def test_a_log_that_was_cut_and_written_anew_is_compared_anew():
    sound = log(batch(0), batch(1), batch(2))
    changed = log(batch(0), batch(1, value=b"other"), batch(2))
    assert contents((1, sound), (1, log(batch(0))), (1, changed)) == ["log-matching"]


def test_offset_gap_and_batch_epoch_back():
    assert contents((1, log(batch(0), batch(2)))) == ["offset-gap"]
    assert contents((1, log(batch(0, epoch=3), batch(1, epoch=2)))) == ["batch-epoch-back"]


def test_sequence_gap():
    first = batch(0, producer_id=7, producer_epoch=0, sequence=0, count=2)
    assert contents((1, log(first, batch(2, producer_id=7, producer_epoch=0, sequence=2)))) == []
    assert contents((1, log(first, batch(2, producer_id=7, producer_epoch=0, sequence=0)))) == ["sequence-gap"]
    assert contents((1, log(first, batch(2, producer_id=7, producer_epoch=0, sequence=3)))) == ["sequence-gap"]
    assert contents((1, log(first, batch(2, producer_id=7, producer_epoch=1, sequence=0)))) == []
    assert contents((1, log(first, batch(2, producer_id=7, producer_epoch=1, sequence=2)))) == ["sequence-gap"]


def test_fenced_producer_appended():
    first = batch(0, producer_id=7, producer_epoch=1, sequence=0)
    late = batch(1, producer_id=7, producer_epoch=0, sequence=5)
    assert contents((1, log(first, late))) == ["fenced-producer-appended"]


def test_committed_record_lost():
    sound = log(batch(0), batch(1))
    assert contents((1, sound), end=sound) == []
    assert contents((1, sound), end=log(batch(0))) == ["committed-record-lost"]
    assert contents((1, sound), end=log(batch(1))) == []  # retention took the first


def test_recovery_point_not_durable():
    node = FileNode(1)
    node.change(Write(0, batch(0) + batch(1)))
    node.make_durable(1)
    node.change(Write(len(batch(0) + batch(1)), batch(2)))
    found = Found()
    judge = ContentsJudge(found.append)
    judge.look_at_durability(replica(1, recovery_point=2), {"00000000000000000000.log": node})
    assert found == []
    judge.look_at_durability(replica(1, recovery_point=3), {"00000000000000000000.log": node})
    assert found.kinds() == ["recovery-point-not-durable"]


def test_what_was_durable_once_is_not_read_again():
    found = Found()
    judge = ContentsJudge(found.append)
    node = FileNode(1)
    node.change(Write(0, batch(0)))
    node.make_durable(1)
    judge.look_at_durability(replica(1, recovery_point=1), {"00000000000000000000.log": node})
    judge.look_at_durability(replica(1, recovery_point=1), {})
    assert found == []


# ---- the quorum


def voter(node_id, *, leads=False, epoch=1, life=1, high_watermark=10, start=0, end=10, snapshots=(), runs=True):
    return QuorumView(node_id, life, epoch, 1, leads, high_watermark, start, end, snapshots, runs)


def quorum(*moments):
    found = Found()
    judge = QuorumJudge(found.append)
    for moment in moments:
        judge.look(moment)
    return found.kinds()


def test_a_quorum_that_agrees_is_sound():
    moment = [voter(1, leads=True), voter(2), voter(3, start=5, snapshots=(5,))]
    assert quorum(moment, moment) == []


def test_two_controllers():
    assert quorum([voter(1, leads=True), voter(2, leads=True)]) == ["two-controllers"]
    assert quorum([voter(1, leads=True), voter(2, leads=True, epoch=2)]) == []


def test_stale_controller():
    found = Found()
    judge = QuorumJudge(found.append)
    two = [voter(1, leads=True), voter(2, leads=True, epoch=2)]
    judge.look(two, 0.0)
    judge.look([voter(1, leads=True, runs=False), two[1]], 7.0)  # paused: it cannot know
    judge.look(two, 7.5)
    judge.look(two, 15.0)
    assert found == []
    judge.look(two, 16.0)
    assert found.kinds() == ["stale-controller"]


def test_quorum_epoch_back_and_high_watermark_back():
    assert quorum([voter(2, epoch=3)], [voter(2, epoch=2)]) == ["quorum-epoch-back"]
    assert quorum([voter(2)], [voter(2, high_watermark=9)]) == ["quorum-high-watermark-back"]
    assert quorum([voter(2)], [voter(2, high_watermark=None, life=2)]) == []


def test_quorum_leader_incomplete():
    assert quorum([voter(1, leads=True)], [voter(2, leads=True, epoch=2, end=9)]) == ["quorum-leader-incomplete"]


def test_snapshot_gap():
    assert quorum([voter(1, start=5, snapshots=(4,))]) == ["snapshot-gap"]


def test_quorum_log_matching():
    found = Found()
    judge = ContentsJudge(found.append, "quorum-log-matching")
    judge.look(1, "m", "m", log(batch(0)), 1)
    judge.look(2, "m", "m", log(batch(0, value=b"x")), 1)
    assert found.kinds() == ["quorum-log-matching"]


def test_quorum_not_durable():
    found = Found()
    judge = QuorumJudge(found.append)
    judge.look([voter(1)])
    judge.look_at_durability({1: 10, 2: 10, 3: 0}, 3)
    assert found == []
    judge.look_at_durability({1: 10, 2: 9, 3: 0}, 3)
    assert found.kinds() == ["quorum-not-durable"]


def test_what_is_durable_ends_at_the_first_batch_that_is_not():
    node = FileNode(1)
    node.change(Write(0, batch(0)))
    node.make_durable(1)
    node.change(Write(len(batch(0)), batch(1)))
    files = {"/data/t-0/00000000000000000000.log": node, "/data/t-0/x.index": FileNode(2)}
    assert durable_end(segments_of(files, PLACE, "/data")) == 1


# ---- metadata


def image(offset, part, **more):
    topic = TopicImage(name="t", id=TOPIC_ID, partitions={0: part})
    return MetadataImage(offset=offset, epoch=1, topics_by_id={TOPIC_ID: topic}, topic_ids={"t": TOPIC_ID}, **more)


def metadata(*images):
    found = Found()
    judge = MetadataJudge(found.append)
    for each in images:
        judge.look([each])
    return found.kinds()


def test_images_that_agree_are_sound():
    assert metadata((1, image(5, partition())), (2, image(5, partition()))) == []


def test_images_differ():
    assert metadata((1, image(5, partition())), (2, image(5, partition(isr=(1, 2))))) == ["images-differ"]
    broker = BrokerRegistration(1, 1, b"", (), (), (), None, False, False)
    assert metadata((1, image(5, partition())), (2, image(5, partition(), brokers={1: broker}))) == ["images-differ"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"isr": (1, 4)},
        {"isr": (1, 2), "elr": (2,)},
        {"isr": (2, 3), "leader": 1},
        {"elr": (9,)},
        {"isr": (1, 1, 2)},
    ],
)
def test_isr_invalid(wrong):
    assert metadata((1, image(5, partition(**wrong)))) == ["isr-invalid"]


def test_no_recovery_quorum():
    assert metadata((1, image(5, partition(leader=-1, isr=())))) == ["no-recovery-quorum"]
    assert metadata((1, image(5, partition(leader=-1, isr=(), elr=(2,))))) == []
    assert metadata((1, image(5, partition(leader=-1, isr=(), last_known_elr=(1,))))) == []


def test_partition_epoch_back():
    first = image(5, partition(epoch=3, partition_epoch=7))
    for wrong in (
        partition(epoch=3, partition_epoch=6),
        partition(epoch=2, partition_epoch=8),
        partition(epoch=3, partition_epoch=7, isr=(1, 2)),
        partition(epoch=3, partition_epoch=8, leader=2),
    ):
        assert metadata((1, first), (1, image(6, wrong))) == ["partition-epoch-back"]
    assert metadata((1, first), (1, image(6, partition(epoch=4, partition_epoch=8, leader=2)))) == []


# ---- groups


def group(state="Stable", *, node_id=1, epoch=1, generation=3, leader="m", protocol="range", members=None):
    found = {"m": True, "n": True} if members is None else members
    return GroupView(node_id, epoch, "g", state, generation, protocol, leader, found)


def groups(*views):
    found = Found()
    judge = GroupJudge(found.append)
    for view in views:
        judge.look([view])
    return found.kinds()


@pytest.mark.parametrize(
    "wrong",
    [{"leader": "x"}, {"leader": None}, {"protocol": None}, {"members": {"m": True, "n": False}}, {"members": {}}],
)
def test_group_invalid(wrong):
    assert groups(group()) == []
    assert groups(group(**wrong)) == ["group-invalid"]


def test_an_empty_group_has_no_members():
    assert groups(group("Empty", members={"m": True})) == ["group-invalid"]


def test_group_generation_back():
    assert groups(group(generation=3), group(generation=2)) == ["group-generation-back"]
    assert groups(group(generation=3), group(generation=2, node_id=2, epoch=0)) == []  # an old coordinator


def watch():
    found = Found()
    return found, GroupWatch("g", "t", found.append)


def test_double_assignment():
    found, group_watch = watch()
    group_watch.assigned("a", 1, [0, 1])
    group_watch.assigned("b", 1, [2])
    group_watch.assigned("b", 2, [0, 1, 2])
    assert found == []
    group_watch.assigned("a", 2, [2])
    assert found.kinds() == ["double-assignment"]


def test_generation_back():
    found, group_watch = watch()
    group_watch.assigned("a", 5, [0])
    group_watch.joined("b", 5, group_watch.generation)
    assert found == []
    group_watch.joined("b", 4, group_watch.generation)
    assert found.kinds() == ["generation-back"]


def test_commit_lost_and_commit_invented():
    found, group_watch = watch()
    group_watch.attempted[0] = {5: None, 9: None}
    group_watch.committed(0, 5)
    group_watch.fetched("a", 0, 5, 5)
    group_watch.fetched("a", 0, 9, 5)  # a commit whose answer was lost
    assert found == []
    group_watch.fetched("a", 0, -1, 5)
    group_watch.fetched("a", 0, 7, 5)
    assert found.kinds() == ["commit-lost", "commit-invented"]


def test_an_offset_that_a_member_was_told_counts_as_committed():
    """Its commit may never have been answered (seed 2508: then the next life had nothing to commit, and all waited)."""
    found, group_watch = watch()
    group_watch.attempted[0] = {5: None, 9: None}
    group_watch.fetched("a", 0, 9, -1)
    assert group_watch.acknowledged == {0: 9}
    group_watch.fetched("b", 0, 5, group_watch.acknowledged[0])
    assert found.kinds() == ["commit-lost"]


def test_group_missed():
    _, group_watch = watch()
    group_watch.committed(0, 2)
    group_watch.delivered[0] = {0: None}
    kinds = [violation.kind for violation in group_watch.missed({PLACE: {0: b"a", 1: b"b", 2: b"c"}})]
    assert kinds == ["group-missed"]


# ---- the table


def test_every_invariant_that_is_judged_while_the_world_runs_has_a_broken_state_here():
    text = Path(__file__).read_text(encoding="utf-8")
    elsewhere = {
        "groups-not-replayed",
        "replicas-differ",
        "bad-batch",
        "lost-write",
        "not-live",
        "not-deterministic",
        "compacted-value-lost",
        "committed-metadata-cut",
    }
    missing = [each.name for each in INVARIANTS if each.name not in elsewhere and f'"{each.name}"' not in text]
    assert missing == []
    assert len(INVARIANTS) >= 28
    assert len(NAMES) == len(INVARIANTS)
