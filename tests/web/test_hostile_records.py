"""Fifty and more hostile payloads through every view of records and of SQL: text everywhere, nothing runs, nothing breaks.

The `page` fixture fails a test when a page logs an error, when a script throws, and when another host is asked.
"""

from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from console.records.producing import NewRecord
from tests.web.hostile import MARK, PAYLOADS
from tests.web.producing import fill

TOPIC = "hostile"


@pytest.fixture(scope="module", autouse=True)
def topics(console):
    async def story(opened):
        await fill(opened, TOPIC, [record(text) for text in PAYLOADS])

    console.run(story)


def record(text):
    data = text.encode("utf-8", "replace")
    return NewRecord(data, data, [(text[:30_000], data), ("plain", b"\xff\xfe" + data[:100])], 0, None)


def harmless(page):
    assert page.evaluate(f"{MARK}") is None
    assert page.evaluate("({}).polluted") is None
    assert page.locator("main").is_visible()
    assert page.locator("main iframe, main object, main embed, main base, main meta, main style").count() == 0
    assert page.locator("img[src=x], [onerror], [onload], [onfocus], [ontoggle]").count() == 0


def test_there_are_fifty():
    assert len(set(PAYLOADS)) >= 50


def test_in_pages_of_records(page):
    page.goto(f"/topics/{TOPIC}/records?limit=100")
    expect(page.locator("#records tbody tr[data-key]")).to_have_count(len(PAYLOADS))
    page.wait_for_timeout(300)
    harmless(page)
    assert "\u202e" not in page.locator("main").inner_text()


def test_in_a_search(page):
    page.goto(f"/topics/{TOPIC}/search?all=1")
    expect(page.locator("#search[data-state=finished]")).to_be_visible()
    for _ in range(6):
        page.keyboard.press("PageDown")
        page.wait_for_timeout(60)
    harmless(page)


def test_in_a_live_tail(page):
    page.goto(f"/topics/{TOPIC}/tail?start=oldest")
    expect(page.locator("#tail [data-account]")).to_have_attribute("data-shown", str(len(PAYLOADS)), timeout=20_000)
    page.locator("[data-find]").fill("<script>")
    page.locator("[data-find]").press("Enter")
    expect(page.locator("#tail mark").first).to_be_visible()
    page.keyboard.press("w")
    page.keyboard.press("g")
    page.keyboard.press("g")
    page.wait_for_timeout(300)
    harmless(page)


@pytest.mark.parametrize("part", range(4))
def test_as_records_in_full_and_in_the_form_that_produces(page, part):
    for offset in range(part, len(PAYLOADS), 4):
        page.goto(f"/topics/{TOPIC}/records/0/{offset}")
        expect(
            page.locator("#part-value .vlist-row:not(.waiting), #part-value .field-error:visible").first
        ).to_be_visible()
        harmless(page)
        if offset % 8 == part:
            page.goto(f"/topics/{TOPIC}/produce?again=0-{offset}")
            harmless(page)


@pytest.mark.parametrize("part", range(2))
def test_as_filters_and_keys_of_addresses(page, part):
    page.watched.allow("431")
    for text in [each for each in PAYLOADS if len(each) < 2_000][part::2]:
        word = quote(text, safe="")
        page.goto(f"/topics/{TOPIC}/records?key={word}&start={word}&filter={word}&filter=any~{word}")
        harmless(page)
        if len(text) % 6 == part:
            page.goto(f"/topics/{TOPIC}/search?filter=any~{word}")
            harmless(page)


def test_as_names_of_topics(page):
    page.watched.allow("40")
    for text in [each for each in PAYLOADS if len(each) < 300][::8]:
        name = "".join(f"~{byte:02X}" for byte in text.encode())
        for view in ("records", "search", "tail", "produce", "records/0/0"):
            page.goto(f"/topics/{name}/{view}")
            harmless(page)


def test_in_results_and_charts_of_sql(page):
    page.goto(f"/sql?q={quote(f'select key, value, headers, value_size from {TOPIC} order by offset')}")
    page.keyboard.press("Enter")
    expect(page.locator("#result [data-state]").first).to_contain_text(f"{len(PAYLOADS)} rows")
    for _ in range(8):
        page.keyboard.press("PageDown")
        page.wait_for_timeout(50)
    harmless(page)
    page.keyboard.press("g")
    page.keyboard.press("g")
    page.keyboard.press("Enter")
    expect(page.locator("#dialog[open]")).to_contain_text("script")
    harmless(page)
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.locator(".chart-room svg rect").first).to_be_visible()
    harmless(page)


@pytest.mark.parametrize("part", range(2))
def test_as_statements_columns_and_errors_of_sql(page, part):
    for text in [each for each in PAYLOADS if len(each) < 1_000 and "\0" not in each][part::2]:
        name = text.replace('"', '""')
        literal = text.replace("'", "''")
        if len(text) % 4 == part:
            page.goto(f"/sql?q={quote(text)}&p.{quote(text, safe='')}=1")
            expect(page.locator("[data-plan]")).not_to_be_empty()
            harmless(page)
        page.goto("/sql?q=" + quote(f"select '{literal}' as \"{name}\", 1 as n"))
        page.keyboard.press("Enter")
        expect(page.locator("#result [data-state]").first).to_contain_text("1 row")
        harmless(page)


def test_in_saved_statements(page, console):
    page.goto("/sql")
    for text in [each for each in PAYLOADS if 0 < len(each) <= 90 and each.isprintable()][::6]:
        made = page.evaluate(
            """([name, sql]) => fetch('/api/sql/saved/' + encodeURIComponent(name), {method: 'PUT',
            headers: {'Content-Type': 'application/json'}, body: JSON.stringify({sql, about: name})}).then((r) => r.status)""",
            [text.replace("/", "_").replace("..", "_"), text],
        )
        assert made == 200
    page.get_by_role("button", name="Saved").click()
    expect(page.locator("#dialog .pick li").nth(3)).to_be_visible()
    harmless(page)
