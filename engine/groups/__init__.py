"""Consumer groups and committed offsets, decided purely.

What lives here: the classic group protocol (join, sync, heartbeat, leave, static members, rebalances), committed
offsets with their expiry, and how both are kept as records of `__consumer_offsets`. `GroupShard` holds the groups of
one partition of that topic; it takes requests, timers and "appended" events with the time, and returns effects: answers
to give, records to append, timers to set. (Kafka: GroupMetadataManager, ClassicGroup, OffsetMetadataManager.)

What may not: clocks, tasks, sockets, logs, the metadata image. `engine.broker.group_coordinator` performs the effects.
"""
