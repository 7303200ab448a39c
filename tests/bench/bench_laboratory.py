"""The laboratory's faces under 2,000 events a second: how long a painting takes, and how long the loop is held up.

A made-up stream: 20 frames a second of 100 new lines each, and every replica's log anew in each, as a busy world tells it.
"""

import asyncio
import sys
import time
from pathlib import Path

from benching import Table, heading

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
SECONDS = 5
FRAMES_A_SECOND = 20
LINES = 100


class Busy:
    """A channel in front of a real room whose answers get many lines more."""

    def __init__(self):
        from console.laboratory.channel import LocalChannel

        self._inner = LocalChannel()
        self.number = 0

    async def ask(self, question):
        import msgspec

        answer = await self._inner.ask(question)
        if question["ask"] == "advance":
            first = self.number
            made = [{"number": first + at, "at_ms": 1.0 * first, "kind": "isr", "text": f"line {first + at} of many", "why": "because it was made up", "kip": "", "is_bad": False, "subject": ""} for at in range(LINES)]  # fmt: skip
            answer["events"] = [msgspec.json.encode(each) for each in made]
            answer["first"] = first
            self.number += LINES
            world = msgspec.json.decode(answer["set"].get("world", b"{}"))
            if world:
                answer["set"]["world"] = msgspec.json.encode({**world, "events": self.number})
        else:
            self.number = max(self.number, answer["first"] + len(answer["events"]))
        return answer

    async def close(self):
        await self._inner.close()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


async def terminal(table):
    sys.path.insert(0, str(ROOT))
    import tui.views.laboratory as faces
    from console.laboratory.session import Session
    from tests.tui.fakes import FakeSource, app_of, ordinary
    from tui.aliases import Place

    faces.Session = lambda: Session(Busy)
    app = app_of(FakeSource(ordinary()), Place("lab"))
    async with app.run_test(size=(160, 45)) as pilot:
        while app.view is None or not app.view.session.pieces:
            await pilot.pause(0.05)
        session, paints = app.view.session, []
        await session.ask("do", line="add-producer w orders rate=20")
        paint = app.view._paint

        def timed():
            begun = time.perf_counter()
            paint()
            paints.append(1_000 * (time.perf_counter() - begun))

        app.view._paint = timed
        before = session.version
        session.play()
        await pilot.pause(SECONDS)
        await session.pause()
        table.row("terminal: events told a second", LINES * (session.version - before) / SECONDS)
        table.row("terminal: lines made for a painting, ms, median", percentile(paints, 0.5))
        table.row("terminal: the same, 99th percentile", percentile(paints, 0.99))


async def page(table):
    from console.laboratory.session import Session
    from web.pages.laboratory.streaming import world_events

    session = Session(Busy)
    await session.ask("open")
    await session.ask("do", line="add-producer w orders rate=20")
    session.play()
    times, count, size, deadline = [], 0, 0, time.monotonic() + SECONDS
    async for event in world_events(session):
        begun = time.perf_counter()
        data = event.encode()
        times.append(1_000 * (time.perf_counter() - begun))
        count += len(event.data["events"])
        size += len(data)
        if time.monotonic() > deadline:
            break
    await session.close()
    table.row("page: events told a second", count / SECONDS)
    table.row("page: one message of the stream made, ms, median", percentile(times, 0.5))
    table.row("page: bytes a second to the browser", size / SECONDS)


def main():
    heading("The laboratory's faces under 2,000 events a second")
    table = Table("what", "value")
    asyncio.run(page(table))
    asyncio.run(terminal(table))


if __name__ == "__main__":
    main()
