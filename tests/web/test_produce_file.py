"""A file of records, as a person sends it."""

import json

import pytest
from playwright.sync_api import expect

from tests.web.filled import own_topic
from tests.web.producing import fill


@pytest.fixture(scope="module", autouse=True)
def topics(console):
    async def story(opened):
        await fill(opened, "broken", [], partitions=2)

    console.run(story)


def choose(page, topic, name, content):
    page.goto(f"/topics/{topic}/produce-file")
    page.locator("#f-file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": content})


def test_a_file_is_looked_at_and_then_sent(page, console, own):
    own_topic(console, own, 2)
    page.goto(f"/topics/{own}/produce")
    page.get_by_role("link", name="Produce a file").click()
    page.wait_for_url(f"**/topics/{own}/produce-file")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    lines = "".join(f"k{n % 3}:value {n}\n" for n in range(2_000))
    page.locator("#f-file").set_input_files({"name": "lines.txt", "mimeType": "text/plain", "buffer": lines.encode()})
    first = page.locator("[data-preview] tbody tr").first
    expect(first).to_contain_text("k0:value 0")
    page.locator("#f-separator").fill(":")
    expect(first.locator("td").first).to_have_text("k0")
    expect(page.locator("#file-command")).to_have_text(f"stoker produce {own} lines.txt --key-separator :")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#file-result")).to_contain_text("Sent: 2,000 records")
    page.get_by_role("link", name="the oldest").click()
    expect(page.locator("#records tbody tr[data-key]").first).to_contain_text("value")
    expect(page.locator("#account")).to_contain_text("2,000 records")


def test_the_name_says_what_is_in_it_and_an_export_comes_back_as_it_was(page, console, own):
    own_topic(console, own, 2)
    rows = [{"key": "a", "value": "1", "partition": 1, "headers": [{"key": "h", "value": "x"}]} for _ in range(3)]
    choose(page, own, "export.jsonl", "\n".join(map(json.dumps, rows)).encode())
    expect(page.locator("#f-format")).to_have_value("jsonl")
    expect(page.locator("[data-preview]")).to_contain_text("h=x")
    expect(page.locator("#f-separator")).to_be_hidden()
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#file-result")).to_contain_text("Sent: 3 records")
    found = page.request.get(f"/topics/{own}/records.json").json()["table"]["rows"]
    assert [(each["partition"], each["headers"]) for each in found] == [(1, ["h=x"])] * 3


def test_what_is_wrong_stands_beside_the_file_before_anything_is_sent(page):
    choose(page, "broken", "bad.jsonl", b"nope\n")
    expect(page.locator("#f-file-error")).to_contain_text("line 1: not JSON")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.locator("#f-format").select_option("lines")
    expect(page.locator("#f-file-error")).to_be_hidden()
    expect(page.get_by_role("button", name="Send")).to_be_enabled()


def test_a_file_that_is_wrong_further_on_ends_early_and_says_how_far_it_came(page):
    good = b'{"value":"x"}\n' * 20_000
    choose(page, "broken", "late.jsonl", good + b"nope\n")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#file-result")).to_contain_text("It ended early: 20,000 records")
    expect(page.locator("#file-result")).to_contain_text("line 20001: not JSON")


def test_sending_is_cancelled_and_what_was_acknowledged_stays(page):
    page.watched.allow("net::ERR")  # that is what a cancelled request is called
    choose(page, "broken", "much.txt", b"y" * 99 + b"\n" + b"x" * 99 + b"\n" * 400_000)
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    # However quick the cluster is, nothing has been answered when the key is pressed right away.
    page.evaluate(
        "() => { document.querySelector('#produce-file [type=submit]').click(); document.querySelector('[data-cancel]').click(); }"
    )
    expect(page.locator("#file-result")).to_contain_text("Cancelled")
    expect(page.get_by_role("button", name="Send")).to_be_enabled()


def test_hostile_names_and_contents_are_text(page):
    choose(page, "broken", "<img src=x onerror=window.__ran=1>.txt", b"<script>window.__ran=1</script>\n")
    expect(page.locator("[data-preview]")).to_contain_text("<script>")
    expect(page.locator("#file-command")).to_contain_text("onerror")
    assert page.evaluate("window.__ran") is None


@pytest.mark.parametrize("width", [360, 1280, 3840])
def test_it_fits(page, width):
    page.set_viewport_size({"width": width, "height": 800})
    choose(page, "broken", "wide.txt", b"w" * 2_000 + b"\n")
    expect(page.locator("[data-preview] tbody tr")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
