"""A file of records, sent as it comes: what became of it, and what a look at its beginning says."""

import json

from console.records.browse import find_record
from console.services.offsets import start_and_end_offsets
from console.services.topic_changes import NewTopic, create_topic
from engine.types import TopicPartition
from web.security.bounds import FILE_BODY_BYTES_MAX, body_bound

OWN = {"origin": "http://127.0.0.1:8080", "sec-fetch-site": "same-origin"}
RAW = {**OWN, "content-type": "application/octet-stream", "accept": "application/json"}


async def a_topic(visitor, name, partitions=1):
    await create_topic(visitor.opened.client, NewTopic(name, partitions))


async def end_of(visitor, topic, partition=0):
    key = TopicPartition(topic, partition)
    return (await start_and_end_offsets(visitor.opened.client, [key])).values[key][1]


async def record_at(visitor, topic, partition, offset):
    found = await find_record(visitor.opened.client, topic, partition, offset)
    return found.key, found.value, found.headers, found.timestamp


def test_lines_are_sent_as_they_come_in_however_many_pieces(ask):
    async def story(visitor):
        await a_topic(visitor, "lines")
        pieces = [b"k1:one\nk2:", b"two\n", b"k3:", b"three"]
        answer = await visitor.ask("POST", "/topics/lines/produce-file?separator=:", headers=RAW, chunks=pieces)
        assert answer.status == 200
        assert answer.json["acknowledged_records"] == 3
        assert answer.json["error"] is None
        assert [(await record_at(visitor, "lines", 0, n))[:2] for n in range(3)] == [
            (b"k1", b"one"), (b"k2", b"two"), (b"k3", b"three"),
        ]  # fmt: skip

    ask(story)


def test_json_lines_keep_headers_partitions_and_times_unless_told_otherwise(ask):
    async def story(visitor):
        await a_topic(visitor, "objects", 2)
        line = {"key": "k", "value": "v", "headers": [{"key": "h", "value": "1"}], "partition": 1, "timestamp": 5}
        body = json.dumps(line).encode()
        await visitor.ask("POST", "/topics/objects/produce-file?format=jsonl", headers=RAW, body=body)
        assert await record_at(visitor, "objects", 1, 0) == (b"k", b"v", [("h", b"1")], 5)
        await visitor.ask("POST", "/topics/objects/produce-file?format=jsonl&timestamps=0", headers=RAW, body=body)
        assert (await record_at(visitor, "objects", 1, 1))[3] > 1_000_000

    ask(story)


def test_what_came_before_a_bad_line_is_there_and_the_line_is_named(ask):
    async def story(visitor):
        await a_topic(visitor, "half")
        body = b'{"value":"1"}\n{"value":"2"}\nnot json\n{"value":"4"}\n'
        answer = await visitor.ask("POST", "/topics/half/produce-file?format=jsonl", headers=RAW, body=body)
        assert answer.status == 200
        assert answer.json["acknowledged_records"] == await end_of(visitor, "half") == 2
        assert answer.json["error"].startswith("line 3: not JSON")
        (entry,) = visitor.opened.audit.read().entries
        assert (entry.kind, entry.result, entry.after["acknowledged_records"]) == ("produce", "failed", 2)

    ask(story)


def test_a_partition_that_does_not_exist_is_told(ask):
    async def story(visitor):
        await a_topic(visitor, "one")
        body = b"value,partition\nx,0\ny,7\n"
        answer = await visitor.ask("POST", "/topics/one/produce-file?format=csv", headers=RAW, body=body)
        assert answer.json["acknowledged_records"] == 1
        assert "7" in answer.json["error"]

    ask(story)


def test_a_read_only_console_sends_nothing(ask):
    async def story(visitor):
        answer = await visitor.ask("POST", "/topics/lines/produce-file", headers=RAW, body=b"x\n")
        assert answer.status == 409
        assert "read-only" in answer.text

    ask(story, readonly=True)


def test_a_topic_that_does_not_exist_is_not_made_by_sending_to_it(ask):
    async def story(visitor):
        answer = await visitor.ask("POST", "/topics/no-such/produce-file", headers=RAW, body=b"x\n")
        assert answer.status == 404
        assert "no-such" not in (await visitor.opened.client.metadata(None)).topics

    ask(story)


def test_a_look_at_the_beginning_shows_records_and_sends_none(ask):
    async def story(visitor):
        await a_topic(visitor, "looked-at")
        body = b"a,1\n" * 3
        look = "/topics/looked-at/produce-file/preview?separator=,&whole=1"
        answer = await visitor.ask("POST", look, headers=RAW, body=body)
        assert [(each["key"], each["value"]) for each in answer.json["records"]] == [("a", "1")] * 3
        assert answer.json["problem"] is None
        assert await end_of(visitor, "looked-at") == 0

    ask(story)


def test_where_the_beginning_is_cut_off_is_no_error_and_what_is_wrong_before_that_is(ask):
    async def story(visitor):
        look = "/topics/looked-at/produce-file/preview?format=jsonl"
        cut = await visitor.ask("POST", look, headers=RAW, body=b'{"value":"1"}\n{"val')
        assert (len(cut.json["records"]), cut.json["problem"]) == (1, None)
        wrong = await visitor.ask("POST", look, headers=RAW, body=b'{"value":"1"}\nnope\n{"val')
        assert len(wrong.json["records"]) == 1
        assert wrong.json["problem"].startswith("line 2: not JSON")

    ask(story)


def test_hostile_bytes_are_written_out_and_long_ones_cut(ask):
    async def story(visitor):
        body = b"\x1b[31mred\xff\xe2\x80\xae" + b"x" * 5_000 + b"\n"
        answer = await visitor.ask("POST", "/topics/looked-at/produce-file/preview", headers=RAW, body=body)
        (shown,) = answer.json["records"]
        assert shown["value"].startswith("\\x1b[31mred")
        assert "\u202e" not in shown["value"]
        assert len(shown["value"]) <= 300

    ask(story)


def test_nonsense_in_the_address_is_refused(ask):
    async def story(visitor):
        for query in ("format=xml", "compression=rar"):
            answer = await visitor.ask("POST", f"/topics/lines/produce-file?{query}", headers=RAW, body=b"x")
            assert answer.status == 400

    ask(story)


def test_another_page_cannot_send_a_file(ask):
    async def story(visitor):
        evil = {**RAW, "origin": "http://evil.example", "sec-fetch-site": "cross-site"}
        assert (await visitor.ask("POST", "/topics/lines/produce-file", headers=evil, body=b"x\n")).status == 403

    ask(story)


def test_only_where_a_file_is_sent_a_gigabyte_may_be():
    assert body_bound("/topics/orders/produce-file").bytes_max == FILE_BODY_BYTES_MAX
    assert body_bound("/clusters/x/topics/orders/produce-file").bytes_max == FILE_BODY_BYTES_MAX
    for path in ("/topics/orders/produce-file/preview", "/topics/produce-file/records", "/topics/orders", "/changes"):
        assert body_bound(path).bytes_max < FILE_BODY_BYTES_MAX / 30
