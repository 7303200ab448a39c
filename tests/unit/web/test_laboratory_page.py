"""The laboratory's page asked directly: its cookie, its questions, its stream, its bounds."""

import asyncio
import json

import pytest
from starlette.exceptions import HTTPException

from console.errors import OperatorError
from console.laboratory.channel import LocalChannel
from console.laboratory.session import Session
from engine.cluster import Cluster
from tests.unit.web.consoles import console_on
from web.pages.laboratory.sessions import COOKIE, UNSEEN_S, Sessions
from web.pages.laboratory.streaming import world_events

NAME = "0123456789abcdef0123456789abcdef"


def local():
    return Session(LocalChannel)


@pytest.fixture(autouse=True)
def learner(monkeypatch, tmp_path):
    """What this learner has done is nobody else's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


def run(story, tmp_path):
    async def main():
        async with Cluster(nodes=1, port=0) as cluster, console_on(cluster, tmp_path) as visitor:
            visitor.app.state.laboratory = Sessions(local)
            visitor.headers["cookie"] = f"{COOKIE}={NAME}"
            try:
                return await story(visitor)
            finally:
                await visitor.app.state.laboratory.close()

    return asyncio.run(asyncio.wait_for(main(), 60))


def test_the_page_gives_a_cookie_and_holds_every_action(tmp_path):
    async def story(visitor):
        visitor.headers.pop("cookie")
        page = await visitor.get("/lab")
        assert page.status == 200
        assert "HttpOnly" in page.header("set-cookie")
        assert "SameSite=strict" in page.header("set-cookie")
        for tag in ("power-cut", "take-away", "add-member", "drop"):
            assert f"&#34;{tag}&#34;" in page.text
        assert (await visitor.get("/lab/stream")).status == 400
        assert (await visitor.get("/lab?s=%22%3E%3Cscript%3E")).text.count("<script>") == 0

    run(story, tmp_path)


def test_questions_are_answered_and_wrong_ones_say_why(tmp_path):
    async def story(visitor):
        done = await visitor.post("/lab/ask", data={"ask": "do", "line": "kill 2"})
        assert "Node 2 was killed" in done.json["said"]
        wrong = await visitor.post("/lab/ask", data={"ask": "do", "line": "explode"})
        assert (wrong.status, wrong.json["error"]) == (422, "there is no action 'explode'; a lists them")
        assert (await visitor.post("/lab/ask", data={"ask": "export"})).status == 422
        assert (await visitor.post("/lab/ask", data=[1])).status == 400
        assert (await visitor.post("/lab/ask", data={"ask": "open", "text": "s1nothing"})).status == 422
        world = (await visitor.get("/lab.json")).json["pieces"]
        assert world["node/2"]["state"] == "down"

    run(story, tmp_path)


def test_other_pages_cannot_do_anything_to_a_world(tmp_path):
    async def story(visitor):
        stranger = {"origin": "http://elsewhere.example", "sec-fetch-site": "cross-site"}
        answer = await visitor.post("/lab/ask", data={"ask": "do", "line": "kill 2"}, headers=stranger)
        assert answer.status == 403
        assert len(visitor.app.state.laboratory) == 0

    run(story, tmp_path)


@pytest.mark.parametrize(("kind", "name"), [("situation", "situation.json"), ("json", "timeline.json"), ("html", "timeline.html"), ("pytest", "test_situation.py")])  # fmt: skip
def test_what_is_taken_along_is_a_file(kind, name, tmp_path):
    async def story(visitor):
        await visitor.post("/lab/ask", data={"ask": "do", "line": "kill 2"})
        found = await visitor.get(f"/lab/export?kind={kind}")
        assert found.status == 200
        assert name in found.header("content-disposition")
        assert "sandbox" in found.header("content-security-policy")
        assert "kill" in found.text

    run(story, tmp_path)


def test_lessons_are_listed_and_lead_to_their_world(tmp_path):
    async def story(visitor):
        rows = (await visitor.get("/lab/lessons.json")).json["lessons"]
        assert len(rows) >= 20
        assert not any(row["solved"] for row in rows)
        away = await visitor.get(f"/lab/lessons/{rows[0]['id']}")
        assert away.header("location") == f"/lab?lesson={rows[0]['id']}"
        assert (await visitor.get("/lab/lessons/none")).status == 404

    run(story, tmp_path)


def test_the_stream_tells_everything_first_and_then_what_differs():
    async def story():
        session = local()
        events = world_events(session)
        first = await anext(events)
        await session.ask("do", line="kill 2")
        second = await anext(events)
        seen = json.loads(second.encode().split(b"data: ", 1)[1])
        await events.aclose()
        await session.close()
        assert first.data["reset"]
        assert not seen["reset"]
        assert seen["set"]["node/2"]["state"] == "down"
        assert "invariants" not in seen["set"]
        assert seen["events"][0]["text"].startswith("Node 2 was killed")

    asyncio.run(asyncio.wait_for(story(), 30))


def test_there_are_only_so_many_worlds_and_those_that_nobody_sees_make_room():
    async def story():
        sessions = Sessions(local, worlds_max=2)
        first = await sessions.open("a" * 32)
        second = await sessions.open("b" * 32)
        watching = second.changes()
        await anext(watching)
        await sessions.open("c" * 32)
        assert sessions.of("a" * 32) is None
        third = await sessions.open("c" * 32)
        also = third.changes()
        await anext(also)
        with pytest.raises(HTTPException) as refused:
            await sessions.open("d" * 32)
        assert refused.value.status_code == 503
        await watching.aclose()
        await also.aclose()
        await sessions.close()
        assert len(sessions) == 0
        assert first is not second

    asyncio.run(asyncio.wait_for(story(), 30))


def test_a_world_that_nobody_looks_at_pauses_and_then_ends():
    async def story():
        sessions = Sessions(local, idle_s=100)
        session = await sessions.open("a" * 32)
        await session.ask("open")
        session.play()
        asked_s = sessions._worlds["a" * 32][1]
        await sessions.look(asked_s + UNSEEN_S - 1)
        assert session.is_playing
        await sessions.look(asked_s + UNSEEN_S + 1)
        assert not session.is_playing
        await sessions.look(asked_s + 101)
        assert len(sessions) == 0
        await sessions.close()

    asyncio.run(asyncio.wait_for(story(), 30))


def test_a_world_is_made_ready_while_somebody_reads_and_is_the_next_one_that_is_opened():
    async def story():
        sessions = Sessions(local, idle_s=100)
        sessions.warm("a" * 32)
        sessions.warm("b" * 32)
        spare, warming, _ = sessions._spare
        await warming
        assert len(sessions) == 0
        assert await sessions.open("b" * 32) is spare
        assert sessions._spare is None
        sessions.warm("b" * 32)
        assert sessions._spare is None, "this browser has a world"

        sessions.warm("c" * 32)
        unused = sessions._spare[0]
        await sessions.look(sessions._spare[2] + 101)
        assert sessions._spare is None
        with pytest.raises(OperatorError, match="closed"):
            await unused.ask("open")
        await sessions.close()

    asyncio.run(asyncio.wait_for(story(), 60))


def test_a_lesson_can_be_read_while_its_world_is_opened(tmp_path):
    async def story(visitor):
        page = await visitor.get("/lab?lesson=lost-record")
        assert "<h2>Your first lost record</h2>" in page.text
        assert "Make it disappear" in page.text
        assert (await visitor.get("/lab?lesson=nothing")).status == 200

    run(story, tmp_path)
