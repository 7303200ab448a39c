"""Records in the terminal: pages, filters, one in full, produced, exported."""

import asyncio
import json
import time

import pytest

from console.audit import AuditLog
from console.records.producing import NewRecord
from tests.tui.fakes import NOW_MS
from tests.tui.live import HOSTILE_RECORDS, order
from tui.views.record_rows import time_text

pytestmark = pytest.mark.anyio


def offsets(app):
    model = app.view.model
    return [(model.row(at).record.partition, model.row(at).record.offset) for at in range(len(model))]


def values(app):
    model = app.view.model
    return [json.loads(model.row(at).record.value)["id"] for at in range(len(model))]


async def test_the_newest_records_of_all_partitions_stand_first(live):
    topic = await live.orders(250)

    async with live.open("records", topic) as app:
        assert values(app) == list(range(249, 149, -1))
        assert "newest first" in app.view.status()
        assert "customer-49" in app.text


async def test_scrolling_to_the_end_reads_the_next_page(live):
    topic = await live.orders(250)

    async with live.open("records", topic) as app:
        await app.press("G")
        assert values(app) == list(range(249, 49, -1))
        await app.press("G")
        await app.press("greater_than_sign")
        assert values(app) == list(range(249, -1, -1))
        await app.press("greater_than_sign")
        assert "There are no more." in app.told


async def test_what_arrived_meanwhile_is_counted_and_read_by_a_key(live):
    topic = await live.orders(5)

    async with live.open("records", topic) as app:
        await live.send(topic, [order(5), order(6)])
        await app.app.source.refresh()
        app.app.show_bars()
        assert "2 new" in app.view.status()
        await app.press("less_than_sign")
        assert values(app) == [6, 5, 4, 3, 2, 1, 0]
        await live.send(topic, [order(7)])
        await app.press("r")
        assert values(app) == [7, 6, 5, 4, 3, 2, 1, 0]


async def test_o_begins_at_the_other_end(live):
    topic = await live.orders(120)

    async with live.open("records", topic) as app:
        await app.press("o")
        assert values(app) == list(range(100))
        assert "oldest first" in app.view.status()
        await app.press("G")
        assert values(app) == list(range(120))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("1", [13, 10, 7, 4, 1]),
        ("1 from=2", [7, 10, 13]),
        ("from=beginning", list(range(15))),
        ("from=-2", [14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (f"from=@{NOW_MS - 1_000_000 + 12_000}", [12, 13, 14]),
        ("json=status=paid", [13, 10, 7, 4, 1]),
        ("grep='customer-1[01]'", [11, 10]),
        ("CUSTOMER-3", []),
        ("customer-3", [3]),
        ("header=trace=abc4", [4]),
        ("where=\"value->>'$.id' = '7'\"", [7]),
        ("key=customer-2", [2]),
    ],
)
async def test_words_say_which_records(live, words, expected):
    topic = await live.orders(15)
    if words.startswith("key="):
        topic = await live.orders(15, partitions=1)

    async with live.open("records", f"{topic} {words}") as app:
        assert values(app) == expected


async def test_a_place_that_another_view_leads_to_has_its_words_as_they_are(live):
    topic = await live.orders(6)

    async with live.open("records", topic, "2") as app:
        assert values(app) == [5, 2]


async def test_the_form_asks_which(live):
    topic = await live.orders(30)

    async with live.open("records", topic) as app:
        await app.press("f")
        await app.press("tab", "tab", "tab")
        await app.type("customer-7")
        await app.press("ctrl+y")
        assert values(app) == [7]
        assert "contains=customer-7" in app.view.status()
        await app.press("f")
        await app.type("nonsense")
        await app.press("ctrl+y")
        assert "cannot read the position" in app.text
        await app.press("escape", "escape")


async def test_a_topic_that_is_not_there_says_so(live):
    async with live.open("records", "nowhere") as app:
        assert "nowhere" in app.view.table.message[0]
        assert app.view.table.message_is_bad


async def test_words_that_make_no_sense_say_so(live):
    topic = live.topic()
    async with live.open("records", f"{topic} from=yesterdayish") as app:
        assert "cannot read the position" in app.text


async def test_an_empty_topic_says_what_can_be_done(live):
    topic = live.topic()
    async with live.open("records", topic) as app:
        assert "No records here." in app.text


async def test_slash_filters_what_was_read(live):
    topic = await live.orders(30)

    async with live.open("records", topic) as app:
        await app.press("slash")
        await app.type("paid")
        assert len(values(app)) == 10
        await app.press("escape")
        assert len(values(app)) == 30


async def test_hostile_records_are_shown_and_not_obeyed(live):
    topic = live.topic()
    await live.send(topic, HOSTILE_RECORDS)

    async with live.open("records", topic, size=(160, 30)) as app:
        text = app.text
        assert "\\x1b[31mred" in text
        assert "or\\x1b[31mders\\x202egnp" in text
        assert "[b]x[/b]" in text
        assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(text)
        await app.press("G", "enter")
        text = app.text
        assert "h\\x1b]0;t\\x07 = (null)" in text
        assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(text)


async def test_l_s_and_n_lead_to_tail_search_and_produce(live):
    topic = await live.orders(3)

    async with live.open("records", f"{topic} grep=paid from=beginning") as app:
        await app.press("l")
        assert app.place == f"tail {topic} grep=paid"
        await app.press("escape", "s")
        assert app.place == f"search {topic} from=beginning grep=paid"
        await app.press("escape", "n")
        assert app.place == f"produce {topic}"


# one record


async def test_enter_shows_the_record_in_full(live):
    topic = await live.orders(9)

    async with live.open("records", topic) as app:
        await app.press("enter")
        assert app.place == f"record {topic} 2 2"
        text = app.text
        for expected in (f"{topic}, partition 2, offset 2", '"status": "sent"', "json", "valid JSON", "trace = abc8", "customer-8", "Base offset"):  # fmt: skip
            assert expected in text
        assert time_text(NOW_MS - 1_000_000 + 8_000) in text


async def test_n_and_p_step_through_the_partition(live):
    topic = await live.orders(9)

    async with live.open("record", f"{topic} 0 1") as app:
        assert '"id": 3' in app.text
        await app.press("n")
        assert '"id": 6' in app.text
        await app.press("n")
        assert "There is none." in app.told
        await app.press("p", "p")
        assert '"id": 0' in app.text


async def test_x_shows_bytes_and_w_wraps(live):
    topic = live.topic()
    await live.send(topic, [NewRecord(b"k", b"word " * 100)])

    async with live.open("record", f"{topic} 0 0", size=(80, 24)) as app:
        assert app.text.count("word word") > 5
        await app.press("w")
        assert len([line for line in app.text.splitlines() if "word word" in line]) == 1
        await app.press("x")
        assert "0000  77 6f 72 64 20 77 6f 72  64 20 77 6f 72 64 20 77  word word word w" in app.text


async def test_another_format_is_tried(live):
    topic = live.topic()
    await live.send(topic, [NewRecord(b"k", b"\x00\x00\x00\x00\x00\x00\x00\x2a")])

    async with live.open("record", f"{topic} 0 0") as app:
        assert "int64" in app.text
        assert "  42" in app.text
        await app.press("d")
        await app.type("hex")
        await app.press("ctrl+y")
        assert "000000000000002a" in app.text
        assert "as hex" in app.view.status()


async def test_what_cannot_be_decoded_says_why(live):
    topic = live.topic()
    await live.send(topic, [NewRecord(b"k", b"{no json")])

    async with live.open("record", f"{topic} 0 0 decode=json") as app:
        assert "json was asked for" in app.text
        assert "{no json" in app.text


async def test_a_record_of_twenty_megabytes_is_shown_while_keys_are_answered(live):
    topic = live.topic(max_message_bytes=30_000_000)
    big = json.dumps([{"number": number, "text": "x" * 180} for number in range(100_000)]).encode()
    assert len(big) > 20_000_000
    await live.send(topic, [NewRecord(b"big", big)])

    async with live.open("record", f"{topic} 0 0") as app:
        assert "more: a shows all of it" not in app.text
        assert len(app.view.document.lines) < 10_000
        slowest = 0.0
        await app.pilot.press("a")
        while len(app.view.document.lines) < 100_000:
            # Of the loop's thread alone: neither the thread that decodes nor others on the machine are measured.
            before = time.thread_time()
            await asyncio.sleep(0.005)
            slowest = max(slowest, time.thread_time() - before)
        assert slowest < 1.5
        await app.press("G")
        assert "Transactional" in app.text
        await app.press("x")
        assert len(app.view.document.lines) > len(big) // 16


async def test_slash_shows_the_lines_of_a_record_that_match(live):
    topic = await live.orders(3)
    async with live.open("record", f"{topic} 1 0") as app:
        assert "status" in app.text
        await app.press("slash")
        await app.type("amount")
        await app.press("enter")
        assert '"amount": 1.5' in app.text
        assert "status" not in app.text
        assert "Value" in app.text
        await app.press("escape")
        assert "status" in app.text
        await app.press("escape")
        assert app.place.startswith("record")


async def test_copy_takes_the_value_and_save_writes_what_can_be_imported(live, tmp_path):
    topic = await live.orders(3)

    async with live.open("record", f"{topic} 0 0", directory=tmp_path) as app:
        await app.press("c")
        assert json.loads(app.app.clipboard)["id"] == 0
        await app.press("ctrl+s")
        (written,) = [json.loads(path.read_text()) for path in tmp_path.iterdir()]
        assert written["value"] == '{"id": 0, "status": "new", "amount": 0.0}'
        await app.press("b")
        await app.press("ctrl+y")
        assert (tmp_path / f"{topic}-0-0.bin").read_bytes() == written["value"].encode()


async def test_a_record_that_is_gone_says_so(live):
    topic = live.topic()
    async with live.open("record", f"{topic} 0 7") as app:
        assert f"there is no record at {topic}-0@7" in app.text


# producing


async def produced(live, topic):
    from console.client_config import connect
    from console.records.browse import BrowseRequest, browse
    from console.records.positions import BEGINNING

    client = connect(live.target().config)
    try:
        return (await browse(client, BrowseRequest((topic,), BEGINNING))).records
    finally:
        await client.close()


async def test_a_record_is_produced_with_all_that_belongs_to_it(live):
    topic = live.topic(3)

    async with live.open("produce", topic) as app:
        for text in ("42", "int32", "trace=abc 'two words=x y' none", "2", f"@{NOW_MS}", "gzip", "json"):
            field = app.app.focused
            field.value = ""
            await app.type(text) if "'" not in text else setattr(field, "value", text)
            await app.press("tab")
        app.view.area.load_text('{"id": 1}')
        await app.press("ctrl+y")
        assert f"Sent: {topic}, partition 2, offset 0" in app.text
        assert app.view.status() == "1 sent"

    (record,) = await produced(live, topic)
    assert (record.key, record.value, record.partition, record.timestamp) == (b"\0\0\0\x2a", b'{"id": 1}', 2, NOW_MS)
    assert record.headers == [("trace", b"abc"), ("two words", b"x y"), ("none", None)]
    assert record.batch.compression == "gzip"
    entries = AuditLog().read().entries
    assert [(each.kind, each.result) for each in entries] == [("produce", "done")]


async def test_what_is_typed_right_before_sending_is_sent(live):
    topic = live.topic()

    async with live.open("produce", topic) as app:
        for each in ("k", "tab", "shift+tab", "e", "y", "ctrl+y"):
            app.app.simulate_key(each)
        await app.until(lambda: "Sent:" in app.text)

    (record,) = await produced(live, topic)
    assert record.key == b"key"


async def test_a_tombstone_has_no_value(live):
    topic = live.topic()

    async with live.open("produce", topic) as app:
        await app.type("gone")
        await app.press("ctrl+t")
        assert app.view.area.disabled
        await app.press("f5")
        assert "Sent:" in app.text
        await app.press("f2")
        assert app.place == f"records {topic}"

    (record,) = await produced(live, topic)
    assert (record.key, record.value) == (b"gone", None)


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("partition", "9", "there is no partition 9, only 0 to 0"),
        ("partition", "x", "a whole number"),
        ("key_format", "yaml", "cannot write 'yaml'"),
        ("timestamp", "end", "is no time"),
        ("headers", "a='b", "cannot read the headers"),
        ("value_format", "json", "the value is no JSON"),
        ("compression", "zip", "unknown codec"),
    ],
)
async def test_what_cannot_be_sent_says_why_and_nothing_is_sent(live, field, text, said):
    topic = live.topic()

    async with live.open("produce", topic) as app:
        app.view._input("key").value = "k"
        app.view._input(field).value = text
        await app.press("ctrl+y")
        assert said in app.text

    assert await produced(live, topic) == ()


async def test_one_like_another_is_edited_and_sent(live):
    topic = await live.orders(4, partitions=1)

    async with live.open("records", topic) as app:
        await app.press("down", "e")
        assert app.place == f"produce {topic} 0 2"
        assert app.view._input("headers").value == "trace=abc2"
        app.view.area.load_text("changed")
        await app.press("ctrl+y")

    found = (await produced(live, topic))[-1]
    assert (found.key, found.value, found.headers) == (b"customer-2", b"changed", [("trace", b"abc2")])


async def test_one_like_a_hostile_one_can_be_sent_without_a_screen_obeying_it(live):
    topic = live.topic()
    await live.send(topic, HOSTILE_RECORDS[:1])

    async with live.open("produce", f"{topic} 0 0", size=(100, 40)) as app:
        assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(app.text)
        assert "1 of its headers cannot be typed" in app.text
        await app.press("ctrl+y")
        app.view.area.load_text("typed \x1b[31m \u202e")
        await app.settle()
        assert "typed ·[31m ·" in app.text

    first, second = await produced(live, topic)
    assert (first.key, first.value) == (second.key, second.value)


async def test_read_only_sends_nothing(live):
    topic = live.topic()

    async with live.open("produce", topic) as app:
        app.app.source.cluster.door.readonly = True
        await app.press("ctrl+y")
        assert "read-only" in app.text

    assert await produced(live, topic) == ()


# exporting


@pytest.mark.parametrize("name", ["all.jsonl", "all.csv", "all.parquet"])
async def test_x_writes_what_is_asked_for_to_a_file(live, tmp_path, name):
    topic = await live.orders(30)

    async with live.open("records", f"{topic} paid", directory=tmp_path) as app:
        await app.press("x")
        field = app.app.focused
        field.value = name
        await app.press("ctrl+y")
        await app.settle()
        assert any("10 records" in each for each in app.told)

    if name.endswith("jsonl"):
        rows = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
        assert [json.loads(row["value"])["id"] for row in rows] == list(range(1, 30, 3))
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [name]


async def test_a_file_that_is_there_is_not_replaced(live, tmp_path):
    topic = await live.orders(3)
    (tmp_path / "all.jsonl").write_text("mine")

    async with live.open("records", topic, directory=tmp_path) as app:
        await app.press("x")
        app.app.focused.value = "all.jsonl"
        await app.press("ctrl+y")
        assert "exists" in app.text
        await app.press("escape")

    assert (tmp_path / "all.jsonl").read_text() == "mine"
