"""What must hold at every moment of a world, as judges over plain views of it.

    views.py        what the judges look at: replicas, the quorum, images, groups, bytes on disks
    replication.py  leaders, in-sync sets, high watermarks
    quorum.py       the metadata quorum
    metadata.py     what controllers commit
    contents.py     the bytes on the disks: committed batches are the same everywhere and for ever
    groups.py       consumer groups as their coordinators see them
    table.py        every invariant: name, what it says, where it is from

A judge keeps its own memory and asks the engine for no decision. `engine.sim.monitor` makes the views and calls the
judges. What may not live here: anything that reads a node (only `views.py` does).
"""
