"""Every key is in the help, reaches what it is bound to, and can be bound otherwise."""

import pytest

from console.errors import OperatorError
from tests.tui.fakes import AUDIT, FakeSource, app_of, ordinary, settle
from tui.aliases import VIEWS, Place, view_class
from tui.app import StokerApp
from tui.bindings import KEYS, bindings_of, key_text, keys_of
from tui.settings import Settings, settings_from
from tui.views.base import TableView, View
from tui.views.help import HelpView, command_rows, help_rows, setting_rows
from tui.widgets.chooser import Choice, ChooserDialog
from tui.widgets.document import Document
from tui.widgets.form import Field, FormDialog
from tui.widgets.log_pane import LogPane
from tui.widgets.plan_dialog import PlanDialog
from tui.widgets.prompt import PromptInput
from tui.widgets.question import QuestionDialog
from tui.widgets.row_dialog import RowDialog
from tui.widgets.table import VirtualTable

OF_RECORDS = {"log": LogPane, "chooser": ChooserDialog, "row": RowDialog}
"""Their keys are pressed further down."""
SHARED = {
    "everywhere": StokerApp,
    "table": VirtualTable,
    "page": Document,
    "prompt": PromptInput,
    "dialog": FormDialog,
    "form": FormDialog,
}
ARGUMENTS = {
    "topic": "orders",
    "partitions": "orders",
    "group": "billing",
    "broker": "1",
    "configs": "topic orders",
    "members": "billing",
}
VIEW_CLASSES = {view.name: view.where.partition(":") for view in VIEWS}


def owner_of(scope):
    return {**SHARED, **OF_RECORDS}.get(scope) or view_class(scope)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_every_key_is_in_the_help_with_all_its_names(key):
    view = key.scope if key.scope in VIEW_CLASSES else "topics"

    rows = [row for row in help_rows(view, {}, {}) if row.id == key.id]

    assert len(rows) == 1
    assert rows[0].key == key_text(key.keys)
    assert rows[0].help == key.help


@pytest.mark.parametrize(
    "owner", [*SHARED.values(), *OF_RECORDS.values(), PlanDialog, QuestionDialog, *map(view_class, VIEW_CLASSES)]
)
def test_nothing_is_bound_that_is_not_in_the_table(owner):
    known = {(key.keys, key.action, key.id) for key in KEYS}
    own = owner.__dict__.get("BINDINGS", [])

    assert {(each.key, each.action, each.id) for each in own} <= known


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_what_a_key_does_exists(key):
    assert hasattr(owner_of(key.scope), f"action_{key.action.partition('(')[0]}")


@pytest.mark.parametrize("view", VIEW_CLASSES)
def test_a_view_binds_all_keys_of_its_scope(view):
    own = {each.id for each in view_class(view).__dict__.get("BINDINGS", [])}

    assert {key.id for key in keys_of(view)} <= own or not keys_of(view)


@pytest.mark.parametrize("view", VIEW_CLASSES)
def test_no_two_keys_of_a_view_are_the_same(view):
    found = view_class(view)
    scopes = [view, "table"] if issubclass(found, TableView) else [view, "page"]
    taken = {}
    for key in keys_of(*scopes):
        for each in key.keys.split(","):
            if view == "xray" and key.name in ("left", "right", "expand", "collapse"):
                continue  # ← and → are the tree's: it has no columns to scroll.
            if view == "topic" and key.scope == "page":
                continue
            assert each not in taken, f"{key.id} and {taken[each]}"
            taken[each] = key.id
    if issubclass(found, TableView):
        letters = [each.letter for each in found.columns(found.__new__(found)) if each.letter]
        assert len(set(letters)) == len(letters)
        everywhere = {each for key in keys_of("everywhere") for each in key.keys.split(",")}
        assert set(letters).isdisjoint({*taken, *everywhere})


@pytest.mark.parametrize("view", VIEW_CLASSES)
def test_names_of_views_are_not_taken_twice(view):
    names = [name for each in VIEWS for name in (each.name, *each.aliases)]
    assert len(set(names)) == len(names)
    assert issubclass(view_class(view), View)
    assert view == view_class(view).NAME


def test_the_commands_are_all_in_the_help():
    words = " ".join(f"{row.key} {row.help}" for row in command_rows({"o": "topic orders"}))
    found = words.replace("(", " ").replace(")", " ").split()
    for view in VIEWS:
        for name in (view.name, *view.aliases, "o"):
            assert f":{name}" in found


def test_what_can_be_set_is_in_the_help_with_the_file_and_the_columns_of_the_view():
    text = " ".join(f"{row.key} {row.help}" for row in setting_rows("topics"))
    assert "contexts.toml" in text
    assert {"theme", "[tui.keys]", "[tui.aliases]", "[tui.columns]"} <= set(text.split())
    assert all(column.name in text for column in view_class("topics").columns(None))


PRESSES = [(key, each) for key in KEYS if key.scope in (*SHARED, *ARGUMENTS, "topics", "groups", "brokers", "audit", "contexts", "pulses", "xray", "quorum") for each in key.keys.split(",")]  # fmt: skip


@pytest.mark.anyio
@pytest.mark.parametrize(("key", "pressed"), PRESSES, ids=[f"{key.id}-{pressed}" for key, pressed in PRESSES])
async def test_pressing_a_key_does_what_it_is_bound_to(key, pressed, monkeypatch):
    called = []
    name = f"action_{key.action.partition('(')[0]}"

    def note(self, *arguments):
        called.append(name)

    async def note_later(self, *arguments):
        called.append(name)

    owner = owner_of(key.scope)
    is_async = name in ("action_back", "action_quit", "action_refresh_view")
    start = Place(key.scope, (ARGUMENTS[key.scope],) if key.scope in ARGUMENTS else ())
    if key.scope in SHARED:
        start = Place("topic", ("orders",)) if key.scope == "page" else Place("topics")
    app = app_of(FakeSource(ordinary(), trail=AUDIT), start)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        if key.scope == "prompt":
            await pilot.press("colon")
        if key.scope in ("dialog", "form"):
            app.push_screen(FormDialog("A form", [Field("name", "Name"), Field("other", "Other")]))
            await pilot.pause()
        monkeypatch.setattr(owner, name, note_later if is_async else note)
        await pilot.press(pressed)
        await pilot.pause()

    assert called == [name]


CHANGING = [key for key in KEYS if key.changes]
OF_RECORDS_TOO = {"records": "orders", "tail": "orders", "search": "orders x", "record": "orders 0 0", "produce": "orders"}  # fmt: skip


@pytest.mark.anyio
@pytest.mark.parametrize("key", CHANGING, ids=lambda key: key.id)
async def test_a_key_that_changes_something_says_at_once_that_the_cluster_is_read_only(key, monkeypatch):
    called = []
    view = "topics" if key.scope == "everywhere" else key.scope
    owner = owner_of(key.scope)
    monkeypatch.setattr(owner, f"action_{key.action.partition('(')[0]}", lambda *arguments: called.append(key.id))
    if view in OF_RECORDS_TOO:

        async def nothing(self):
            pass

        monkeypatch.setattr(view_class(view), "load", nothing)
    argument = {**ARGUMENTS, **OF_RECORDS_TOO}.get(view)
    app = app_of(FakeSource(ordinary(), trail=AUDIT, readonly=True), Place(view, (argument,) if argument else ()))

    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press(key.keys.split(",")[0])
        await settle(pilot)
        told = [each.message for each in app._notifications]
        assert len(app.screen_stack) == 1

    assert called == []
    assert told == ["local is read-only here: nothing of it is changed."]


@pytest.mark.anyio
async def test_a_key_can_be_bound_otherwise():
    app = app_of(FakeSource(ordinary()), settings=Settings(keys={"table.mark": "m"}))

    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("space")
        assert not app.view.model.marked
        await pilot.press("m")
        assert list(app.view.model.marked) == ["orders"]
        await pilot.press("question_mark")
        await settle(pilot)
        rows = {row.id: row.key for row in app.view.model.rows}

    assert isinstance(app.view, HelpView)
    assert rows["table.mark"] == "m"


@pytest.mark.parametrize(
    ("chosen", "place", "actions"),
    [
        ({"table.mark": "e"}, "e in :topics", ("table.mark", "topics.edit")),
        ({"topics.new": "e"}, "e in :topics", ("topics.new", "topics.edit")),
        ({"topics.new": "x,r"}, "in :topics", ("topics.new", "everywhere.refresh")),
        ({"page.down": "w"}, "w in :record", ("page.down", "record.wrap")),
        ({"log.up": "w"}, "w in :tail", ("log.up", "tail.wrap")),
        ({"everywhere.copy": "u"}, "u in :", ("everywhere.copy", "everywhere.undo")),
        ({"dialog.confirm": "escape"}, "Esc in dialogs", ("dialog.confirm", "dialog.cancel")),
        ({"table.mark": "P"}, "P in :topics", ("table.mark", "sorting by PARTITIONS")),
        ({"prompt.older": "tab"}, "Tab in the command line", ("prompt.older", "prompt.complete")),
    ],
)
def test_two_actions_of_a_view_on_one_key_are_refused_and_both_named(chosen, place, actions):
    with pytest.raises(OperatorError) as error:
        settings_from({"keys": chosen}, "contexts.toml")

    told = f"{error.value.title} {error.value.detail} {error.value.hint}"
    assert place.lower() in told.lower()
    assert all(action in told for action in actions)


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"table.mark": "m"},
        {"topics.new": "e", "topics.edit": "n"},
        {"table.left": "left", "page.up": "up"},
        {"topics.new": "ctrl+n", "groups.reset": "ctrl+n"},
        {"record.hex": "m"},
    ],
)
def test_keys_that_never_meet_may_be_the_same(chosen):
    assert settings_from({"keys": chosen}, "contexts.toml").keys == chosen


def test_keys_are_written_for_people():
    assert key_text("ctrl+d,delete") == "Ctrl-D Del"
    assert key_text("G") == "Shift-G"
    assert key_text("colon") == ":"
    assert key_text("ctrl+@") == "Ctrl-Space"
    assert key_text("f5") == "F5"


def test_bindings_are_made_for_the_scopes_that_are_asked_for():
    assert {each.id.partition(".")[0] for each in bindings_of("topics", "table")} == {"topics", "table"}


PLACES = {"records": "orders", "tail": "orders", "search": "orders x", "record": "orders 0 0", "produce": "orders", "sql": "", "log": "orders"}  # fmt: skip
RECORD_PRESSES = [
    (key, each) for key in KEYS if key.scope in (*PLACES, "chooser", "row") for each in key.keys.split(",")
]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("key", "pressed"), RECORD_PRESSES, ids=[f"{key.id}-{pressed}" for key, pressed in RECORD_PRESSES]
)
async def test_pressing_a_key_of_records_or_sql_does_what_it_is_bound_to(key, pressed, monkeypatch):
    called = []
    name = f"action_{key.action.partition('(')[0]}"
    owner = owner_of(key.scope)
    app = app_of(FakeSource(ordinary()), Place("topics"))
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        if key.scope == "chooser":
            app.push_screen(ChooserDialog("Some", [Choice("a", "b", "c")], empty="None."))
        elif key.scope == "row":
            app.push_screen(RowDialog("A row", [("a", "b", "c")]))
        else:
            view = "tail" if key.scope == "log" else key.scope
            found = view_class(view)

            async def nothing(self):
                pass

            # What it would read is another test's: there is no cluster here.
            monkeypatch.setattr(found, "load", nothing)
            app.jump(view, *([PLACES[key.scope]] if PLACES[key.scope] else []))
        await settle(pilot)
        monkeypatch.setattr(owner, name, lambda self, *arguments: called.append(name))
        await pilot.press(pressed)
        await pilot.pause()

    assert called == [name]


def test_every_key_is_pressed_by_one_of_the_tests():
    pressed = {key.id for key, _ in (*PRESSES, *RECORD_PRESSES)}
    # Those of the laboratory: tests/tui/test_laboratory.py.
    assert {key.id for key in KEYS if key.scope != "lab"} <= pressed
