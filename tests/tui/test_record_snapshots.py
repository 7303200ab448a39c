"""How records and SQL look: empty, as usual, wrong, huge and hostile; narrow and wide, on a cluster of their own.

`STOKER_UPDATE_SNAPSHOTS=1` writes them anew: look at the difference before it is committed.
"""

import os
import re

import pytest

from console.records.producing import NewRecord
from tests.tui.fakes import NOW_MS, SNAPSHOTS, screen_snapshot
from tests.tui.live import HOSTILE_RECORDS, order

pytestmark = pytest.mark.anyio

SIZES = [(80, 24), (160, 45)]
VARYING = re.compile(r"[\d,.]+ ?/s|in \d+\.\d\d s|Producer +id \d+|batch|KiB read|\d ms left|Size  .*compression|Base offset|^\|.*\d+ B read|partition 0, offset \d+$")  # fmt: skip
"""What is otherwise in each run: rates, times, producers."""
NOT_REACHED = re.compile("no cluster at|cannot reach|did not answer|could not be reached")
UNREADY = re.compile(r"(?i)\b(reading|searching|asking|planning|decoding|loading)\b")
"""What a screen says that is not as it stays."""

CASES = {
    "records-empty": ("records", "snap-empty"),
    "records-ordinary": ("records", "snap-orders"),
    "records-two": ("records", "snap-orders,snap-empty from=-3"),
    "records-narrowed": ("records", "snap-orders grep='customer-1[01]' from=beginning"),
    "records-wrong": ("records", "snap-orders from=someday"),
    "records-unknown": ("records", "snap-nowhere"),
    "records-huge": ("records", "snap-huge"),
    "records-hostile": ("records", "snap-hostile"),
    "records-unreachable": ("records", "snap-orders"),
    "record-ordinary": ("record", "snap-orders 1 3"),
    "record-unknown": ("record", "snap-orders 1 3000"),
    "record-wrong": ("record", "snap-orders"),
    "record-huge": ("record", "snap-huge 0 0"),
    "record-hostile": ("record", "snap-hostile 0 0"),
    "record-bytes": ("record", "snap-hostile 0 3"),
    "record-null": ("record", "snap-hostile 0 1"),
    "record-unreachable": ("record", "snap-orders 1 3"),
    "tail-empty": ("tail", "snap-empty"),
    "tail-ordinary": ("tail", "snap-orders from=beginning"),
    "tail-huge": ("tail", "snap-huge from=beginning"),
    "tail-hostile": ("tail", "snap-hostile from=beginning"),
    "tail-wrong": ("tail", "snap-orders from=someday"),
    "tail-unreachable": ("tail", "snap-orders"),
    "search-empty": ("search", "snap-orders unicorn"),
    "search-ordinary": ("search", "snap-orders paid"),
    "search-unknown": ("search", "snap-nowhere paid"),
    "search-huge": ("search", "snap-huge xxx"),
    "search-hostile": ("search", "snap-hostile ders"),
    "search-unreachable": ("search", "snap-orders paid"),
    "produce-empty": ("produce", "snap-empty"),
    "produce-like": ("produce", "snap-orders 1 3"),
    "produce-hostile": ("produce", "snap-hostile 0 0"),
    "produce-ordinary": ("produce", "snap-sent"),
    "produce-huge": ("produce", "snap-huge 0 0"),
    "produce-unreachable": ("produce", "snap-orders"),
    "sql-empty": ("sql",),
    "sql-ordinary": ("sql", "select offset, key, value from \"snap-orders\" where partition = 1 order by offset -- ours"),
    "sql-none": ("sql", 'select * from "snap-empty"'),
    "sql-wrong": ("sql", "select * from snap_nowhere"),
    "sql-huge": ("sql", "select range a, range * 2 b, 'x' || range c from range(500000)"),
    "sql-unreachable": ("sql", "select * from orders"),
    "sql-hostile": ("sql", 'select key, value, 1 n from "snap-hostile" where offset <> 3'),
}  # fmt: skip


@pytest.fixture(scope="module")
def filled(embedded):
    """Topics of fixed names, filled once for each process of pytest."""
    import asyncio

    from tests.tui.live import Live

    live = Live(embedded)

    async def fill():
        live.topic(name="snap-empty")
        live.topic(name="snap-sent")
        live.topic(3, "snap-orders")
        await live.send("snap-orders", [order(number) for number in range(90)])
        live.topic(name="snap-hostile")
        await live.send("snap-hostile", HOSTILE_RECORDS)
        live.topic(name="snap-huge", max_message_bytes=8_000_000)
        await live.send(
            "snap-huge", [NewRecord(b"big" * 1_000, b"x" * 2_000_000, (("h", b"y" * 5_000),), 0, NOW_MS)] * 2
        )
        await live.send("snap-huge", [NewRecord(b"%d" % n, b"xxx %d" % n, (), 0, NOW_MS + n) for n in range(3_000)])

    asyncio.run(fill())
    return live


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "160x45"])
@pytest.mark.parametrize("case", CASES)
async def test_it_looks_as_it_did(filled, case, size):
    view, *words = CASES[case]
    opened = filled.open_out_of_reach if case.endswith("unreachable") else filled.open
    async with opened(view, *words, size=size) as app:
        shown = app.view
        if case.endswith("unreachable"):
            await out_of_reach(app)
        elif case == "produce-ordinary":
            await filled_in(app)
        elif view == "tail" and "wrong" not in case and "empty" not in case:
            expected = {"ordinary": 90, "huge": 3_002, "hostile": len(HOSTILE_RECORDS)}[case.partition("-")[2]]
            await app.until(lambda: shown.lines.arrived == expected)
            shown._show()
        elif view == "search":
            await app.until(lambda: not shown.running)
        elif view == "sql" and words:
            await app.press("f5")
            await app.until(lambda: not shown.running)
        await ready(app)
        found = screen_snapshot(app.app, styled=False)

    compare(f"{case}-{size[0]}x{size[1]}", steady(found))


async def out_of_reach(app):
    """Until that is said; what asks only when it is told to, is told."""
    if app.app.navigation.place.view == "sql":
        await app.press("f5")
    elif app.app.navigation.place.view == "produce":
        await app.press("x", "ctrl+y")
    await app.until(lambda: "cannot be reached" in app.text and NOT_REACHED.search(app.text))


async def filled_in(app):
    """A record that was typed and sent."""
    await app.press(*"customer-7")
    await app.press("tab", "tab", *"trace", "equals_sign", *"abc", "tab", "0", "tab", "tab", "tab", "tab")
    await app.type('{"id": 7}')
    await app.press("ctrl+y")
    await app.until(lambda: "Sent" in app.text)


async def ready(app):
    """Until the screen is as it stays: what is read in a thread may be later than the loop's rest."""
    await app.until(lambda: not UNREADY.search(app.text))


async def test_the_light_theme_has_colours_of_its_own(filled):
    view, *words = CASES["records-hostile"]
    async with filled.open(view, *words, size=(80, 24), theme="stoker-light") as app:
        await ready(app)
        found = screen_snapshot(app.app)
    compare("records-light", found)


@pytest.mark.parametrize("mode", ["f6", "f7"])
async def test_plan_and_chart_look_as_they_did(filled, mode):
    async with filled.open("sql", 'select timestamp, offset from "snap-orders" order by 1', size=(80, 24)) as app:
        await app.press("f5")
        await app.until(lambda: not app.view.running)
        await app.press(mode)
        await app.until(lambda: not app.view.running)
        await ready(app)
        found = screen_snapshot(app.app, styled=False)
    compare(f"sql-{'plan' if mode == 'f6' else 'chart'}", steady(found))


def steady(text):
    lines = []
    for line in text.splitlines():
        shown = VARYING.sub("#", line)
        lines.append(re.sub(r" {2,}", " ", re.sub(r"#.*#", "#", shown)) if shown != line else line)
    return "\n".join(lines) + "\n"


def compare(name, found):
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("STOKER_UPDATE_SNAPSHOTS"):
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
        return
    assert path.exists(), f"no snapshot {path.name}: STOKER_UPDATE_SNAPSHOTS=1 writes it"
    assert found == path.read_text(encoding="utf-8"), path.name


def test_no_snapshot_is_left_over():
    known = {f"{case}-{width}x{height}" for case in CASES for width, height in SIZES}
    known |= {"records-light", "sql-plan", "sql-chart"}
    views = {case.partition("-")[0] for case in CASES}
    assert {path.stem for path in SNAPSHOTS.glob("*.txt") if path.stem.split("-")[0] in views} <= known
