"""The table `metrics` for `stoker sql`, in a process that does not sample."""

import asyncio

import pytest

from console.errors import OperatorError
from console.history.elsewhere import HistoryElsewhere, fetch_table
from console.history.sampler import Sampler
from console.local_cluster import LocalCluster
from console.sql.service import SqlService
from engine.net.cluster_client import ClusterClient


@pytest.fixture
def ask(embedded):
    """Runs a story with a client of its own."""
    host, _, port = embedded.bootstrap_servers.rpartition(":")

    def run(story):
        async def main():
            async with ClusterClient([(host, int(port))]) as client:
                return await story(client)

        return asyncio.run(asyncio.wait_for(main(), 60))

    return run


def local(web_url):
    return lambda: LocalCluster("127.0.0.1:1", web_url, "/nowhere", {}, 1)


async def brokers_over_time(client, table):
    sql = "select count(*), max(value) from metrics where metric = 'kafka_brokers'"
    async with SqlService(client, providers=(table,)) as service, service.run(sql) as result:
        (row,) = [row async for page in result for row in page.rows()]
        return row


def test_a_file_that_nobody_holds_is_read(ask, tmp_path):
    path = tmp_path / "history.duckdb"

    async def story(client):
        sampler = Sampler(client, history_path=lambda _: path)
        await sampler.sample()
        await sampler.stop()
        return await brokers_over_time(client, HistoryElsewhere(client, path=lambda _: path, local=lambda: None))

    assert ask(story) == (1, 1.0)


def test_a_file_that_a_console_holds_comes_from_the_console(ask, api):
    api.run(api.cluster.sampler.next_pass())
    path = api.run(_path(api))
    count, brokers = ask(
        lambda client: brokers_over_time(
            client, HistoryElsewhere(client, path=lambda _: path, local=local(f"{api.url}/?token=secret"))
        )
    )
    assert count >= 1
    assert brokers == 1


async def _path(api):
    return api.cluster.sampler.history.path


def test_without_a_console_the_error_says_the_way_out(ask, api):
    path = api.run(_path(api))

    async def story(client):
        await HistoryElsewhere(client, path=lambda _: path, local=local(None)).rows()

    with pytest.raises(OperatorError, match="in use") as raised:
        ask(story)
    assert "stoker up" in raised.value.hint


def test_without_a_file_the_error_says_who_keeps_one(ask, tmp_path):
    async def story(client):
        await HistoryElsewhere(client, path=lambda _: tmp_path / "none").rows()

    with pytest.raises(OperatorError, match="no history of this cluster") as raised:
        ask(story)
    assert "stoker up" in raised.value.hint
    assert not (tmp_path / "none").exists()


def test_the_console_of_another_cluster_is_not_taken_for_this_one(api):
    with pytest.raises(OperatorError, match="held by another process"):
        fetch_table(api.url, "another")


def test_a_console_that_does_not_answer_is_named_without_its_token():
    with pytest.raises(OperatorError, match="does not give the history") as raised:
        fetch_table("http://127.0.0.1:1/?token=secret", None)
    assert "secret" not in raised.value.title + raised.value.detail + raised.value.hint


def test_an_address_that_is_none_is_refused_without_its_token():
    with pytest.raises(OperatorError, match="makes no sense") as raised:
        fetch_table("ftp://127.0.0.1/?token=secret", None)
    assert "secret" not in raised.value.detail
