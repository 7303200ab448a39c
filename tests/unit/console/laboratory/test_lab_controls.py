"""What is done to time, by keys or by words: both faces have the same."""

import asyncio
import re
from pathlib import Path

import pytest

from console.errors import OperatorError
from console.laboratory.channel import LocalChannel
from console.laboratory.commands import BY_TAG
from console.laboratory.controls import COMMANDS, CONTROLS, USAGE, moment_ms
from console.laboratory.session import Session
from console.laboratory.situations import situation_of
from tui.bindings import keys_of

PAGE = Path(__file__).parents[4] / "web" / "static" / "js" / "laboratory" / "lab.js"


@pytest.fixture(autouse=True)
def learner(monkeypatch, tmp_path):
    """What this learner has done is nobody else's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def run(story):
    async def main():
        session = Session(LocalChannel)
        try:
            await session.run("open")
            return await story(session)
        finally:
            await session.close()

    return asyncio.run(asyncio.wait_for(main(), 60))


async def played(session):
    while session.is_playing:
        await asyncio.sleep(0.01)


def now_ms(session):
    return session.value("world")["now_ms"]


def test_both_faces_have_every_control_and_no_key_means_two_things():
    names = [each.name for each in CONTROLS]
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index("const RUN = {") : page.index("const BY_KEY")]

    assert len({each.key for each in CONTROLS}) == len(names) == len(set(names))
    assert {*names} <= {key.name for key in keys_of("lab")}
    for name in names:
        assert re.search(rf"\b{name}(:|,)", table), f"the page does nothing for {name}"


def test_words_to_time_are_no_actions_but_for_pause_which_is_both():
    assert {*COMMANDS} & {*BY_TAG} == {"pause"}
    assert {usage.split(" ")[0] for usage in USAGE} <= {*COMMANDS}


@pytest.mark.parametrize(
    ("text", "ms"),
    [("12.5", 12_500), ("90s", 90_000), ("2m", 120_000), ("500ms", 500), ("+60", 61_000), ("-0.5", 500), ("-9", 0)],
)
def test_a_moment_is_seconds_or_has_a_unit_or_is_from_here_on(text, ms):
    assert moment_ms(text, 1_000.0) == ms


@pytest.mark.parametrize("text", ["", "soon", "1e9", "1 2"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(OperatorError, match="no moment"):
        moment_ms(text, 0.0)


def test_one_jumps_into_the_past_and_into_what_is_to_come():
    async def story(session):
        await session.run("to 5")
        await played(session)
        assert now_ms(session) == 5_000
        await session.run("to 1.2")
        assert now_ms(session) == 1_200
        assert session.value("moment")["past"]
        await session.run("to 0")
        assert now_ms(session) < 200
        await session.run("now")
        assert now_ms(session) == 5_000
        await session.run("to +10")
        await played(session)
        assert now_ms(session) == 15_000

    run(story)


def test_play_pause_step_speed_and_fork_are_typed_and_pause_with_a_node_pauses_the_node():
    async def story(session):
        await session.run("play")
        assert session.is_playing
        await session.run("pause")
        assert not session.is_playing
        await session.run("pause 2")
        assert session.value("node/2")["is_paused"]
        before = now_ms(session)
        await session.run("instant")
        assert before < now_ms(session) < before + 1_000
        await session.run("speed 0.05")
        assert session.speed == 0.05
        await session.run("faster")
        assert session.speed == 0.1
        with pytest.raises(OperatorError, match="no speed"):
            await session.run("speed 3")
        await session.run("back")
        life = session.life
        await session.run("fork")
        assert session.life == life + 1

    run(story)


def test_a_lesson_is_taken_by_words_alone():
    async def story(session):
        with pytest.raises(OperatorError, match="no lesson"):
            await session.run("task")
        await session.run("lesson lost-record")
        await session.run("predict B")
        await session.run("speed 100")
        for _ in session.value("lesson")["tasks"]:
            await session.run("task")
            await played(session)
        assert session.value("lesson")["is_solved"]
        with pytest.raises(OperatorError, match="all tasks are done"):
            await session.run("task")
        await session.run("variant")
        assert session.value("lesson")["is_variant"]
        await session.run("again")
        assert not session.value("lesson")["is_solved"]
        assert session.value("lesson")["is_variant"]

    run(story)


def test_a_situation_is_opened_from_its_address_its_text_and_its_json():
    async def story(session):
        await session.run("kill 2")
        await session.run("to 1.5")
        await played(session)
        there = await session.ask("situation")
        for text in (
            f"http://somewhere/lab?s={there['text']}",
            f"/lab?s={there['text']}",
            there["text"],
            there["json"],
        ):
            await session.run("open")
            assert session.value("node/2")["state"] == "up"
            await session.run(f"open {text}")
            assert session.value("node/2")["state"] == "down"
            assert now_ms(session) == 1_500
            assert await session.ask("situation") == there
        with pytest.raises(OperatorError, match="begins with s1"):
            await session.run("open nothing")

    run(story)


def test_the_address_of_a_lesson_is_one_too():
    assert situation_of("http://x/lab?lesson=failover&variant=1") == {"lesson": "failover", "variant": True}
    assert situation_of("  ") == {}
