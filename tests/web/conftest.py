"""What the browser tests share: an embedded cluster, the console on it, and Chromium.

`console` is one cluster of three nodes with the console's server beside it, in a loop of its own, for all tests of a module;
`page` a fresh browser page that has come in by the printed address. A test fails when its page logs an error, when a
script throws, and when anything is asked of another host. `console.run(story)` runs `story(cluster)` beside the server.
"""

import asyncio
import os
import shutil
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from console.audit import AuditLog
from console.client_config import client_config
from console.open_cluster import OpenCluster
from console.target import Target
from engine.cluster import Cluster
from web.app import create_app
from web.clusters import Clusters
from web.server import ConsoleServer

TOKEN = "the-token-of-the-tests"
PATIENCE_MS = 30_000
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)


def pytest_collection_modifyitems(items):
    here = Path(__file__).parent
    if CHROMIUM is None:
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="needs Chromium: apt-get install chromium"))


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """What the console keeps for its user (saved statements, their history, contexts) is each test's own: tests come in
    any order, and several modules share a process."""
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / "home" / name.lower()))


@pytest.fixture
def own():
    """A name for what a test makes, of this try alone: a test that is tried again meets nothing of what it left."""
    return f"own-{time.monotonic_ns()}"


class RunningConsole:
    """A cluster with its console. `cluster` is the engine's, `opened` the console's, `url` its address without token."""

    def __init__(self, tmp_path, nodes=3, readonly=False, properties=None):
        self._tmp_path = tmp_path
        self._nodes = nodes
        self._readonly = readonly
        self._properties = {"offsets.topic.num.partitions": "3", **(properties or {})}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_):
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, coroutine, timeout_s=60):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_s)

    def run(self, story, timeout_s=60):
        """Runs `story(opened_cluster)` beside the server."""
        return self._run(story(self.opened), timeout_s)

    async def _start(self):
        self.cluster = Cluster(nodes=self._nodes, port=0, properties=self._properties)
        await self.cluster.start()
        target = Target("local", client_config(self.cluster.bootstrap_servers, {}), readonly=self._readonly)
        self.opened = OpenCluster(
            target,
            face="web",
            interval_ms=300,
            audit=AuditLog(self._tmp_path / "audit.jsonl"),
            history_path=lambda _: self._tmp_path / "history.duckdb",
            pids=lambda: {node: os.getpid() for node in self.cluster.node_ids},
            requests=self.cluster.request_figures,
        )
        self.opened.start()
        self.app = create_app(Clusters(self.opened), token=TOKEN)
        self.server = ConsoleServer(self.app, host="127.0.0.1", port=0)
        await self.server.start()
        self.url = self.server.url(None).rstrip("/")
        self.printed_url = self.server.url(TOKEN)

    async def _stop(self):
        await self.server.stop()
        await self.opened.close()
        await self.cluster.stop()


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    with RunningConsole(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture(scope="package")
def browser():
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE_MS)  # only a failure waits so long; the processors may be busy with other tests
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        )
        yield launched
        launched.close()


class Watched:
    """What a page did that it must not do. `allow(text)`: errors with that text in them are part of the test."""

    def __init__(self, page, url):
        self.errors = []
        self._allowed = []
        own = urlsplit(url).netloc
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(f"script error: {error}"))
        page.on(
            "request",
            lambda request: (
                urlsplit(request.url).netloc not in (own, "")
                and self.errors.append(f"asked another host: {request.url}")
            ),
        )

    def allow(self, text):
        self._allowed.append(text)

    @property
    def wrong(self):
        return [each for each in self.errors if not any(text in each for text in self._allowed)]


@pytest.fixture
def context(browser, console):
    """A browser of its own: 1440 x 900, light, and in already."""
    made = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=console.url, color_scheme="light")
    made.set_default_timeout(PATIENCE_MS)
    yield made
    made.close()


@pytest.fixture
def page(context, console):
    opened = context.new_page()
    opened.watched = Watched(opened, console.url)
    opened.goto(console.printed_url)
    yield opened
    wrong = opened.watched.wrong
    opened.close()
    assert not wrong, wrong
