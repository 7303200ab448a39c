"""The two lines at the top: which cluster, whether it may be changed, how it is; where one is, and how much is there. Pure.

What is too long gives way in this order: the address, words about the health, the beginning of the trail.
"""

from __future__ import annotations

from collections.abc import Sequence

from console.history.snapshot import Snapshot
from console.output.text import duration, plural
from tui.aliases import Place
from tui.widgets.bars import Line, Part
from tui.widgets.cells import cells, cut, harmless

BREADCRUMB = " › "  # noqa: RUF001
ELLIPSIS = "…"
PLACE_MIN = 30
"""So much room there is beside the health, or it is told in fewer words."""
NAME_MIN = 8
"""So much of a cluster's name is shown, whatever else there is to say."""


def _taken(parts: Sequence[Part]) -> int:
    return sum(cells(text) for text, _ in parts)


def cluster_line(name: str, address: str, health: Sequence[Part], *, readonly: bool, width: int) -> Line:
    """`health` as `health_parts` makes it."""
    rest = [("  read-only", "warning")] if readonly else []
    room = width - _taken(health) - len(" stoker ") - _taken(rest) - 2
    left: list[Part] = [(" stoker ", "strong"), (cut(harmless(name), max(NAME_MIN, room)), "key"), *rest]
    if address != name:
        left.append((f"  {harmless(address)}", "faint"))
    return Line(tuple(left), tuple(health))


def health_parts(snapshot: Snapshot | None, failed: bool, now_ms: int, *, width: int) -> list[Part]:
    """How the cluster is; on narrow screens in fewer words."""
    if failed:
        since = "" if snapshot is None else f", last seen {_ago(now_ms - snapshot.at_ms)} ago"
        return [(f"● cannot be reached{since} ", "bad")]
    if snapshot is None:
        return [("○ asking ", "faint")]
    long, short = _health(snapshot, short=False), _health(snapshot, short=True)
    return long if _taken(long) <= width - PLACE_MIN else short


def _health(snapshot: Snapshot, *, short: bool) -> list[Part]:
    views = snapshot.partitions.values()
    offline = sum(view.leader_id < 0 for view in views)
    under = sum(len(view.isr) < len(view.replicas) for view in views)
    down = {node for view in views for node in view.replicas} - set(snapshot.brokers)
    parts: list[Part] = []
    if offline:
        parts.append((f"● {offline:,} offline ", "bad"))
    if down:
        parts.append((f"● {len(down)} down " if short else f"● {plural(len(down), 'broker')} down ", "bad"))
    if under:
        parts.append((f"● {under:,} under " if short else f"● {under:,} under-replicated ", "warning"))
    if not parts:
        parts.append(("● healthy ", "good"))
    if not short or len(parts) == 1:
        parts.append((f"{plural(len(snapshot.brokers), 'broker')} ", "faint"))
    return parts


def place_line(trail: Sequence[Place], filter_text: str, status: str, *, width: int) -> Line:
    """The trail, the view that is shown last and always; `status` says how much is there."""
    right: list[Part] = [(f"/{harmless(filter_text.removeprefix('/'))}  ", "warning")] if filter_text else []
    right.append((f"{harmless(status)} ", ""))
    here = harmless(trail[-1].text)
    room = max(width - _taken(right) - 2, min(cells(here) + len(ELLIPSIS + BREADCRUMB) + 1, width * 2 // 3))
    left = _crumbs([harmless(place.text) for place in trail[:-1]], here, room)
    spare = width - _taken(left) - 2
    return Line(tuple(left), tuple(_shortened(right, spare)))


def _crumbs(before: list[str], here: str, room: int) -> list[Part]:
    left_out = 0
    while before and 1 + sum(cells(each) + len(BREADCRUMB) for each in before) + cells(here) > room:
        before = before[1:]
        left_out = 1
    shown = [ELLIPSIS] * left_out + before
    parts: list[Part] = [(" ", "faint")]
    for name in shown:
        parts += [(name, "faint"), (BREADCRUMB, "faint")]
    return [*parts, (cut(here, max(1, room - _taken(parts))), "strong")]


def _shortened(parts: Sequence[Part], room: int) -> list[Part]:
    """Cut at its end."""
    found: list[Part] = []
    for text, role in parts:
        text = cut(text, room)
        room -= cells(text)
        if text:
            found.append((text, role))
    return found


def _ago(milliseconds: int) -> str:
    return duration(max(0, milliseconds) // 1000 * 1000)
