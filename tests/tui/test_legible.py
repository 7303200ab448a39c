"""Whatever is written can be read: in both of our themes each letter stands out from what is behind it (WCAG 2.2, 1.4.3)."""

import pytest
from rich.color import Color

from console.errors import OperatorError
from tests.tui.fakes import AUDIT, FakePlan, FakeSource, app_of, degraded, settle
from tui.aliases import Place
from tui.widgets.form import Field, FormDialog
from tui.widgets.plan_dialog import PlanDialog

pytestmark = pytest.mark.anyio

CONTRAST_MIN = 4.5
PLACES = [
    Place(view) for view in ("pulses", "topics", "groups", "brokers", "quorum", "audit", "contexts", "xray", "help")
]
PLACES += [Place("topic", ("orders",)), Place("configs", ("topic orders",)), Place("change", ("aaaa0002",))]
DIALOGS = {
    "plan": lambda: PlanDialog([FakePlan(None, [], destroys="orders", loss="It is gone", undo_note="none")]),
    "refused": lambda: PlanDialog([FakePlan(None, [], blocked=OperatorError("refused", "why", "hint"))]),
    "form": lambda: FormDialog("A form", [Field("one", "One", "value", "What it is"), Field("two", "Two")]),
}


def luminance(colour):
    red, green, blue = (
        part / 255 / 12.92 if part / 255 <= 0.03928 else ((part / 255 + 0.055) / 1.055) ** 2.4
        for part in (colour.red, colour.green, colour.blue)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def faint(app, *, above=None):
    """What cannot be read, and how little it stands out. `above`: only where the background is that of a dialog."""
    found = set()
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            style = segment.style
            if style is None or style.color is None or style.bgcolor is None or not any(map(str.isalnum, segment.text)):
                continue
            if above is not None and style.bgcolor.name not in above:
                continue
            ratio = contrast(Color.get_truecolor(style.color), Color.get_truecolor(style.bgcolor))
            if ratio < CONTRAST_MIN:
                found.add((segment.text.strip()[:30], style.color.name, style.bgcolor.name, round(ratio, 2)))
    return found


@pytest.mark.parametrize("theme", ["stoker-dark", "stoker-light"])
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.view)
async def test_every_view_can_be_read(place, theme):
    app = app_of(FakeSource(degraded(), trail=AUDIT), place, theme=theme)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        if place.view == "topics":
            await pilot.press("space", "down")
            await settle(pilot)
        assert faint(app) == set()


@pytest.mark.parametrize("theme", ["stoker-dark", "stoker-light"])
@pytest.mark.parametrize("dialog", DIALOGS)
async def test_every_dialog_can_be_read(dialog, theme):
    app = app_of(FakeSource(degraded()), theme=theme)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.push_screen(DIALOGS[dialog]())
        await settle(pilot)
        box = app.screen.query_one("Vertical")
        surface = box.background_colors[1].rich_color.name
        fields = {each.background_colors[1].rich_color.name for each in app.screen.query("Input")}
        assert faint(app, above={surface, *fields}) == set()
