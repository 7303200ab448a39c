"""Who tells the pages of a cluster that there is something new: one task per cluster, for as long as anybody listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from console.open_cluster import OpenCluster
from web.clusters import cluster_of
from web.live.stream import Event, Feed, event_stream

CLIENTS_MAX = 500
"""Streams open at once, of all kinds that go through `Live`."""


class Live:
    """The streams of one console. `close` ends them all, so that the server can stop."""

    def __init__(self) -> None:
        self._feeds: dict[OpenCluster, list[Feed]] = {}
        self._tasks: dict[OpenCluster, asyncio.Task[None]] = {}
        self._open: list[Feed] = []
        self.closed = False

    @property
    def client_count(self) -> int:
        return len(self._open)

    def feed(self, size: int) -> Feed:
        """A queue for one client that `close` ends too; to be given back with `release`."""
        made = Feed(size)
        self._open.append(made)
        if self.closed:
            made.close()
        return made

    def release(self, feed: Feed) -> None:
        feed.close()
        if feed in self._open:
            self._open.remove(feed)

    async def snapshots(self, cluster: OpenCluster, last_id: str) -> AsyncGenerator[Event, None]:
        """A `snapshot` event now, when the client has not seen the newest, and after each pass. A client that is slow
        gets the newest only."""
        feed = self.feed(1)
        feeds = self._feeds.setdefault(cluster, [])
        feeds.append(feed)
        if cluster not in self._tasks:
            self._tasks[cluster] = asyncio.get_running_loop().create_task(self._run(cluster))
        try:
            now = snapshot_event(cluster)
            if now.id != last_id:
                yield now
            async for event in feed:
                yield event
        finally:
            self.release(feed)
            feeds.remove(feed)
            if not feeds:
                self._feeds.pop(cluster, None)
                task = self._tasks.pop(cluster, None)
                if task is not None:
                    task.cancel()

    async def _run(self, cluster: OpenCluster) -> None:
        async for _ in cluster.snapshots():
            event = snapshot_event(cluster)
            for feed in self._feeds.get(cluster, ()):
                feed.put(event)

    def close(self) -> None:
        """Ends all streams. Nothing is streamed any more."""
        self.closed = True
        for feed in list(self._open):
            feed.close()
        for task in self._tasks.values():
            task.cancel()


def snapshot_event(cluster: OpenCluster) -> Event:
    """How the newest pass went. Its id is the snapshot's time and, while passes fail, how many there were."""
    latest, failure = cluster.latest, cluster.failure
    data: dict[str, Any] = {
        "at_ms": None if latest is None else latest.at_ms,
        "missing": 0 if latest is None else len(latest.missing),
        "failure": None if failure is None else failure.title,
    }
    at = 0 if latest is None else latest.at_ms
    return Event("snapshot", data, str(at) if failure is None else f"{at}-{cluster.sampler.passes}")


async def live(request: Request) -> Response:
    """`GET /live`."""
    streams: Live = request.app.state.live
    if streams.client_count >= CLIENTS_MAX:
        return Response("Too many pages are open", 503, media_type="text/plain")
    cluster = cluster_of(request)
    return event_stream(streams.snapshots(cluster, request.headers.get("last-event-id", "")))


__all__ = ["Live", "live", "snapshot_event"]
