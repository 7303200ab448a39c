"""An immutable mapping that can be replaced entry by entry without copying all of it."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

# Below this many entries a plain copied dict is both quicker to make and quicker to read.
_PLAIN_ENTRIES_MAX = 256


class OverlayMap(Mapping[K, V]):
    """A big shared dict below a small one of what changed since: replacing one entry copies only the small one.

    Once the overlay has more than sqrt(len(base)) entries it is merged into a new base, so a change costs O(sqrt n) on
    average. Order is that of a dict: replaced entries keep their place, new ones come last. Never changed after
    construction.
    """

    __slots__ = ("_base", "_changed", "_length")

    def __init__(self, base: dict[K, V], changed: dict[K, V]) -> None:
        self._base = base
        self._changed = changed
        self._length = len(base) + sum(1 for key in changed if key not in base)

    def __getitem__(self, key: K) -> V:
        changed = self._changed
        if key in changed:
            return changed[key]
        return self._base[key]

    def __contains__(self, key: object) -> bool:
        return key in self._base or key in self._changed

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[K]:
        base = self._base
        yield from base
        for key in self._changed:
            if key not in base:
                yield key

    def merged(self) -> dict[K, V]:
        """All entries as a fresh dict, in order."""
        return {**self._base, **self._changed}

    # Mapping's own views look every value up one by one; these are several times quicker on thousands of entries.
    def items(self) -> ItemsView[K, V]:
        return self.merged().items()

    def values(self) -> ValuesView[V]:
        return self.merged().values()

    def keys(self) -> KeysView[K]:
        return self.merged().keys()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, OverlayMap):
            return self.merged() == other.merged()
        if isinstance(other, dict):
            return self.merged() == other
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"OverlayMap({self.merged()!r})"


def with_changes(mapping: Mapping[K, V], changed: Mapping[K, V]) -> Mapping[K, V]:
    """`mapping` with the entries of `changed` replaced or added; neither argument is modified."""
    if not changed:
        return mapping
    if isinstance(mapping, OverlayMap):
        base, overlay = mapping._base, {**mapping._changed, **changed}
        if len(overlay) ** 2 > len(base):
            return OverlayMap({**base, **overlay}, {})
        return OverlayMap(base, overlay)
    plain = mapping if isinstance(mapping, dict) else dict(mapping)
    if len(plain) < _PLAIN_ENTRIES_MAX or len(changed) ** 2 > len(plain):
        return {**plain, **changed}
    return OverlayMap(plain, dict(changed))


def without(mapping: Mapping[K, V], removed: Mapping[K, object]) -> Mapping[K, V]:
    """`mapping` without the keys of `removed`; copies everything, because removals are rare."""
    if not removed:
        return mapping
    return {key: value for key, value in mapping.items() if key not in removed}
