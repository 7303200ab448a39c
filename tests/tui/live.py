"""A real cluster in a thread of its own, seen through the app's own source: what the tests of records and SQL stand on."""

import asyncio
import itertools
import json

from console.open_cluster import OpenCluster
from console.records.producer import RecordProducer
from console.records.producing import NewRecord
from console.target import find_target
from engine.runtime import SystemClock
from tests.tui.fakes import NOW_MS, WAIT_SECONDS, app_of, screen_text, settle
from tui.aliases import Place
from tui.source import Source

_names = itertools.count(1)
HOSTILE_RECORDS = (
    NewRecord(b"\x1b[31mred", b"or\x1b[31mders\xe2\x80\xaegnp\xe2\x80\x8b \xe4\xbd\xa0\xe5\xa5\xbd [b]x[/b]\nnext\x07", (("h\x1b]0;t\x07", None),), 0, NOW_MS),
    NewRecord(None, None, (), 0, NOW_MS),
    NewRecord(b"", b"", (), 0, NOW_MS),
    NewRecord(b"k", bytes(range(256)), (("h", b"\xff"),), 0, NOW_MS),
    NewRecord(b"wide", "\U0001f600\ufe0f你好".encode() * 100, (), 0, NOW_MS),
)  # fmt: skip


class LiveSource(Source):
    """As the app's own, but for what changes from run to run: address, name, clock, and looks at the cluster by itself."""

    @property
    def name(self):
        return "local"

    @property
    def address(self):
        return "kafka:9092"

    def now_ms(self):
        return NOW_MS + 60_000

    is_seen = False
    """Whether the app has been told of the look at the cluster."""

    async def passes(self):
        await self.refresh()
        yield
        self.is_seen = True
        await asyncio.Event().wait()


class Live:
    """The cluster, and apps on it."""

    def __init__(self, cluster):
        self.cluster = cluster

    def topic(self, partitions=1, name=None, **configs):
        name = name or f"t{next(_names)}"
        settings = {key.replace("_", "."): str(value) for key, value in configs.items()}
        self.cluster.call(self.cluster.create_topic(name, partitions=partitions, configs=settings))
        return name

    def target(self):
        return find_target(bootstrap_server=self.cluster.bootstrap_servers)

    async def send(self, topic, records):
        from console.client_config import connect

        client = connect(self.target().config)
        try:
            async with RecordProducer(client, SystemClock()) as producer:
                deliveries = [await producer.send(topic, record) for record in records]
                await producer.flush()
                return [await delivery.result() for delivery in deliveries]
        finally:
            await client.close()

    async def orders(self, count=300, name=None, partitions=3):
        """A topic with `count` orders over its partitions, a second apart."""
        topic = self.topic(partitions, name)
        await self.send(topic, [order(number, partitions) for number in range(count)])
        return topic

    def open(self, view="topics", *arguments, size=(100, 30), target=None, **options):
        source = LiveSource(OpenCluster(target or self.target(), face="tui"))
        return LiveApp(app_of(source, Place(view, arguments), **options), size)

    def open_out_of_reach(self, view, *arguments, **options):
        """The same on a cluster of which nobody answers."""
        return self.open(view, *arguments, target=find_target(bootstrap_server="127.0.0.1:1"), **options)


def order(number, partitions=3):
    value = {"id": number, "status": ("new", "paid", "sent")[number % 3], "amount": number * 1.5}
    headers = (("trace", b"abc%d" % number),)
    key = b"customer-%d" % (number % 50)
    return NewRecord(key, json.dumps(value).encode(), headers, number % partitions, NOW_MS - 1_000_000 + number * 1_000)


class LiveApp:
    """An app with a pilot."""

    def __init__(self, app, size):
        self.app = app
        self._context = app.run_test(size=size)

    async def __aenter__(self):
        self.pilot = await self._context.__aenter__()
        await self.settle()
        return self

    async def __aexit__(self, *error):
        await self._context.__aexit__(*error)

    async def settle(self):
        await settle(self.pilot)

    async def press(self, *keys):
        await self.pilot.press(*keys)
        await self.settle()

    async def type(self, text):
        named = {" ": "space", "/": "slash", ":": "colon", "-": "minus", "=": "equals_sign", ".": "full_stop", ",": "comma", "*": "asterisk"}  # fmt: skip
        await self.pilot.press(*(named.get(each, each) for each in text))
        await self.settle()

    async def go(self, line):
        self.app.run_command(line)
        await self.settle()

    async def until(self, holds):
        """Until something comes from the cluster."""
        await self.reaches(holds)
        await self.settle()

    async def until_shown(self, dialog):
        """Until a dialog is there that a worker put up and waits for."""
        await self.reaches(lambda: isinstance(self.app.screen, dialog))
        await self.settle()

    async def reaches(self, holds):
        """The same, but while something still runs."""
        clock = asyncio.get_running_loop().time
        deadline = clock() + WAIT_SECONDS
        while not holds():
            assert clock() < deadline, f"it did not come to that:\n{self.text}"
            await self.pilot.pause(0.02)

    @property
    def view(self):
        return self.app.view

    @property
    def place(self):
        return self.app.navigation.place.text

    @property
    def text(self):
        return "\n".join(screen_text(self.app))

    @property
    def told(self):
        """What the app said, newest last."""
        return [f"{each.title} {each.message}".strip() for each in self.app._notifications]
