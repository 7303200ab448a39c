"""The application on a true cluster, over the loopback: what is done in it happens, and what happens is seen in it."""

import asyncio

import pytest

from console.audit import AuditLog
from console.client_config import client_config
from console.open_cluster import OpenCluster
from console.services.topics import list_topic_names
from console.target import Target
from engine.cluster import Cluster
from tests.tui.fakes import WAIT_SECONDS, app_of, screen_text, settle
from tui.aliases import Place
from tui.source import Source
from tui.widgets.plan_dialog import PlanDialog

pytestmark = pytest.mark.anyio


async def seen(pilot, *words):
    """Waits until the screen has these words: as long as the cluster is looked at."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + WAIT_SECONDS
    while True:
        await pilot.pause(0.05)
        text = "\n".join(screen_text(pilot.app))
        if all(word in text for word in words):
            await settle(pilot)
            return text
        assert clock() < deadline, f"no {' and '.join(words)} on the screen:\n{text}"


async def test_a_topic_is_created_seen_loses_a_broker_and_is_deleted(tmp_path):
    async with Cluster(nodes=3) as cluster:
        target = Target("inside", client_config(cluster.bootstrap_servers, {}))
        opened = OpenCluster(
            target, face="tui", interval_ms=200, history_path=lambda _: None, audit=AuditLog(tmp_path), pids=lambda: cluster.pids
        )  # fmt: skip
        app = app_of(Source(opened), Place("topics"))
        async with app.run_test(size=(100, 30), notifications=True) as pilot:
            await seen(pilot, "There are no topics yet.", "3 brokers")
            await pilot.press("n")
            await settle(pilot)
            await pilot.press(*"orders")
            await pilot.press("enter", "3", "ctrl+y")
            await seen(pilot, "+ topic orders: 3 partitions, replication factor 3")
            await pilot.press("ctrl+y")
            await seen(pilot, "orders", "Created topic orders")
            assert await list_topic_names(opened.client) == ["orders"]

            cluster.kill_node(3)
            await seen(pilot, "1 broker down", "under-replicated")
            app.run_command("brokers")
            await seen(pilot, "fenced")
            await cluster.start_node(3)
            await seen(pilot, "healthy")

            app.run_command("topics")
            await seen(pilot, "orders")
            await pilot.press("ctrl+d")
            await seen(pilot, "Type orders to do it")
            assert isinstance(app.screen, PlanDialog)
            await pilot.press(*"orders", "enter")
            await seen(pilot, "There are no topics yet.")
            app.run_command("audit")
            await seen(pilot, "create-topic", "delete-topic")
        assert app.return_code in (0, None)
