"""Confluent's streaming mode: records and reports, one after the other, over one connection."""

import base64
import contextlib
import json
import socket
import time

import pytest


class Stream:
    """A request whose body is sent in chunks, while the answer is read."""

    def __init__(self, port, path, headers=()):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._file = self._socket.makefile("rb")
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers]
        self._socket.sendall("\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode())
        self.status = None

    def close(self):
        self._file.close()
        self._socket.close()

    def send(self, *texts):
        for text in texts:
            data = text if isinstance(text, bytes) else json.dumps(text).encode()
            self._socket.sendall(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self):
        self._socket.sendall(b"0\r\n\r\n")

    def head(self):
        self.status = int(self._file.readline().split()[1])
        while self._file.readline() not in (b"\r\n", b""):
            pass

    def report(self):
        """The next one; None after the last."""
        if self.status is None:
            self.head()
        size = int(self._file.readline(), 16)
        data = self._file.read(size)
        assert self._file.readline() == b"\r\n"
        return json.loads(data) if size else None

    def reports(self):
        return list(iter(self.report, None))


@pytest.fixture
def stream(api, v3, topic):
    with contextlib.ExitStack() as stack:
        yield lambda **options: stack.enter_context(
            contextlib.closing(Stream(api.port, f"{v3}/topics/{topic}/records", **options))
        )


def text(data, **more):
    return {"value": {"type": "STRING", "data": data}, "partition_id": 0, **more}


def codes(reports):
    return [each["error_code"] for each in reports]


def test_each_record_is_reported_while_the_connection_stays_open(stream):
    records = stream()
    for offset in range(3):
        records.send(text(f"number {offset}"))
        report = records.report()
        assert (report["error_code"], report["offset"]) == (200, offset)
    records.end()
    assert records.status == 200
    assert records.reports() == []


def test_a_record_may_come_in_any_pieces_and_many_in_one(stream):
    records = stream()
    data = json.dumps(text("}{")).encode()
    for at in range(len(data)):
        records.send(data[at : at + 1])
    assert records.report()["offset"] == 0
    records.send(data * 50)
    records.end()
    assert [each["offset"] for each in records.reports()] == list(range(1, 51))


def test_what_is_wrong_with_a_record_is_in_its_report_and_the_next_goes_on(stream, v3, topic):
    records = stream()
    records.send(
        text("good"),
        {"value": {"type": "BINARY", "data": "!"}},
        {"value": {"data": 1}},
        {"nonsense": 1},
        text("x", partition_id=99),
        text("x", partition_id=-1),
        text("x", timestamp="yesterday"),
        text("good"),
    )
    records.end()
    reports = records.reports()
    assert codes(reports) == [200, 400, 400, 400, 40402, 40402, 400, 200]
    known = "partition_id, headers, key, value, timestamp"
    assert reports[3] == {"error_code": 400, "message": f"unknown field 'nonsense'. Known: {known}."}
    assert records.status == 200


@pytest.mark.parametrize(
    ("rest", "said"), [(b"oops", "not JSON objects"), (b'{"value": ', "not whole"), (b"[]", "not JSON objects")]
)
def test_what_is_no_json_ends_the_body_and_what_came_before_is_written(stream, rest, said):
    records = stream()
    records.send(text("written"), rest)
    records.end()
    first, last = records.reports()
    assert first["error_code"] == 200
    assert last["error_code"] == 400
    assert said in last["message"]


def test_all_that_a_record_may_have(api, v3, topic, put):
    record = {
        "partition_id": 1,
        "headers": [{"name": "trace", "value": base64.b64encode(b"\x01\x02").decode()}, {"name": "none"}],
        "key": {"type": "STRING", "data": "k"},
        "value": {"type": "JSON", "data": {"id": 9007199254740993}},
        "timestamp": "2026-01-02T03:04:05.678Z",
    }
    report = api.checked("POST", f"{v3}/topics/{topic}/records", record).json()
    assert report == {
        "error_code": 200,
        "cluster_id": v3.rpartition("/")[2],
        "topic_name": topic,
        "partition_id": 1,
        "offset": 0,
        "timestamp": "2026-01-02T03:04:05.678Z",
        "key": {"size": 1, "type": "STRING"},
        "value": {"size": 23, "type": "JSON"},
    }
    (found,) = api.get("/api/records", topic=topic, start="beginning").json()["records"]
    assert found["value"]["text"] == '{"id":9007199254740993}'
    assert [(each["name"], each.get("is_null", False)) for each in found["headers"]] == [
        ("trace", False),
        ("none", True),
    ]


def test_a_topic_is_created_on_first_use_as_by_kafkas_own_producers(api, v3, topic):
    """auto.create.topics.enable is on. Where people type names, in /api, it is not."""
    report = api.checked("POST", f"{v3}/topics/{topic}-new/records", text("x")).json()
    assert (report["error_code"], report["offset"]) == (200, 0)
    assert api.post(f"/api/topics/{topic}-other/records", {"records": [{"value": "x"}]}).status == 404
    both = {"entries": [{"id": "a", **text("x")}, {"id": "b", **text("x", partition_id=5)}]}
    answer = api.checked("POST", f"{v3}/topics/{topic}-third/records:batch", both).json()
    assert [each["id"] for each in answer["successes"]] == ["a"]
    assert [(each["id"], each["error_code"]) for each in answer["failures"]] == [("b", 40402)]


@pytest.mark.parametrize("body", [b"", b"  \n"])
def test_a_body_without_a_record_is_unprocessable(api, v3, topic, body):
    """Confluent: Errors.invalidPayloadException."""
    headers = {"Content-Type": "application/json"}
    answer = api.checked("POST", f"{v3}/topics/{topic}/records", body, headers=headers)
    assert (answer.status, answer.json()["error_code"]) == (422, 42206)


@pytest.mark.parametrize(
    ("entries", "said"),
    [([], "Empty batch"), ([{"id": "a"}, {"id": "a"}], "not distinct"), ([{"id": "a"}] * 1_001, "Too many entries")],
)
def test_a_batch_that_is_none_is_unprocessable(api, v3, topic, entries, said):
    answer = api.checked("POST", f"{v3}/topics/{topic}/records:batch", {"entries": entries})
    assert (answer.status, answer.json()["error_code"]) == (422, 42208)
    assert said in answer.json()["message"]


def test_all_that_is_sent_to_a_topic_within_a_minute_is_one_entry_of_the_audit_log(api, v3, stream, topic, put):
    """A program that sends records one by one must not push all else out of a log of bounded size."""
    records = stream()
    records.send(*(text("secret") for _ in range(3)))
    records.end()
    assert codes(records.reports()) == [200] * 3
    for _ in range(10):
        assert api.post(f"{v3}/topics/{topic}/records", text("secret")).json()["error_code"] == 200
    put(topic, "secret", "secret")
    api.post(f"{v3}/topics/{topic}/records:batch", {"entries": [{"id": "a", **text("secret")}]})
    (entry,) = finished(api, topic)
    assert entry["after"]["acknowledged_records"] == 16
    assert "secret" not in json.dumps(entry)


def finished(api, topic):
    """What the audit log says when all that was sent is in it."""
    deadline = time.monotonic() + 60
    while True:
        found = [each["entry"] for each in api.get("/api/audit", subject=topic, kind="produce").json()["entries"]]
        if all(each["result"] != "started" for each in found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_a_topic_that_was_deleted_meanwhile_is_created_anew_or_not_found(api, v3, topic, put):
    put(topic, "a")
    assert api.delete(f"{v3}/topics/{topic}").status == 204
    assert api.post(f"/api/topics/{topic}/records", {"records": [{"value": "x"}]}).status == 404
    report = api.post(f"{v3}/topics/{topic}/records", {"value": {"type": "STRING", "data": "x"}}).json()
    assert (report["error_code"], report["offset"]) == (200, 0)


def test_a_client_that_waits_for_100_continue_gets_it_before_anything_else(stream):
    records = stream(headers=["Expect: 100-continue"])
    records.head()
    assert records.status == 100
    records.send(text("x"))
    records.status = None
    assert records.report()["error_code"] == 200
    records.end()
    assert records.reports() == []


def test_whoever_goes_away_leaves_what_was_taken_and_no_stream(api, stream, topic):
    from web.api.state import state_of

    records = stream()
    records.send(text("x"))
    assert records.report()["error_code"] == 200
    assert state_of(api.cluster).streams == 1
    records.send(b'{"value": {"type": "STRING", "data": "never whole')
    records.close()

    async def until_it_ended():
        import asyncio

        while state_of(api.cluster).streams:
            await asyncio.sleep(0.01)

    api.run(until_it_ended())
    assert api.get(f"/api/topics/{topic}").json()["summary"]["records_at_most"] == 1
