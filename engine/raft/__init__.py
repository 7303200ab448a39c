"""The quorum: KRaft (KIP-595, KIP-630, KIP-835, KIP-853's replica keys, KIP-996) as a pure core.

What may live here: the states of a replica, who may vote for whom, what the leader knows of its followers, what is
committed, how to truncate, and the bytes of `quorum-state` and of snapshot file names. Requests, answers, timeouts and
finished disk work come in; effects come out (`engine.raft.effects`); the log's page-cache calls go through the small
`MetadataLog` protocol. What may not live here: clocks, tasks, sockets, files. The shell that performs the effects is
`engine.controller.raft_driver`.

Reading order: `types`, `log`, `effects`, `states`, `leader`, `transitions`, `elections`, `replication`, `replica`.
"""
