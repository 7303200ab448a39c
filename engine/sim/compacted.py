"""Judges compacted topics: of each key the newest value must stay, on every replica.

    compacted-value-lost   a replica's newest value of a key is older than one that was acknowledged, or there is none

Each replica compacts when it likes, so their bytes differ and older values may be there or not. What is promised is the
newest value of each key. The judge knows keys, values and the order in which one client sent them; it wants one that
sends one record of a key at a time.
"""

from __future__ import annotations

from collections.abc import Iterable

from engine.protocol.records.batch import iterate_batches
from engine.protocol.records.record import decode_records
from engine.sim.final_state import Complain, hosted, read_all
from engine.sim.history import Fate, Send
from engine.sim.nodes import SimNode


def judge_compacted(topic: str, sends: Iterable[Send], nodes: Iterable[SimNode], complain: Complain) -> None:
    """Look at every replica of the topic's partitions. `sends` have keys, in the order they were sent."""
    allowed = _newest_values(send for send in sends if send.topic_partition and send.topic_partition.topic == topic)
    for node in nodes:
        found: dict[bytes, bytes] = {}
        for place, partition in hosted(node).items():
            if place.topic == topic and partition.log is not None:
                found.update(_values_by_key(read_all(partition.log)))
        for key, values in sorted(allowed.items()):
            if found.get(key) not in values:
                complain(
                    "compacted-value-lost",
                    f"{node.name} {topic}: the newest value of {key!r} is {found.get(key)!r}; {values[0]!r} was "
                    "acknowledged and not replaced",
                )


def _newest_values(sends: Iterable[Send]) -> dict[bytes, list[bytes]]:
    """Key -> what its newest value may be: the last acknowledged, or anything sent later whose fate is open."""
    allowed: dict[bytes, list[bytes]] = {}
    for send in sends:
        if send.fate is Fate.ACKNOWLEDGED:
            allowed[send.key] = [send.value]
        elif send.fate is Fate.UNKNOWN and send.key in allowed:
            allowed[send.key].append(send.value)
    return allowed


def _values_by_key(content: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for position, header in iterate_batches(content):
        if not header.is_control and header.records_count:
            for record in decode_records(content, position):
                found[record.key or b""] = record.value or b""
    return found
