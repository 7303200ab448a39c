"""How every view looks: empty, as usual, with a broker gone, out of reach, huge, and with hostile names; narrow and wide.

`STOKER_UPDATE_SNAPSHOTS=1` writes them anew: look at the difference before it is committed.
"""

import os

import pytest

from console.contexts import Context, Contexts, save_contexts
from console.errors import OperatorError
from tests.tui.fakes import (
    AUDIT,
    HOSTILE,
    NOW_MS,
    OTHERWISE,
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
OF_THE_LABORATORY = ("lab", "lessons")
OF_ITS_OWN = {"records", "record", "tail", "search", "produce", "sql", "results", "lab", "lessons"}
"""Views with tests of their own."""

ARGUMENTS = {
    "topic": {"": "orders", "huge": "big", "hostile": HOSTILE},
    "group": {"": "billing", "huge": "group-00003", "hostile": HOSTILE},
    "members": {"": "billing", "empty": "nightly", "huge": "group-00003", "hostile": HOSTILE},
    "broker": {"": "1", "degraded": "3"},
    "configs": {"": "topic orders"},
    "change": {"": "aaaa0002", "unknown": "bbbb0001"},
    "help": {"": "topics"},
}
STATES = ("empty", "ordinary", "degraded", "unreachable", "huge", "hostile")
MATTERS = {
    # Views that show the same, whatever the cluster's brokers are like.
    "audit": ("empty", "ordinary", "unreadable", "huge", "hostile"),
    "change": ("ordinary", "unknown", "unreadable", "huge", "hostile"),
    "contexts": ("empty", "ordinary", "unreadable", "huge", "hostile"),
    "help": ("ordinary",),
    "configs": ("empty", "ordinary", "unreachable", "huge", "hostile"),
    "members": ("empty", "ordinary", "unreachable", "huge", "hostile"),
}
CASES = [
    (view.name, state, size)
    for view in VIEWS
    if view.name not in OF_ITS_OWN
    for state in MATTERS.get(view.name, STATES)
    for size in SIZES
]
UNREADABLE = OperatorError("the audit log /state/audit.jsonl cannot be read", "Permission denied")


def source_in(state):
    if state == "ordinary":
        source = FakeSource(ordinary(), trail=AUDIT)
        for step in range(1, 6):
            source.show(ordinary(NOW_MS + step * 2_000, step))
        return source
    made = {"degraded": degraded, "huge": huge, "hostile": hostile}
    if state in made:
        return FakeSource(made[state](), **OTHERWISE.get(state, {}))
    if state in ("empty", "unknown"):
        return FakeSource(empty(), configs=())
    if state == "unreadable":
        return FakeSource(ordinary(), trail=UNREADABLE)
    return FakeSource(failure=UNREACHABLE)


def place_of(view, state):
    known = ARGUMENTS.get(view, {})
    argument = known.get(state, known.get("", ""))
    return Place(view, (argument,) if argument else ())


def prepared(view, state):
    """The application in that state, and what it finds on this machine."""
    if view == "contexts":
        write_contexts(state)
    if view == "members":
        return app_of(group_in(state), place_of(view, state))
    return app_of(source_in(state), place_of(view, state))


def write_contexts(state):
    names = {
        "ordinary": ["local", "production"],
        "huge": [f"cluster-{number:04}" for number in range(500)],
        "hostile": ["w" * 60],
    }.get(state, [])
    servers = "kafka\x1b[31m\u202e:9092" if state == "hostile" else "kafka:9092"
    known = {name: Context(name, servers, readonly=name == "production") for name in names}
    if known:
        save_contexts(Contexts(known, names[0]))


def unreadable_contexts():
    raise OperatorError("cannot read /config/stoker/contexts.toml", "Expected ']' at the end of a table declaration")


def group_in(state):
    """A group whose members are many, none, or have names that a terminal would obey."""
    source = source_in("ordinary" if state == "empty" else state)
    if state in ("huge", "hostile"):
        source.member_count = 500 if state == "huge" else 1
        source.member_name = HOSTILE if state == "hostile" else "client"
    return source


@pytest.mark.parametrize(("view", "state", "size"), CASES, ids=lambda each: str(each).replace(", ", "x").strip("()"))
async def test_it_looks_as_it_did(view, state, size, monkeypatch):
    if (view, state) == ("contexts", "unreadable"):
        monkeypatch.setattr("tui.views.contexts.load_contexts", unreadable_contexts)
    app = prepared(view, state)

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
    app = app_of(source_in("degraded"), Place("topics"), theme="stoker-16")

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


WITHOUT = {
    ("help", "empty"): "There are always keys.",
    ("help", "error"): "It asks nobody.",
    ("help", "huge"): "It is as long as the tables of keys and commands are.",
    ("help", "hostile"): "It shows what is ours, and settings of the person's own.",
    ("record", "empty"): "It is one record; without key and value: record-null.",
    ("change", "empty"): "It is one change; one that is not there: change-unknown.",
}
ERRORS = ("unreachable", "unreadable", "unknown", "wrong")


@pytest.mark.parametrize("view", [view.name for view in VIEWS if view.name not in OF_THE_LABORATORY])
def test_every_view_is_seen_empty_as_usual_in_error_huge_and_hostile_narrow_and_wide(view):
    there = {path.stem for path in SNAPSHOTS.glob(f"{view}-*.txt")}
    states = {
        "empty": ("empty", "none"),
        "ordinary": ("ordinary",),
        "error": ERRORS,
        "huge": ("huge",),
        "hostile": ("hostile",),
    }
    for state, names in states.items():
        if WITHOUT.get((view, state)):
            continue
        for size in ("80x24", "160x45"):
            assert there & {f"{view}-{name}-{size}" for name in names}, f"no picture of {view}, {state}, {size}"
