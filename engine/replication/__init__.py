"""One partition's replication, as decisions: who is in sync, what is committed, what a follower must cut.

Pure: no socket, file, clock, task or random generator. The leader's view is `PartitionLeader`, with its in-sync set as
a closed set of states (`state`). The shell that performs what is decided here is `engine.broker`.

Sources: Kafka's Partition.scala and Replica.scala; KIP-101, KIP-279, KIP-320, KIP-497, KIP-966; and the four rules at
the end of hachikuji's Kip320.tla.
"""
