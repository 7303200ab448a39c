"""Topic, brokers, quorum, groups, configurations, audit log and contexts, as a person meets them."""

import csv
import io
import json
import re
import time

import pytest
from playwright.sync_api import expect

from tests.web.filled import EVERY_PAGE, HOSTILE_GROUP, committed, fill, own_group, own_topic, show
from web.names import part_of
from web.pages import PAGES as ALL_PAGES

PAGES = (
    "/topics/orders", "/topics/orders/configs", "/topics/orders/groups", "/topics/orders/producers",
    "/brokers", "/brokers/1", "/brokers/1/configs", "/brokers/1/requests", "/configs", "/quorum",
    "/groups", "/groups/billing", "/groups/billing/members", "/groups/billing/configs", "/audit", "/contexts",
)  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def filled(console):
    fill(console)


def rows(page, table):
    return page.locator(f"#{table} tbody tr[data-key]")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_json_and_csv_too_with_the_same_rows(page, path):
    answer = page.request.get(f"{path}.json")
    data = json.loads(answer.text())
    table = list(csv.DictReader(io.StringIO(page.request.get(f"{path}.csv").text())))
    assert answer.ok
    assert len(table) == data["table"]["total"]
    assert not table or list(table[0]) == data["table"]["columns"]


def test_the_list_of_every_page_forgets_none():
    paths = [path.partition("?")[0] for path in EVERY_PAGE]
    for page in ALL_PAGES:
        if "GET" in page.methods and page.path not in ("/lab", "/lab/stream", "/lab/export", "/lab/lessons/{lesson}"):
            pattern = re.sub(r"\{\w+\}", "[^/]+", page.path)
            assert any(re.fullmatch(pattern, path) for path in paths), page.path


@pytest.mark.parametrize("path", EVERY_PAGE)
def test_a_page_has_a_heading_a_title_and_no_sideways_scrolling_from_360_pixels_to_4k(page, path):
    page.set_viewport_size({"width": 360, "height": 740})
    show(page, path)
    assert " - Stoker" in page.title()
    for width in (360, 768, 1280, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_topic_shows_partitions_with_leader_isr_and_offsets_and_leads_on(page):
    page.goto("/topics/orders")
    expect(rows(page, "partitions")).to_have_count(4)
    expect(page.locator("#figures")).to_contain_text("300")
    first = rows(page, "partitions").first
    expect(first.locator(".node")).to_have_count(3)
    expect(first.locator(".node.lead")).to_have_count(1)
    page.get_by_role("link", name="Consumers").click()
    page.wait_for_url("**/topics/orders/groups")
    expect(rows(page, "groups")).to_have_count(2)
    page.get_by_role("link", name="Producers", exact=True).click()
    expect(rows(page, "producers")).to_have_count(4)


def test_a_config_is_set_from_its_documentation_with_a_preview_and_undone(page, console, own):
    own_topic(console, own)
    page.goto(f"/topics/{own}/configs?q=segment.bytes")
    page.get_by_role("link", name="segment.bytes", exact=True).click()
    dialog = page.locator("#dialog[open]")
    expect(dialog.locator(".doc")).not_to_be_empty()
    dialog.locator("#f-value").fill("nonsense")
    dialog.get_by_role("button", name="See what it will do").click()
    expect(dialog.locator("#f-value-error")).to_be_visible()
    expect(dialog.locator("#f-value")).to_have_value("nonsense")
    dialog.locator("#f-value").fill("123456789")
    dialog.get_by_role("button", name="See what it will do").click()
    expect(dialog.locator(".diff")).to_contain_text("123456789")
    dialog.get_by_role("button", name="Do it").click()
    expect(page.locator("[data-toast]")).to_contain_text("segment.bytes")
    page.goto(f"/topics/{own}/configs?set=1")
    expect(page.locator("#configs")).to_contain_text("123456789")
    expect(page.locator("#configs")).to_contain_text("1073741824")  # what it would be otherwise
    page.goto("/audit")
    page.locator("#audit tbody tr[data-key] a").first.click()
    expect(page.get_by_label("Before and after", exact=True)).to_contain_text("123456789")
    page.get_by_role("button", name="Undo it").click()
    expect(page.locator("[data-toast]")).to_contain_text("segment.bytes")
    expect(page.locator("#main")).to_contain_text("took it back")


def test_partitions_are_added_by_a_form_in_the_dialog(page, console, own):
    own_topic(console, own, 2)
    page.goto(f"/topics/{own}")
    page.keyboard.press("a")
    dialog = page.locator("#dialog[open]")
    expect(dialog.locator("#f-partition_count")).to_be_focused()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(dialog.locator(".diff")).to_contain_text("3")
    page.keyboard.press("Enter")
    expect(page.locator("[data-toast]")).to_be_visible()
    expect(rows(page, "partitions")).to_have_count(3)


def test_records_are_deleted_only_with_the_name_typed(page, console, own):
    own_topic(console, own, 4, 300)
    page.goto("/topics/quiet")
    page.get_by_role("link", name="Delete records").click()
    dialog = page.locator("#dialog[open]")
    dialog.locator("#f-before").fill("latest")
    dialog.get_by_role("button", name="See what it will do").click()
    expect(dialog.locator("[data-plan]")).to_contain_text("Nothing to change")
    page.keyboard.press("Escape")
    page.goto(f"/topics/{own}")
    page.get_by_role("link", name="Delete records").click()
    dialog.locator("#f-before").fill("5")
    dialog.locator("#f-partitions").fill("3")
    dialog.get_by_role("button", name="See what it will do").click()
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    dialog.locator("#f-typed").fill(own)
    dialog.get_by_role("button", name="Delete").click()
    expect(page.locator("[data-toast]")).to_be_visible()
    expect(rows(page, "partitions").nth(3)).to_contain_text("70")


def test_a_group_is_reset_with_a_preview_and_back_by_undo(page, console, own):
    own_group(console, own)
    before = committed(console, own, own)
    page.goto(f"/groups/{own}")
    expect(rows(page, "partitions")).to_have_count(4)
    page.get_by_role("link", name="Reset offsets").click()
    dialog = page.locator("#dialog[open]")
    dialog.locator("#f-target").select_option("shift")
    dialog.locator("#f-value").fill("5")
    dialog.get_by_role("button", name="See what it will do").click()
    expect(dialog.locator("#f-value-error")).to_contain_text("+N or -N")
    expect(dialog.locator("#f-target")).to_have_value("shift")
    dialog.locator("#f-value").fill("+5")
    dialog.get_by_role("button", name="See what it will do").click()
    expect(dialog.locator(".diff")).to_contain_text("15")
    expect(dialog.locator(".command")).to_contain_text(f"stoker groups reset {own} --to +5")
    assert committed(console, own, own) == before  # it was a preview
    dialog.get_by_role("button", name="Do it").click()
    expect(page.locator("[data-toast]")).to_be_visible()
    assert committed(console, own, own) == dict.fromkeys(range(4), 15)
    page.get_by_role("button", name="Undo").click()
    dialog_or_message = page.locator("#dialog[open], [data-toast]")
    expect(dialog_or_message.first).to_be_visible()
    if page.locator("#dialog[open]").count():
        page.locator("#dialog[open]").get_by_role("button", name="Do it").click()
    page.wait_for_url(f"**/groups/{own}")
    for _ in range(100):
        if committed(console, own, own) == before:
            break
        page.wait_for_timeout(100)
    assert committed(console, own, own) == before


def test_a_group_with_a_hostile_name_is_a_group_like_others(page):
    page.goto("/groups")
    expect(page.locator("#groups")).to_contain_text(HOSTILE_GROUP)
    page.get_by_role("link", name=HOSTILE_GROUP).click()
    page.wait_for_url(f"**/groups/{part_of(HOSTILE_GROUP)}")
    expect(page.locator("h1")).to_contain_text(HOSTILE_GROUP)
    expect(rows(page, "partitions")).to_have_count(4)
    assert page.locator("#main img").count() == 0


def test_a_group_shows_its_lag_over_time_and_what_its_status_means(page):
    page.goto("/groups/billing")
    expect(page.locator("#charts svg[data-chart]").first).to_be_visible(timeout=20_000)
    expect(page.locator("#figures")).to_contain_text("Status")
    chart = page.locator("#charts svg[data-chart]").first
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tip")).to_be_visible()


def test_a_live_update_leaves_the_keyboard_where_it_is(page, console):
    page.goto("/groups/billing")
    chart = page.locator("#charts svg[data-chart]").first
    expect(chart).to_be_visible()
    chart.focus()
    page.keyboard.press("ArrowLeft")
    page.evaluate("document.activeElement.dataset.old = 'yes'")
    expect(page.locator("#charts svg[data-old]")).to_have_count(0)  # it was exchanged for a newer one
    expect(chart).to_be_focused()
    expect(page.locator(".tip")).to_be_visible()


def test_a_broker_shows_its_disks_its_replicas_and_its_configuration(page):
    page.goto("/brokers")
    expect(rows(page, "brokers")).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/brokers/1")
    expect(page.locator("#disks .meter")).to_have_count(1)
    expect(page.locator("#replicas")).to_contain_text("orders-0")
    page.keyboard.press("2")
    page.wait_for_url("**/brokers/1/configs")
    expect(page.locator("#configs")).to_contain_text("auto.create.topics.enable")


def test_a_broker_shows_what_it_answers_and_how_quickly(page):
    page.goto("/brokers/1")
    page.keyboard.press("3")
    page.wait_for_url("**/brokers/1/requests")
    fetches = page.locator("#requests tr[data-key=FetchFollower]")
    expect(fetches).to_contain_text(re.compile(r"\d (ms|s)"))
    expect(page.locator("#figures")).to_contain_text("requests, last minute")
    row = next(
        each
        for each in page.request.get("/brokers/1/requests.json").json()["table"]["rows"]
        if each["request"] == "Produce"
    )
    assert row["count"] > 0
    assert row["mean_ms"] is None or row["mean_ms"] > 0


def test_a_default_of_all_brokers_is_set_though_it_was_not_listed(page):
    chosen = str(2_000_000 + time.monotonic_ns() % 1_000_000)  # another at each try
    page.goto("/configs/message.max.bytes")
    page.locator("#f-value").fill(chosen)
    page.get_by_role("button", name="See what it will do").click()
    page.locator("#dialog[open]").get_by_role("button", name="Do it").click()
    page.wait_for_url("**/configs")
    expect(page.locator("#configs")).to_contain_text(chosen)


def test_the_quorum_has_a_leader_and_two_voters(page):
    page.goto("/quorum")
    expect(rows(page, "quorum")).to_have_count(3)
    expect(page.locator("#quorum .badge.info")).to_have_text("leader")


def test_a_context_is_added_opened_and_removed(page, console):
    page.goto("/contexts")
    page.keyboard.press("n")
    page.wait_for_url("**/contexts-new")
    page.locator("#f-name").fill("no/name")
    page.locator("#f-bootstrap_servers").fill(console.cluster.bootstrap_servers)
    page.get_by_role("button", name="Add").click()
    expect(page.locator("#f-name-error")).to_be_visible()
    page.locator("#f-name").fill("second")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/contexts")
    page.get_by_role("link", name="second", exact=True).first.click()
    page.wait_for_url("**/clusters/second/")
    page.goto("/clusters/second/groups/billing")
    expect(rows(page, "partitions")).to_have_count(4, timeout=15_000)
    page.goto("/contexts")
    page.get_by_role("link", name="Settings of second").click()
    page.get_by_role("button", name="Remove from the list").click()
    expect(page.locator("[data-toast]")).to_contain_text("Removed second from the list")
    expect(rows(page, "contexts")).to_have_count(1)
    page.keyboard.press("u")
    expect(page.locator("[data-toast]")).to_contain_text("second is as it was")
    expect(rows(page, "contexts")).to_have_count(2)
    assert "changed=" not in page.url


def test_what_does_not_exist_is_an_error_page_that_says_so(page):
    page.watched.allow("404")
    for path in ("/topics/no-such-topic", "/groups/no-such-group", "/brokers/77"):
        answer = page.goto(path)
        assert answer.status == 404
        expect(page.locator("h1")).to_be_visible()
        assert page.request.get(f"{path}.json").json()["error_code"] == 404


def test_a_journey_by_keyboard_alone_from_the_overview_to_an_undone_reset(page, console, own):
    own_group(console, own)
    before = committed(console, own, own)
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/groups")
    page.keyboard.press("/")
    page.keyboard.type(own)
    expect(rows(page, "groups")).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("d")
    page.wait_for_url(f"**/groups/{own}**")
    page.keyboard.press("e")
    expect(page.locator("#f-target")).to_be_focused()
    page.keyboard.type("L")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#dialog[open] .diff")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("[data-toast]")).to_be_visible()
    assert committed(console, own, own) == dict.fromkeys(range(4), 75)
    page.goto("/audit")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url("**/audit/*")
    page.keyboard.press("u")
    expect(page.locator("#dialog[open], [data-toast]").first).to_be_visible()
    if page.locator("#dialog[open]").count():
        page.keyboard.press("Enter")
        expect(page.locator("[data-toast]")).to_be_visible()
    assert committed(console, own, own) == before


def test_a_topic_is_deleted_with_its_name_typed_and_the_list_is_shown(page, console, own):
    own_topic(console, own)
    page.goto(f"/topics/{own}")
    page.keyboard.press("D")
    dialog = page.locator("#dialog[open]")
    dialog.locator("#f-typed").fill(own)
    page.keyboard.press("Enter")
    page.wait_for_url("**/topics")
    expect(page.locator("[data-toast]")).to_contain_text(own)
