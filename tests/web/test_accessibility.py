"""WCAG 2.2 AA as far as a program can tell: axe-core over every page, light, dark and narrow, and with a dialog open."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.web.filled import EVERY_PAGE, fill, show

OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module", autouse=True)
def filled(console):
    fill(console)


def violations(page):
    """What axe-core finds, a line for each element."""
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [f"{each['id']}: {node['html'][:200]} {node['failureSummary']}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", EVERY_PAGE)
def test_a_page_has_no_violation(page, path, scheme):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    show(page, path)
    assert violations(page) == []


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_a_narrow_page_has_none_either(page, path):
    page.set_viewport_size({"width": 360, "height": 740})
    show(page, path)
    assert violations(page) == []


def test_dialogs_have_none_either(page):
    page.goto("/groups/billing")
    page.keyboard.press("e")
    expect(page.locator("#dialog[open] #f-target")).to_be_focused()
    assert violations(page) == []
    page.locator("#dialog").get_by_role("button", name="See what it will do").click()
    expect(page.locator("#dialog[open] .diff")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("path", "keys", "opens"),
    [
        ("/topics", ["Control+k"], "#palette-list"),
        ("/topics", ["?"], "#dialog[open]"),
        ("/topics/orders", ["D"], "#dialog[open] #f-typed"),
        ("/topics/orders/records", ["j", "Enter"], "h1"),
        ("/sql?q=select+key+from+orders", ["Enter", "j", "Enter"], "#dialog[open] .row-facts"),
        ("/sql?q=select+count(*)+as+n,+key+from+orders+group+by+key+limit+9", ["Enter", "2"], ".chart-room svg"),
    ],
)
def test_what_keys_open_has_none_either(page, path, keys, opens, scheme):
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(path)
    for key in keys:
        page.keyboard.press(key)
        if key == "Enter" and path.startswith("/sql"):
            expect(page.locator("#result[data-state=finished]")).to_be_visible()
    expect(page.locator(opens).first).to_be_visible()
    assert violations(page) == []


def test_the_chosen_row_is_told_to_who_cannot_see_it(page):
    page.goto("/topics/orders/tail?start=oldest")
    expect(page.locator("#tail [data-account]")).to_have_attribute("data-shown", "300")
    rows = page.locator("#tail [data-list]")
    rows.focus()
    page.keyboard.press("Home")
    page.keyboard.press("j")
    expect(rows).to_have_attribute("aria-activedescendant", re.compile("-1$"))
    expect(rows.locator("[aria-selected=true]")).to_have_id(rows.get_attribute("aria-activedescendant"))
    expect(rows.locator("[aria-selected=true]")).to_have_attribute("aria-rowindex", "2")
    expect(rows).to_have_attribute("aria-rowcount", "300")


def test_the_focus_comes_back_to_where_it_was_when_a_dialog_closes(page):
    page.goto("/groups/billing")
    link = page.get_by_role("link", name="Reset offsets")
    link.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#dialog[open] #f-target")).to_be_focused()
    page.keyboard.press("Escape")
    expect(link).to_be_focused()


def test_the_first_tab_leads_past_the_navigation(page):
    page.goto("/groups")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
