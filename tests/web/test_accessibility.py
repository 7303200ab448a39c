"""WCAG 2.2 AA as far as a program can tell: axe-core over every page, light, dark and narrow, and with a dialog open."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.web.filled import fill

PAGES = (
    "/", "/topics", "/topics-new", "/topics/orders", "/topics/orders/configs", "/topics/orders/configs/retention.ms",
    "/topics/orders/groups", "/topics/orders/producers", "/topics/orders/elect-leaders", "/brokers", "/brokers/1/requests", "/brokers/1",
    "/configs", "/quorum", "/groups", "/groups/billing", "/groups/billing/members", "/groups/billing/reset", "/audit",
    "/contexts", "/contexts-new", "/topics/no-such-topic",
)  # fmt: skip

OPTIONS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module", autouse=True)
def filled(console):
    fill(console)


def violations(page):
    """What axe-core finds, a line for each element."""
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [f"{each['id']}: {node['html'][:200]} {node['failureSummary']}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_violation(page, path, scheme):
    page.watched.allow("404")
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto(path)
    expect(page.locator("h1")).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("path", ["/topics/orders", "/groups/billing", "/audit"])
def test_a_narrow_page_has_none_either(page, path):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(path)
    assert violations(page) == []


def test_dialogs_have_none_either(page):
    page.goto("/groups/billing")
    page.keyboard.press("e")
    expect(page.locator("#dialog[open] #f-target")).to_be_focused()
    assert violations(page) == []
    page.locator("#dialog").get_by_role("button", name="See what it will do").click()
    expect(page.locator("#dialog[open] .diff")).to_be_visible()
    assert violations(page) == []


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
