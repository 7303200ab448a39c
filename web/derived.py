"""What pages make of a snapshot, kept until the next: tables that scroll ask for the same rows many times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from console.history.snapshot import Snapshot
from console.open_cluster import OpenCluster

T = TypeVar("T")

_KEPT_MAX = 32
"""Values kept for one cluster; all go when there are more."""

_kept: WeakKeyDictionary[OpenCluster, dict[object, tuple[object, Any]]] = WeakKeyDictionary()


def derived(cluster: OpenCluster, snapshot: Snapshot, name: object, make: Callable[[], T]) -> T:
    """`make()`, or what it gave for the same name and the same snapshot. What is given is not to be changed."""
    values = _kept.setdefault(cluster, {})
    found = values.get(name)
    if found is not None and found[0] is snapshot:
        value: T = found[1]
        return value
    value = make()
    if len(values) >= _KEPT_MAX:
        values.clear()
    values[name] = (snapshot, value)
    return value
