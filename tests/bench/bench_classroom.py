"""The classroom: virtual seconds per second with wire bytes, what judges and views cost, going back. Aims: 20 virtual
seconds per second for three nodes, and ten virtual minutes back in less than 100 ms."""

import contextlib
import time

from benching import Table, heading

from engine.sim.classroom import Classroom, ClassShape, Situation
from engine.sim.classroom.actions import AddConsumer, AddMember, AddProducer, CreateTopic

SECONDS = 8
BACK_MINUTES = 10
SHAPE = ClassShape(nodes=3, topics=(CreateTopic("orders", partitions=3),))


def loaded():
    """Three nodes under the fixed load: 60 records a second, a reader, a group of two."""
    room = Classroom(Situation(seed=7, shape=SHAPE))
    for number in range(3):
        room.do(AddProducer(f"p{number}", "orders", rate=20.0))
    room.do(AddConsumer("reader", "orders"))
    for name in ("a", "b"):
        room.do(AddMember(name, "group", "orders", process_ms=1))
    room.advance(2_000)
    return room


def bare(room):
    """Without judges, views and timeline: the engine alone."""
    room._tick = lambda: None


def without_judges(room):
    room.world.monitor.look = lambda: None


def measure(name, change=lambda room: None):
    room = loaded()
    change(room)
    callbacks, acked = room.world.loop.callbacks, sum(state.acked for state in room.client_states())
    wall, cpu = time.perf_counter(), time.process_time()
    room.advance(SECONDS * 1_000)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    callbacks = room.world.loop.callbacks - callbacks
    acked = sum(state.acked for state in room.client_states()) - acked
    assert not room.broken, room.broken
    with contextlib.suppress(RuntimeError):
        room.close()
    return (name, SECONDS / wall, SECONDS / cpu, callbacks / cpu, acked / SECONDS)


def look(room):
    """ms of CPU for one view."""
    began = time.process_time()
    for _ in range(200):
        room._latest = None
        room.view()
    return (time.process_time() - began) / 200 * 1_000


def main():
    heading("The classroom: three nodes, 60 records/s, acks=all, wire bytes")
    table = Table("", "virtual s per wall s", "virtual s per CPU s", "events per CPU s", "records per virtual s")
    table.row(*measure("all: judges, views and timeline every 20 ms"))
    table.row(*measure("without judges", without_judges))
    table.row(*measure("without judges, views and timeline", bare))

    room = Classroom(Situation(seed=7, shape=SHAPE))
    room.do(AddProducer("p", "orders", rate=2.0))
    wall = time.perf_counter()
    room.advance(BACK_MINUTES * 60_000 + 2_000)
    wall = time.perf_counter() - wall
    began = time.perf_counter()
    view = room.view_at(room.now_ms - BACK_MINUTES * 60_000)
    back_ms = (time.perf_counter() - began) * 1_000
    began = time.perf_counter()
    fork = room.fork_at(room.now_ms - BACK_MINUTES * 30_000)
    fork_s = time.perf_counter() - began
    began = time.perf_counter()
    size = len(view.to_json())
    json_ms = (time.perf_counter() - began) * 1_000
    back = Table("", "value")
    back.row(f"playing {BACK_MINUTES} virtual minutes at 2 records/s, s", wall)
    back.row(f"the view of {BACK_MINUTES} virtual minutes ago, ms", back_ms)
    back.row(f"a fork at {BACK_MINUTES // 2} virtual minutes (played again), s", fork_s)
    back.row("one view, ms of CPU", look(room))
    back.row("a view as JSON, ms", json_ms)
    back.row("its size, kB", size / 1_000)
    for each in (fork, room):
        each.close()


if __name__ == "__main__":
    main()
