"""The laboratory for faces: one learner's world in a process of its own, played, touched and looked at from a loop.

What lives here: the worker's process and the questions it answers (`room`, `worker`), the session that a face holds
(`session`) and how it is played (`playing`), what a view looks like on the way (`frames`), actions as typed lines and as
forms (`commands`, `forms`), what is done to time, by keys and words (`controls`), situations that somebody sent
(`situations`), and lessons with what was done of them (`learning`, `lessons`). What may not live here: HTML, widgets, and
what the world does; that is `engine.sim.classroom`'s and `engine.sim.lessons`'.

A world is a loop of its own that wants the processor, switches safeguards of the engine off, and may hang when a bug is
let in on purpose. So it never runs in the process of a console, beside the real nodes: it gets a process, and dies with it.
"""
