"""What is typed right behind a key reaches what the key opens, not what was there before."""

import asyncio

import pytest
from textual import events

from console.changes.kinds import DeleteTopic
from console.errors import OperatorError
from tests.tui.fakes import FakeSource, app_of, ordinary, settle
from tui import keys_in_order
from tui.aliases import Place
from tui.widgets.form import FormDialog
from tui.widgets.plan_dialog import PlanDialog

pytestmark = pytest.mark.anyio


def type_at_once(app, *keys):
    """All keys in one packet, as a paste or a slow line brings them: nothing happens between two of them."""
    for key in keys:
        app.post_message(events.Key(key, " " if key == "space" else None))


@pytest.fixture
def source():
    return FakeSource(ordinary())


async def test_letters_behind_the_key_of_a_form_are_its_first_field(source):
    app = app_of(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "n", *"precious", "tab", "3")
        await settle(pilot)

        assert isinstance(app.screen, FormDialog)
        assert app.screen.query_one("#field-name").value == "precious"
        assert app.screen.query_one("#field-partitions").value == "3"


async def test_letters_behind_the_key_of_a_view_are_typed_into_it(source, monkeypatch):
    app = app_of(source, Place("topic", ("orders",)))
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "colon", *"produce", "space", *"orders", "enter", *"precious")
        await settle(pilot)

        assert app.navigation.place == Place("produce", ("orders",))
        assert app.view.query_one("#key").value == "precious"
        assert len(app.screen_stack) == 1


async def test_keys_of_one_view_after_the_other(source):
    app = app_of(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "3", "down", "enter", "d")
        await settle(pilot)

        assert [place.text for place in app.navigation.trail] == ["groups", "group nightly", "members nightly"]


async def test_a_name_behind_delete_is_what_is_asked_for_however_long_the_plan_takes(source):
    planned = asyncio.Event()
    plan = source.plan

    async def slowly(change):
        await planned.wait()
        return await plan(change)

    source.plan = slowly
    source.plan_with = {"destroys": "orders"}
    app = app_of(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "ctrl+d", *"orders")
        await pilot.pause(0.05)
        assert app.navigation.place == Place("topics")
        assert app.keys_wait
        planned.set()
        await settle(pilot)
        assert isinstance(app.screen, PlanDialog)
        assert app.screen.query_one("Input").value == "orders"
        type_at_once(app, "enter")
        await settle(pilot)

    assert source.done == [DeleteTopic("orders")]


async def test_a_cluster_that_does_not_answer_holds_no_keys_for_long_and_they_do_nothing_elsewhere(source, monkeypatch):
    monkeypatch.setattr(keys_in_order, "LOOKS_MAX", 3)
    answered = asyncio.Event()

    async def at_last(resource):
        await answered.wait()
        raise OperatorError("too late")

    source.config = at_last
    app = app_of(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "e", "d", "3")
        while app.keys_wait or not app._openers:
            await pilot.pause(0.01)
        assert app.navigation.place == Place("topics")
        answered.set()
        await settle(pilot)
        type_at_once(app, "3")
        await settle(pilot)
        assert app.navigation.place == Place("groups")


async def test_escape_calls_off_what_takes_long_to_be_asked(source):
    source.plan = lambda change: asyncio.Event().wait()
    app = app_of(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "ctrl+d", "q")
        while not app.keys_wait or not app._openers:
            await pilot.pause(0.01)
        type_at_once(app, "escape", "3")
        await settle(pilot)
        assert app.navigation.place == Place("groups")
        assert len(app.screen_stack) == 1


async def test_quitting_waits_for_nothing(source):
    source.plan = lambda change: asyncio.Event().wait()
    app = app_of(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "ctrl+d", "x", "ctrl+c")
        await pilot.pause()
        assert app._exit


async def test_what_is_pasted_behind_a_key_goes_where_letters_would(source):
    app = app_of(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "n")
        app.post_message(events.Paste("pasted"))
        type_at_once(app, "tab", "4")
        await settle(pilot)

        assert app.screen.query_one("#field-name").value == "pasted"
        assert app.screen.query_one("#field-partitions").value == "4"


async def test_a_dialog_that_is_left_does_not_keep_the_next_key(source):
    app = app_of(source)
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        type_at_once(app, "n", "escape", "n", "escape", "3")
        await settle(pilot)

        assert app.navigation.place == Place("groups")
        assert len(app.screen_stack) == 1
