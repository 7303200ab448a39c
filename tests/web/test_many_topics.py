"""Five thousand topics: the list is there at once, and every row of it can be reached."""

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from playwright.sync_api import expect

from tests.web.conftest import RunningConsole
from tests.web.filled import passes

TOPICS = 5_000


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    with RunningConsole(tmp_path_factory.mktemp("many"), nodes=1) as running:
        admin = AdminClient({"bootstrap.servers": running.cluster.bootstrap_servers})
        for start in range(0, TOPICS, 250):
            names = [NewTopic(f"topic-{number:05}", 1, 1) for number in range(start, start + 250)]
            for future in admin.create_topics(names, request_timeout=60).values():
                try:
                    future.result(60)
                except KafkaException as error:
                    # On a slow machine librdkafka asks again for what was made already.
                    if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                        raise
        running.run(lambda opened: passes(opened, 2), timeout_s=120)
        yield running


def rows(page):
    return page.locator("#topics tbody tr[data-key]")


def test_the_list_opens_with_a_window_of_its_rows(page):
    page.goto("/topics")
    expect(page.locator("[data-count]")).to_contain_text("5,000 topics")
    assert rows(page).count() <= 200


def test_the_last_row_is_one_key_away_and_the_first_one_too(page):
    page.goto("/topics")
    page.keyboard.press("G")
    expect(page.locator("tr[aria-selected=true]")).to_have_attribute("data-key", f"topic-{TOPICS - 1:05}")
    page.keyboard.press("g")
    page.keyboard.press("g")
    expect(page.locator("tr[aria-selected=true]")).to_have_attribute("data-key", "topic-00000")


def test_a_filter_finds_the_one_while_typing(page):
    page.goto("/topics")
    page.keyboard.press("/")
    page.keyboard.type("topic-04321")
    expect(rows(page)).to_have_count(1)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.wait_for_url("**/topics/topic-04321")


def test_all_rows_are_in_the_csv(page):
    assert page.request.get("/topics.csv").text().count("\n") == TOPICS + 1


def test_a_broker_with_five_thousand_replicas_shows_a_window_of_them(page):
    page.goto("/brokers/1")
    expect(page.locator("#replicas [data-count]")).to_contain_text("5,0")
    assert page.locator("#replicas tbody tr[data-key]").count() <= 200
