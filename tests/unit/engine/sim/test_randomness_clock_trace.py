"""Seeds, wall clocks and traces."""

from engine.sim.clock import EPOCH_MS, SimClock
from engine.sim.loop import SimLoop
from engine.sim.randomness import SimRandomness, derive_seed
from engine.sim.trace import Trace, first_divergence


def test_a_stream_depends_on_the_seed_the_scope_and_the_name_only():
    first = SimRandomness(1, "node-1").stream("raft").random()
    assert SimRandomness(1, "node-1").stream("raft").random() == first
    others = [
        SimRandomness(2, "node-1").stream("raft"),
        SimRandomness(1, "node-2").stream("raft"),
        SimRandomness(1, "node-1").stream("ids"),
        SimRandomness(1).part("node-1").part("x").stream("raft"),
    ]
    assert all(stream.random() != first for stream in others)


def test_seeds_are_the_same_in_every_process_and_version():
    assert derive_seed(1, "node-1", "raft") == 0xCA2C2C5964FD47E366296B5EFA6B813E
    assert derive_seed(1, "a", "bc") != derive_seed(1, "ab", "c")


def test_a_draw_from_one_stream_does_not_move_another():
    one, other = SimRandomness(1), SimRandomness(1)
    one.stream("a").random()
    assert one.stream("b").random() == other.stream("b").random()


def test_uuids_are_version_4_and_differ_between_the_lives_of_a_node():
    uuid = SimRandomness(1, "node-1", "1").uuid()
    assert uuid[6] >> 4 == 4
    assert uuid != SimRandomness(1, "node-1", "2").uuid()


def test_a_node_sees_time_through_its_clocks_error():
    loop = SimLoop()
    right = SimClock(loop)
    ahead = SimClock(loop, offset_ms=5000)
    fast = SimClock(loop, drift_ppm=1000)
    assert right.now_ms() == EPOCH_MS + loop.now_ns // 1_000_000
    assert ahead.now_ms() - right.now_ms() == 5000
    loop.now_ns += 100 * 10**9
    assert fast.now_ms() - right.now_ms() == loop.now_ns // 10**9
    ahead.jump(-6000)
    assert ahead.now_ms() < right.now_ms()


def test_two_traces_are_equal_when_every_event_and_its_time_are():
    def trace(*events):
        made = Trace(keep=None)
        for now_ns, line in events:
            made.record(now_ns, line)
        return made

    assert trace((1, "a"), (2, "b")).hash == trace((1, "a"), (2, "b")).hash
    assert trace((1, "a"), (2, "b")).hash != trace((1, "a"), (3, "b")).hash
    assert trace((1, "a"), (2, "b")).hash != trace((2, "b"), (1, "a")).hash


def test_the_first_event_in_which_two_runs_differ_is_named():
    assert first_divergence(["a", "b"], ["a", "b"]) is None
    assert first_divergence(["a", "b", "c"], ["a", "x", "c"]) == (1, "b", "x")
    assert first_divergence(["a"], ["a", "b"]) == (1, None, "b")


def test_a_trace_keeps_its_last_lines_readable():
    trace = Trace(keep=2)
    for index in range(5):
        trace.record(index, "event")
    assert trace.recent() == ["3 event", "4 event"]
    assert trace.events == 5
