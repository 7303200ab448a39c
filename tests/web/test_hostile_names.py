"""The hostile payloads as names, addresses, settings and in the audit log: through every view that is not one of records.

(Records and SQL: test_hostile_records.) The `page` fixture fails a test when a page logs an error, when a script throws,
and when another host is asked.
"""

import asyncio
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from console.audit import DONE, FAILED, AuditEntry
from console.contexts import Context, Contexts, save_contexts
from console.services.group_changes import commit_offsets
from console.services.group_offsets import CommittedOffset
from engine.net.cluster_client import ClusterClient
from engine.net.group_member import GroupMember
from engine.types import TopicPartition
from tests.web.filled import passes
from tests.web.hostile import PAYLOADS
from tests.web.producing import fill
from tests.web.test_hostile_records import harmless
from web.names import part_of

TOPIC = "read-by-strangers"
NAMES = [text for text in PAYLOADS if len(text) < 1_000]
MEMBERS = NAMES[::6]
LONGEST = max(PAYLOADS, key=len)


@pytest.fixture(scope="module", autouse=True)
def groups(console):
    """A group of each name that has committed; some with a member whose client is called the same."""
    clients = []

    async def join(opened, name):
        client = ClusterClient(list(opened.client.bootstrap), client_id=name)
        clients.append(client)
        member = GroupMember(client, f"members of {name}", [TOPIC], session_timeout_ms=600_000)
        await member.join()

    async def story(opened):
        await fill(opened, TOPIC, [f"record {number}" for number in range(50)])
        for name in NAMES:
            await commit_offsets(opened.client, name, {TopicPartition(TOPIC, 0): CommittedOffset(3, -1, name)})
        await asyncio.gather(*(join(opened, name) for name in MEMBERS))
        await passes(opened)

    async def leave(opened):
        for client in clients:
            await client.close()

    console.run(story, 120)
    yield
    console.run(leave)


def test_in_the_list_of_groups_and_in_the_palette(page):
    page.goto("/groups?count=500")
    expect(page.locator("#groups tbody tr[data-key]")).to_have_count(len(NAMES) + len(MEMBERS))
    harmless(page)
    page.keyboard.press("Control+k")
    page.keyboard.type("script")
    expect(page.locator("#palette-list [role=option]").nth(3)).to_be_visible()
    harmless(page)


def test_on_the_overview(page):
    page.goto("/")
    expect(page.locator("#health")).to_contain_text("Largest lag")
    harmless(page)


@pytest.mark.parametrize("part", range(4))
def test_as_groups_with_their_forms(page, part):
    for name in NAMES[part::4]:
        page.goto(f"/groups/{part_of(name)}")
        expect(page.locator("#partitions tbody tr[data-key]")).to_have_count(1)
        harmless(page)
    page.get_by_role("link", name="Reset offsets").click()
    page.locator("#dialog[open] button[type=submit]").click()
    expect(page.locator("#dialog[open] .diff")).to_be_visible()
    harmless(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Delete group").click()
    expect(page.locator("#dialog[open] #f-typed")).to_be_visible()
    harmless(page)


def test_as_members_and_their_clients(page):
    for name in MEMBERS:
        page.goto(f"/groups/{part_of('members of ' + name)}/members")
        expect(page.locator("#members tbody tr[data-key]")).to_have_count(1)
        harmless(page)
    page.goto(f"/groups/{part_of('members of ' + MEMBERS[0])}")
    harmless(page)


def test_as_readers_of_a_topic(page):
    page.goto(f"/topics/{TOPIC}/groups?count=500")
    expect(page.locator("#groups tbody tr[data-key]")).to_have_count(len(NAMES) + len(MEMBERS))
    harmless(page)


def test_in_csv_no_name_is_a_formula(page):
    for line in page.request.get("/groups.csv").text().splitlines():
        assert line.lstrip('"')[:1] not in ("=", "@", "+", "-"), line


@pytest.mark.parametrize("part", range(2))
def test_as_things_that_do_not_exist(page, part):
    page.watched.allow("40")
    page.watched.allow("431")
    for text in NAMES[part::2]:
        for path in ("topics", "groups", "brokers", "audit", "contexts"):
            if path == "groups":
                text = f"no {text}"
            page.goto(f"/{path}/{part_of(text)}")
            expect(page.locator("h1")).to_be_visible()
            harmless(page)


@pytest.mark.parametrize("part", range(2))
def test_as_filters_orders_and_windows_of_tables(page, part):
    for text in NAMES[part::2]:
        word = quote(text, safe="")
        page.goto(f"/groups?q={word}&sort={word}&window={word}")
        expect(page.locator("#groups [data-filter]")).to_be_visible()
        harmless(page)


def test_typed_into_forms_and_shown_again_with_what_is_wrong(page):
    for text in [*NAMES[::4], LONGEST[:90_000]]:
        line = text.replace("\0", "").replace("\r", " ").replace("\n", " ")
        page.goto("/topics-new")
        page.locator("#f-name").fill(line)
        page.locator("#f-configs").fill(line)
        page.get_by_role("button", name="See what it will do").click()
        expect(page.locator(".field-error, .notice.bad, #dialog[open]").first).to_be_visible()
        harmless(page)
        page.goto("/contexts-new")
        page.locator("#f-name").fill(line)
        page.locator("#f-bootstrap_servers").fill(line[:3_000])
        page.locator("#f-decode").fill(line)
        page.get_by_role("button", name="Add").click()
        expect(page.locator(".field-error").first).to_be_visible()
        harmless(page)


def test_as_settings_of_contexts(page):
    contexts = {
        f"context-{number}": Context(f"context-{number}", text, text, False, text, {"orders": "json"})
        for number, text in enumerate(NAMES[::5])
    }
    save_contexts(Contexts(contexts, "context-0"))
    page.goto("/contexts")
    expect(page.locator("#contexts tbody tr[data-key]")).to_have_count(len(contexts) + 1)
    harmless(page)
    for name in contexts:
        page.goto(f"/contexts/{name}")
        harmless(page)
        page.goto(f"/contexts-new?name={name}")
        harmless(page)


@pytest.fixture
def written_down(console):
    """Changes that strangers made, or that a broker answered with its own words."""
    log = console.opened.audit
    cluster_id = console.opened.latest.cluster_id
    for number, text in enumerate(NAMES):
        entry = AuditEntry(
            id=f"hostile-{number}", at_ms=1_700_000_000_000 + number, user=text, host=text, face=text,
            cluster_id=cluster_id, bootstrap_servers=text, kind=text, subject=text, command=text,
            before={text: text, "list": [text]}, after={text: None}, undo_note=text,
        )  # fmt: skip
        log.begin(entry)
        log.end(entry.id, FAILED if number % 2 else DONE, error=text)


@pytest.mark.parametrize("part", range(2))
def test_in_the_audit_log(page, written_down, part):
    page.goto("/audit?count=500")
    expect(page.locator("#audit tbody tr[data-key]").nth(len(NAMES) - 1)).to_be_visible()
    harmless(page)
    for number in range(part, len(NAMES), 2):
        page.goto(f"/audit/hostile-{number}")
        expect(page.locator("h1")).to_be_visible()
        harmless(page)


def test_as_what_a_broker_answers(page, console):
    """The words of an error are the other side's."""
    from console.errors import OperatorError
    from engine.protocol.errors import ErrorCode

    page.watched.allow("409")
    door = console.opened.door
    plan = door.plan
    for text in NAMES[::5]:

        async def refuse(change, text=text):
            raise OperatorError.refused(f"group {text}", ErrorCode.POLICY_VIOLATION, text, text)

        door.plan = refuse
        try:
            page.goto("/topics-new")
            page.locator("#f-name").fill("any")
            page.get_by_role("button", name="See what it will do").click()
            expect(page.locator(".notice.bad, .field-error").first).to_be_visible()
            harmless(page)
        finally:
            door.plan = plan
