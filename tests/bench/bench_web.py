"""The browser face: first contentful paint of the overview and of a list of topics with 10,000 partitions, pages per
second, memory with 50 live tails. Aims: 300 ms and 1 s on loopback.

One address may ask 500 times a second (`web.security.bounds.REQUESTS_PER_SECOND`), which this machine is quicker than: the
requests, still one after another, come from `ADDRESSES` addresses of the loopback in turn.
"""

import http.client
import statistics
import sys
import threading
import time
from urllib.parse import urlsplit

import psutil
from benching import ROOT, Table, _memory_bytes, heading
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

sys.path.insert(0, str(ROOT))

TOPICS, PARTITIONS_OF_EACH = 1_000, 10
PAINTS = 7
SECONDS_OF_EACH_PAGE = 4
TAILS = 50
ADDRESSES = 16
"""Each may ask 2,000 times at once and 500 times a second after that."""


class Visitor:
    """Asks pages with the cookie that the printed address gives."""

    def __init__(self, web_url):
        parts = urlsplit(web_url)
        self.host, self.port = parts.hostname, parts.port
        connection = http.client.HTTPConnection(self.host, self.port, timeout=60)
        connection.request("GET", f"{parts.path}?{parts.query}")
        answer = connection.getresponse()
        answer.read()
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        connection.close()

    def connection(self, address=None):
        source = None if address is None else (address, 0)
        return http.client.HTTPConnection(self.host, self.port, timeout=60, source_address=source)

    def connections(self):
        """One from each address, connected. Where the loopback has only one (not Linux), that one."""
        made = []
        for number in range(1, ADDRESSES + 1):
            connection = self.connection(f"127.0.0.{number}")
            try:
                connection.connect()
            except OSError:
                break
            made.append(connection)
        return made or [self.connection()]

    def ask(self, connection, path):
        connection.request("GET", path, headers={"Cookie": self.cookie})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, answer.status)
        return body


def first_paints(web_url, path):
    """ms until the first contentful paint, of a browser that has the static files already."""
    from playwright.sync_api import sync_playwright

    from tests.web.conftest import CHROMIUM

    base = web_url.partition("/?")[0]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=base)
        page = context.new_page()
        page.goto(web_url)
        paints = []
        for _ in range(PAINTS):
            page.goto("about:blank")
            page.goto(path)
            paints.append(_first_paint(page))
        browser.close()
    return paints


def _first_paint(page):
    """Asked again until it is known. (`wait_for_function` would need eval, which the console's policy forbids.)"""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        found = page.evaluate("performance.getEntriesByName('first-contentful-paint').map((each) => each.startTime)")
        if found:
            return found[0]
        page.wait_for_timeout(20)
    raise RuntimeError(f"nothing was painted: {page.url}")


def pages_per_second(visitor, path):
    """One request after another: pages per second, and the bytes of one."""
    connections = visitor.connections()
    size = len(visitor.ask(connections[0], path))
    count, began = 0, time.monotonic()
    while time.monotonic() - began < SECONDS_OF_EACH_PAGE:
        visitor.ask(connections[count % len(connections)], path)
        count += 1
    rate = count / (time.monotonic() - began)
    for connection in connections:
        connection.close()
    return rate, size


def tails(visitor, pid, bootstrap):
    """Memory of the process without and with `TAILS` tails of a topic that gets 200 records a second, and what came."""
    before = _memory_bytes(pid)
    stop = threading.Event()
    received = [0] * TAILS

    def follow(index):
        connection = visitor.connection()
        connection.request("GET", "/api/tail?topic=topic-0000", headers={"Cookie": visitor.cookie})
        answer = connection.getresponse()
        assert answer.status == 200, answer.status
        while not stop.is_set():
            received[index] += len(answer.read1(65_536))

    threads = [threading.Thread(target=follow, args=(index,), daemon=True) for index in range(TAILS)]
    for thread in threads:
        thread.start()
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    highest = before
    for _ in range(40):
        for _ in range(50):
            producer.produce("topic-0000", value=b"x" * 200)
        producer.flush(10)
        time.sleep(0.25)
        highest = max(highest, _memory_bytes(pid))
    del producer
    stop.set()
    return before, highest, sum(1 for each in received if each)


def main():
    from tests.web.conftest import CHROMIUM
    from tests.web.up import stoker_up

    heading("The web console")
    with stoker_up("--nodes", "1") as cluster:
        visitor = Visitor(cluster["web_url"])
        table = Table("first contentful paint", "median ms", "worst ms")
        if CHROMIUM is None:
            print("(left out: no Chromium)")
        else:
            paints = first_paints(cluster["web_url"], "/")
            table.row("overview, empty cluster", statistics.median(paints), max(paints))
        admin = AdminClient({"bootstrap.servers": cluster["bootstrap_servers"]})
        for start in range(0, TOPICS, 100):
            topics = [NewTopic(f"topic-{n:04}", PARTITIONS_OF_EACH, 1) for n in range(start, start + 100)]
            for future in admin.create_topics(topics, request_timeout=60).values():
                future.result(60)
        connection = visitor.connection()
        while f'"total":{TOPICS},'.encode() not in visitor.ask(connection, "/topics.json?count=1"):
            time.sleep(0.5)
        if CHROMIUM is not None:
            for name, path in (
                ("overview, 10,000 partitions", "/"),
                ("1,000 topics, 10,000 partitions", "/topics"),
                ("one broker, 10,000 replicas", "/brokers/1"),
            ):
                paints = first_paints(cluster["web_url"], path)
                table.row(name, statistics.median(paints), max(paints))
        print()
        table = Table("page, one after another", "pages/s", "KiB each")
        for path in (
            "/",
            "/topics",
            "/topics.json",
            "/topics.csv",
            "/topics/topic-0500",
            "/brokers",
            "/groups",
            "/healthz",
        ):
            rate, size = pages_per_second(visitor, path)
            table.row(path, rate, size / 1024)
        print()
        before, highest, served = tails(visitor, cluster["pid"], cluster["bootstrap_servers"])
        table = Table("the whole process (cluster and console)", "MB")
        table.row("before", before / 1e6)
        table.row(f"with {served} live tails, 200 records/s each", highest / 1e6)
        table.row("threads", psutil.Process(cluster["pid"]).num_threads())


if __name__ == "__main__":
    main()
