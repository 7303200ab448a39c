"""The way around: entries of the navigation, in their order, with the letters that lead there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from web.page import PageRoute


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. It is there when the page is."""

    title: str
    path: str
    keys: str
    """After `g` on the keyboard, as in the terminal."""
    words: str = ""
    """By which the palette finds it as well: the terminal's aliases, and what else one may call it."""
    per_cluster: bool = True


ENTRIES = (
    Entry("Overview", "/", "o", "p pulses home health cluster"),
    Entry("Brokers", "/brokers", "b", "nodes b"),
    Entry("Quorum", "/quorum", "q", "controllers controller raft voters"),
    Entry("Topics", "/topics", "t", "t to partitions pa parts"),
    Entry("Groups", "/groups", "r", "g consumers lag offsets"),
    Entry("SQL", "/sql", "s", "s query"),
    Entry("Laboratory", "/lab", "l", "laboratory lab simulator faults lessons learn"),
    Entry("Audit", "/audit", "a", "changes undo log"),
    Entry("Contexts", "/contexts", "x", "ctx context clusters", per_cluster=False),
)


def navigation(pages: Iterable[PageRoute]) -> list[Entry]:
    """The entries whose pages there are."""
    paths = {page.path for page in pages}
    return [entry for entry in ENTRIES if entry.path in paths]
