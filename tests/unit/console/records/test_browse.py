"""Pages of records across partitions, in both directions."""

import pytest

from console.errors import OperatorError
from console.records.browse import BrowseRequest, Cursor, browse, find_record
from console.records.filters import Condition, Match, Part, RecordFilter
from console.records.partitioner import partition_for_key
from console.records.positions import BEGINNING, Position, PositionKind
from console.records.producing import NewRecord
from engine.types import TopicPartition
from tests.unit.console.records.conftest import BASE_MS

pytestmark = pytest.mark.anyio


def values(page):
    return [int(record.value) for record in page.records]


@pytest.fixture
async def topic(topics):
    """Numbers 0 to 99 by time, spread unevenly over three partitions; a fourth is empty."""
    name = topics.make(partitions=4)
    await topics.fill(name, [((0, 0, 1, 2)[number % 4], number, b"%d" % number) for number in range(100)])
    return name


async def test_the_newest_page_is_the_newest_of_all_partitions_newest_first(live, topic):
    page = await browse(live, BrowseRequest((topic,), limit=10))

    assert values(page) == list(range(99, 89, -1))
    assert page.newest_first
    assert page.complete


async def test_going_older_page_by_page_shows_every_record_once(live, topic):
    page = await browse(live, BrowseRequest((topic,), limit=7))
    seen = values(page)
    while page.older is not None:
        page = await browse(live, BrowseRequest((topic,), limit=7, cursor=Cursor.parse(str(page.older))))
        seen += values(page)

    assert seen == list(range(99, -1, -1))


async def test_going_newer_page_by_page_shows_every_record_once_and_then_what_arrives(live, topic, topics):
    page = await browse(live, BrowseRequest((topic,), BEGINNING, limit=9))
    seen = values(page)
    assert page.older is None
    while page.records:
        page = await browse(live, BrowseRequest((topic,), limit=9, cursor=page.newer))
        seen += values(page)
    assert seen == list(range(100))

    await topics.fill(topic, [(3, 100, b"100")])
    assert values(await browse(live, BrowseRequest((topic,), cursor=page.newer))) == [100]


async def test_newer_than_a_newest_page_is_what_came_after_it_and_older_than_an_oldest_first_page_what_was_before(
    live, topic, topics
):
    newest = await browse(live, BrowseRequest((topic,), limit=5))
    await topics.fill(topic, [(0, 100, b"100"), (2, 101, b"101")])
    assert values(await browse(live, BrowseRequest((topic,), cursor=newest.newer))) == [100, 101]

    at_50 = await browse(live, BrowseRequest((topic,), Position(PositionKind.TIMESTAMP, BASE_MS + 50), limit=5))
    assert values(at_50) == [50, 51, 52, 53, 54]
    assert values(await browse(live, BrowseRequest((topic,), limit=3, cursor=at_50.older))) == [49, 48, 47]


async def test_a_page_before_an_offset_or_from_it(live, topic):
    at_10 = Position(PositionKind.OFFSET, 10)

    before = await browse(live, BrowseRequest((topic,), at_10, newest_first=True, limit=2, partitions=(0,)))
    after = await browse(live, BrowseRequest((topic,), at_10, limit=2, partitions=(0,)))

    assert [record.offset for record in before.records] == [9, 8]
    assert [record.offset for record in after.records] == [10, 11]


async def test_rare_matches_are_found_however_far_back_they_are(live, topic):
    seven = RecordFilter((Condition(Part.VALUE, Match.REGEX, "^.?7$"),))

    page = await browse(live, BrowseRequest((topic,), limit=3, filter=seven))

    assert values(page) == [97, 87, 77]


async def test_looking_ends_at_the_bound_says_so_and_goes_on_from_there(live, topic):
    first = RecordFilter((Condition(Part.VALUE, Match.EQUALS, "0"),))
    page = await browse(live, BrowseRequest((topic,), limit=1, filter=first, scan_max=10))

    assert not page.complete
    assert page.records == ()
    turns = 0
    while not page.records:
        turns += 1
        assert turns < 30
        page = await browse(live, BrowseRequest((topic,), limit=1, filter=first, scan_max=10, cursor=page.older))
    assert values(page) == [0]
    assert turns > 2


async def test_a_key_is_looked_for_in_its_partition_only(live, topics):
    name = topics.make(partitions=5)
    await topics.fill(name, [NewRecord(b"alice", b"1"), NewRecord(b"bob", b"2"), NewRecord(b"alice", b"3")])
    home = partition_for_key(b"alice", 5)
    await topics.fill(name, [NewRecord(b"alice", b"4", partition=(home + 1) % 5)])

    page = await browse(live, BrowseRequest((name,), BEGINNING, key=b"alice"))
    everywhere = await browse(live, BrowseRequest((name,), BEGINNING, key=b"alice", all_partitions=True))

    assert list(page.bounds) == [TopicPartition(name, home)]
    assert sorted(values(page)) == [1, 3]
    assert sorted(values(everywhere)) == [1, 3, 4]


async def test_several_topics_are_one_stream(live, topic, topics):
    other = topics.make()
    await topics.fill(other, [(0, 98, b"1098")])

    page = await browse(live, BrowseRequest((topic, other), limit=3))

    assert values(page) == [99, 1098, 98]


async def test_large_records_are_read_in_small_bites(live, topics, monkeypatch):
    monkeypatch.setattr("console.records.paging.HELD_BYTES", 300_000)
    name = topics.make(partitions=2)
    await topics.fill(name, [(number % 2, number, b"%d" % number + b" " * 100_000) for number in range(12)])

    newest = await browse(live, BrowseRequest((name,), limit=12))
    oldest = await browse(live, BrowseRequest((name,), BEGINNING, limit=12))

    assert values(newest) == list(range(11, -1, -1))
    assert values(oldest) == list(range(12))
    assert newest.counts.scanned == 12


async def test_one_record_is_found_by_its_place(live, topic):
    record = await find_record(live, topic, 1, 3)

    assert record is not None
    assert (record.partition, record.offset, record.value) == (1, 3, b"14")
    assert record.batch is not None
    assert record.batch.compression == "none"
    assert record.batch.producer_id >= 0
    assert record.batch.sequence(3) == 3
    assert await find_record(live, topic, 1, 999) is None


@pytest.mark.parametrize(
    ("places", "text"),
    [
        ({("a", 0): 5}, "n,a:0:5"),
        ({("a", 0): 5, ("a", 1): 0, ("a", 2): 7}, "n,a:0:5,0,7"),
        ({("a", 0): 5, ("a", 2): 0, ("b", 3): 7, ("b", 4): 8}, "n,a:0:5,a:2:0,b:3:7,8"),
        ({("a", 1): 5, ("a", 0): 6}, "n,a:1:5,a:0:6"),
    ],
)
def test_a_cursor_is_short_enough_for_a_link(places, text):
    cursor = Cursor({TopicPartition(*each): offset for each, offset in places.items()}, newest_first=True)
    assert str(cursor) == text
    assert Cursor.parse(text) == cursor


def test_a_cursor_that_names_every_partition_is_read_too():
    assert Cursor.parse("o,a:0:5,a:1:0") == Cursor.parse("o,a:0:5,0")


@pytest.mark.parametrize("text", ["", "n", "n,5", "x,a:0:1", "n,a:0", "n,a:b:c", "n,a:0:1,", "n,a:0:1,x"])
def test_what_is_no_cursor_is_refused(text):
    with pytest.raises(OperatorError, match="not a cursor"):
        Cursor.parse(text)


async def test_a_page_of_large_records_is_cut_and_goes_on(live, topics, monkeypatch):
    monkeypatch.setattr("console.records.browse.PAGE_BYTES_MAX", 250_000)
    name = topics.make()
    await topics.fill(name, [(0, number, b"%d" % number + b" " * 100_000) for number in range(8)])
    page = await browse(live, BrowseRequest((name,)))
    sizes, seen = [len(page.records)], values(page)
    assert not page.complete
    while page.older is not None:
        page = await browse(live, BrowseRequest((name,), cursor=page.older))
        sizes.append(len(page.records))
        seen += values(page)

    assert seen == list(range(7, -1, -1))
    assert max(sizes) <= 3
