"""Records in and out: the idempotent producer, and reading partitions by offset, time and key.

No printing and no terminal in here; `console.commands` and the faces do that.
"""
