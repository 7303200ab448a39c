"""Which event broke an invariant: the last moments before the judges saw it are played again, event by event.

The judges of a classroom look at every tick, and some at every tenth. Here, in a world of its own that is played from
the same situation, they all look after every instant at which anything ran.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from engine.sim.classroom import flight
from engine.sim.classroom.view import InvariantView, MessageView, WorldView
from engine.sim.loop import START_NS
from engine.sim.monitor import SELDOM
from engine.sim.nodes import DATA_DIRECTORY

if TYPE_CHECKING:
    from engine.sim.classroom.world import Classroom

_TICK_MS = 20
_BEFORE_MS = (SELDOM + 1) * _TICK_MS
"""How long before the judges saw it the event may have been."""
_CAUSES_MAX = 6
_SAID = {"up": "{} came up", "start": "{} was started", "stop": "{} began to stop", "kill": "{} was killed", "ended": "{} ended",
         "reset": "a connection was reset", "eof": "a connection was closed", "connect": "a connection was opened"}  # fmt: skip
"""Lines of the world's trace in words, by their first one."""


class Exact(NamedTuple):
    """The event after which an invariant no longer held."""

    at_ns: int
    """Virtual nanoseconds since the world began."""
    callback: int
    """Its number among the world's events."""
    detail: str
    cause: str
    """What ran at that instant, in words."""
    view: WorldView
    """The world right after it."""


def pinpoint(room: Classroom, violated: InvariantView) -> Exact | None:
    """The first event after which `violated` is seen, None when it is not seen that way. Costs as much as playing the
    world to that moment again; `room` is only read."""
    situation = room.situation()
    begin_ms = max(0, int(violated.at_ms) - _BEFORE_MS)
    steps = [step for step in situation.steps if step.at_ns > begin_ms * 1_000_000]
    world = type(room)(situation.cut_at(begin_ms))
    under_way: dict[str, MessageView] = {}
    try:
        while world.now_ms <= violated.at_ms + _TICK_MS and not world.broken:
            next_ns = world.world.loop.next_ns()
            if steps and (next_ns is None or steps[0].at_ns <= next_ns - START_NS):
                step = steps.pop(0)
                world.jump_to(max(step.at_ns / 1e6, world.now_ms))
                world.do(step.action)
            else:
                under_way = {each.lane: each for each in reversed(flight.messages(world.world.network))}
                if not world.step():
                    return None
            found = _seen(world, violated.name, under_way)
            if found is not None:
                return found
    finally:
        world.close()
    return None


def _seen(world: Classroom, name: str, under_way: Mapping[str, MessageView]) -> Exact | None:
    inner = world.world
    inner.monitor.looks = SELDOM - 1  # so that the dear judges look too
    inner.monitor.look()
    violation = next((each for each in inner.violations if each.kind == name), None)
    if violation is None:
        return None
    now_ns = inner.loop.now_ns
    ran = [line.partition(" ") for line in inner.trace.recent()]
    ran_at = max((int(at_ns) for at_ns, _, _ in ran if int(at_ns) <= now_ns), default=now_ns)
    lines = [_in_words(line, under_way) for at_ns, _, line in ran if int(at_ns) == ran_at]
    return Exact(
        world.now_ns, inner.loop.callbacks, violation.detail[:1_000], "; ".join(lines[-_CAUSES_MAX:]), world.view()
    )


def _in_words(line: str, under_way: Mapping[str, MessageView]) -> str:
    """A line of the world's trace for people; as it is when there are no better words."""
    words = line.split(" ")
    if words[0] == "recv" and words[1] in under_way:
        message = under_way[words[1]]
        what = message.kind if message.api == "bytes" else f"{message.api} {message.kind}"
        return f"{message.to} got the {what} of {message.source} ({words[2]} bytes)"
    if words[0] in _SAID and len(words) > 1:
        return _SAID[words[0]].format(words[1])
    node, is_disk, _ = words[0].partition(":disk")
    if not is_disk or len(words) < 3:
        return line
    file = words[2].removeprefix(f"/{DATA_DIRECTORY.strip('/')}/").removesuffix("/")
    match words[1]:
        case "truncate":
            return f"{node} cut {file} to {words[3]} bytes"
        case "pwrite":
            return f"{node} wrote {words[4]} bytes to {file}"
        case "fsync":
            return f"{node} synced {file}"
    return line
