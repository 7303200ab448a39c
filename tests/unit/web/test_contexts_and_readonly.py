"""Contexts as pages change them, the decoding they bring to every reading of records, and a console that may only read."""

import struct

import pytest

from console.contexts import Context, Contexts, load_contexts, save_contexts
from console.records.producing import NewRecord
from console.services.topic_changes import NewTopic, create_topic
from web.api.records.sending import send

pytestmark = pytest.mark.usefixtures("own_home")


async def filled(visitor, topic, *values):
    await create_topic(visitor.opened.client, NewTopic(topic, 1))
    answers = await send(visitor.opened, topic, [NewRecord(b"k", each, [], 0, None) for each in values])
    assert not [each for each in answers if isinstance(each, Exception)]


def test_settings_are_changed_in_the_form_that_has_them_and_none_is_lost(ask):
    async def story(visitor):
        rules = {"orders": "json,key=int64", "logs-*": "utf-8"}
        save_contexts(Contexts({"staging": Context("staging", "h:1", None, True, "http://r:8081", rules)}, "staging"))
        assert "/contexts-new?name=staging" in (await visitor.get("/contexts/staging")).text
        form = (await visitor.get("/contexts-new?name=staging")).text
        assert "logs-*=utf-8\norders=json,key=int64" in form
        changed = {
            "was": "staging", "name": "staging", "bootstrap_servers": "h:2", "schema_registry": "http://r:8081",
            "readonly": "on", "use": "on", "decode": "orders=avro",
        }  # fmt: skip
        assert (await visitor.post("/contexts-new", changed)).status == 303
        assert load_contexts().contexts["staging"] == Context(
            "staging", "h:2", None, True, "http://r:8081", {"orders": "avro"}
        )
        assert load_contexts().current == "staging"

    ask(story)


def test_every_change_of_the_file_can_be_undone_from_the_message_that_reports_it(ask):
    async def story(visitor):
        staging, other = Context("staging", "h:1", None, True), Context("other", "h:9")
        save_contexts(Contexts({"staging": staging}, "staging"))
        changed = {"was": "staging", "name": "staging", "bootstrap_servers": "h:2"}
        for path, form in (
            ("/contexts-new", changed),
            ("/contexts/staging", {"do": "remove"}),
            ("/contexts/staging", {"do": "use-none"}),
        ):
            answer = await visitor.post(path, form)
            assert answer.status == 303
            assert load_contexts() != Contexts({"staging": staging}, "staging")
            page = (await visitor.get(answer.header("location"))).text
            undo = page.partition('action="/contexts-undo/')[2].partition('"')[0]
            # What others change meanwhile stays.
            now = load_contexts()
            save_contexts(Contexts({**now.contexts, "other": other}, now.current))
            assert (await visitor.post(f"/contexts-undo/{undo}")).status == 303
            assert load_contexts() == Contexts({"staging": staging, "other": other}, "staging")
            again = await visitor.post(f"/contexts-undo/{undo}")
            assert again.status == 409
            save_contexts(Contexts({"staging": staging}, "staging"))

    ask(story)


def test_adding_one_is_undone_by_taking_it_out(ask):
    async def story(visitor):
        save_contexts(Contexts({}, None))
        answer = await visitor.post("/contexts-new", {"name": "new", "bootstrap_servers": "h:1", "use": "on"})
        page = (await visitor.get(answer.header("location"))).text
        assert "Added new." in page
        await visitor.post("/contexts-undo/" + page.partition("/contexts-undo/")[2].partition('"')[0])
        assert load_contexts() == Contexts({}, None)

    ask(story)


def test_a_new_one_does_not_replace_one_that_is_there(ask):
    async def story(visitor):
        save_contexts(Contexts({"staging": Context("staging", "h:1", None, True)}, None))
        answer = await visitor.post("/contexts-new", {"name": "staging", "bootstrap_servers": "other:1"})
        assert answer.status == 422
        assert "There is one of that name" in answer.text
        assert load_contexts().contexts["staging"].bootstrap_servers == "h:1"

    ask(story)


def test_what_is_wrong_with_a_rule_stands_at_its_field_and_what_was_typed_stays(ask):
    async def story(visitor):
        form = {"name": "a", "bootstrap_servers": "h:1", "decode": "orders=no-such-format"}
        answer = await visitor.post("/contexts-new", form)
        assert answer.status == 422
        assert 'id="f-decode-error"' in answer.text
        assert "orders=no-such-format" in answer.text

    ask(story)


def test_the_decoding_of_a_context_reaches_filters_pages_and_searches(ask, cluster):
    """Four bytes are a number only by the rule: without it no filter could find 42."""

    async def story(visitor):
        await filled(visitor, "numbers", *(struct.pack(">i", each) for each in (41, 42, 43)))
        rules = {"numbers": "int32"}
        save_contexts(Contexts({"named": Context("named", cluster.bootstrap_servers, None, False, None, rules)}, None))
        for base, found in (("", 0), ("/clusters/named", 1)):
            page = (await visitor.get(f"{base}/topics/numbers/records.json?filter=value%3D42")).json
            assert len(page["table"]["rows"]) == found
            listed = (await visitor.get(f"{base}/api/records?topic=numbers&filter=value%3D42")).json
            assert [each["offset"] for each in listed["records"]] == [1] * found
            searched = await visitor.get(
                f"{base}/api/search?topic=numbers&filter=value%3D42", headers={"accept": "application/x-ndjson"}
            )
            assert f'"matched":{found}' in searched.text.splitlines()[-1]
        form = await visitor.get("/clusters/named/topics/numbers/records?filter=value%3D42")
        assert "field-error" not in form.text

    ask(story)


FORMS = [
    ("/topics/kept/add-partitions", {"partition_count": "9"}),
    ("/topics/kept/delete-records", {"before": "latest"}),
    ("/topics/kept/elect-leaders", {"election": "PREFERRED"}),
    ("/topics/kept/configs/retention.ms", {"value": "1000", "do": "set"}),
    ("/topics/kept/produce", {"value": "never", "value_encoding": "utf-8", "key_encoding": "utf-8", "partition": "0"}),
    ("/topics-new", {"name": "never", "partition_count": "1"}),
    ("/groups/g/reset", {"target": "earliest"}),
    ("/groups/g/delete-offsets", {"scope": "kept"}),
    ("/contexts-new", {"name": "never", "bootstrap_servers": "h:1"}),
    ("/contexts/there", {"do": "remove"}),
    ("/contexts/there", {"do": "use"}),
    ("/samples", {}),
    ("/changes", {"kind": "delete-topic", "name": "kept"}),
]


def test_nothing_changes_through_any_page_of_a_console_that_may_only_read(ask, cluster, tmp_path):
    """Each form is sent, and each plan it leads to is carried out, with the name typed."""

    async def state(opened):
        described = (await opened.client.metadata(None)).topics
        return sorted((name, len(each.partitions)) for name, each in described.items() if not name.startswith("__"))

    async def prepare(visitor):
        if not any(name == "kept" for name, _ in await state(visitor.opened)):
            await filled(visitor, "kept", b"1", b"2")

    ask(prepare)

    async def story(visitor):
        save_contexts(Contexts({"there": Context("there", "h:1")}, None))
        before = await state(visitor.opened)
        for path, form in FORMS:
            sent = {"data": form} if path == "/changes" else {"form": form}
            answer = await visitor.post(path, **sent, headers={"accept": "application/json"})
            plan = answer.json.get("plan") if answer.body[:1] == b"{" else None
            said = answer.text
            if plan is not None:
                done = await visitor.post(f"/changes/{plan}", {"typed": "kept"}, headers={"accept": "application/json"})
                assert done.status >= 400, (path, done.text)
                said = done.text
            else:
                assert answer.status >= 400 or "<form" in said, (path, answer.status)
            if not path.startswith("/groups/g"):  # of a group that is not there is nothing to be refused
                assert "read-only" in said, (path, said[:500])
        assert await state(visitor.opened) == before
        records = (await visitor.get("/api/records?topic=kept")).json["records"]
        assert [each["value"]["text"] for each in records] == ["2", "1"]
        assert (await visitor.get("/api/topics/kept")).json["summary"]["overrides"] == {}
        assert list(load_contexts().contexts) == ["there"]
        assert load_contexts().current is None

    ask(story, readonly=True)


@pytest.mark.parametrize(
    "path", ["/", "/topics", "/topics/kept", "/topics/kept/records", "/topics/kept/produce", "/groups", "/sql", "/configs", "/contexts", "/audit"]
)  # fmt: skip
def test_every_page_says_that_it_may_only_read(ask, path):
    async def story(visitor):
        if path.startswith("/topics/kept") and "kept" not in (await visitor.opened.client.metadata(None)).topics:
            await filled(visitor, "kept", b"1", b"2")
        answer = await visitor.get(path)
        assert answer.status == 200
        assert "read-only" in answer.text.lower()

    ask(story, readonly=True)


def test_sql_changes_nothing_anywhere(ask):
    async def story(visitor):
        for sql in ("drop table kept", "insert into kept values (1)", "delete from kept", "create table a as select 1"):
            answer = await visitor.post("/api/sql", data={"sql": sql}, headers={"accept": "application/json"})
            assert "only statements that read are run" in answer.text

    ask(story, readonly=True)
