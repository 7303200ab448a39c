"""The console's base on an embedded cluster: pages in three forms, errors, changes, read-only mode."""

import html
import re

import pytest

from console.services.topic_changes import NewTopic, create_topic


async def seen(visitor, name):
    """Waits until the console's snapshot has the topic."""
    while not any(each.topic == name for each in (await visitor.opened.snapshot()).partitions):
        await visitor.opened.sampler.next_pass()


def test_every_page_is_html_json_and_csv(ask):
    async def story(visitor):
        await create_topic(visitor.opened.client, NewTopic("forms", 2))
        await seen(visitor, "forms")
        page = await visitor.get("/topics?q=forms")
        data = (await visitor.get("/topics.json?q=forms")).json
        csv = await visitor.get("/topics.csv?q=forms")
        assert page.header("content-type") == "text/html; charset=utf-8"
        assert 'href="/topics.csv?q=forms"' in page.text
        assert data["table"]["rows"][0]["name"] == "forms"
        assert data["table"]["rows"][0]["partition_count"] == 2
        assert data["missing"] == []
        assert csv.text.splitlines()[1].startswith("forms,2,")
        assert csv.header("content-disposition") == 'attachment; filename="topics.csv"'
        assert (await visitor.get("/overview.json")).json["health"]["broker_count"] == 1

    ask(story)


def test_a_page_without_a_table_has_no_csv(ask):
    async def story(visitor):
        assert (await visitor.get("/overview.csv")).status == 404

    ask(story)


def test_the_default_cluster_is_also_at_its_name(ask):
    async def story(visitor):
        page = await visitor.get("/clusters/local/topics")
        assert page.status == 200
        assert 'href="/clusters/local/topics.json"' in page.text
        assert (await visitor.get("/clusters/nowhere/topics")).status == 400
        assert "nowhere" in (await visitor.get("/clusters/nowhere/topics")).text

    ask(story)


def test_a_part_has_no_frame(ask):
    async def story(visitor):
        part = (await visitor.get("/topics?_part=main")).text
        assert 'id="topics"' in part
        assert "<nav id" not in part

    ask(story)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nowhere", 404), ("/static/x/../../app.py", 404), ("/static/x/js/nothing.js", 404), ("/topics?from=x", 400)],
)
def test_errors_are_pages_with_a_way_on(ask, path, status):
    async def story(visitor):
        answer = await visitor.get(path)
        assert answer.status == status
        if not path.startswith("/static"):
            assert "Overview" in answer.text
            assert (await visitor.get(path, headers={"accept": "application/json"})).json["error_code"] == status

    ask(story)


@pytest.mark.parametrize(
    "path",
    ["/static/x/..%2F..%2Fapp.py", "/static/x/%2e%2e/app.py", "/static/x//etc/passwd", "/static/x/js/../../../app.py"],
)
def test_no_path_leads_out_of_the_static_files(ask, path):
    async def story(visitor):
        assert (await visitor.get(path)).status == 404

    ask(story)


def test_static_files_are_kept_for_good_under_their_hash_only(ask):
    async def story(visitor):
        assets = visitor.app.state.assets
        answer = await visitor.get(assets.url("css/console.css"), headers={"accept-encoding": "gzip"})
        assert "immutable" in answer.header("cache-control")
        assert answer.header("content-encoding") == "gzip"
        assert "immutable" not in (await visitor.get("/static/old/css/console.css")).header("cache-control")
        again = await visitor.get(assets.url("css/console.css"), headers={"if-none-match": answer.header("etag")})
        assert (again.status, again.body) == (304, b"")

    ask(story)


HOSTILE = [
    '"><script>alert(1)</script>',
    "javascript:alert(1)",
    "{{7*7}}",
    "' onmouseover='alert(1)",
    "\u202egnp.exe",
    "\x1b]0;x\x07",
    "</title><img src=x onerror=alert(1)>",
]


@pytest.mark.parametrize("payload", HOSTILE)
def test_what_is_in_an_address_is_text_on_the_page(ask, payload):
    from urllib.parse import quote

    async def story(visitor):
        for path in ("/topics?q=", "/topics?sort=", "/topics-new?name=", "/nowhere/", "/clusters/", "/topics?x="):
            text = (await visitor.get(path + quote(payload, safe=""))).text
            assert "<script>alert" not in text
            assert "<img src=x" not in text
            assert "onmouseover='alert" not in text
            assert "49" not in re.findall(r"value=\"([^\"]*)\"", text)
            assert 'href="javascript:' not in html.unescape(text)

    ask(story)


async def planned(visitor, change, **options):
    return await visitor.post("/changes", data=change, **options)


def new_topic(name):
    return {"kind": "create-topic", "topic": {"name": name, "partition_count": 1, "replication_factor": 1}}


def test_a_change_is_planned_carried_out_and_undone_as_json(ask):
    async def story(visitor):
        plan = (await planned(visitor, new_topic("made"))).json
        assert plan["command"].startswith("stoker topics create made")
        done = (await visitor.post(f"/changes/{plan['plan']}", data={})).json
        assert done["can_undo"]
        again = await visitor.post(f"/changes/{plan['plan']}", data={}, headers={"accept": "application/json"})
        assert again.status == 409
        undo = (await visitor.post(f"/changes/undo/{done['audit_id']}", data={})).json
        assert undo["destroys"] == "made"
        refused = await visitor.post(f"/changes/{undo['plan']}", data={"typed": "mad"})
        assert refused.status == 422
        assert (await visitor.post(f"/changes/{undo['plan']}", data={"typed": "made"})).json[
            "text"
        ] == "Deleted topic made."

    ask(story)


def test_the_same_as_forms_without_any_script(ask):
    async def story(visitor):
        wrong = await visitor.post("/topics-new", {"name": "by form", "partition_count": "many"})
        assert wrong.status == 422
        assert 'value="by form"' in wrong.text
        assert 'id="f-partition_count-error"' in wrong.text
        plan = await visitor.post("/topics-new", {"name": "by-form", "configs": "retention.ms=1000\r\n"})
        action = re.search(r'action="(/changes/[^"]+)"', plan.text)[1]
        done = await visitor.post(action)
        assert done.status == 303
        assert done.header("location").startswith("/topics/by-form?done=")

    ask(story)


def test_undo_of_what_destroys_nothing_is_one_click_and_leads_back(ask):
    async def story(visitor):
        await create_topic(visitor.opened.client, NewTopic("tuned", 1))
        change = {"kind": "alter-topic", "name": "tuned", "configs": {"retention.ms": "1000"}}
        plan = (await planned(visitor, change)).json
        done = (await visitor.post(f"/changes/{plan['plan']}", data={})).json
        back = await visitor.post(f"/changes/undo/{done['audit_id']}", {"back": "/topics?q=x"})
        assert back.status == 303
        location = back.header("location")
        assert location.startswith("/topics?done=")
        assert location.endswith("&q=x")
        assert "retention.ms" in (await visitor.get(location)).text

    ask(story)


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/x\n"]
)
def test_nobody_is_sent_elsewhere_after_a_change(ask, back):
    async def story(visitor):
        await create_topic(visitor.opened.client, NewTopic(f"back-{abs(hash(back))}", 1))
        change = {"kind": "alter-topic", "name": f"back-{abs(hash(back))}", "configs": {"retention.ms": "1000"}}
        plan = (await planned(visitor, change)).json
        done = (await visitor.post(f"/changes/{plan['plan']}", data={})).json
        answer = await visitor.post(f"/changes/undo/{done['audit_id']}", {"back": back})
        assert answer.header("location").startswith("/?done=")

    ask(story)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"kind": "no-such"},
        {"kind": "create-topic"},
        {"kind": "create-topic", "topic": {"name": 5}},
        {"kind": "alter-config", "resource": {"type": "topic", "name": "x", "class": "a.b.C"}, "changes": "x"},
        {"kind": ["create-topic"]},
    ],
)
def test_changes_that_are_none_are_refused(ask, change):
    async def story(visitor):
        answer = await planned(visitor, change)
        assert 400 <= answer.status < 500, answer.text

    ask(story)


def test_read_only_shows_plans_and_carries_out_none(ask):
    async def story(visitor):
        plan = await planned(visitor, new_topic("never"))
        assert plan.status == 200
        done = await visitor.post(f"/changes/{plan.json['plan']}", data={}, headers={"accept": "application/json"})
        assert done.status == 409
        assert "read-only" in done.json["message"]
        assert "read-only" in (await visitor.get("/")).text
        assert (await visitor.post("/samples", {})).status == 409

    ask(story, readonly=True)


def test_a_cluster_that_is_not_there_leaves_the_pages_there(ask):
    async def story(visitor):
        for path in ("/", "/topics"):
            answer = await visitor.get(path)
            assert answer.status == 200
            assert "missing" in answer.text
        assert (await visitor.get("/topics.json")).json["missing"][0]["what"] == "the cluster"
        refused = await visitor.post("/topics-new", {"name": "x"})
        assert refused.status == 422
        assert 'value="x"' in refused.text

    ask(story, bootstrap_servers="127.0.0.1:1")
