"""Producers that requests share, and when they begin and end."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from console.errors import OperatorError
from web.api.records import senders
from web.api.records.senders import Senders


class Made:
    """Stands for a producer."""

    def __init__(self):
        self.is_over = False
        self.flushed = False


@pytest.fixture
def made(monkeypatch):
    """What was made so far."""
    found = []

    @asynccontextmanager
    async def sending(cluster, topic, **options):
        if topic == "refused":
            raise OperatorError("refused, this is read-only")
        own = Made()
        found.append(own)
        yield own
        own.flushed = True

    monkeypatch.setattr(senders, "sending", sending)
    return found


def run(story):
    asyncio.run(asyncio.wait_for(story(), 30))


async def until(condition):
    while not condition():
        await asyncio.sleep(0.001)


def test_requests_for_a_topic_share_a_producer_and_others_have_their_own(made):
    async def story():
        shared = Senders()
        async with shared.producer(None, "a") as first, shared.producer(None, "a") as second:
            assert first is second
            async with shared.producer(None, "a", acks=1) as other, shared.producer(None, "b") as another:
                assert len({first, other, another}) == 3
        async with shared.producer(None, "a") as third:
            assert third is first
        await shared.close()
        assert all(each.flushed for each in made)

    run(story)


def test_one_that_nobody_uses_for_a_while_ends(made):
    async def story():
        shared = Senders(idle_s=0.01)
        async with shared.producer(None, "a"):
            await asyncio.sleep(0.05)
            assert not made[0].flushed
        await until(lambda: made[0].flushed)
        async with shared.producer(None, "a") as again:
            assert again is made[1]
        await shared.close()

    run(story)


def test_after_its_time_another_begins_and_it_ends_with_its_last_user(made):
    async def story():
        shared = Senders(idle_s=0.01, age_s=0)
        async with shared.producer(None, "a") as old:
            async with shared.producer(None, "a") as new:
                assert new is not old
            await until(lambda: made[1].flushed)
            assert not old.flushed
        await until(lambda: old.flushed)
        await shared.close()

    run(story)


def test_one_that_failed_is_not_used_again(made):
    async def story():
        shared = Senders()
        async with shared.producer(None, "a") as broken:
            broken.is_over = True
        async with shared.producer(None, "a") as good:
            assert good is not broken
        await shared.close()

    run(story)


def test_what_keeps_it_from_being_made_is_told_each_time(made):
    async def story():
        shared = Senders()
        for _ in range(2):
            with pytest.raises(OperatorError, match="read-only"):
                async with shared.producer(None, "refused"):
                    pass
        await shared.close()

    run(story)


def test_whoever_is_cancelled_leaves_it_to_the_others(made):
    async def story():
        shared = Senders(idle_s=0.01)

        async def uses():
            async with shared.producer(None, "a"):
                await asyncio.Event().wait()

        task = asyncio.create_task(uses())
        await until(lambda: made)
        async with shared.producer(None, "a") as mine:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert not mine.flushed
        await until(lambda: made[0].flushed)

    run(story)
