"""Pages that update themselves: a lost connection, a pause, and what is gone."""

import asyncio
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from console.errors import OperatorError
from console.services.partial import Missing
from console.services.topic_changes import NewTopic, create_topic, delete_topic
from tests.web.filled import own_topic
from tests.web.producing import fill


@pytest.fixture(scope="module", autouse=True)
def topics(console):
    async def story(opened):
        await fill(opened, "watched", [])
        await opened.sampler.next_pass()
        await opened.sampler.next_pass()

    console.run(story)


def make(console, name):
    console.run(lambda opened: create_topic(opened.client, NewTopic(name, 1)))


def row(page, name):
    return page.locator(f"#topics tbody tr[data-key={name}]")


def words(page):
    return page.locator("[data-live-words]")


def test_what_happened_while_the_connection_was_lost_is_there_when_it_is_back(page, context, console, own):
    page.watched.allow("ERR_INTERNET_DISCONNECTED")
    page.goto("/topics")
    expect(words(page)).to_have_text("Live")
    context.set_offline(True)
    page.keyboard.press("r")
    expect(words(page)).to_have_text("No connection")
    make(console, own)
    context.set_offline(False)
    expect(row(page, own)).to_be_visible()
    expect(words(page)).to_have_text("Live")


def test_a_stream_that_is_cut_is_taken_up_where_it_was(page, console, own):
    """The browser comes again by itself and says what it has seen (Last-Event-ID)."""
    seen = []
    page.on("request", lambda request: request.url.endswith("/live") and seen.append(request))
    page.goto("/topics")
    expect(words(page)).to_have_text("Live")

    async def cut(opened):
        live = console.app.state.live
        while not live.client_count:
            await asyncio.sleep(0.01)
        live.close()
        live.closed = False

    console.run(cut)
    make(console, own)
    expect(row(page, own)).to_be_visible()
    assert len(seen) >= 2
    assert seen[-1].all_headers().get("last-event-id")


def test_a_server_that_answers_nonsense_for_a_while_is_asked_again(page, console, own):
    """EventSource gives up for good after an answer that is no stream."""
    page.watched.allow("503")
    page.route("**/live", lambda route: route.fulfill(status=503, body="not now"))
    page.goto("/topics")
    expect(words(page)).to_have_text("No connection")
    page.unroute("**/live")
    expect(words(page)).to_have_text("Live")
    make(console, own)
    expect(row(page, own)).to_be_visible()


def test_nothing_moves_while_it_is_paused_and_all_of_it_is_there_afterwards(page, console, own):
    page.goto("/topics")
    expect(words(page)).to_have_text("Live")
    page.keyboard.press("p")
    expect(words(page)).to_have_text("Paused")
    expect(page.get_by_role("button", name="Paused")).to_have_attribute("aria-pressed", "true")
    make(console, own)

    async def three_passes(opened):
        for _ in range(3):
            await opened.sampler.next_pass()

    console.run(three_passes)
    expect(row(page, own)).to_have_count(0)
    page.keyboard.press("p")
    expect(row(page, own)).to_be_visible()


def test_a_page_whose_topic_is_deleted_elsewhere_says_so_and_asks_no_more(page, console, own):
    page.watched.allow("404")
    own_topic(console, own)
    page.goto(f"/topics/{own}")
    expect(words(page)).to_have_text("Live")
    console.run(lambda opened: delete_topic(opened.client, own))
    expect(words(page)).to_have_text("Gone")
    expect(page.locator("[data-toast]")).to_contain_text("no longer there")
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    async def two_passes(opened):
        for _ in range(2):
            await opened.sampler.next_pass()

    console.run(two_passes)
    assert asked == []


def test_a_field_that_is_being_typed_in_is_left_alone(page, console, own):
    page.goto("/topics")
    page.locator("[data-filter]").fill(own)
    page.wait_for_url(f"**/topics?q={own}")
    field = page.locator("[data-filter]")
    make(console, f"{own}-too")
    expect(row(page, f"{own}-too")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value(own)


def test_what_is_missing_is_told_and_taken_back_while_one_looks(page, console):
    """A part of a snapshot that nobody answers, as when a broker dies."""
    page.goto("/topics")
    expect(words(page)).to_have_text("Live")
    expect(page.locator("#missing")).to_be_empty()
    sampler = console.opened.sampler
    taken = sampler.sample

    async def without_sizes():
        snapshot = await taken()
        sampler.latest = replace(snapshot, missing=(Missing("sizes of broker 3", "it does not answer"),))
        return sampler.latest

    sampler.sample = without_sizes
    try:
        expect(page.locator("#missing")).to_contain_text("sizes of broker 3: it does not answer")
    finally:
        sampler.sample = taken
    expect(page.locator("#missing")).to_be_empty()


def test_a_page_that_began_without_an_answer_fills_itself(page, console):
    sampler = console.opened.sampler
    taken, latest = sampler.sample, sampler.latest

    async def silent():
        raise OperatorError("no cluster at h:1", "connection refused")

    async def no_answer(_):
        sampler.sample, sampler.latest = silent, None
        await sampler.next_pass()
        await sampler.next_pass()
        sampler.latest = None

    console.run(no_answer)
    try:
        page.goto("/")
        expect(page.locator("#main")).to_contain_text("The cluster does not answer")
        page.goto("/brokers")
        expect(page.locator("#main")).to_contain_text("no cluster at h:1")
        expect(page.locator("#brokers")).to_contain_text("This fills itself as soon as it does")
        expect(page.locator("#main")).not_to_contain_text("none is gone")
    finally:
        sampler.sample, sampler.latest = taken, latest
    expect(page.locator("#brokers tbody tr[data-key]")).to_have_count(3)
    expect(page.locator("#figures")).to_contain_text("none is gone")
    expect(page.locator("#missing")).to_be_empty()
    page.keyboard.press("j")
    expect(page.locator("#brokers tr[aria-selected=true]")).to_have_count(1)
