"""A broker that dies while one looks: what it had is marked, the rest stays."""

import re

import pytest
from playwright.sync_api import expect

from tests.web.conftest import RunningConsole
from tests.web.filled import fill, passes


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    quick = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}
    with RunningConsole(tmp_path_factory.mktemp("killed"), properties=quick) as running:
        fill(running)
        yield running


@pytest.fixture(scope="module")
def victim(console):
    """A broker that is not the console's first address, killed once for all tests of the module; its id."""
    chosen = console.cluster.node_ids[-1]

    async def kill(opened):
        console.cluster.kill_node(chosen)
        await passes(opened, 1)

    def do():
        if chosen in console.cluster.pids:
            console.run(kill)
        return chosen

    return do


@pytest.fixture
def alive(console):
    """All brokers live, whatever was before."""
    last = console.cluster.node_ids[-1]

    async def start(opened):
        if last not in console.cluster.pids:
            await console.cluster.start_node(last)
        await passes(opened, 1)

    console.run(start)


def test_the_page_of_a_topic_stays_and_marks_the_replicas_that_are_gone(alive, page, victim):
    page.goto("/topics/orders")
    expect(page.locator("#partitions .node.gone")).to_have_count(0)
    victim()
    expect(page.locator("#partitions .node.gone")).to_have_count(4, timeout=45_000)
    expect(page.locator("#partitions tbody tr[data-key]")).to_have_count(4)
    expect(page.locator("#partitions")).to_contain_text("under-replicated")
    expect(page.locator("#figures .tile.ok .tile-value").first).to_have_text("0", timeout=20_000)


def test_the_list_of_brokers_keeps_the_dead_one_and_says_what_is_missing(page, victim):
    page.goto("/brokers")
    dead = page.locator(f"#brokers tr[data-key='{victim()}']")
    expect(dead).to_contain_text(re.compile("down|fenced"), timeout=45_000)
    expect(page.locator("#brokers tbody tr[data-key]")).to_have_count(3)
    expect(page.locator("#figures")).to_contain_text("1 gone")


@pytest.mark.parametrize(
    "path", ["/", "/topics", "/groups", "/groups/billing", "/quorum", "/audit", "/topics/orders/producers"]
)
def test_other_pages_are_there_all_the_same(page, victim, path):
    victim()
    answer = page.goto(path)
    assert answer.status == 200
    expect(page.locator("h1")).to_be_visible()


def test_the_pages_of_the_dead_broker_say_so_instead_of_failing(page, victim):
    dead = victim()
    page.goto(f"/brokers/{dead}")
    expect(page.locator("#figures")).to_contain_text(re.compile("down|fenced"), timeout=45_000)
    answer = page.goto(f"/brokers/{dead}/configs")
    assert answer.status in (200, 503)
    expect(page.locator("main")).to_contain_text(f"broker {dead}")
    page.watched.allow("503")
