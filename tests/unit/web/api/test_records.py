"""Records over HTTP: pages, one in full, filters, producing, export."""

import csv
import io
import json

import pytest

from tests.unit.web.api.conftest import base64_of
from web.api.limits import RECORD_TEXT_CHARACTERS_MAX


def texts(answer):
    return [each["value"]["text"] for each in answer.json()["records"]]


def test_pages_go_both_ways_by_cursor(api, topic, put):
    put(topic, *[str(number) for number in range(10)])
    newest = api.get("/api/records", topic=topic, limit=4)
    assert texts(newest) == ["9", "8", "7", "6"]
    older = api.get("/api/records", topic=topic, limit=4, cursor=newest.json()["older"])
    assert texts(older) == ["5", "4", "3", "2"]
    put(topic, "10")
    newer = api.get("/api/records", topic=topic, limit=4, cursor=newest.json()["newer"])
    assert texts(newer) == ["10"]
    oldest = api.get("/api/records", topic=topic, limit=2, start="beginning")
    assert texts(oldest) == ["0", "1"]
    assert oldest.json()["older"] is None


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["any~err"], ["an error"]),
        (["!any~err"], ['{"status": "paid"}', "x"]),
        (["key=k1"], ["x"]),
        (["$.status=paid"], ['{"status": "paid"}']),
        (["header:trace?"], ["an error"]),
        (["header:trace=t1", "value~~^an"], ["an error"]),
        (["value~~^a.*r$"], ["an error"]),
        (["key?"], ["x"]),
    ],
)
def test_filters_of_the_address(api, topic, put, words, found):
    put(
        topic,
        {"value": "an error", "headers": [{"key": "trace", "value": "t1"}]},
        '{"status": "paid"}',
        {"key": "k1", "value": "x"},
    )
    assert texts(api.get("/api/records", topic=topic, start="beginning", filter=words)) == found


def test_hostile_content_is_text_that_does_nothing_and_whole_bytes_can_be_had(api, topic, put):
    bad = "<img src=x onerror=alert(1)>\u202e\x1b[31m\x00"
    put(
        topic,
        {"key": bad, "value": bad, "headers": [{"key": bad, "value": base64_of(b"\xff\xfe"), "encoding": "base64"}]},
    )
    (found,) = api.checked("GET", f"/api/records?topic={topic}").json()["records"]
    for text in (found["key"]["text"], found["value"]["text"], found["headers"][0]["name"]):
        assert text.startswith("<img")
        assert not set("\u202e\x1b\x00") & set(text)
    whole = api.checked("GET", f"/api/topics/{topic}/partitions/0/records/0").json()
    assert whole["value_bytes"]["base64"] == base64_of(bad.encode())
    raw = api.get(f"/api/topics/{topic}/partitions/0/records/0/raw", part="key")
    assert raw.body == bad.encode()
    assert raw.headers["content-type"] == "application/octet-stream"
    assert raw.headers["content-disposition"].startswith("attachment")


def test_header_names_that_are_no_utf_8_do_not_break_the_answer(api, topic, put):
    header = {"key": base64_of(b"\xff\x00"), "key_encoding": "base64", "value": "v"}
    put(topic, {"value": "x", "headers": [header]})
    (found,) = api.checked("GET", f"/api/records?topic={topic}").json()["records"]
    assert "ff" in found["headers"][0]["name"]


def test_whole_numbers_that_a_double_cannot_hold_are_text(api, topic, put):
    put(topic, '{"id": 9007199254740993, "small": 5}')
    (found,) = api.get("/api/records", topic=topic, values="true").json()["records"]
    assert found["value"]["value"] == {"id": "9007199254740993", "small": 5}
    assert "9007199254740993" in found["value"]["text"]


def test_a_large_record_is_a_preview_and_a_file(api, topic, put):
    large = json.dumps({"text": "x" * (4 * 1024 * 1024)})
    made = api.post(f"/v3/clusters/{api.run(api.cluster.client.known_view()).cluster_id}/topics/{topic}/configs:alter",
                    {"data": [{"name": "max.message.bytes", "value": "10000000"}]})  # fmt: skip
    assert made.status == 204
    put(topic, large)
    listed = api.get("/api/records", topic=topic)
    assert listed.json()["records"][0]["value"]["is_preview"]
    assert len(listed.body) < 10_000
    place = f"/api/topics/{topic}/partitions/0/records/0"
    whole = api.checked("GET", f"{place}?text_max={RECORD_TEXT_CHARACTERS_MAX}&values=false").json()
    assert len(whole["record"]["value"]["text"]) == RECORD_TEXT_CHARACTERS_MAX + 1
    assert whole["record"]["value"]["size_bytes"] == len(large)
    assert whole["text_max"] == RECORD_TEXT_CHARACTERS_MAX
    assert api.get(f"{place}/raw").body == large.encode()


def test_producing_says_where_each_record_is_and_why_one_is_not(api, topic):
    records = [
        {"key": "k", "value": {"a": [1, None]}, "partition": 1, "timestamp": 1_700_000_000_000},
        {"key": "k", "partition": 1},
        {"value": "x", "partition": 9},
    ]
    answer = api.checked("POST", f"/api/topics/{topic}/records", {"records": records, "compression": "zstd"})
    placed = answer.json()
    assert (placed["acknowledged"], placed["failed"]) == (2, 1)
    assert [each.get("offset") for each in placed["records"]] == [0, 1, None]
    assert "no partition 9" in placed["records"][2]["error"]["message"]
    first, second = api.get("/api/records", topic=topic, start="beginning").json()["records"]
    assert (first["value"]["text"], first["timestamp"]) == ('{"a":[1,null]}', 1_700_000_000_000)
    assert second["is_tombstone"]


def test_producing_to_a_topic_that_is_not_there_is_404_and_makes_none(api):
    answer = api.checked("POST", "/api/topics/not-there/records", {"records": [{"value": "x"}]})
    assert (answer.status, answer.json()["error_code"]) == (404, 40403)


def test_what_is_exported_can_be_produced_again(api, topic, put):
    put(
        topic,
        {"key": base64_of(b"\xff"), "key_encoding": "base64", "value": "v", "headers": [{"key": "h", "value": None}]},
    )
    line = json.loads(api.get("/api/export", topic=topic).body)
    back = {name: line[name] for name in ("key", "value", "headers", "key_encoding", "value_encoding", "timestamp")}
    put(topic, back, partition=1)
    again = json.loads(api.get("/api/export", topic=topic, partition=1).body)
    assert {**again, "partition": 0} == line


def test_exports_are_csv_and_parquet_too(api, topic, put):
    put(topic, "a,b", "c")
    rows = api.get("/api/export", topic=topic, format="csv", limit=1).text.split("\r\n")
    assert rows[0].startswith("topic,partition,offset")
    assert '"a,b"' in rows[1]
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(api.get("/api/export", topic=topic, format="parquet").body))
    assert table.column("value").to_pylist() == [b"a,b", b"c"]


def test_a_topic_that_is_not_there_is_no_empty_file(api):
    assert api.checked("GET", "/api/export?topic=not-there").status == 404


def test_what_is_shown_is_harmless_and_headers_are_counted(api, topic, put):
    headers = [{"key": f"h{number}", "value": "v"} for number in range(150)]
    put(topic, {"value": "x", "headers": headers})
    (listed,) = api.checked("GET", f"/api/records?topic={topic}").json()["records"]
    assert (len(listed["headers"]), listed["headers_count"]) == (100, 150)
    whole = api.checked("GET", f"/api/topics/{topic}/partitions/0/records/0").json()["record"]
    assert len(whole["headers"]) == 150


FORMULAS = ["=cmd|' /C calc'!A0", "@SUM(1)", "+1+1", "-2+3", " =1", "\t=1"]


def test_no_cell_of_an_exported_file_is_a_formula_unless_that_is_asked_for(api, topic, put):
    texts = [*FORMULAS, "-5", "1e3", "plain", "'quoted"]
    put(topic, *[{"key": text, "value": text} for text in texts])

    def cells(**more):
        said = api.get("/api/export", topic=topic, format="csv", **more).text
        return [row["value"] for row in csv.DictReader(io.StringIO(said, newline=""))]

    assert cells() == [f"'{text}" for text in FORMULAS] + texts[len(FORMULAS) :]
    assert cells(formulas="kept") == texts
