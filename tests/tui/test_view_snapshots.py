"""How every view looks: empty, as usual, with a broker gone, out of reach, huge, and with hostile names; narrow and wide.

`STOKER_UPDATE_SNAPSHOTS=1` writes them anew: look at the difference before it is committed.
"""

import os

import pytest

from console.contexts import Context, Contexts, save_contexts
from tests.tui.fakes import (
    AUDIT,
    HOSTILE,
    NOW_MS,
    SNAPSHOTS,
    UNREACHABLE,
    FakeSource,
    app_of,
    degraded,
    empty,
    hostile,
    huge,
    ordinary,
    screen_snapshot,
    settle,
)
from tui.aliases import VIEWS, Place

pytestmark = pytest.mark.anyio

SIZES = [(80, 24), (160, 45)]
OF_ITS_OWN = {"records", "record", "tail", "search", "produce", "sql", "results", "lab", "lessons"}
"""Views with tests of their own."""

ARGUMENTS = {
    "topic": {"": "orders", "huge": "big", "hostile": HOSTILE},
    "group": {"": "billing", "huge": "group-00003", "hostile": HOSTILE},
    "members": {"": "billing", "huge": "group-00003", "hostile": HOSTILE},
    "broker": {"": "1", "degraded": "3"},
    "configs": {"": "topic orders"},
    "change": {"": "aaaa0002"},
    "help": {"": "topics"},
}
STATES = ("empty", "ordinary", "degraded", "unreachable", "huge", "hostile")
ALIKE = {"help", "contexts", "audit", "change", "configs", "members"}
"""Views that show the same, whatever the cluster is like: a state is enough where it makes a difference."""
MATTERS = {
    "audit": ("empty", "ordinary"),
    "change": ("ordinary", "empty"),
    "contexts": ("empty", "ordinary"),
    "help": ("ordinary",),
    "configs": ("ordinary", "unreachable"),
    "members": ("ordinary", "unreachable"),
}
CASES = [
    (view.name, state, size)
    for view in VIEWS
    if view.name not in OF_ITS_OWN
    for state in MATTERS.get(view.name, STATES)
    for size in SIZES
]


def source_in(state):
    if state == "ordinary":
        source = FakeSource(ordinary(), trail=AUDIT)
        for step in range(1, 6):
            source.show(ordinary(NOW_MS + step * 2_000, step))
        return source
    made = {"empty": empty, "degraded": degraded, "huge": huge, "hostile": hostile}
    if state in made:
        return FakeSource(made[state]())
    return FakeSource(failure=UNREACHABLE)


def place_of(view, state):
    known = ARGUMENTS.get(view, {})
    argument = known.get(state, known.get("", ""))
    return Place(view, (argument,) if argument else ())


@pytest.mark.parametrize(("view", "state", "size"), CASES, ids=lambda each: str(each).replace(", ", "x").strip("()"))
async def test_it_looks_as_it_did(view, state, size):
    if view == "contexts" and state == "ordinary":
        known = {name: Context(name, f"{name}:9092", readonly=name == "production") for name in ("local", "production")}
        save_contexts(Contexts(known, "local"))
    app = app_of(source_in(state), place_of(view, state))

    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        # Colours once for each view and state; wide screens have the same.
        found = screen_snapshot(app, styled=size == SIZES[0])

    compare(f"{view}-{state}-{size[0]}x{size[1]}", found)


async def test_the_light_theme_looks_as_it_did():
    app = app_of(source_in("degraded"), Place("topics"), theme="stoker-light")

    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        found = screen_snapshot(app)

    compare("topics-light", found)


async def test_sixteen_colours_look_as_they_did():
    app = app_of(source_in("degraded"), Place("topics"), theme="ansi-dark")

    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        found = screen_snapshot(app)

    compare("topics-ansi", found)


async def test_without_colours_the_cursor_is_still_seen(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_of(source_in("ordinary"), Place("topics"))

    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        lines = app.screen._compositor.render_strips()
        line = lines[3].apply_filter(app._filters[-1], app.screen.background_colors[1])
        other = lines[4].apply_filter(app._filters[-1], app.screen.background_colors[1])

    cursor, rest = next(iter(line)).style, next(iter(other)).style
    assert cursor.bgcolor != rest.bgcolor
    assert len(set(cursor.bgcolor.triplet)) == 1


def compare(name, found):
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("STOKER_UPDATE_SNAPSHOTS"):
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
        return
    assert path.exists(), f"no snapshot {path.name}: STOKER_UPDATE_SNAPSHOTS=1 writes it"
    assert found == path.read_text(encoding="utf-8"), path.name


def test_no_snapshot_is_left_over():
    known = {f"{view}-{state}-{width}x{height}" for view, state, (width, height) in CASES}
    known |= {"topics-light", "topics-ansi"}
    mine = {path.stem for path in SNAPSHOTS.glob("*.txt") if path.stem.split("-")[0] not in OF_ITS_OWN}
    assert mine - known == set()
