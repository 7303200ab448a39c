"""What is wrong is refused by name, with a 4xx."""

import pytest

from web.api.limits import BODY_BYTES_MAX


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/records?topic=a&nonsense=1", "unknown parameter 'nonsense'"),
        ("/api/records", "topic"),
        ("/api/records?topic=a%20b", "topic"),
        ("/api/records?topic=a&limit=0", "limit"),
        ("/api/records?topic=a&limit=1001", "limit"),
        ("/api/records?topic=a&limit=x", "limit: 'x' is no whole number"),
        ("/api/records?topic=a&limit=1&limit=2", "limit is given 2 times"),
        ("/api/records?topic=a&newest_first=yes", "newest_first: 'yes' is neither true nor false"),
        ("/api/records?topic=a&start=yesterday", "cannot read the position"),
        ("/api/records?topic=a&cursor=zzz", "not a cursor"),
        ("/api/records?topic=a&cursor=n,b:0:1", "the cursor is not of these topics"),
        ("/api/records?topic=a&cursor=n,a:0:99999999999999999999", "the cursor is not of these topics"),
        ("/api/records?topic=a&filter=any~~(", "cannot read the expression"),
        ("/api/records?topic=a&filter=nowhere~x", "no part of a record"),
        ("/api/topics/a/partitions/99999999999/records/0", "partition_id"),
        ("/api/topics/a/partitions/0/records/-1", "offset"),
        ("/api/history?metric=kafka_brokers&from=5&to=5", "cannot cut"),
        ("/api/history?metric=kafka_brokers&label=topic", "label"),
        ("/api/search?topic=a&until=2999-01-01", "in the future"),
        ("/api/export?topic=a&format=xls", "format"),
    ],
)
def test_parameters(api, path, words):
    if "topic=a" in path and "until" in path:
        api.post(f"/v3/clusters/{api.get('/v3/clusters').json()['data'][0]['cluster_id']}/topics", {"topic_name": "a"})
    answer = api.checked("GET", path)
    assert answer.status == 400, answer
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "/api/sql", {"sql": "select 1", "x": 1}, "unknown field 'x' in body"),
        ("POST", "/api/sql", {}, "sql is missing in body"),
        ("POST", "/api/sql", {"sql": "  "}, "the statement is empty"),
        ("POST", "/api/sql", {"sql": "select 1", "rows_max": -1}, "body.rows_max"),
        ("POST", "/api/sql/plan", {"sql": "drop table x"}, ""),
        ("POST", "/api/sql/plan", {"sql": "selec"}, "the statement cannot be parsed"),
        ("POST", "/api/search", {}, "topics is missing"),
        ("POST", "/api/search", {"token": "{}"}, "not a search that can be resumed"),
        ("POST", "/api/search", {"token": "[1,2]"}, "not a search that can be resumed"),
        ("POST", "/api/topics/a/records", {"records": []}, "body.records"),
        ("POST", "/api/topics/a/records", {"records": [{"values": 1}]}, "unknown field 'values' in body.records[0]"),
        ("POST", "/api/topics/a/records", {"records": [{"value": "!", "value_encoding": "base64"}]}, "body.records[0]"),
        ("POST", "/api/changes/plan", {"change": {"kind": "format-disk"}}, "no such kind"),
        ("POST", "/api/changes/plan", {"change": {"kind": "create-topic", "topic": {"name": "a", "x": 1}}}, "unknown field 'x'"),
        ("POST", "/api/changes/plan", {"change": {"kind": "delete-group"}}, "cannot be read"),
        ("POST", "/api/changes/execute", {}, "either plan or change"),
    ],
)  # fmt: skip
def test_bodies(api, method, path, body, words):
    answer = api.checked(method, path, body)
    assert answer.status == 400, answer
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "hint"),
    [
        ("GET", "/api/export?topic=a&format=xls", None, "One of csv, jsonl, parquet."),
        ("GET", "/api/records?topic=a&isolation=x", None, "One of read_committed, read_uncommitted."),
        ("POST", "/api/sql", {"sql": "select 1", "x": 1}, "Known: sql, "),
        ("POST", "/api/search", {"topics": ["a"], "conditions": [{"part": "x"}]}, "One of any, headers, key, value."),
        ("POST", "/api/search", {"topics": ["a"], "conditions": [{"parts": "x"}]}, "Known: part, match, "),
        ("POST", "/api/topics/a/records", {"records": [{"values": 1}]}, "Known: key, value, "),
        ("POST", "/api/changes/plan", {"change": {"kind": "x"}}, "One of create-topic, "),
        ("GET", "/api/history?metric=nope", None, "GET /api/history/metrics"),
    ],
)
def test_what_would_have_been_right_is_named(api, method, path, body, hint):
    answer = api.checked(method, path, body)
    assert answer.status == 400
    assert hint in answer.json()["hint"]


def test_a_token_with_an_sql_expression_is_not_run(api, topic):
    request = {"topics": [topic], "filter": {"conditions": [], "where": "1=1"}, "key": None, "all_partitions": False}
    request |= {"partitions": [], "visibility": [False, False, False]}
    counts = dict.fromkeys(("scanned", "matched", "bytes", "hidden", "skipped", "undecodable"), 0)
    import json

    token = json.dumps({"version": 1, "request": request, "left": [[topic, 0, 0, 0]], "counts": counts})
    answer = api.checked("POST", "/api/search", {"token": token})
    assert answer.status == 400
    assert "SQL expressions are not taken from here" in answer.json()["message"]


def test_bodies_are_json_and_no_larger_than_said(api):
    assert api.checked("POST", "/api/sql", b"{}", headers={"Content-Type": "text/plain"}).status == 415
    assert api.checked("POST", "/api/sql", b"{", headers={"Content-Type": "application/json"}).status == 400
    large = b'{"sql": "' + b"x" * BODY_BYTES_MAX + b'"}'
    assert api.checked("POST", "/api/sql", large, headers={"Content-Type": "application/json"}).status == 413


def test_what_is_not_there_is_said_in_json(api):
    assert api.get("/api/nothing").json()["error_code"] == 404
    assert api.get("/v3/clusters/x/nothing").status == 404
    answer = api.post("/api/overview", {})
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert api.get("/clusters/nobody/api/overview").status == 404


def test_an_answer_is_not_kept_by_anybody(api):
    headers = api.get("/api/overview").headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_a_head_is_a_get_without_its_body(api):
    answer = api.ask("HEAD", "/healthz")
    assert (answer.status, answer.body) == (200, b"")
