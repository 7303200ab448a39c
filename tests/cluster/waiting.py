"""Waiting for something to become true, in real time and never for ever."""

import time


def until(condition, timeout_s, what):
    """The first truthy value of `condition()`; fails the test, saying `what` it waited for, when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what() if callable(what) else what}"
        time.sleep(0.02)
    return value
