"""A world as faces hold it: pieces that changed, play and pause, the past, failures; and every lesson through it."""

import asyncio

import pytest

from console.errors import OperatorError
from console.laboratory.channel import LocalChannel, WorkerChannel, WorldFailed
from console.laboratory.lessons import lesson_of, read_progress
from console.laboratory.room import Room
from console.laboratory.session import Session
from engine.sim.lessons import LESSONS


@pytest.fixture(autouse=True)
def learner(monkeypatch, tmp_path):
    """What this learner has done is nobody else's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def run(story, channel=LocalChannel):
    async def main():
        session = Session(channel)
        try:
            return await story(session)
        finally:
            await session.close()

    return asyncio.run(asyncio.wait_for(main(), 60))


async def played(session):
    while session.is_playing:
        await asyncio.sleep(0.01)


def test_only_pieces_that_changed_are_told_again():
    room = Room()

    async def asked():
        return [
            await room.answer({"ask": "open"}),
            await room.answer({"ask": "look", "at_ms": None}),
            await room.answer({"ask": "do", "line": "produce orders hello"}),
            await room.answer({"ask": "advance", "ms": 200}),
        ]

    first, quiet, produced, then = asyncio.run(asked())

    assert first["reset"]
    assert {"world", "node/1", "partition/orders-0", "log/orders-0/1", "quorum", "invariants"} <= set(first["set"])
    assert quiet["set"] == {}
    assert "A record 'hello'" in produced["said"]
    assert "log/orders-0/1" in then["set"]
    assert "quorum" not in then["set"]
    assert not then["reset"]
    assert then["first"] == produced["first"] + len(produced["events"])


def test_play_moves_time_until_pause_and_the_recording_can_be_looked_at():
    async def story(session):
        await session.ask("open")
        begun = session.value("world")["now_ms"]
        session.speed = 5.0
        session.play()
        await asyncio.sleep(0.3)
        await session.pause()
        stopped = session.value("world")["now_ms"]
        await asyncio.sleep(0.15)
        assert session.value("world")["now_ms"] == stopped > begun

        await session.ask("look", at_ms=begun)
        assert session.value("moment")["past"]
        assert session.value("world")["now_ms"] <= begun + 100
        with pytest.raises(OperatorError, match="cannot be changed"):
            await session.ask("do", line="kill 1")

        await session.ask("look", at_ms=None)
        assert not session.value("moment")["past"]
        assert session.value("world")["now_ms"] == stopped

    run(story)


def test_a_fork_goes_on_from_the_past_and_cuts_off_what_came_later():
    async def story(session):
        await session.ask("open")
        before = session.value("world")["now_ms"]
        await session.ask("advance", ms=500)
        await session.ask("do", line="kill 1")
        await session.ask("advance", ms=500)
        life = session.life

        await session.ask("look", at_ms=before + 300)
        await session.ask("fork")

        assert session.life == life + 1
        assert session.value("moment") == {"present_ms": session.value("world")["now_ms"], "past": False, "seed": 7}
        assert session.value("node/1")["state"] == "up"

    run(story)


def test_a_situation_opens_the_same_world_elsewhere():
    async def story(session):
        await session.ask("open", seed=11, nodes=4)
        await session.ask("do", line="produce orders hello acks=1")
        await session.ask("advance", ms=700)
        text = (await session.ask("situation"))["text"]
        was = {**session.pieces, "moment": b""}

        await session.ask("open", text=text)

        assert {**session.pieces, "moment": b""} == was

    run(story)


def test_play_stops_at_what_is_lost():
    async def story(session):
        await session.ask("open", lesson="lost-record")
        for line in ("partition 1|2,3", "produce orders precious acks=1"):
            await session.ask("do", line=line)
            await session.ask("advance", ms=300)
        await session.ask("do", line="kill 1")
        await session.ask("do", line="heal")
        await session.ask("advance", ms=12_000)
        await session.ask("do", line="restart 1")
        session.speed = 20.0
        session.play()
        await played(session)

        assert session.value("world")["counts"]["lost"] == 1
        assert session.value("lost")[0]["value"] == "precious"

    run(story)


def test_a_world_that_fails_says_so_until_another_is_opened():
    class Breaks(LocalChannel):
        async def ask(self, question):
            if question["ask"] == "advance":
                raise WorldFailed("the world's process is gone")
            return await super().ask(question)

    async def story(session):
        await session.ask("open")
        with pytest.raises(WorldFailed):
            await session.ask("advance", ms=1)
        with pytest.raises(WorldFailed, match="is gone"):
            await session.ask("do", line="kill 1")
        assert session.failure

        await session.ask("open")
        assert session.failure == ""

    run(story, Breaks)


def test_a_world_outlives_whoever_asked_and_went_away():
    class Slow(LocalChannel):
        async def ask(self, question):
            await asyncio.sleep(0.05)
            return await super().ask(question)

    async def story(session):
        asking = asyncio.ensure_future(session.ask("open"))
        await asyncio.sleep(0.01)
        asking.cancel()
        await session.ask("do", line="kill 2")
        assert session.value("node/2")["state"] == "down"

    run(story, Slow)


def test_a_world_in_its_own_process_answers_and_ends_with_its_session():
    async def story(session):
        await session.ask("open")
        process = session._channel._process
        await session.ask("do", line="kill 2")
        assert session.value("node/2")["state"] == "down"
        await session.close()
        assert process.returncode is not None

    async def main():
        await story(Session())

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_process_that_was_made_ready_and_died_is_no_loss():
    async def story(session):
        await session.warm()
        process = session._channel._process
        process.kill()
        await process.wait()
        await session.ask("open")
        assert session.value("node/1")["state"] == "up"
        assert session._channel._process is not process
        await session.close()

    async def main():
        await story(Session())

    asyncio.run(asyncio.wait_for(main(), 60))


def states(session):
    return [task["state"] for task in session.value("lesson")["tasks"]]


def test_a_step_is_played_to_its_end_before_the_next_and_the_world_waits_there():
    async def story(session):
        await session.ask("open", lesson="lost-record")
        await session.take_step(0)
        with pytest.raises(OperatorError, match="step 1 is still being played"):
            await session.take_step(1)
        await played(session)
        assert states(session) == ["done", "todo", "todo", "todo"]

        session.play()
        await session.take_step(1)
        await played(session)
        await session.take_step(2)
        await session.pause()
        assert states(session)[:3] == ["done", "done", "playing"]
        session.play()
        await played(session)
        assert states(session)[:3] == ["done", "done", "done"]

    run(story)


def test_a_goal_that_holds_from_the_beginning_shows_nothing_before_something_was_done():
    async def story(session):
        await session.ask("open", lesson="failover")
        session.speed = 100.0

        def reached():
            return [goal["is_reached"] for goal in session.value("lesson")["goals"]]

        assert reached() == [False, False, False, False]
        await session.take_step(0)
        await played(session)
        assert reached()[0]
        assert not reached()[2]
        for number in (1, 2):
            await session.take_step(number)
            await played(session)
        assert reached() == [True, True, True, True]

    run(story)


def test_a_step_that_leads_nowhere_says_why_and_the_last_one_that_it_became_another_story():
    async def story(session):
        await session.ask("open", lesson="lost-record")
        session.speed = 100.0
        for number in range(4):
            await session.take_step(number)
            await played(session)
            await session.ask("advance", ms=20_000)
        lesson = session.value("lesson")
        assert states(session) == ["done", "missed", "missed", "missed"]
        assert "produce sooner" in lesson["tasks"][1]["said"]
        assert not lesson["is_solved"]
        assert "Start again" in lesson["hint"]

    run(story)


def test_a_client_of_ones_own_comes_in_through_a_port_and_is_answered_while_the_world_is_played():
    confluent_kafka = pytest.importorskip("confluent_kafka")

    def produce(servers):
        told = []
        producer = confluent_kafka.Producer({"bootstrap.servers": servers, "linger.ms": 0})
        producer.produce("orders", b"from outside", on_delivery=lambda error, _: told.append(error))
        return producer.flush(30), told

    async def story(session):
        await session.ask("do", line="kill 3")
        before = session.value("world")["now_ms"]
        said = await session.run("connect")
        assert said is None
        assert "answered while the world is played" in session.said
        assert session.value("world")["now_ms"] == before
        assert session.value("node/3")["state"] == "down"
        outside = session.value("outside")
        assert outside["connections"] == 0
        session.play()
        assert await asyncio.to_thread(produce, outside["bootstrap_servers"]) == (0, [None])
        await session.pause()
        assert [record[3] for record in session.value("log/orders-0/1")["records"]] == ["from outside"]
        assert "clients from outside" in (await session.ask("situation"))["warning"]
        with pytest.raises(OperatorError, match="no test could play it again"):
            await session.ask("export", kind="pytest")
        await session.run("disconnect")
        assert session.value("outside") is None

    run(story, WorkerChannel)


def test_a_step_stands_still_for_who_reads_unless_it_is_played_faster():
    async def story(session):
        await session.ask("open", lesson="failover")
        await session.take_step(0)
        known = len(session.events)
        first = session.value("world")["now_ms"]
        async for _ in session.changes():
            if len(session.events) > known:
                break
        assert session.is_playing
        # It has stopped at the first line there was, and not at the end of a slice.
        assert session.value("lesson")["tasks"][0]["state"] == "playing"
        assert session.value("world")["now_ms"] - first < 3_000
        session.speed = 100.0
        await played(session)
        assert session.value("lesson")["tasks"][0]["is_done"]

    run(story)


def test_what_is_taken_along_from_the_past_is_of_the_moment_that_is_shown():
    async def story(session):
        await session.ask("advance", ms=1_000)
        await session.ask("do", line="kill 2")
        await session.ask("advance", ms=500)
        await session.run("to 0.5")
        for kind in ("json", "html", "pytest", "situation"):
            assert "kill" not in (await session.ask("export", kind=kind))["text"]
        await session.run("now")
        assert "kill" in (await session.ask("export", kind="pytest"))["text"]

    run(story)


@pytest.mark.parametrize("lesson", [lesson.id for lesson in LESSONS])
def test_every_lesson_is_solved_by_the_buttons_of_the_faces(lesson):
    async def story(session):
        session.speed = 100.0
        await session.ask("open", lesson=lesson)
        piece = session.value("lesson")
        assert piece["explanation"] == ""
        assert piece["answer"] is None
        await session.ask("predict", choice=lesson_of(lesson).prediction.answer)
        for task in piece["tasks"]:
            await session.take_step(task["number"])
            await played(session)
        solved = session.value("lesson")
        assert solved["is_solved"], solved["goals"]
        assert solved["explanation"]
        assert solved["answer"] == solved["chosen"]
        assert read_progress()[lesson].solved

    run(story)
