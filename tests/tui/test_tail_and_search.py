"""Records as they arrive, and records that are looked for."""

import asyncio

import pytest

from console.errors import OperatorError
from console.records.producing import NewRecord
from tests.tui.fakes import NOW_MS, WAIT_SECONDS
from tests.tui.live import HOSTILE_RECORDS, order
from tui.views import search as search_view
from tui.views.tail import TailEntry
from tui.widgets.cells import cells
from tui.widgets.log_lines import LogLines, Tops, wrapped, wrapped_height

pytestmark = pytest.mark.anyio


class Words:
    def __init__(self, text):
        self.text = text


def numbered(begin, end):
    return [Words(f"line {number}") for number in range(begin, end)]


# the lines of a log


def test_only_so_many_lines_are_kept_and_those_no_screen_had_are_counted():
    lines = LogLines(kept_max=10)
    lines.add(numbered(0, 8))
    lines.painted()
    lines.add(numbered(8, 30))

    assert [each.text for each in lines.shown] == [f"line {number}" for number in range(20, 30)]
    assert lines.arrived == 30
    # 0 to 7 were painted; 8 to 19 came and went between two paints.
    assert lines.overtaken == 12
    lines.painted()
    lines.add(numbered(30, 35))
    assert lines.overtaken == 12


def test_all_that_arrived_is_either_kept_painted_or_counted_as_overtaken():
    lines, painted = LogLines(kept_max=7), set()
    arrived = 0
    for step in (1, 20, 3, 0, 7, 8, 50, 2):
        lines.add(numbered(arrived, arrived + step))
        arrived += step
        if step % 2:
            painted |= {each.text for each in lines.entries}
            lines.painted()
    painted |= {each.text for each in lines.entries}

    assert lines.overtaken == arrived - len(painted)


def test_a_filter_hides_or_marks():
    lines = LogLines(kept_max=10)
    lines.add(numbered(0, 12))
    lines.set_filter("[13]$")

    assert [each.text for each in lines.shown] == ["line 3", "line 11"]
    lines.add([Words("line 13"), Words("line 14")])
    assert [each.text for each in lines.shown] == ["line 11", "line 13"]
    assert lines.add(numbered(20, 30)) == 2
    lines.toggle_hiding()
    assert len(lines.shown) == 10
    assert lines.find(0, 1) == 1
    with pytest.raises(OperatorError):
        lines.set_filter("(")
    assert lines.filter_text == "[13]$"


def test_the_next_match_goes_round_the_end():
    lines = LogLines()
    lines.add(numbered(0, 30))
    lines.set_filter("line 2")
    lines.toggle_hiding()

    assert lines.find(2, 1) == 20
    assert lines.find(29, 1) == 2
    assert lines.find(2, -1) == 29


def test_wrapped_pieces_are_as_wide_as_there_is_room_and_lose_nothing():
    assert wrapped("abcdefgh", 3) == ["abc", "def", "gh"]
    assert wrapped("你好你好", 5) == ["你好", "你好"]
    assert "".join(wrapped("a你" * 50, 7)) == "a你" * 50


@pytest.mark.parametrize("text", ["", "abc", "abcdefgh" * 9, "a你" * 50])
@pytest.mark.parametrize("columns", [1, 2, 3, 7, 20, 500])
def test_what_goes_on_stands_two_columns_from_the_edge(text, columns):
    first, *others = wrapped(text, columns, 2)

    assert "".join((first, *others)) == text
    assert cells(first) <= columns or columns <= 2
    assert all(cells(each) <= columns - 2 or each == "你" for each in others)
    if text.isascii():
        assert wrapped_height(len(text), columns, 2) == 1 + len(others)


def test_places_of_lines_of_different_heights():
    tops = Tops([1, 3, 2])
    assert tops.height == 6
    assert [tops.at(y) for y in range(6)] == [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0), (2, 1)]


# the live tail


async def test_records_of_several_topics_appear_as_they_arrive(live):
    first, second = live.topic(), live.topic()

    async with live.open("tail", f"{first},{second}") as app:
        assert "Following" in app.text
        await app.until(lambda: app.view._positions or app.app.source.snapshot)
        await asyncio.wait_for(followed(live, app, first), WAIT_SECONDS)
        await live.send(second, [NewRecord(b"k", b"from the other", (), 0, NOW_MS)])
        await app.until(lambda: "from the other" in app.text)
        assert f"{second}-0@0 k  from the other" in app.text
        assert "0 not shown" in app.view.status()
        assert "following" in app.view.status()


async def followed(live, app, topic):
    """Sends until something is seen: where the end is was asked by then."""
    while "probe" not in app.text:
        await live.send(topic, [NewRecord(None, b"probe")])
        await app.pilot.pause(0.05)


async def test_the_tail_can_begin_earlier(live):
    topic = await live.orders(30)

    async with live.open("tail", f"{topic} from=-5") as app:
        await app.until(lambda: '"id": 29' in app.text)
        assert '"id": 25' in app.text
        assert '"id": 24' not in app.text


async def tailing(live, app, count):
    await app.until(lambda: app.view.lines.arrived == count)


async def test_s_stops_following_and_keeps_the_place(live):
    topic = await live.orders(100, partitions=1)

    async with live.open("tail", f"{topic} from=beginning", size=(100, 20)) as app:
        await tailing(live, app, 100)
        assert '"id": 99' in app.text
        await app.press("s")
        await app.press("g")
        assert '"id": 0,' in app.text
        await live.send(topic, [order(100, 1)])
        await tailing(live, app, 101)
        assert '"id": 0,' in app.text
        assert "stopped" in app.view.status()
        await app.press("s")
        assert '"id": 100' in app.text


async def test_the_line_that_the_cursor_is_on_is_seen_once_it_does_not_follow(live):
    topic = await live.orders(5)
    async with live.open("tail", topic, "from=beginning") as app:
        await app.until(lambda: app.view.lines.arrived == 5)
        pane = app.view.pane

        def backgrounds():
            return [{segment.style.bgcolor for segment in pane.render_line(y)} for y in range(5)]

        assert len({*map(frozenset, backgrounds())}) == 1
        await app.press("k")
        cursor = backgrounds().pop(pane.cursor)
        assert len(cursor) == 1
        assert cursor not in [each for at, each in enumerate(backgrounds()) if at != pane.cursor]


async def test_moving_stops_following_and_enter_opens(live):
    topic = await live.orders(10, partitions=1)

    async with live.open("tail", f"{topic} from=beginning") as app:
        await tailing(live, app, 10)
        await app.press("up", "up", "enter")
        assert app.place == f"record {topic} 0 7"
        await app.press("escape", "G")
        assert app.view.pane.follows


async def test_w_wraps_t_goes_through_times_and_f_takes_the_screen(live):
    topic = live.topic()
    await live.send(topic, [NewRecord(b"k", b"word " * 60, (), 0, NOW_MS)])

    async with live.open("tail", f"{topic} from=beginning", size=(80, 24)) as app:
        await tailing(live, app, 1)
        rows = [line for line in app.text.splitlines() if "word" in line]
        assert len(rows) == 1
        assert rows[0].endswith("…")
        await app.press("w")
        rows = [line for line in app.text.splitlines() if "word" in line]
        assert sum(line.count("word") for line in rows) >= 55
        assert len(rows) == 5
        assert rows[0].startswith(" 20:26:40.000 0@0 k  word")
        assert all(row.startswith("   ") for row in rows[1:])
        await app.press("t")
        assert "2026-05-28 20:26:40.000" in app.text
        await app.press("t")
        assert "20:26:40" not in app.text
        await app.press("f")
        assert "stoker" not in app.text
        await app.press("escape")
        assert "stoker" in app.text
        await app.press("f", "b")
        assert "stoker" in app.text


async def test_slash_hides_what_does_not_match_m_shows_it_n_goes_to_matches(live):
    topic = await live.orders(30, partitions=1)

    async with live.open("tail", f"{topic} from=beginning") as app:
        await tailing(live, app, 30)
        await app.press("slash")
        await app.type("sent")
        await app.press("enter")
        assert '"paid"' not in app.text
        assert "10 match" in app.view.status()
        await app.press("m")
        assert '"paid"' in app.text
        await app.press("N")
        assert '"id": 26' in app.view.copied()
        await app.press("n", "n")
        assert '"id": 2,' in app.view.copied()
        await app.press("escape")
        assert app.view.filter_text == ""


async def test_x_empties_the_screen_and_the_count_goes_on(live):
    topic = await live.orders(5, partitions=1)

    async with live.open("tail", f"{topic} from=beginning") as app:
        await tailing(live, app, 5)
        await app.press("x")
        assert "customer" not in app.text
        assert "5 arrived" in app.view.status()


async def test_hostile_records_are_lines_like_others(live):
    topic = live.topic()
    await live.send(topic, HOSTILE_RECORDS)

    async with live.open("tail", f"{topic} from=beginning", size=(120, 24)) as app:
        await tailing(live, app, len(HOSTILE_RECORDS))
        text = app.text
        assert "\\x1b[31mred" in text
        assert "\\nnext\\x07" in text
        assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(text)
        await app.press("w")
        assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(app.text)


async def test_more_than_can_be_shown_is_counted_exactly(live):
    topic = await live.orders(1, partitions=1)

    async with live.open("tail", f"{topic} from=beginning") as app:
        await tailing(live, app, 1)
        view = app.view
        (entry,) = view.lines.entries
        # Without a chance to paint in between: as when the terminal is too slow.
        view._painted_at = asyncio.get_running_loop().time() + 3_600
        for _ in range(25):
            view.take([TailEntry(entry.record, view.decoder) for _ in range(1_000)])
        view._show()
        assert view.not_shown == 25_001 - 10_000 - 1
        assert "15,000 not shown" in view.status()


async def test_a_topic_that_is_not_there_yet_is_tried_again(live, monkeypatch):
    from tui.views import tail

    monkeypatch.setattr(tail, "RETRY_SECONDS", 0.05)
    async with live.open("tail", "later-on from=beginning") as app:
        await app.until(lambda: app.view.failure is not None)
        assert "later-on" in app.text
        assert "trying again" in app.view.status()
        await live.orders(2, name="later-on", partitions=1)
        await tailing(live, app, 2)
        assert "trying again" not in app.view.status()


async def test_the_form_of_the_tail_narrows_it(live):
    topic = await live.orders(9, partitions=1)

    async with live.open("tail", f"{topic} from=beginning") as app:
        await tailing(live, app, 9)
        await app.press("e", "tab", "tab", "tab")
        await app.type("paid")
        await app.press("ctrl+y")
        await app.until(lambda: app.view.lines.arrived == 12)
        assert app.view.words.contains == "paid"


# search


async def searched(app):
    await app.until(lambda: app.view.step is not None and not app.view.running)


async def test_a_search_finds_all_and_accounts_for_what_it_looked_at(live):
    topic = await live.orders(300)

    async with live.open("search", f"{topic} paid") as app:
        await searched(app)
        assert len(app.view.model) == 100
        assert "100 matches in 300 of 300" in app.text
        assert "100%" in app.text
        await app.press("enter")
        assert app.place == f"record {topic} 1 0"


async def test_a_search_without_words_asks_for_them(live):
    topic = await live.orders(30)

    async with live.open("search", topic) as app:
        await app.type('"id": 7,')
        await app.press("ctrl+y")
        await searched(app)
        assert len(app.view.model) == 1


async def test_a_search_says_what_it_could_not_decide(live):
    topic = await live.orders(4, partitions=1)
    await live.send(topic, [NewRecord(None, b"\xff no json")])

    async with live.open("search", f"{topic} json=status=new") as app:
        await searched(app)
        assert len(app.view.model) == 2
        assert "1 undecodable" in app.text


async def test_it_stops_after_many_matches_and_goes_on(live, monkeypatch):
    monkeypatch.setattr(search_view, "MATCHES_AT_ONCE", 40)
    topic = await live.orders(300)

    async with live.open("search", f"{topic} paid") as app:
        await searched(app)
        assert len(app.view.model) == 40
        assert "p goes on" in app.text
        await app.press("p")
        await searched(app)
        await app.press("p")
        await app.until(lambda: app.view.step.finished)
        assert len(app.view.model) == 100
        assert "100 matches in 300 of 300" in app.text
        found = [row.record.offset for row in app.view.model.rows if row.record.partition == 1]
        assert found == list(range(100))
        await app.press("p")
        assert "Everything was looked at" in app.told[-1]


async def test_too_many_matches_are_let_go_and_counted(live, monkeypatch):
    monkeypatch.setattr(search_view, "MATCHES_KEPT_MAX", 30)
    topic = await live.orders(120)

    async with live.open("search", f"{topic} customer") as app:
        await searched(app)
        assert len(app.view.model) == 30
        assert app.view.let_go == 90
        assert "90 matches let go" in app.text


async def test_nothing_found_says_so(live):
    topic = await live.orders(3)
    async with live.open("search", f"{topic} unicorn") as app:
        await searched(app)
        assert "Nothing was found." in app.text
        await app.press("r")
        await searched(app)


async def test_a_match_is_edited_and_sent_again(live):
    topic = await live.orders(6)
    async with live.open("search", f"{topic} paid") as app:
        await searched(app)
        await app.press("e")
        assert app.place == f"produce {topic} 1 0"


async def test_all_matches_are_exported(live, tmp_path):
    topic = await live.orders(30)
    async with live.open("search", f"{topic} paid", directory=tmp_path) as app:
        await searched(app)
        await app.press("x")
        app.app.focused.value = "found.jsonl"
        await app.press("ctrl+y")
        await app.settle()
    assert len((tmp_path / "found.jsonl").read_text().splitlines()) == 10
