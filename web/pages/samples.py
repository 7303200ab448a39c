"""`POST /samples`: loads the sample data, in the background; the overview shows how far it is."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from starlette.responses import RedirectResponse, Response

from console.changes.door import Produced
from console.demo.loader import load
from console.demo.samples import samples
from console.errors import OperatorError
from console.open_cluster import OpenCluster
from web.ask import Ask
from web.page import Page, PageRoute


@dataclass(slots=True)
class Loading:
    """How far loading is; `error` when it ended with one."""

    sample: str = ""
    done: int = 0
    total: int = 0
    loaded: int = 0
    is_over: bool = False
    error: str = ""
    task: asyncio.Task[None] | None = field(default=None, repr=False)


_LOADING: WeakKeyDictionary[OpenCluster, Loading] = WeakKeyDictionary()


def loading(cluster: OpenCluster) -> Loading | None:
    """Of that cluster, since the console was started."""
    return _LOADING.get(cluster)


async def load_samples(ask: Ask) -> Page | Response:
    cluster = ask.cluster
    cluster.door.refuse_if_readonly("the sample data")
    running = _LOADING.get(cluster)
    if running is None or running.is_over:
        state = _LOADING[cluster] = Loading()
        state.task = asyncio.get_running_loop().create_task(_load(cluster, state))
    return RedirectResponse(ask.url(), 303)


async def _load(cluster: OpenCluster, state: Loading) -> None:
    def progress(sample: str, done: int, total: int) -> None:
        state.sample, state.done, state.total = sample, done, total

    try:
        for sample in samples(None):
            topics = ", ".join(topic.name for topic in sample.topics)
            async with cluster.door.producing(topics, lambda: Produced(state.done, 0)):
                outcome = await load(cluster.client, [sample.name], progress)
                state.loaded += sum(each.loaded_records for each in outcome)
    except OperatorError as error:
        state.error = f"{error.title}. {error.detail}".strip()
    finally:
        state.is_over = True


PAGES = (PageRoute("/samples", load_samples, methods=("POST",), suffixes=()),)
