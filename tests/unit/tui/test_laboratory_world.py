"""The laboratory's world as lines: what a terminal of 80x24 has room for, and what must be seen in them."""

import asyncio

import pytest

from console.laboratory.channel import LocalChannel
from console.laboratory.session import Session
from tui.views.laboratory_lines import news
from tui.views.laboratory_world import world_lines

LOW, HIGH = 11, 40


@pytest.fixture(autouse=True)
def learner(monkeypatch, tmp_path):
    """What this learner has done is nobody else's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def told(story, width=78, height=HIGH):
    """The lines of the world after the story."""

    async def main():
        session = Session(LocalChannel)
        try:
            await session.run("open")
            await story(session)
            lines = world_lines(session, width, height)
        finally:
            await session.close()
        return ["".join(text for text, _ in line).rstrip() for line in lines]

    return asyncio.run(asyncio.wait_for(main(), 60))


async def _nothing(session):
    pass


def test_a_low_pane_has_all_nodes_on_a_line_and_a_high_one_a_line_for_each():
    low, high = told(_nothing, height=LOW), told(_nothing)
    assert [line.split() for line in low if "● up" in line] == [
        ["★1", "●", "up", "2", "●", "up", "leads", "1", "3", "●", "up"]
    ]
    assert sum("● up" in line for line in high) == 3


def test_what_was_lost_stands_below_the_logs_at_its_offset():
    async def lose(session):
        await session.run("produce orders plain partition=0")
        await session.ask("advance", ms=500)
        await session.run("partition 2|1,3")
        await session.run("produce orders precious acks=1")
        await session.ask("advance", ms=200)
        await session.run("kill 2")
        await session.ask("advance", ms=12_000)
        await session.run("heal")
        await session.run("restart 2")
        await session.ask("advance", ms=6_000)

    lines = told(lose)
    lost = next(line for line in lines if "✖ lost" in line)
    offsets = lines[lines.index(lost) - 4]
    assert lost[offsets.index("1") :].startswith("✖precious✖")


def test_readers_stand_below_the_record_they_read_next():
    async def read(session):
        for number in range(5):
            await session.run(f"produce orders v{number}")
        await session.run("add-consumer reader orders")
        await session.run("add-member worker shop orders")
        await session.ask("advance", ms=9_000)

    lines = told(read, width=100)
    readers = next(line for line in lines if line.startswith("  readers"))
    cells = next(line for line in lines if "[v4]" in line)
    assert readers.split() == ["readers", "▲shop", "△reader"]
    assert readers.index("▲shop") > cells.index("[v4]")


def test_what_a_lesson_is_about_comes_first():
    async def quorum(session):
        await session.run("lesson quorum")

    async def groups(session):
        await session.run("lesson consumer-lag")
        await session.run("add-member w shop orders")
        await session.ask("advance", ms=3_000)

    lines = told(quorum)
    assert lines.index(next(each for each in lines if each.startswith(" Quorum"))) < 5
    lines = told(groups)
    first = next(at for at, line in enumerate(lines) if line.startswith((" Group", " orders-0")))
    assert lines[first].startswith(" Group shop")


def test_the_newest_line_is_told_with_its_why_as_far_as_there_is_room():
    events = [
        ({"kind": "isr", "text": "orders-0: node 1 left the ISR.", "why": "Node 1 is down.", "kip": "KIP-497", "is_bad": False}, ""),
        ({"kind": "high-watermark", "text": "it moved", "why": "", "kip": "", "is_bad": False}, ""),
    ]  # fmt: skip
    assert (
        "".join(text for text, _ in news(None, events, 80))
        == " ◆ orders-0: node 1 left the ISR. Node 1 is down. KIP-497"
    )
    assert "".join(text for text, _ in news(None, events, 36)).rstrip() == " ◆ orders-0: node 1 left the ISR."
