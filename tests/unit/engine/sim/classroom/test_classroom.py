"""The steppable world: what is done in it is noted, plays again bit-equal, and can be gone back from."""

import os
import subprocess
import sys

import pytest

from engine.sim.classroom import Classroom, ClassShape, Situation
from engine.sim.classroom.actions import (
    AddProducer,
    CreateTopic,
    Drop,
    Heal,
    Hold,
    Kill,
    PowerCut,
    Release,
    Restart,
    Wipe,
)

SHAPE = ClassShape(nodes=3, topics=(CreateTopic("orders", replicas=((1, 2, 3),)),))


def played() -> Classroom:
    room = Classroom(Situation(seed=3, shape=SHAPE))
    room.do(AddProducer("writer", "orders", rate=10.0))
    room.advance(2_000)
    room.do(Kill(node=1))
    room.advance(5_000.5)
    room.do(Restart(node=1))
    room.advance(3_000)
    return room


def test_a_situation_plays_bit_equal_again_however_it_is_sliced_and_looked_at():
    room = played()
    again = Classroom(Situation(seed=3, shape=SHAPE))
    for step in room.situation().steps:
        while again.now_ns < step.at_ns:
            again.advance(min(7.3, (step.at_ns - again.now_ns) / 1e6))
            again.view()
            again.world.loop.now_ns  # noqa: B018
        again.do(step.action)
    while again.now_ns < room.now_ns:
        again.advance(min(11.7, max(1e-6, (room.now_ns - again.now_ns) / 1e6)))
        again.view()
    assert again.trace_hash == room.trace_hash
    assert [event.text for event in again.events()] == [event.text for event in room.events()]


def test_the_view_is_of_this_very_moment_also_between_two_looks_of_the_judges():
    room = Classroom(Situation(seed=3, shape=SHAPE))
    room.do(AddProducer("writer", "orders", rate=50.0))
    for _ in range(5):
        room.advance(30)
        assert room.view().now_ms == round(room.now_ms, 3)
    while room.step():
        assert room.view().now_ms == round(room.now_ms, 3)
        if room.now_ms > 400:
            break
    room.close()


def test_a_situation_plays_bit_equal_in_another_process_with_another_hash_seed():
    room = played()
    code = (
        "import sys; from engine.sim.classroom import Classroom, from_text\n"
        "room = Classroom(from_text(sys.argv[1])); print(room.trace_hash)"
    )
    for seed in ("1", "77"):
        answer = subprocess.run(
            [sys.executable, "-c", code, room.situation().to_text()],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert answer.stdout.strip() == room.trace_hash


def test_stepping_goes_instant_by_instant_and_changes_nothing():
    room = Classroom(Situation(seed=3, shape=SHAPE))
    for _ in range(200):
        assert room.step()
    other = Classroom(Situation(seed=3, shape=SHAPE))
    other.jump_to(room.now_ms + 100)
    room.jump_to(other.now_ms)
    assert room.trace_hash == other.trace_hash


def test_the_past_can_be_seen_and_gone_on_from():
    room = played()
    then = room.view_at(3_000)
    assert 2_890 <= then.now_ms <= 3_000
    assert then.partition("orders").leader == 1
    assert room.view().partition("orders").leader == 2
    fork = room.fork_at(2_000)
    assert fork.now_ms >= 2_000
    assert len(fork.situation().steps) == 1
    fork.advance(10_000)
    assert fork.view().partition("orders").leader == 1
    assert fork.view().counts.elections == 0


def test_the_timeline_says_what_happened_and_why():
    room = played()
    texts = [event.text for event in room.events()]
    assert "Node 1 was killed." in texts
    election = next(event for event in room.events() if event.kind == "election")
    assert election.text.startswith("orders-0: node 2 is leader in epoch 1")
    assert "first live replica of the ISR" in election.why
    assert any("node 1 left the ISR" in text for text in texts)
    assert [event.number for event in room.events()] == list(range(room.event_count))


def test_compaction_is_no_truncation_on_whichever_node():
    configs = {"cleanup.policy": "compact", "segment.ms": "500", "min.cleanable.dirty.ratio": "0.01"}
    topic = CreateTopic("orders", replicas=((1, 2, 3),), configs=configs)
    room = Classroom(Situation(seed=7, shape=ClassShape(nodes=3, topics=(topic,))))
    room.do(AddProducer("writer", "orders", keys=("a", "b"), rate=20.0))
    room.advance(3_000)
    told = [event for event in room.events() if event.kind in ("truncation", "retention")]
    assert {event.kind for event in told} == {"retention"}
    for node in (1, 2, 3):
        assert any(f"compaction on node {node} removed" in event.text for event in told)


def test_what_cannot_be_done_changes_nothing_and_says_so():
    room = played()
    room.do(Kill(node=2))
    event = room.do(Kill(node=2))
    assert event.text == "kill: nothing was done, for node 2 is down already."
    assert "there is no node 9" in room.do(Kill(node=9)).text


def test_a_message_can_be_held_released_and_dropped():
    room = played()

    def produce():
        for _ in range(2_000):
            room.step()
            for message in room.view().messages:
                if message.api == "Produce" and message.kind == "request" and not message.is_held:
                    return message
        raise AssertionError("no Produce was seen under way")

    message = produce()
    assert message.source == "clients"
    room.do(Hold(message=message.id))
    acked = room.view().client("writer").acked
    room.advance(1_000)
    held = [each for each in room.view().messages if each.is_held]
    assert [each.api for each in held] == ["Produce"]
    assert room.view().client("writer").acked == acked
    room.do(Release(message=held[0].id))
    room.advance(200)
    assert room.view().client("writer").acked > acked
    assert "Dropped: Produce request" in room.do(Drop(message=produce().id)).text
    room.advance(2_000)
    assert room.view().client("writer").acked > acked + 5


def test_a_power_cut_takes_what_was_not_synced_and_shows_it_as_lost():
    room = Classroom(Situation(seed=3, shape=SHAPE))
    room.do(AddProducer("writer", "orders", rate=10.0))
    room.advance(1_000)
    log = room.view().partition("orders").log(1)
    assert log is not None
    assert log.durable_end_offset < log.log_end_offset
    room.do(PowerCut(nodes=(1, 2, 3)))
    room.advance(100)
    assert room.view().counts.lost > 0
    assert any(event.kind == "lost" and event.is_bad for event in room.events())


def test_a_wiped_node_is_filled_again_by_its_leader():
    room = played()
    room.do(Wipe(node=3))
    room.advance(500)
    log = room.view().partition("orders").log(3)
    assert log is not None
    assert log.log_end_offset == 0
    room.do(Restart(node=3))
    room.advance(5_000)
    view = room.view()
    assert view.partition("orders").log(3).log_end_offset >= view.partition("orders").high_watermark
    assert view.counts.lost == 0


def test_nothing_is_left_of_the_network_faults_after_healing():
    from engine.sim.classroom.actions import Cut, Partitioned, SlowDown

    room = played()
    room.do(Partitioned(sets=((1,), (2, 3, 0))))
    room.do(SlowDown(node=2, by_ms=300))
    room.do(Cut(source=0, to=3, both_ways=False))
    room.advance(500)
    assert room.view().links
    room.do(Heal())
    assert room.view().links == ()


def test_a_closed_room_refuses():
    room = played()
    room.close()
    with pytest.raises(ValueError, match="closed"):
        room.advance(1)
    with pytest.raises(ValueError, match="closed"):
        room.do(Heal())


def test_it_may_be_played_inside_a_running_loop():
    import asyncio

    async def main():
        room = Classroom(Situation(seed=3, shape=SHAPE))
        room.advance(500)
        await asyncio.sleep(0)
        room.advance(500)
        return room.trace_hash

    plain = Classroom(Situation(seed=3, shape=SHAPE))
    plain.advance(1_000)
    assert asyncio.run(main()) == plain.trace_hash
