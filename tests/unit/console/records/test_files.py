"""Export and import: what comes back is what was there, to the byte."""

import io

import pytest

from console.errors import OperatorError
from console.records.exporting import export_records, format_of, record_writer
from console.records.importing import ImportOptions, read_csv, read_json_lines
from console.records.model import ConsumedRecord
from console.records.positions import BEGINNING
from console.records.producing import NewRecord
from console.records.sending import ProduceOptions, produce
from console.records.stream import RecordStream, StreamRequest
from engine.protocol.records.batch import TimestampType
from tests.unit.console.records.conftest import BASE_MS, FixedClock

pytestmark = pytest.mark.anyio

ODD_NAME = b"n\xff".decode(errors="surrogateescape")

RECORDS = [
    NewRecord(b"k", b"v", [("h", b"1"), ("h", None), ("\x1b[2J", b"\xff")], 0, BASE_MS),
    NewRecord(None, None, [], 1, BASE_MS + 1),
    NewRecord(b"", b"", [("", b"")], 0, BASE_MS + 2),
    NewRecord(b"\xff\x00", bytes(range(256)), [], 1, BASE_MS + 3),
    NewRecord("ü,\"\r\n'".encode(), b'a\rb\nc\r\nd"e",\x00', [], 0, BASE_MS + 4),
    NewRecord(b"x" * 200_000, b'{"n":9007199254740993}', [(ODD_NAME, b"x")], 1, BASE_MS + 5),
    NewRecord(b"=1+1", b" ", [(str(number), b"x") for number in range(10_000)], 0, BASE_MS + 6),
]


def content(records):
    return [(each.key, each.value, list(each.headers), each.partition, each.timestamp) for each in records]


async def lines_of(data):
    yield data.split(b"\n")


EVERYTHING = ImportOptions()


async def load(format, path, options=EVERYTHING):
    data = path.read_bytes()
    source = read_json_lines(lines_of(data), options) if format == "jsonl" else read_csv(str(path), options)
    return [record async for batch in source for record in batch]


async def written(live, name, format, path):
    with path.open("wb") as stream:
        request = StreamRequest((name,), BEGINNING, exit_at_end=True)
        return await export_records(live, request, BASE_MS, record_writer(format, stream))


@pytest.fixture
async def topic(live, topics):
    name = topics.make(partitions=2)
    await produce(live, FixedClock(), name, RECORDS)
    return name


@pytest.mark.parametrize("format", ["jsonl", "csv"])
async def test_the_round_trip_through_a_file_and_another_topic_loses_nothing(live, topics, topic, tmp_path, format):
    path = tmp_path / "records"
    progress = await written(live, topic, format, path)
    assert progress.matched == len(RECORDS)
    loaded = await load(format, path)
    assert content(loaded) == content(RECORDS)

    copy = topics.make(partitions=2)
    placed = await produce(live, FixedClock(), copy, loaded, ProduceOptions(compression="zstd"))

    assert [place.partition for place in placed] == [record.partition for record in RECORDS]
    stream = RecordStream(StreamRequest((copy,), BEGINNING, exit_at_end=True), BASE_MS)
    assert content([each async for some in stream.batches(live) for each in some]) == content(RECORDS)


async def test_parquet_has_columns_that_duckdb_reads(live, topic, tmp_path):
    import duckdb

    path = tmp_path / "records.parquet"
    await written(live, topic, "parquet", path)

    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT key, value, partition, epoch_ms(timestamp), len(headers), producer_id >= 0 FROM '{path}' ORDER BY timestamp"
        ).fetchall()
    assert rows == [(each.key, each.value, each.partition, each.timestamp, len(each.headers), True) for each in RECORDS]


async def test_partitions_and_timestamps_are_left_to_the_producer_when_asked(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b'{"value":"x","partition":1,"timestamp":5}\n\n')

    (record,) = await load("jsonl", path, ImportOptions(partitions=False, timestamps=False))

    assert (record.partition, record.timestamp) == (None, None)


async def test_a_csv_of_values_only_will_do(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("value,key\none,\n,k\n")

    assert content(await load("csv", path)) == [(b"", b"one", [], None, None), (b"k", b"", [], None, None)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vaule\nx\n", "line 1: unknown column 'vaule'"),
        ("partition\n1\n", "line 1: no column key or value"),
        ("value,partition\nx,one\n", "line 2: partition 'one' is not a whole number"),
        ("value\nx,y\n", "line 2: more cells than the heading"),
        ("value,headers\nx,{\n", "line 2: headers are not JSON"),
        ("value,value_encoding\n%,base64\n", "line 2: value is not base64"),
    ],
)
async def test_what_is_wrong_with_a_csv_is_told_with_its_line(tmp_path, text, said):
    path = tmp_path / "in.csv"
    path.write_text(text)

    with pytest.raises(OperatorError, match=said):
        await load("csv", path)


async def test_what_came_before_a_bad_line_is_given_out(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b"value,partition\ngood,1\nbad,x\n")
    got = []

    async def read():
        async for records in read_csv(str(path), EVERYTHING):
            got.extend(records)

    with pytest.raises(OperatorError, match="line 3: partition 'x' is not a whole number"):
        await read()

    assert [record.value for record in got] == [b"good"]


async def test_the_byte_order_mark_of_a_spreadsheet_is_no_part_of_the_heading(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("key,value\nk,v\n", encoding="utf-8-sig")

    assert [record.key for record in await load("csv", path)] == [b"k"]


async def test_a_csv_that_is_no_utf8_is_refused(tmp_path):
    path = tmp_path / "in.csv"
    path.write_bytes(b"value\n\xff\n")

    with pytest.raises(OperatorError, match="not CSV in UTF-8"):
        await load("csv", path)


def test_the_format_is_told_by_the_name():
    assert [format_of(name) for name in ("a.jsonl", "b.CSV", "c.parquet", "d.ndjson")] == [
        "jsonl",
        "csv",
        "parquet",
        "jsonl",
    ]
    with pytest.raises(OperatorError, match=r"cannot tell the format of records\.txt"):
        format_of("records.txt")


def test_parquet_writes_in_bounded_groups(monkeypatch):
    import pyarrow.parquet as pq

    monkeypatch.setattr("console.records.exporting._ROW_GROUP_RECORDS", 10)
    stream = io.BytesIO()
    writer = record_writer("parquet", stream)
    writer.write([ConsumedRecord("t", 0, n, -1, TimestampType.CREATE_TIME, None, b"x", []) for n in range(25)])
    writer.finish()

    assert pq.ParquetFile(stream).num_row_groups == 3
