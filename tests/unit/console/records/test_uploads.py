"""Records out of a file that comes piece by piece: the same, wherever the pieces are cut."""

import asyncio

import pytest

from console.errors import OperatorError
from console.records.importing import ImportOptions
from console.records.line_form import LineForm
from console.records.uploads import FORMATS, format_of_name, lines_of, records_of

JSON_LINES = b'{"key":"a","value":"1","partition":1,"timestamp":5}\n\n{"value":{"n":9007199254740993}}\r\n{"key":"c","value":null}'
CSV = '\ufeffkey,value,headers\nk,one,\n"ü","two\nlines, ""quoted""","[{""key"":""h"",""value"":""x""}]"\nl,last,'.encode()
LINES = "k1:eins\r\nk2:zwei:drei\nk3:ünï".encode()


BY_COLON = LineForm(key_separator=b":")
EVERYTHING = ImportOptions()


async def pieces_of(data, size):
    for start in range(0, len(data), size):
        yield data[start : start + size]


def read(data, format, size, form=BY_COLON, options=EVERYTHING):
    async def story():
        got = []
        try:
            async for some in records_of(pieces_of(data, size), format, form, options):
                got += some
        except OperatorError as error:
            return got, error
        return got, None

    return asyncio.run(story())


def content(records):
    return [(each.key, each.value, list(each.headers), each.partition, each.timestamp) for each in records]


EXPECTED = {
    "jsonl": [
        (b"a", b"1", [], 1, 5),
        (None, b'{"n":9007199254740993}', [], None, None),
        (b"c", None, [], None, None),
    ],
    "csv": [
        (b"k", b"one", [], None, None),
        ("ü".encode(), b'two\nlines, "quoted"', [("h", b"x")], None, None),
        (b"l", b"last", [], None, None),
    ],
    "lines": [
        (b"k1", b"eins", [], None, None),
        (b"k2", b"zwei:drei", [], None, None),
        (b"k3", "ünï".encode(), [], None, None),
    ],
}  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_the_records_are_the_same_wherever_the_file_is_cut(format):
    data = {"jsonl": JSON_LINES, "csv": CSV, "lines": LINES}[format]
    for size in range(1, len(data) + 1):
        got, error = read(data, format, size)
        assert error is None, (size, error)
        assert content(got) == EXPECTED[format], size


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_with_nothing_in_it_has_no_records_and_no_error_but_for_a_missing_heading(format):
    got, error = read(b"", format, 10)
    assert got == []
    assert error is None


@pytest.mark.parametrize(
    ("format", "data", "said"),
    [
        ("jsonl", b'{"value":"1"}\n{"value":\n', "line 2: "),
        ("csv", b'key,value,partition\na,"1\n2",0\nb,3,x\n', "line 4: partition 'x' is not a whole number"),
        ("csv", b"name\nx\n", "line 1: unknown column 'name'"),
        ("lines", b"a:1\nb\n", "line 2: no key separator ':' in it"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_what_came_before_it_is_given_out(format, data, said):
    for size in (1, 5, len(data)):
        got, error = read(data, format, size)
        assert said in error.title, size
        assert len(got) == (0 if "line 1" in said else 1), size


def test_a_csv_that_is_no_utf8_says_so():
    _, error = read(b"value\nok\n\xff\xfe\n", "csv", 4)
    assert "not CSV in UTF-8" in error.title


def test_a_line_that_never_ends_is_bounded():
    async def story():
        async for _ in lines_of(pieces_of(b"short\n" + b"x" * 2_000, 100), bytes_max=1_000):
            pass

    with pytest.raises(OperatorError, match="line 2 is longer than 1,000 bytes"):
        asyncio.run(story())


def test_the_last_line_needs_no_end_and_an_empty_line_is_an_empty_value():
    got, _ = read(b"one\n\ntwo", "lines", 3, LineForm())
    assert [each.value for each in got] == [b"one", b"", b"two"]


def test_a_line_form_says_keys_nulls_headers_and_partition():
    form = LineForm(null=b"-", key_separator=b"=", headers=(("h", b"1"),), partition=3)
    assert form.record(b"a=b") == (b"a", b"b", [("h", b"1")], 3, None)
    assert form.record(b"-=-") == (None, None, [("h", b"1")], 3, None)
    assert LineForm(key=b"all").record(b"v") == (b"all", b"v", [], None, None)


def test_partitions_and_times_of_the_file_are_left_out_when_asked():
    got, _ = read(JSON_LINES, "jsonl", 1_000, options=ImportOptions(partitions=False, timestamps=False))
    assert (got[0].partition, got[0].timestamp) == (None, None)


def test_the_name_of_a_file_says_what_is_in_it():
    names = ("a.jsonl", "A.NDJSON", "b.json", "c.csv", "d.txt", "e")
    assert [format_of_name(each) for each in names] == ["jsonl", "jsonl", "jsonl", "csv", "lines", "lines"]
