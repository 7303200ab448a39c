"""Records that want to be more than data, and records too large to be handled lightly."""

import io
import tracemalloc
from types import SimpleNamespace

import pytest

from console.commands.record_printers import record_printer
from console.output.text import safe
from console.records.browse import BrowseRequest, browse
from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.model import BatchFacts, ConsumedRecord
from console.records.producing import NewRecord
from console.records.search import SearchRequest, search
from engine.protocol.records.batch import TimestampType
from engine.protocol.records.record import Record, build_batch
from tests.unit.console.records.conftest import BASE_MS

ODD_NAME = b"\xff\x1b]0;owned\x07".decode(errors="surrogateescape")

HOSTILE = ConsumedRecord(
    "t",
    0,
    7,
    BASE_MS,
    TimestampType.CREATE_TIME,
    b"\x1b[2J",
    "\u202e\r\n2026-01-01 a record that is none\x9b".encode() + b"x" * 1_000_000,
    [(ODD_NAME, b"\x1b[31m"), *((f"h{number}", b"\xff") for number in range(10_000))],
)


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    stream = Terminal(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr("console.commands.record_printers.sys", SimpleNamespace(stdout=stream))
    monkeypatch.setenv("NO_COLOR", "1")

    def shown():
        stream.flush()
        return stream.buffer.getvalue().decode()

    return shown


@pytest.mark.parametrize("format_string", [None, "%k\\t%v\\t%h"])
def test_on_a_terminal_a_record_is_one_line_that_is_never_obeyed(terminal, format_string):
    record_printer("table", format_string, with_topic=False).write([HOSTILE])

    text = terminal()
    assert text.count("\n") == 1
    assert not set(text) & {"\x1b", "\x07", "\r", "\x9b", "\u202e"}
    assert "\\x1b[2J" in text
    assert "\\n2026-01-01" in text


def test_a_line_for_people_stays_readable(terminal):
    record_printer("table", None, with_topic=False).write([HOSTILE])

    text = terminal()
    assert len(text) < 20_000
    assert "10,001 headers" in text
    assert "1,000,0" in text


def test_markers_and_aborted_records_say_so(terminal):
    facts = BatchFacts(0, 0, 7, 0, 0, True, "none", 70)
    plain = HOSTILE._replace(key=b"k", value=b"v", headers=[])
    record_printer("table", None, with_topic=False).write(
        [
            plain._replace(batch=BatchFacts(0, 0, 7, 0, 0, True, "none", 70, aborted=True)),
            plain._replace(batch=BatchFacts(1, 0, 7, 0, -1, True, "none", 70, control="abort")),
            plain._replace(batch=facts),
        ]
    )

    aborted, marker, kept = terminal().splitlines()
    assert "[aborted]" in aborted
    assert "[abort marker]" in marker
    assert "abort" not in kept


def test_invisible_characters_and_bytes_that_are_no_text_are_written_out():
    assert safe("a\u200bb\udcff\U000e0041c") == "a\\x200bb\\xff\\xe0041c"


@pytest.mark.anyio
async def test_a_record_of_20_mb_is_shown_and_searched_in_bounded_memory(live, topics):
    name = topics.make(max_message_bytes=32 * 1024 * 1024)
    await topics.fill(name, [NewRecord(b"%d" % number, b"x" * 20_000_000) for number in range(6)])
    wanted = RecordFilter((Condition(Part.VALUE, Match.CONTAINS, "needle"),))
    tracemalloc.start()
    try:
        steps = [step async for step in search(live, SearchRequest((name,), wanted), BASE_MS)]
        page = await browse(live, BrowseRequest((name,)))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (steps[-1].scanned, steps[-1].matched) == (6, 0)
    assert [record.key for record in page.records] == [b"5", b"4"]
    assert page.older is not None
    # The brokers are in this process as well.
    assert peak < 400 * 1024 * 1024


@pytest.mark.anyio
async def test_a_broken_batch_is_told_and_the_rest_is_shown(live, topics, monkeypatch):
    """No broker takes one, so it breaks on its way."""
    name = topics.make()
    await topics.fill(name, [(0, 0, b"first")])
    assert await topics.put(name, 0, build_batch([Record(0, BASE_MS, None, b"broken", [])])) == 0
    await topics.fill(name, [(0, 1, b"last")])
    from console.records import fetching

    verify = fetching.verify_crc
    monkeypatch.setattr(
        fetching, "verify_crc", lambda data, at, header: header.base_offset != 1 and verify(data, at, header)
    )

    page = await browse(live, BrowseRequest((name,)))

    assert [record.value for record in page.records] == [b"last", b"first"]
    assert page.counts.undecodable == 1
    assert "offsets 1 to 1: its checksum does not match" in str(page.counts.damaged[0])
