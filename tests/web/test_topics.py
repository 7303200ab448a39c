"""The list of topics, as a person meets it."""

import pytest
from playwright.sync_api import expect

from console.services.topic_changes import NewTopic, create_topic


@pytest.fixture(scope="module", autouse=True)
def topics(console):
    async def story(opened):
        for number in range(1, 13):
            await create_topic(opened.client, NewTopic(f"orders-{number}", number % 3 + 1))
        await opened.sampler.next_pass()
        await opened.sampler.next_pass()

    console.run(story)


def names(page):
    return page.locator("#topics tbody tr[data-key] td:first-child").all_inner_texts()


def test_the_printed_address_lets_one_in_and_disappears_from_the_address_bar(page):
    assert "token" not in page.url


def test_topics_are_listed_in_natural_order(page):
    page.goto("/topics")
    assert names(page)[:3] == ["orders-1", "orders-2", "orders-3"]
    assert names(page)[-1] == "orders-12"


def test_a_heading_orders_and_the_address_says_so(page):
    page.goto("/topics")
    page.get_by_role("link", name="Partitions").click()
    page.wait_for_url("**/topics?sort=-partition_count")
    assert names(page)[0] == "orders-2"


def test_a_filter_in_the_address_is_kept_in_its_field(page):
    page.goto("/topics?q=orders-1")
    assert names(page) == ["orders-1", "orders-10", "orders-11", "orders-12"]
    expect(page.locator("[data-filter]")).to_have_value("orders-1")
