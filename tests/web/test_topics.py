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
    shown = page.locator("#topics tbody tr[data-key] td:first-child").all_inner_texts()
    return [name.strip() for name in shown]  # how a cell ends depends on how it was made


def first_row(page):
    return page.locator("#topics tbody tr[data-key]").first


def test_the_printed_address_lets_one_in_and_disappears_from_the_address_bar(page):
    assert "token" not in page.url


def test_topics_are_listed_in_natural_order(page):
    page.goto("/topics?q=orders-")
    assert names(page)[:3] == ["orders-1", "orders-2", "orders-3"]
    assert names(page)[-1] == "orders-12"


def test_a_heading_orders_and_the_address_says_so(page):
    page.goto("/topics?q=orders-")
    page.get_by_role("link", name="Partitions").click()
    page.wait_for_url("**/topics?q=orders-&sort=-partition_count")
    expect(first_row(page)).to_have_attribute("data-key", "orders-2")  # the address is there before the rows are


def test_a_filter_in_the_address_is_kept_in_its_field(page):
    page.goto("/topics?q=orders-1")
    assert names(page) == ["orders-1", "orders-10", "orders-11", "orders-12"]
    expect(page.locator("[data-filter]")).to_have_value("orders-1")


def test_filtering_while_typing_changes_rows_and_address(page):
    page.goto("/topics")
    page.keyboard.press("/")
    page.keyboard.type("orders-12")
    expect(page.locator("#topics tbody tr[data-key]")).to_have_count(1)
    page.wait_for_url("**/topics?q=orders-12")
    expect(page.locator("[data-filter]")).to_be_focused()


def test_a_topic_is_created_by_keyboard_alone_and_undone_from_its_message(page, own):
    page.goto("/topics")
    page.keyboard.press("n")
    page.wait_for_url("**/topics-new")
    page.keyboard.type(own)
    page.keyboard.press("Tab")
    page.keyboard.type("4")
    page.keyboard.press("Enter")
    expect(page.locator("#dialog[open] .diff")).to_contain_text(own)
    expect(page.locator("#dialog .command")).to_contain_text(f"stoker topics create {own}")
    page.keyboard.press("Enter")
    expect(page.locator("[data-toast]")).to_contain_text(f"Created topic {own}")
    assert "done=" not in page.url
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#dialog[open]")).to_contain_text(f"Type {own} to go on")
    delete = page.locator("#dialog button[type=submit]")
    expect(delete).to_be_disabled()
    page.locator("#f-typed").fill(own)
    delete.click()
    expect(page.locator("[data-toast]")).to_contain_text(f"Deleted topic {own}")


def test_what_is_wrong_with_a_form_stands_beside_the_field_and_what_was_typed_stays(page):
    page.goto("/topics-new")
    page.locator("#f-name").fill("orders-1")
    page.locator("#f-partition_count").fill("2")
    page.get_by_role("button", name="See what it will do").click()
    expect(page.locator("#f-name-error")).to_contain_text("already exists")
    expect(page.locator("#f-name")).to_be_focused()
    expect(page.locator("#f-partition_count")).to_have_value("2")


def test_the_list_updates_itself(page, console, own):
    page.goto("/topics")

    async def story(opened):
        await create_topic(opened.client, NewTopic(own, 1))

    console.run(story)
    expect(page.locator(f"#topics tbody tr[data-key={own}]")).to_be_visible()
    page.get_by_role("button", name="Live").click()
    expect(page.locator("[data-live-words]")).to_have_text("Paused")


def test_the_palette_finds_topics_and_pages(page):
    page.goto("/")
    page.keyboard.press("Control+k")
    page.keyboard.type("topics")
    page.keyboard.press("Enter")
    page.wait_for_url("**/topics")


def test_the_palette_knows_the_terminals_commands(page):
    """`:t`, `:g`, `:tail orders`: the aliases of `tui.aliases`."""
    page.goto("/")
    for typed, url in (
        ("t", "**/topics"),
        ("tail orders-12", "**/topics/orders-12/tail"),
        ("cfg orders-2", "**/topics/orders-2/configs"),
        ("b 1", "**/brokers/1"),
        ('sql select count(*) from "orders-1"', "**/sql?q=*"),
        ("ctx local", "**/"),
    ):
        page.keyboard.press(":")
        expect(page.locator("#palette-list li").first).to_be_visible()
        page.keyboard.type(typed)
        if " " in typed and not typed.startswith(("sql", "b ")):
            expect(page.locator("#palette-list li").first).to_contain_text(typed.split()[1])
        page.keyboard.press("Enter")
        page.wait_for_url(url)
        page.keyboard.press("Escape")  # out of the editor, where there is one


def test_words_that_javascript_knows_are_no_commands(page):
    page.goto("/")
    page.keyboard.press(":")
    page.keyboard.type("constructor orders")
    expect(page.locator("#palette-list")).to_have_text("Nothing of that name.")
    expect(page.locator("#palette-list [role=option]")).to_have_count(0)


def test_keys_act_on_the_row_that_is_chosen_and_on_none_that_was_not(page):
    page.goto("/topics?q=orders")
    page.keyboard.press("b")
    expect(page.locator("[data-toast]")).to_contain_text("Choose a row first")
    page.keyboard.press("j")
    page.keyboard.press("b")
    page.wait_for_url("**/topics/orders-1/records")
    page.goto("/topics?q=orders-12")
    page.keyboard.press("l")  # there is one: it is meant
    page.wait_for_url("**/topics/orders-12/tail")


def test_g_alone_is_the_first_row_as_in_the_terminal(page):
    page.goto("/topics?q=orders")
    page.keyboard.press("G")
    expect(page.locator("tr[aria-selected=true]")).not_to_have_attribute("data-key", "orders-1")
    page.keyboard.press("g")
    expect(page.locator("tr[aria-selected=true]")).to_have_attribute("data-key", "orders-1")


def test_the_help_shows_the_keymap_and_the_keys_of_the_page(page):
    page.goto("/topics")
    page.keyboard.press("?")
    expect(page.locator("#dialog[open]")).to_contain_text("Create topic")
    page.keyboard.press("Escape")
    expect(page.locator("#dialog[open]")).to_have_count(0)
