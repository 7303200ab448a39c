"""The laboratory: the same engine, real wire bytes, in virtual time.

What lives here: the simulated twins of the seams (event loop, network, disk, clock, randomness), the faults they can be
asked for, the world that puts a cluster on them, and the judges of what happened. What may not live here: anything the
engine needs in production, and any copy of the engine's own decisions (a judge that repeats a bug cannot see it).

Determinism is the contract: a run is a function of its seed. Nothing here reads a clock, draws from the global random
generator, iterates over a set where the order can leak out, or depends on an address in memory.
"""
