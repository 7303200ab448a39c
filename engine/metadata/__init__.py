"""What the cluster is: the metadata image, how records change it, and what the controller decides.

What may live here: immutable images, their deltas, the records that lead from one to the next, and decisions as pure
functions from image and request to records and response. What may not: sockets, files, timers, tasks, a clock, or a
random generator of its own; `engine.controller` and `engine.broker` are the shells around it.
"""
