"""The classroom: a world that can be stepped, looked at, touched, taken back, and written down; without a face.

What lives here: the steppable world, what can be done to it (actions) and seen of it (views, timeline), situations as
text, exports, and the clients a learner starts. What may not live here: anything of a terminal or a web page, and any
decision of the engine (lessons on top of this are in `engine.sim.lessons`).

The contract, for faces:

    room = Classroom(Situation(seed=7, shape=ClassShape(nodes=3, topics=(CreateTopic("orders"),))))
    room.now_ms                     virtual milliseconds since the world began (it starts with the cluster up)
    room.advance(250)               play 250 virtual ms; a face plays by calling this in slices of 20 to 50 ms
    room.jump_to(60_000)            play up to a moment; for the past see below
    room.step()                     play until something happened: one instant of virtual time
    room.do(Kill(node=2))           one of `actions.ACTIONS`, now; noted in the situation
    room.view()                     WorldView: the moment after the last thing played (cheap, cached)
    room.view_at(ms)                the view of any moment so far, from the kept history (about each 100 ms)
    room.events(first=0)            the timeline: EventView lines from that number on; `view.events` is how many
    room.fork_at(ms)                a new Classroom that stands at that past moment, what came later cut off
    room.situation()                the Situation as it stands; to_json() / to_text(), and from_json / from_text
    room.close()                    let go of it

    export.as_pytest(room), export.as_html(room), export.as_json(room)
    outside.Ports, outside.Outside  the nodes on real sockets; paced.PacedCluster plays them by the wall clock

`Classroom` is synchronous and not thread-safe. It may be used inside a running event loop, which stands still
meanwhile: play in slices and yield between them, or keep it in a thread of its own. Taking views or playing in other
slices never changes what happens: `room.trace_hash` is a function of the situation alone.
Going on after an error of the simulation is impossible: `view.broken` says why, and further play does nothing.
"""

from engine.sim.classroom.actions import ACTIONS, Action, tag_of
from engine.sim.classroom.situation import ClassShape, Situation, SituationError, from_json, from_text
from engine.sim.classroom.view import EventView, WorldView
from engine.sim.classroom.world import Classroom

__all__ = [
    "ACTIONS",
    "Action",
    "ClassShape",
    "Classroom",
    "EventView",
    "Situation",
    "SituationError",
    "WorldView",
    "from_json",
    "from_text",
    "tag_of",
]
