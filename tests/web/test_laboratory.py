"""The laboratory as a learner meets it: from the overview to a first record lost on purpose, by mouse and by keyboard."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from engine.sim.lessons import LESSONS
from tests.web.conftest import PATIENCE_MS, RunningConsole, Watched
from tests.web.test_accessibility import OPTIONS


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    with RunningConsole(tmp_path_factory.mktemp("console"), nodes=1) as running:
        yield running


@pytest.fixture
def slow(page):
    """Worlds are processes: on a machine with much to do they take their time to start."""
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    yield page
    expect.set_options(timeout=PATIENCE_MS)


def world_is_there(page):
    expect(page.locator("[data-stage] .node")).to_have_count(4)


def do(page, line):
    """As a person would: a, the line, Enter."""
    page.keyboard.press("a")
    expect(page.locator("#dialog[open] [role=combobox]")).to_be_focused()
    page.keyboard.type(line)
    page.keyboard.press("Enter")
    expect(page.locator("#dialog[open]")).to_have_count(0)


def step_until(page, condition, times=60):
    for _ in range(times):
        if condition():
            return
        before = page.locator("[data-clock]").inner_text()
        page.keyboard.press("s")
        expect(page.locator("[data-clock]")).not_to_have_text(before)
    raise AssertionError(f"it did not come to that: {page.locator('[data-timeline]').inner_text()[:1500]}")


def test_a_first_record_is_lost_by_mouse_alone(slow):
    page = slow
    page.goto("/")
    page.locator("#nav").get_by_role("link", name="Laboratory").click()
    page.get_by_role("link", name="Lessons", exact=True).click()
    page.get_by_role("link", name="Your first lost record").click()
    panel = page.locator("[data-lesson-panel]")
    expect(panel.locator("h2")).to_have_text("Your first lost record")
    panel.get_by_role("button", name="No: node 1 deletes it").click()
    expect(panel).to_contain_text("Noted")
    tasks = panel.locator(".lab-tasks li")
    for number in range(tasks.count()):
        tasks.nth(number).get_by_role("button").click()
        expect(tasks.nth(number)).to_have_class("done")
    expect(panel).to_contain_text("solved")
    expect(panel).to_contain_text("You were right")
    expect(panel).to_contain_text("KIP-101")
    expect(page.locator("[data-lost]")).to_contain_text("Lost: “precious”")
    expect(page.locator("[data-timeline] li.bad").first).to_contain_text("LOST")
    panel.get_by_role("link", name="All lessons").click()
    expect(page.locator("#lesson-lost-record")).to_contain_text("done")


def test_a_step_that_comes_too_late_says_so_and_the_lesson_starts_again(slow):
    page = slow
    page.goto("/lab/lessons/lost-record")
    world_is_there(page)
    tasks = page.locator(".lab-tasks li")
    tasks.nth(0).get_by_role("button").click()
    expect(tasks.nth(0)).to_have_class("done")
    page.locator("[data-speed]").select_option("20.0")
    page.keyboard.press("p")
    expect(page.locator("[data-timeline]")).to_contain_text("node 2 is leader")
    tasks.nth(1).get_by_role("button").click()
    expect(tasks.nth(1)).to_have_class("missed")
    expect(tasks.nth(1)).to_contain_text("produce sooner")
    page.get_by_role("button", name="Start again").click()
    expect(tasks.nth(0)).to_have_class("")


def test_a_first_record_is_lost_by_keyboard_alone(slow):
    page = slow
    page.goto("/lab/lessons/lost-record")
    world_is_there(page)
    do(page, "partition 1|2,3")
    do(page, "produce orders precious acks=1")
    by_hand = page.locator(".lab-client", has_text="hand-acks-1")
    step_until(page, lambda: by_hand.count() and "acknowledged 1" in by_hand.inner_text())
    do(page, "kill 1")
    logs = page.locator("[data-logs]")
    step_until(page, lambda: "♛ Node 2 leads" in logs.inner_text())
    do(page, "heal")
    do(page, "restart 1")
    step_until(page, lambda: "Lost" in page.locator("[data-lost]").inner_text())
    page.keyboard.press("p")
    expect(page.locator("[data-lesson-panel]")).to_contain_text("solved")


def test_the_world_is_touched_by_clicking_what_one_sees(slow):
    page = slow
    page.goto("/lab")
    page.locator("[data-control=new]").click()
    page.locator("#dialog").get_by_role("button", name="Open").click()
    world_is_there(page)
    page.locator("[data-stage] .node", has_text="Node 2").click()
    page.locator("[data-inspector]").get_by_role("button", name="Kill").click()
    expect(page.locator("[data-stage] .node.bad")).to_contain_text("✕ down")
    expect(page.locator("[data-news]")).to_contain_text("Node 2 was killed")
    page.locator("[data-stage] .node.clients").click()
    page.locator("[data-inspector]").get_by_role("button", name="Producer").click()
    page.locator("#lab-f-name").fill("writer")
    expect(page.locator("#dialog .command")).to_contain_text("add-producer writer orders")
    page.locator("#dialog").get_by_role("button", name="Do it").click()
    expect(page.locator("[data-clients]")).to_contain_text("writer")
    moving = page.locator("[data-stage] .message")
    for _ in range(20):
        if moving.count():
            break
        with page.expect_response("**/lab/ask"):
            page.keyboard.press(".")
        page.wait_for_timeout(100)
    expect(moving.first).to_be_visible()


def test_the_past_is_a_slider_away_and_can_be_gone_on_from(slow):
    page = slow
    page.goto("/lab")
    world_is_there(page)
    do(page, "kill 3")
    page.keyboard.press("s")
    page.keyboard.press("s")
    page.locator("[data-slider]").fill("100")
    expect(page.locator("#lab")).to_have_class(re.compile("past"))
    expect(page.locator("[data-news]")).to_contain_text("The past")
    page.locator("[data-control=fork]").click()
    expect(page.locator("#lab")).not_to_have_class(re.compile("past"))
    expect(page.locator("[data-news]")).to_contain_text("goes on from")


def test_an_address_brings_the_situation_to_another_browser(slow, browser, console):
    page = slow
    page.goto("/lab")
    world_is_there(page)
    do(page, "kill 1")
    page.keyboard.press("y")
    page.wait_for_url("**/lab?s=s1*")
    other = browser.new_context(base_url=console.url)
    other.set_default_timeout(60_000)
    elsewhere = other.new_page()
    elsewhere.goto(console.printed_url)
    elsewhere.goto(page.url)
    expect(elsewhere.locator("[data-stage] .node.bad")).to_contain_text("Node 1")
    other.close()


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_wider_than_the_screen(slow, width):
    page = slow
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/lab", "/lab/lessons"):
        page.goto(path)
        page.wait_for_load_state("load")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.fixture(scope="module")
def learner(browser, console):
    """One browser for all lessons: its speed stays what was chosen once."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=console.url)
    context.set_default_timeout(60_000)
    page = context.new_page()
    watched = Watched(page, console.url)
    page.goto(console.printed_url)
    page.goto("/lab")
    page.locator("[data-speed]").select_option("100.0")
    yield page
    wrong = watched.wrong
    context.close()
    assert not wrong, wrong


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_every_lesson_is_solved_by_pressing_t(learner, lesson):
    learner.goto(f"/lab/lessons/{lesson.id}")
    panel = learner.locator("[data-lesson-panel]")
    tasks = panel.locator(".lab-tasks > li")
    expect(tasks).to_have_count(len(lesson.tasks), timeout=60_000)
    learner.keyboard.press("ABCD"[lesson.prediction.answer])
    for number in range(len(lesson.tasks)):
        learner.keyboard.press("t")
        expect(tasks.nth(number)).to_have_class("done", timeout=60_000)
    expect(panel.locator(".badge.ok")).to_have_text("✓ solved", timeout=60_000)
    expect(panel).to_contain_text("You were right.")
    expect(panel.locator(".lab-goals li.done")).to_have_count(len(lesson.goals))


def test_the_safeguard_is_taken_away_by_a_key_and_the_panel_turns_red(slow):
    page = slow
    page.goto("/lab/lessons/idempotence")
    world_is_there(page)
    page.locator("[data-speed]").select_option("100.0")
    page.keyboard.press("V")
    expect(page.locator("[data-lesson-panel] h2")).to_contain_text("without sequence numbers")
    expect(page.locator("[data-score]")).to_contain_text("without sequence_deduplication")
    tasks = page.locator(".lab-tasks > li")
    for number in range(3):
        page.keyboard.press("t")
        expect(tasks.nth(number)).to_have_class("done")
    expect(page.locator("[data-score] .bad")).to_contain_text("invariants violated")
    expect(page.locator("[data-invariants-card]")).to_have_class(re.compile("violated"))
    expect(page.locator("[data-invariants] li.bad").first).to_contain_text("At that event:")


def test_one_jumps_to_a_moment_to_come_and_back_to_the_beginning_by_keyboard(slow):
    page = slow
    page.goto("/lab")
    page.keyboard.press("N")
    page.locator("#dialog").get_by_role("button", name="Open").click()
    expect(page.locator("#dialog[open]")).to_have_count(0)
    page.keyboard.press("J")
    expect(page.locator("#dialog[open] [role=combobox]")).to_have_value("to ")
    page.keyboard.type("7.25")
    page.keyboard.press("Enter")
    expect(page.locator("[data-clock]")).to_have_text("7.250 s")
    page.keyboard.press("0")
    expect(page.locator("[data-news]")).to_contain_text("of 7.250 s")
    page.keyboard.press("n")
    expect(page.locator("[data-clock]")).to_have_text("7.250 s")
    page.watched.allow("422")
    page.keyboard.press("J")
    page.keyboard.type("soon")
    page.keyboard.press("Enter")
    expect(page.locator("[data-news]")).to_contain_text("is no moment")


def test_a_message_under_way_is_held_and_dropped_by_keyboard(slow):
    page = slow
    page.goto("/lab")
    world_is_there(page)
    messages = page.locator("[data-stage] .message")
    for _ in range(60):
        if messages.count():
            break
        with page.expect_response("**/lab/ask"):
            page.keyboard.press(".")
        page.wait_for_timeout(100)
    page.keyboard.press("m")
    line = page.locator("#dialog[open] [role=combobox]")
    expect(page.locator("#lab-action-list li").first).to_contain_text("→")
    page.keyboard.press("Enter")
    expect(line).to_have_value(re.compile(r"hold \d+[<>]\d+"))
    page.keyboard.press("Enter")
    expect(page.locator("[data-stage] .message.held")).to_contain_text("(held)")
    page.locator("[data-stage] .message.held").focus()
    page.keyboard.press("Enter")
    inspector = page.locator("[data-inspector]")
    expect(inspector).to_contain_text("held")
    inspector.get_by_role("button", name="Drop").click()
    expect(page.locator("[data-news]")).to_contain_text("Dropped")


def test_a_situation_is_opened_from_a_file(slow, tmp_path):
    page = slow
    page.goto("/lab")
    world_is_there(page)
    do(page, "kill 1")
    page.keyboard.press("x")
    with page.expect_download() as download:
        page.get_by_role("link", name="The situation (JSON)").click()
    path = tmp_path / "situation.json"
    download.value.save_as(path)
    page.keyboard.press("Escape")
    page.locator("[data-control=new]").click()
    page.locator("#dialog").get_by_role("button", name="Open").click()
    expect(page.locator("[data-stage] .node.bad")).to_have_count(0)
    expect(page.locator("#dialog[open]")).to_have_count(0)
    page.locator("[data-control=new]").click()
    page.locator("#lab-file").set_input_files(path)
    expect(page.locator("#lab-text")).not_to_have_value("")
    page.locator("#dialog").get_by_role("button", name="Open").click()
    expect(page.locator("[data-stage] .node.bad")).to_contain_text("Node 1")


def test_ports_are_opened_for_ones_own_clients_and_closed_again(slow):
    page = slow
    page.goto("/lab")
    world_is_there(page)
    page.locator("[data-stage] .node.clients").click()
    inspector = page.locator("[data-inspector]")
    inspector.get_by_role("button", name="Connect your own").click()
    expect(inspector).to_contain_text("kcat -b 127.0.0.1:")
    expect(page.locator("[data-stage] .node.clients")).to_contain_text("0 from outside")
    inspector.get_by_role("button", name="Close the ports").click()
    expect(page.locator("[data-stage] .node.clients")).not_to_contain_text("from outside")


def broken_rules(page):
    """What axe-core finds, a line for each element; see test_accessibility."""
    found = Axe().run(page, options=OPTIONS).response["violations"]
    return [f"{each['id']}: {node['html'][:200]} {node['failureSummary']}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (360, "light")])
def test_a_lesson_with_a_red_panel_breaks_no_rule_of_accessibility(slow, width, scheme):
    page = slow
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.goto("/lab/lessons/idempotence?variant=1")
    world_is_there(page)
    page.locator("[data-speed]").select_option("100.0")
    page.keyboard.press("B")
    for number in range(3):
        page.keyboard.press("t")
        expect(page.locator(".lab-tasks > li").nth(number)).to_have_class("done")
    expect(page.locator("[data-score] .bad")).to_be_visible()
    page.locator("[data-stage] .node").nth(1).click()
    expect(page.locator("[data-inspector]")).to_be_visible()
    assert broken_rules(page) == []
    page.keyboard.press("a")
    expect(page.locator("#lab-action-list li").first).to_be_visible()
    assert broken_rules(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_list_of_lessons_breaks_none_either(slow, scheme):
    page = slow
    page.emulate_media(color_scheme=scheme)
    page.goto("/lab/lessons")
    expect(page.locator(".lab-lessons > li")).to_have_count(len(LESSONS))
    assert broken_rules(page) == []
