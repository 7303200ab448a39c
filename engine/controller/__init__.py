"""What a controller owns: the raft driver and the controller's event loop around the decisions of `engine.metadata`.

What may live here: timers, the order of operations, waiting for commits, snapshots. What may not: decisions themselves
(those are pure, in `engine.metadata` and `engine.raft`) and the wire (that is `engine.handlers`).
"""
