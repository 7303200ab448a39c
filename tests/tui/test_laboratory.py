"""The laboratory in the terminal: its keys, its line for actions, and every lesson solved by them."""

import asyncio

import pytest
from textual.widgets import Input

from engine.sim.classroom import ClassShape, Situation
from engine.sim.lessons import LESSONS
from tests.tui.fakes import FakeSource, app_of, ordinary, screen_text, settle
from tui.aliases import Place
from tui.bindings import keys_of
from tui.views.laboratory import LaboratoryView

pytestmark = pytest.mark.anyio

PARTS = [LESSONS[at : at + 6] for at in range(0, len(LESSONS), 6)]
"""Of the lessons: each part is a test, and has the time of one."""
KEYS = [(key, each) for key in keys_of("lab") for each in key.keys.split(",")]


async def opened(pilot):
    """The view, once its world is there."""
    for _ in range(600):
        await pilot.pause(0.05)
        view = pilot.app.view
        if view is not None and view.session.pieces:
            return view
    raise AssertionError("the world did not open")


async def do(pilot, line):
    await pilot.press("a")
    await pilot.pause()
    pilot.app.screen.query_one(Input).value = line
    await pilot.press("enter")
    for _ in range(100):
        await pilot.pause(0.05)
        if pilot.app.view.session.said:
            return


async def until(pilot, condition, seconds=30):
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        await pilot.pause(0.05)
    raise AssertionError("it did not come to that")


async def test_the_world_is_shown_and_changed_from_the_line():
    app = app_of(FakeSource(ordinary()), Place("lab"))
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot)
        await do(pilot, "kill 2")
        await until(pilot, lambda: view.session.value("node/2")["state"] == "down")
        await until(pilot, lambda: "Node 2 was killed" in "\n".join(screen_text(app)))
        await pilot.press("s")
        await until(pilot, lambda: "✕ down" in "\n".join(screen_text(app)))
        shown = "\n".join(screen_text(app))
        assert "orders-0" in shown
        assert "Quorum" in shown


async def test_the_past_is_shown_with_the_arrows_and_gone_on_from_with_f():
    app = app_of(FakeSource(ordinary()), Place("lab"))
    async with app.run_test(size=(160, 45)) as pilot:
        view = await opened(pilot)
        await pilot.press("p")
        await until(pilot, lambda: view.session.value("world")["now_ms"] > 1_500)
        await pilot.press("p")
        await until(pilot, lambda: not view.session.is_playing)
        await pilot.press("left", "left")
        await until(pilot, lambda: view.session.value("moment")["past"])
        life = view.session.life
        await pilot.press("F")
        await until(pilot, lambda: view.session.life == life + 1)
        assert not view.session.value("moment")["past"]


async def test_a_situation_is_opened_from_a_file_and_from_what_somebody_sent(tmp_path):
    app = app_of(FakeSource(ordinary()), Place("lab"))
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot)
        await do(pilot, "kill 2")
        found = await view.session.ask("situation")
        (tmp_path / "mine.json").write_text(found["json"], encoding="utf-8")
        app.directory = tmp_path
        for typed in ("mine.json", f"https://elsewhere.example/lab?s={found['text']}"):
            await view.session.run("open")
            await pilot.press("N")
            await pilot.pause()
            app.screen.query_one(Input).value = f"open {typed}"
            await pilot.press("enter")
            await until(pilot, lambda: view.session.value("node/2")["state"] == "down")
            assert await view.session.ask("situation") == found


async def test_the_view_takes_a_situation_as_it_takes_a_lesson():
    app = app_of(FakeSource(ordinary()), Place("lab", (Situation(seed=5, shape=ClassShape(nodes=2)).to_text(),)))
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot)
        assert view.session.value("moment")["seed"] == 5
        assert view.session.value("node/3") is None


async def test_one_jumps_to_a_moment_by_key():
    app = app_of(FakeSource(ordinary()), Place("lab"))
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot)
        await pilot.press("J")
        await pilot.pause()
        app.screen.query_one(Input).value = "to 3.5"
        await pilot.press("enter")
        await until(pilot, lambda: view.session.value("world")["now_ms"] == 3_500)
        await pilot.press("0")
        await until(pilot, lambda: view.session.value("moment")["past"])
        await pilot.press("n")
        await until(pilot, lambda: not view.session.value("moment")["past"])


async def test_a_message_under_way_is_chosen_held_and_dropped_by_keys():
    app = app_of(FakeSource(ordinary()), Place("lab"))
    async with app.run_test(size=(100, 30)) as pilot:
        view = await opened(pilot)
        for _ in range(40):
            if view.session.value("messages"):
                break
            await pilot.press("full_stop")
            await pilot.pause(0.1)
        await pilot.press("m")
        await until(pilot, lambda: "→" in "\n".join(screen_text(app)[-14:]))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: any(each["is_held"] for each in view.session.value("messages")))
        held = next(each["id"] for each in view.session.value("messages") if each["is_held"])
        await do(pilot, f"drop '{held}'")
        await until(pilot, lambda: not any(each["is_held"] for each in view.session.value("messages")))


async def test_lessons_are_listed_and_enter_opens_one():
    app = app_of(FakeSource(ordinary()), Place("lessons"))
    async with app.run_test(size=(160, 45)) as pilot:
        await settle(pilot)
        assert "Your first lost record" in "\n".join(screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.view, LaboratoryView))
        view = await opened(pilot)
        await until(pilot, lambda: view.session.value("lesson") is not None)
        await until(pilot, lambda: "B No: node 1 deletes it" in "\n".join(screen_text(app)))


@pytest.mark.parametrize("lessons", PARTS, ids=lambda part: part[0].id)
async def test_every_lesson_is_solved_by_pressing_t(lessons):
    app = app_of(FakeSource(ordinary()), Place("lab"))
    async with app.run_test(size=(80, 24)) as pilot:
        view = await opened(pilot)
        for lesson in lessons:
            await view.session.ask("open", lesson=lesson.id)
            view.session.speed = 100.0
            await pilot.press("f1")
            for number in range(len(lesson.tasks)):
                await pilot.press("t")
                await until(pilot, lambda number=number: view.session.value("lesson")["tasks"][number]["is_done"])
                await until(pilot, lambda: not view.session.is_playing)
            await until(pilot, lambda: view.session.value("lesson")["chosen"] == 0, 5)
            assert view.session.value("lesson")["is_solved"], (lesson.id, view.session.value("lesson")["goals"])


@pytest.mark.parametrize(("key", "pressed"), KEYS, ids=[f"{key.id}-{pressed}" for key, pressed in KEYS])
async def test_pressing_a_key_does_what_it_is_bound_to(key, pressed, monkeypatch):
    called = []
    name = f"action_{key.action.partition('(')[0]}"

    async def nothing(self):
        await asyncio.sleep(0)

    monkeypatch.setattr(LaboratoryView, "_follow", nothing)
    monkeypatch.setattr(LaboratoryView, name, lambda self, *arguments: called.append(name))
    app = app_of(FakeSource(ordinary()), Place("lab"))
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press(pressed)
        await pilot.pause()
    assert called == [name]
