"""A day of a new user, from the printed address on and without ever typing another: once with the mouse alone (what is typed
goes into fields that were clicked), once with the keyboard alone. A topic is made, a file sent to it and followed; who lags
and why is asked; a group is reset after a dry run, and back by undo; SQL is asked; a setting is changed, and back by undo.
"""

import re

import pytest
from playwright.sync_api import expect

from console.services.configs import Resource, ResourceType, describe_config
from tests.web.conftest import RunningConsole
from tests.web.filled import committed, passes, read_and_leave

RECORDS = 900
LINES = "".join(f"customer-{number % 7}:order {number}\n" for number in range(RECORDS)).encode()
FILE = {"name": "orders.txt", "mimeType": "text/plain", "buffer": LINES}
STATEMENT = "select key, count(*) as n from orders group by key order by n desc, key"
WEEK_MS, HOUR_MS = "604800000", "3600000"


@pytest.fixture
def console(tmp_path):
    """The day begins with an empty cluster, however often it is tried."""
    with RunningConsole(tmp_path) as running:
        yield running


def somebody_reads(console):
    """An application elsewhere: `billing` has read 100 records of each of the three partitions, and is gone."""

    async def story(opened):
        await read_and_leave(opened, "billing", "orders", 3, 100)
        await passes(opened)

    console.run(story)


def retention(console):
    async def story(opened):
        return await describe_config(opened.client, Resource(ResourceType.TOPIC, "orders"))

    return console.run(story).value("retention.ms")


def offsets(console):
    return list(committed(console, "billing", "orders").values())


def dialog(page):
    return page.locator("#dialog[open]")


def message(page):
    """What was done; it has an undo."""
    return page.locator("[data-toast]", has=page.get_by_role("button", name="Undo", exact=True))


def see_what_it_will_do(page, words):
    """The dry run is shown, and changes nothing."""
    expect(dialog(page).locator("[data-plan] .command")).to_contain_text(words)


def everything_came(page):
    expect(page.locator("#tail [data-account]")).to_have_attribute("data-shown", str(RECORDS))


def billing_lags_because_nobody_reads(page):
    expect(page.locator("#figures")).to_contain_text("600")
    expect(page.locator("#figures")).to_contain_text("nobody reads it now")
    expect(page.locator("#figures")).to_contain_text("never")


def seven_customers(page):
    expect(page.locator("#result [data-state]").first).to_contain_text("7 rows in")
    expect(page.locator("#result")).to_contain_text("customer-0")


def test_by_mouse_alone(page, console):
    def click(words, role="link", inside=page):
        """The one of these words (and maybe a key behind them) is on the screen and is clicked."""
        inside.get_by_role(role, name=re.compile(rf"^{re.escape(words)}\b")).click()

    def write(label, text, inside=page):
        inside.get_by_label(label, exact=True).click(click_count=3)
        page.keyboard.insert_text(text)

    def do_it():
        click("Do it", "button", dialog(page))

    def navigate(words):
        click(words, inside=page.get_by_role("navigation", name="Pages"))

    # A topic, from the first steps of the empty cluster.
    click("Create topic")
    write("Name", "orders")
    write("Partitions", "3")
    click("See what it will do", "button")
    see_what_it_will_do(page, "stoker topics create orders")
    do_it()
    expect(message(page)).to_contain_text("Created topic orders")

    # A file of records.
    navigate("Topics")
    click("orders", inside=page.locator("#topics"))
    click("Records", inside=page.get_by_role("navigation", name="Of topic orders"))
    click("Produce", inside=page.get_by_role("navigation", name="What to do with records"))
    click("Produce a file")
    with page.expect_file_chooser() as chooser:
        page.get_by_label("File", exact=True).click()
    chooser.value.set_files(FILE)
    write("Key separator", ":")
    expect(page.locator("[data-preview] tbody td").first).to_have_text("customer-0")
    click("Send", "button")
    expect(page.locator("#file-result")).to_contain_text(f"Sent: {RECORDS} records")

    # Followed: nothing comes, as all of it is there already; so from the oldest.
    click("Live tail")
    click("with the oldest")
    everything_came(page)

    # Who lags, and why.
    somebody_reads(console)
    navigate("Overview")
    expect(page.locator("#health")).to_contain_text("billing")
    click("Largest lag")
    click("billing")
    billing_lags_because_nobody_reads(page)

    # Reset after a dry run, and back.
    click("Reset offsets")
    dialog(page).get_by_label("To", exact=True).select_option("latest")
    click("See what it will do", "button", dialog(page))
    see_what_it_will_do(page, "stoker groups reset billing --to latest")
    assert offsets(console) == [100] * 3
    do_it()
    expect(message(page)).to_contain_text("skips")
    assert sum(offsets(console)) == RECORDS
    click("Undo", "button", message(page))
    expect(message(page)).to_contain_text("-> 100")
    assert offsets(console) == [100] * 3

    # Asked in SQL.
    navigate("SQL")
    page.get_by_label("SQL statement").click()
    page.keyboard.insert_text(STATEMENT)
    click("Run", "button")
    seven_customers(page)

    # A setting, and back.
    navigate("Topics")
    click("orders", inside=page.locator("#topics"))
    click("Configuration")
    page.get_by_label("Filter properties").click()
    page.keyboard.insert_text("name=retention.ms")
    click("retention.ms")
    write("Value", HOUR_MS, dialog(page))
    click("See what it will do", "button", dialog(page))
    see_what_it_will_do(page, "retention.ms=3600000")
    assert retention(console) == WEEK_MS
    do_it()
    expect(message(page)).to_contain_text(f"-> {HOUR_MS}")
    assert retention(console) == HOUR_MS
    click("Undo", "button", message(page))
    expect(message(page)).to_contain_text(f"{HOUR_MS} ->")
    assert retention(console) == WEEK_MS


def test_by_keyboard_alone(page, console):
    press, write = page.keyboard.press, page.keyboard.type

    def go_to(words, address):
        """By the palette, as in the terminal."""
        press(":")
        expect(dialog(page).get_by_role("combobox")).to_be_focused()
        write(words)
        expect(page.locator("#palette-list [aria-selected=true]")).to_contain_text(words.split()[-1], ignore_case=True)
        press("Enter")
        page.wait_for_url(address)  # and its scripts

    def confirm(words):
        """The dry run is shown, and Enter does it; what was done is told."""
        see_what_it_will_do(page, words)
        expect(dialog(page).get_by_role("button", name="Do it")).to_be_focused()
        press("Enter")
        expect(message(page)).to_be_visible()
        page.wait_for_load_state()

    # A topic, from the first steps of the empty cluster.
    expect(page.locator("#begin")).to_be_visible()
    press("n")
    page.wait_for_url("**/topics-new")
    write("orders")
    press("Tab")
    write("3")
    press("Enter")
    confirm("stoker topics create orders")
    expect(message(page)).to_contain_text("Created topic orders")

    # A file of records. The window in which it is chosen is the system's, not the browser's.
    go_to("produce orders", "**/topics/orders/produce")
    press("Escape")  # out of the field
    press("f")
    page.wait_for_url("**/topics/orders/produce-file")
    expect(page.get_by_label("File", exact=True)).to_be_focused()
    with page.expect_file_chooser() as chooser:
        press("Space")
    chooser.value.set_files(FILE)
    expect(page.locator("[data-preview] tbody td").first).to_be_visible()
    for _ in range(3):
        press("Tab")
    expect(page.get_by_label("Key separator")).to_be_focused()
    write(":")
    expect(page.locator("[data-preview] tbody td").first).to_have_text("customer-0")
    press("Enter")
    expect(page.locator("#file-result")).to_contain_text(f"Sent: {RECORDS} records")

    # Followed: nothing comes, as all of it is there already; so from the oldest.
    press("Escape")
    press("l")
    page.wait_for_url("**/topics/orders/tail")
    press("o")
    everything_came(page)

    # Who lags, and why.
    somebody_reads(console)
    press("g")
    press("r")
    page.wait_for_url("**/groups")
    expect(page.locator("#groups tr[data-key=billing]")).to_be_visible()
    press("j")
    press("Enter")
    page.wait_for_url("**/groups/billing")
    billing_lags_because_nobody_reads(page)

    # Reset after a dry run, and back.
    press("e")
    expect(page.get_by_label("To", exact=True)).to_be_focused()
    write("latest")
    press("Tab")
    press("Enter")
    see_what_it_will_do(page, "stoker groups reset billing --to latest")
    assert offsets(console) == [100] * 3
    confirm("stoker groups reset billing --to latest")
    assert sum(offsets(console)) == RECORDS
    press("u")
    expect(message(page)).to_contain_text("-> 100")
    page.wait_for_load_state()
    assert offsets(console) == [100] * 3

    # Asked in SQL.
    press("g")
    press("s")
    page.wait_for_url("**/sql")
    expect(page.get_by_label("SQL statement")).to_be_focused()
    write(STATEMENT)
    press("Control+Enter")
    seven_customers(page)

    # A setting, and back.
    press("Escape")
    go_to("cfg orders", "**/topics/orders/configs")
    press("/")
    write("name=retention.ms")
    expect(page.locator("[data-table] tr[data-key]")).to_have_count(1)
    press("Enter")
    press("Escape")
    press("e")
    expect(page.get_by_label("Value", exact=True)).to_be_focused()
    press("Control+a")
    write(HOUR_MS)
    press("Enter")
    see_what_it_will_do(page, f"retention.ms={HOUR_MS}")
    assert retention(console) == WEEK_MS
    confirm("orders")
    assert retention(console) == HOUR_MS
    press("u")
    expect(message(page)).to_contain_text(f"{HOUR_MS} ->")
    assert retention(console) == WEEK_MS
