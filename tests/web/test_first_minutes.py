"""The first minutes: an empty cluster, its first steps, and the figures that come alive."""

import re

import pytest
from playwright.sync_api import expect

from tests.web.conftest import RunningConsole


@pytest.fixture
def console(tmp_path):
    """Empty, however often it is tried."""
    with RunningConsole(tmp_path) as running:
        yield running


def test_an_empty_cluster_offers_first_steps_and_the_samples_fill_it(page):
    page.goto("/")
    expect(page.locator("#begin")).to_contain_text("Create a topic")
    expect(page.locator("#connect")).to_contain_text("kcat")
    page.get_by_role("button", name="Load the sample data").click()
    expect(page.locator("#loading")).to_contain_text(re.compile("Loading the sample data|The sample data is there"))
    expect(page.locator("#loading")).to_contain_text("The sample data is there", timeout=60_000)
    expect(page.locator("#begin")).to_have_count(0)
    expect(page.locator("#health")).not_to_contain_text("-1")
    expect(page.locator("#charts svg[data-chart]").first).to_be_visible(timeout=20_000)
    expect(page.locator("#charts")).to_contain_text("from producers")
    # Topics that were created are no trouble.
    expect(page.locator("#health")).to_contain_text("0 out, 0 back in")
