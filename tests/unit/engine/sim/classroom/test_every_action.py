"""Every kind of action can be done, and a situation with all of them plays bit-equal again."""

from engine.sim.classroom import ACTIONS, Classroom, ClassShape, Situation, from_text
from engine.sim.classroom import actions as do


def script(room: Classroom) -> list[do.Action]:
    def message() -> str:
        for _ in range(3_000):
            room.step()
            moving = [each for each in room.view().messages if each.kind == "request" and not each.is_held]
            if moving:
                return moving[0].id
        raise AssertionError("nothing is under way")

    done: list[do.Action] = []

    def act(action: do.Action, play_ms: int = 150) -> None:
        done.append(action)
        event = room.do(action)
        assert "nothing was done" not in event.text, event.text
        room.advance(play_ms)

    act(do.CreateTopic("side", partitions=2, configs={"retention.ms": "60000"}), 800)
    act(do.SetConfig("side", "min.insync.replicas", "2"), 500)
    act(do.AddProducer("p", "orders", rate=10.0))
    act(do.AddConsumer("c", "orders"))
    act(do.AddMember("m", "g", "orders", assignor="cooperative-sticky", commit="auto"), 1_500)
    act(do.ProduceByHand("side", "by hand", key="k"), 500)
    act(do.PauseClient("c"))
    act(do.ResumeClient("c"))
    act(do.CrashClient("m"))
    act(do.RestartClient("m"))
    act(do.Hold(message=message()))
    held = next(each.id for each in room.view().messages if each.is_held)
    act(do.Release(message=held))
    act(do.Delay(message=message(), by_ms=50))
    act(do.Drop(message=message()))
    act(do.AddNode(node=4, rack="x"), 4_000)
    assert room.view().node(4).state == "up"
    act(do.SkewClock(node=2, offset_ms=5_000))
    act(do.SlowDown(node=2, by_ms=40))
    act(do.Cut(source=1, to=3, both_ways=False))
    act(do.Partitioned(sets=((1,), (2, 3))))
    act(do.Heal(), 500)
    act(do.Pause(node=3))
    act(do.Resume(node=3))
    act(do.Stop(node=3), 4_000)
    assert room.view().node(3).state == "down"
    act(do.Wipe(node=3))
    act(do.Restart(node=3), 4_000)
    act(do.Elect("orders", 0), 1_000)
    act(do.FillDisk(node=2, left_bytes=1 << 20))
    act(do.BreakDisk(node=2, operation="fsync"), 2_000)
    act(do.RepairDisk(node=2))
    act(do.Restart(node=2), 3_000)
    act(do.TakeAway("truncate_by_epoch"))
    assert room.view().without == ("truncate_by_epoch",)
    act(do.GiveBack("truncate_by_epoch"))
    act(do.Kill(node=1), 1_000)
    act(do.Restart(node=1), 4_000)
    act(do.PowerCut(nodes=(1,)), 1_000)
    act(do.Restart(node=1), 4_000)
    act(do.RemoveNode(node=4), 2_000)
    act(do.DeleteTopic("side"), 2_000)
    act(do.RemoveClient("p"), 500)
    return done


def test_every_action_can_be_done_and_played_again():
    shape = ClassShape(nodes=3, topics=(do.CreateTopic("orders", replicas=((1, 2, 3),)),))
    room = Classroom(Situation(seed=5, shape=shape))
    done = script(room)
    assert {type(action) for action in done} == set(ACTIONS)
    assert room.broken == ""
    room.jump_to(int(room.now_ms) + 1)
    again = Classroom(from_text(room.situation().to_text()))
    assert again.trace_hash == room.trace_hash
    assert [event.text for event in again.events()] == [event.text for event in room.events()]
    for each in (room, again):
        each.close()


def test_without_judges_views_and_timeline_the_same_happens():
    shape = ClassShape(nodes=3, topics=(do.CreateTopic("orders", replicas=((1, 2, 3),)),))
    hashes = []
    for looks in (True, False):
        room = Classroom(Situation(seed=5, shape=shape))
        if not looks:
            room._tick = lambda: None
        room.do(do.AddProducer("p", "orders", rate=10.0))
        room.advance(1_000)
        room.do(do.Kill(node=1))
        room.advance(4_000)
        hashes.append(room.trace_hash)
        room.close()
    assert hashes[0] == hashes[1]
