"""The window of the terminal is made larger and smaller while one works: nothing breaks, and nothing is left of the other size."""

import pytest

from tests.tui.fakes import AUDIT, FakeSource, app_of, ordinary, screen_text, settle
from tests.tui.test_view_snapshots import OF_ITS_OWN, OF_THE_LABORATORY, place_of
from tui.aliases import VIEWS

pytestmark = pytest.mark.anyio

SIZES = [(200, 60), (30, 8), (3, 2), (1, 1), (132, 20), (80, 24)]
AGAINST_THE_CLUSTER = {
    "records": (),
    "record": ("1", "0"),
    "tail": ("from=beginning",),
    "search": ("paid",),
    "produce": (),
    "sql": (),
}


@pytest.mark.parametrize("view", [view.name for view in VIEWS if view.name not in OF_ITS_OWN])
async def test_a_view_is_as_before_when_the_window_is(view):
    app = app_of(FakeSource(ordinary(), trail=AUDIT), place_of(view, "ordinary"))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        before = screen_text(app)
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            await settle(pilot)
            assert len(screen_text(app)) == height
        assert screen_text(app) == before


@pytest.mark.parametrize("view", AGAINST_THE_CLUSTER)
async def test_a_view_of_records_goes_on_in_any_window(live, view):
    topic = await live.orders(60)
    words = ("select * from range(2000)",) if view == "sql" else (topic, *AGAINST_THE_CLUSTER[view])
    async with live.open(view, *words, size=(80, 24)) as app:
        if view == "sql":
            await app.press("f5")
            await app.until(lambda: not app.view.running)
        elif view == "tail":
            await app.until(lambda: app.view.lines.arrived == 60)
            await app.press("w")
        elif view == "search":
            await app.until(lambda: not app.view.running)
        for width, height in SIZES:
            await app.pilot.resize_terminal(width, height)
            await app.settle()
        assert view in app.text
        assert app.text.splitlines()[-1].rstrip().endswith("help")


@pytest.mark.parametrize("key", ["n", "e", "ctrl+d", "colon", "slash", "ctrl+p"])
async def test_dialogs_and_lines_stand_the_smallest_window(key):
    app = app_of(FakeSource(ordinary()))
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press(key)
        await settle(pilot)
        for width, height in SIZES:
            await pilot.resize_terminal(width, height)
            await settle(pilot)
        await pilot.press("escape")
        await settle(pilot)
        assert len(app.screen_stack) == 1


def test_all_views_are_tried():
    assert {*AGAINST_THE_CLUSTER, *OF_THE_LABORATORY} == set(OF_ITS_OWN) - {"results"}
