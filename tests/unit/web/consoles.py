"""Consoles on an embedded cluster, asked directly."""

import asyncio
from contextlib import asynccontextmanager

from console.audit import AuditLog
from console.client_config import client_config
from console.open_cluster import OpenCluster
from console.target import Target
from tests.unit.web.visitor import Visitor
from web.app import create_app
from web.clusters import Clusters

TOKEN = "the-token"


@asynccontextmanager
async def console_on(cluster, tmp_path, *, readonly=False, bootstrap_servers=None):
    """A console (`opened`, `visitor`) on the engine's `cluster`, or on whatever is at `bootstrap_servers`."""
    servers = bootstrap_servers or cluster.bootstrap_servers
    opened = OpenCluster(
        Target("local", client_config(servers, {}), readonly=readonly),
        face="web",
        interval_ms=50,
        audit=AuditLog(tmp_path / "audit.jsonl"),
        history_path=lambda _: None,
        pids=lambda: None,
    )
    async with opened:
        app = create_app(Clusters(opened), token=TOKEN)
        visitor = Visitor(app, headers={"authorization": f"Bearer {TOKEN}"})
        visitor.opened = opened
        yield visitor


def run(story, cluster, tmp_path, **options):
    async def main():
        async with console_on(cluster, tmp_path, **options) as visitor:
            return await story(visitor)

    return asyncio.run(asyncio.wait_for(main(), 60))
