"""Names, values and errors that a terminal would obey are shown, and nothing of them reaches it as it is: in every view,
every dialog, and every line that can be typed into."""

import dataclasses
import unicodedata

import pytest

from console.audit import AuditTrail
from console.changes.draft import Difference
from console.contexts import Context, Contexts, save_contexts
from console.errors import Blame, OperatorError
from tests.tui.fakes import (
    AUDIT,
    CONFIGS,
    HOSTILE,
    FakePlan,
    FakeSource,
    app_of,
    hostile,
    screen_text,
    settle,
)
from tests.tui.live import HOSTILE_RECORDS
from tui.aliases import VIEWS, Place
from tui.widgets.chooser import Choice, ChooserDialog
from tui.widgets.form import Field, FormDialog
from tui.widgets.plan_dialog import PlanDialog
from tui.widgets.prompt import Prompt
from tui.widgets.question import QuestionDialog
from tui.widgets.row_dialog import RowDialog

pytestmark = pytest.mark.anyio

NASTY = HOSTILE + "\x9b31m\r\b\x7f\u2066x\u2069\u061c\x1b]0;title\x07"
ERROR = OperatorError(NASTY, f"{NASTY}\nsecond {NASTY}", NASTY, blame=Blame.UNREACHABLE)
OF_THE_LABORATORY = {"lab", "lessons"}
"""Shows what itself has made."""


def obeyed(app):
    """What is on the screen that a terminal would act upon, or that would shift what stands behind it."""
    return {
        f"{letter!r} in {line!r}"
        for line in screen_text(app)
        for letter in line
        if not letter.isprintable()
        or unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        or letter == "\ufe0f"
    }


def the_source(**options):
    entry = dataclasses.replace(CONFIGS[0], value=NASTY, documentation=NASTY)
    change = dataclasses.replace(
        AUDIT.entries[1], subject=NASTY, command=NASTY, error=NASTY, user=NASTY, host=NASTY, after={NASTY: NASTY}
    )
    return FakeSource(hostile(), name=NASTY, address=NASTY, configs=(entry,), trail=AuditTrail((change,), 0), **options)


ARGUMENTS = {
    "change": "aaaa0002",
    "configs": "topic orders",
    "broker": "1",
    "help": "topics",
    "sql": "",
    "contexts": "",
}
KNOWN = [view.name for view in VIEWS if view.name not in OF_THE_LABORATORY]


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])
@pytest.mark.parametrize("view", [view for view in KNOWN if view not in ("records", "record", "tail", "search", "produce", "sql")])  # fmt: skip
async def test_no_view_obeys_names_and_values(view, size):
    save_contexts(Contexts({"a": Context("a", NASTY.replace("\n", ""), NASTY)}, None))
    argument = ARGUMENTS.get(view, HOSTILE)
    known = next(each for each in VIEWS if each.name == view)
    app = app_of(the_source(), Place(view, (argument,) if known.argument and argument else ()))

    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert obeyed(app) == set()
        await pilot.press("ctrl+w", "end")
        await settle(pilot)
        assert obeyed(app) == set()


@pytest.mark.parametrize("view", [view for view in KNOWN if view not in ("records", "record", "tail", "search", "produce", "sql")])  # fmt: skip
async def test_no_view_obeys_an_error(view):
    source = FakeSource(failure=ERROR, name=NASTY, address=NASTY)
    known = next(each for each in VIEWS if each.name == view)
    app = app_of(source, Place(view, (ARGUMENTS.get(view) or NASTY,) if known.argument else ()))

    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        assert obeyed(app) == set()


async def test_no_view_obeys_a_name_that_is_not_there():
    app = app_of(FakeSource(hostile()))
    async with app.run_test(size=(160, 30)) as pilot:
        for view in ("topic", "partitions", "group", "broker", "configs", "nonsense" + NASTY):
            app.run_command(f"{view} {NASTY}x")
            await settle(pilot)
            assert obeyed(app) == set()


@pytest.mark.parametrize(
    "dialog",
    [
        lambda: PlanDialog(
            [
                FakePlan(
                    None,
                    [],
                    NASTY,
                    (Difference("~", NASTY, NASTY, NASTY),),
                    (NASTY,),
                    NASTY,
                    NASTY,
                    NASTY,
                    undo_note=NASTY,
                )
            ]
        ),
        lambda: PlanDialog([FakePlan(None, [], NASTY, blocked=ERROR)]),
        lambda: FormDialog(NASTY, [Field("one", "One", NASTY, NASTY), Field("two", "Two")], done="Do"),
        lambda: QuestionDialog(NASTY, NASTY),
        lambda: ChooserDialog(NASTY, [Choice(NASTY, NASTY, NASTY)], empty=NASTY),
        lambda: ChooserDialog(NASTY, [], empty=NASTY),
        lambda: RowDialog(NASTY, [(NASTY, NASTY, NASTY)]),
    ],
)
async def test_no_dialog_obeys_what_it_shows(dialog):
    app = app_of(the_source())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        app.push_screen(dialog())
        await settle(pilot)
        assert len(app.screen_stack) == 2
        assert obeyed(app) == set()


async def test_no_line_that_is_typed_into_obeys_what_it_is_given():
    app = app_of(the_source())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("colon", *"group", "space", "tab")
        await settle(pilot)
        assert app.query_one(Prompt).input.value == f"group {HOSTILE}"
        assert obeyed(app) == set()
        await pilot.press("escape", "slash")
        app.query_one(Prompt).input.value = NASTY
        await settle(pilot)
        assert obeyed(app) == set()
        await pilot.press("enter")
        await settle(pilot)
        assert obeyed(app) == set()


async def test_nothing_that_is_said_is_obeyed():
    app = app_of(the_source())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        app.say(NASTY)
        app.tell(ERROR)
        await settle(pilot)
        assert "or\\x1b[31mders" in "\n".join(screen_text(app)[-20:])
        assert obeyed(app) == set()


async def test_the_palette_obeys_no_name():
    app = app_of(the_source())
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p", *"group or")
        await settle(pilot)
        while "[b]x[/b]" not in "\n".join(screen_text(app)):
            await pilot.pause(0.05)
        assert obeyed(app) == set()


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("records", ()),
        ("tail", ("from=beginning",)),
        ("search", ("orders",)),
        ("record", ("0", "0")),
        ("record", ("0", "3")),
        ("record", ("0", "4")),
        ("produce", ("0", "0")),
        ("sql", ()),
    ],
)
async def test_no_record_is_obeyed(live, view, words):
    topic = live.topic()
    await live.send(topic, HOSTILE_RECORDS)
    place = (f'select *, 1 as "{NASTY}", \'{NASTY}\' from "{topic}"',) if view == "sql" else (topic, *words)
    async with live.open(view, *place, size=(120, 30)) as app:
        if view == "sql":
            await app.press("f5")
            await app.until(lambda: not app.view.running)
            assert len(app.view.rows) == len(HOSTILE_RECORDS)
        elif view == "tail":
            await app.until(lambda: app.view.lines.arrived == len(HOSTILE_RECORDS))
        elif view == "search":
            await app.until(lambda: not app.view.running)
        assert obeyed(app.app) == set()
        for key in {"tail": "wt", "record": "xw", "sql": ()}.get(view, ()):
            await app.press(key)
            assert obeyed(app.app) == set()
