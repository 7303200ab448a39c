"""Python's cyclic garbage collector, set for a process that is nothing but a server."""

import gc


def collect_like_a_server() -> None:
    """Leave what start-up made out of every later collection, and collect seldom.

    Requests make many short-lived objects and next to no cycles: reference counts free them, and the collector's passes
    are mostly wasted (`./dev bench single` shows what they cost). Only for processes of our own; an application that embeds a cluster keeps its own settings.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
