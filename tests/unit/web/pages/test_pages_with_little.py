"""Every page while little is known: the first seconds of a console, brokers that do not tell, answers in part.

All pages there are, as HTML and in their other forms, over snapshots that each lack something and over a history that has
everything, nothing, or some figures and others not. None may fail: what is not known is told as that.
"""

import os
from dataclasses import replace

import pytest
from msgspec.structs import replace as changed

from console.errors import OperatorError
from console.history.model import Series, SeriesAnswer
from console.local_machine import local_usage
from console.services.partial import Missing
from engine.net.group_member import GroupMember
from engine.net.request_figures import RequestFigure
from engine.types import TopicPartition
from tests.web.producing import fill
from web.pages import PAGES

NAMES = {"topic": "orders", "broker": "1", "group": "billing", "partition": "0", "offset": "0"}
CONFIGS = {"topics": "retention.ms", "groups": "consumer.session.timeout.ms"}
CONFIG_OF_BROKERS = "log.retention.ms"
ELSEWHERE = (
    "/audit/{id}",
    "/changes/{plan}",
    "/contexts/{context}",
    "/lab",
    "/lab/stream",
    "/lab/export",
    "/lab/lessons/{lesson}",
)
"""They show nothing of a snapshot or of the past."""


def addresses():
    """Every page, in every form it has."""
    for page in PAGES:
        if "GET" in page.methods and page.path not in ELSEWHERE:
            path = page.path.format(**NAMES, config=CONFIGS.get(page.path.split("/")[1], CONFIG_OF_BROKERS))
            yield path
            if page.path != "/":
                yield from (f"{path}.{suffix}" for suffix in page.suffixes)
    yield from ("/overview.json", "/topics/orders?window=7d", "/groups/billing?window=1h&sort=-drain_ms")


def lacking(full):
    """Snapshots by what is wrong with them."""
    usage = full.usage
    process = usage.processes[0]
    first = next(iter(full.partitions))
    billing = full.groups["billing"]
    bare_dirs = tuple(changed(each, total_bytes=None, usable_bytes=None) for each in full.log_dirs)
    none = {
        "usage": None, "requests": None, "quorum": None, "log_dirs": (), "sizes": {}, "offsets": {}, "groups": {},
        "brokers": {}, "cluster_id": None,
    }  # fmt: skip
    yield "nothing missing", full
    for name, value in none.items():
        yield f"without {name}", replace(full, **{name: value})
    yield "metadata only", replace(full, **{name: value for name, value in none.items() if name != "brokers"})
    yield "nothing at all", replace(full, partitions={}, **none)
    yield "some offsets and sizes", replace(full, offsets={first: (0, 3)}, sizes={first: {}})
    yield "processes that are gone", replace(full, usage=replace(usage, processes=(), gone=(1,)))
    yield (
        "processes that do not tell what they write",
        replace(full, usage=replace(usage, processes=(replace(process, read_bytes=None, written_bytes=None),))),
    )
    yield "brokers that told of no request yet", replace(full, requests={})
    yield "a broker that told of nothing", replace(full, requests={1: ()})
    yield "requests that were never timed", replace(full, requests={1: [RequestFigure("Produce", 0, 0, 0, 0.0, ())]})
    yield "disks of unknown size", replace(full, log_dirs=bare_dirs)
    yield "a directory that failed", replace(full, log_dirs=tuple(changed(each, error="offline") for each in bare_dirs))
    yield "members unknown", replace(full, groups={"billing": replace(billing, member_count=None)})
    yield "a group that committed nothing", replace(full, groups={"billing": replace(billing, committed={})})
    yield (
        "no leaders",
        replace(full, partitions={key: changed(each, leader_id=-1, isr=()) for key, each in full.partitions.items()}),
    )
    yield "partial", replace(full, missing=(Missing("sizes of broker 2", "it does not answer"),) * 20)


def known(at_ms, *values):
    times = [at_ms - 1_000 * (len(values) - index) for index in range(len(values))]
    return Series("figure", {}, times, list(values), list(values), list(values))


class Past:
    """Stands for the history: gives each figure the next of `answers`, in turns, and the same one whenever it is asked again."""

    def __init__(self, *answers):
        self._answers = answers
        self._given = {}

    async def __call__(self, question):
        key = (question.metric, tuple(sorted(question.labels.items())))
        answer = self._given.setdefault(key, self._answers[len(self._given) % len(self._answers)])
        if answer is None:
            raise OperatorError("there is no history yet", "sampling has just begun")
        labels = dict.fromkeys(question.by or (), "1")
        return replace(answer, series=tuple(replace(each, labels=labels) for each in answer.series))


def pasts(at_ms):
    nothing, empty = None, SeriesAnswer((), 0)
    unknown = SeriesAnswer((known(at_ms, None, None),), 0)
    once, usual = (SeriesAnswer((known(at_ms, *values),), 0) for values in ((None, None, 7.0), (1.0, None, 2.0, 0.0)))
    yield "no history", (nothing,)
    yield "no series", (empty,)
    yield "nothing known", (unknown,)
    yield "known once", (once,)
    yield "one and not the other", (usual, nothing)
    yield "the other and not the one", (nothing, usual)
    yield "of each kind", (empty, usual, unknown, nothing, once)


@pytest.fixture
def at_once(monkeypatch):
    """Nothing that does not come is waited for."""
    monkeypatch.setattr("web.snapshots.PATIENCE_MS", 1)
    monkeypatch.setattr("web.pages.group.APPEARS_S", 0.01)


async def prepared(visitor):
    """A topic, records and a group; then the sampler rests, and the test says what was seen. The newest snapshot, whole."""
    opened = visitor.opened
    await fill(opened, "orders", ["one", "two"], partitions=2)
    member = GroupMember(opened.client, "billing", ["orders"], session_timeout_ms=45_000)
    await member.join()
    await member.commit({TopicPartition("orders", 0): 1})
    await member.leave()
    for _ in range(2):
        await opened.sampler.next_pass()
    await opened.sampler.stop()
    requests = {1: [RequestFigure("Produce", 3, 300, 200, 0.03, (1, 2))]}
    return replace(opened.latest, usage=local_usage({1: os.getpid()}), requests=requests)


async def wrong(visitor, allowed):
    """Addresses whose page failed, or answered with another status than those."""
    found = []
    for address in addresses():
        try:
            answer = await visitor.get(address)
        except Exception as error:  # which page it was is what one wants to know
            found.append(f"{address}: {type(error).__name__}: {error}")
            continue
        if answer.status not in allowed:
            found.append(f"{address}: {answer.status}")
    return found


def test_pages_over_snapshots_that_lack_something(ask, own_home, at_once):
    async def story(visitor):
        sampler = visitor.opened.sampler
        full = await prepared(visitor)
        for what, snapshot in lacking(full):
            sampler.latest = snapshot
            # A group or a broker that nobody has seen now is told as missing, or as not answering.
            allowed = {200} if snapshot.groups and snapshot.brokers else {200, 404, 409, 503}
            assert await wrong(visitor, allowed) == [], what

    ask(story)


def test_pages_over_a_history_that_has_some_figures_and_others_not(ask, own_home, at_once):
    async def story(visitor):
        sampler = visitor.opened.sampler
        full = await prepared(visitor)
        for snapshot in (full, replace(full, usage=None, requests=None)):
            sampler.latest = snapshot
            for what, answers in pasts(full.at_ms):
                visitor.opened.series = Past(*answers)
                sampler.passes += 1  # pages ask once per pass
                assert await wrong(visitor, {200}) == [], what

    ask(story)


@pytest.mark.parametrize("failure", [None, OperatorError("no cluster at h:1", "connection refused")])
def test_pages_before_the_cluster_has_answered(ask, own_home, at_once, failure):
    async def story(visitor):
        sampler = visitor.opened.sampler
        await prepared(visitor)
        sampler.latest, sampler.failure = None, failure
        visitor.opened.series = Past(None)
        assert await wrong(visitor, {200, 404, 409, 503}) == []

    ask(story)


def test_pages_while_the_cluster_answers_no_longer(ask, own_home, at_once):
    async def story(visitor):
        sampler = visitor.opened.sampler
        sampler.latest = await prepared(visitor)
        sampler.failure = OperatorError("no cluster at h:1", "connection refused")
        assert await wrong(visitor, {200}) == []

    ask(story)
