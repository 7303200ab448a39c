"""Sample data: generators make what is checked in, a load puts it into a cluster, and the questions have their answers."""

import asyncio
import importlib
import json
import re
import threading
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from console.client_config import client_config
from console.demo.loader import load
from console.demo.samples import samples
from console.errors import OperatorError
from console.records.sending import produce
from console.services.configs import Resource, ResourceType, describe_configs
from console.services.topic_changes import NewTopic, create_topic
from console.sql.service import SqlService
from engine.cluster import Cluster
from engine.net.cluster_client import ClusterClient
from engine.runtime import SystemClock
from sample_data.generating import sample_lines

ROOT = Path(__file__).parents[3]
SAMPLES = samples()
NAMES = [sample.name for sample in SAMPLES]
BYTES_MAX = 300 * 1024


def folder(sample):
    return ROOT / "sample_data" / sample.name


def questions(sample):
    """(question, statement) as `queries.sql` has them."""
    text = (folder(sample) / "queries.sql").read_text("utf-8")
    return re.findall(r"^-- ([^\n]+)\n(.+?);\n", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_the_generator_makes_what_is_checked_in(sample):
    """`python -m sample_data.NAME.generate --write` when it was changed on purpose."""
    module = importlib.import_module(f"sample_data.{sample.name}.generate")
    lines = {topic.name: [] for topic in sample.topics}
    for topic, line in sample_lines(
        module.generate, sample.seed, sample.generated_count, getattr(module, "derive", None)
    ):
        lines[topic].append(line)

    for topic in sample.topics:
        assert (folder(sample) / f"{topic.name}.jsonl").read_text("utf-8").splitlines() == lines[topic.name]


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_a_sample_is_small_and_every_record_has_a_key_and_a_time(sample):
    assert sum(path.stat().st_size for path in folder(sample).glob("*.jsonl")) <= BYTES_MAX
    for topic in sample.topics:
        records = sample.records(topic.name)
        times = [record.timestamp for record in records]
        assert all(record.key for record in records)
        assert times == sorted(times)


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_the_generator_goes_on_where_the_files_end(sample):
    written = [topic for topic in sample.topics if topic.derived_from is None]
    stream = sample.generated()
    first = [next(stream) for _ in range(sample.generated_count)]

    for topic in written:
        of_topic = [record for name, record in first if name == topic.name]
        assert of_topic == [record._replace(timestamp=None) for record in sample.records(topic.name)]
    assert next(sample.generated(sample.generated_count)) == next(stream)


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_the_readme_has_the_commands_and_the_questions(sample):
    text = (folder(sample) / "README.md").read_text("utf-8")
    assert text.startswith(f"# {sample.title}\n")
    for topic in sample.topics:
        configs = "".join(f" --config {name}={value}" for name, value in topic.configs.items())
        assert f"\nstoker topics create {topic.name} --partitions {topic.partition_count}{configs}\n" in text
        assert f"\nstoker produce {topic.name} sample_data/{sample.name}/{topic.name}.jsonl --json\n" in text
    assert len(questions(sample)) == 3
    for number, (question, _) in enumerate(questions(sample), 1):
        assert f"\n{number}. {question}\n" in text


def test_a_package_that_is_built_has_all_of_it():
    """What `[tool.setuptools]` takes along besides Python."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    assert "sample_data*" in table["packages"]["find"]["include"]
    everywhere, here = table["package-data"]["*"], table["package-data"]["sample_data"]
    for path in (ROOT / "sample_data").rglob("*.*"):
        if path.suffix not in (".py", ".pyc"):
            within = path.relative_to(ROOT / "sample_data").as_posix()
            assert any(fnmatch(path.name, each) for each in everywhere) or any(fnmatch(within, each) for each in here)


def test_no_balance_of_the_bank_is_ever_below_zero():
    balances = {}
    (bank,) = samples(["event_sourcing"])
    for record in bank.records("account-events"):
        event = json.loads(record.value)
        balances[record.key] = balances.get(record.key, 0) + event["amount_cents"]
        assert balances[record.key] >= 0
    top = sorted(((-cents, account.decode()) for account, cents in balances.items()))[:3]
    answers = json.loads((ROOT / "sample_data/event_sourcing/answers.json").read_text("utf-8"))
    assert answers[0] == [[account, -cents] for cents, account in top]


def test_a_name_that_is_no_sample_is_told_with_those_there_are():
    with pytest.raises(OperatorError, match="no sample 'weather'") as raised:
        samples(["weather"])
    assert "messaging" in raised.value.hint


def client_of(cluster):
    return ClusterClient(client_config(cluster.bootstrap_servers, {}).bootstrap)


class Room:
    """A cluster with a client on a loop of its own."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.do(self._start())

    def do(self, coroutine, timeout=60):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout)

    async def _start(self):
        self.cluster = Cluster(nodes=1)
        await self.cluster.start()
        self.client = client_of(self.cluster)
        self.sql = SqlService(self.client)

    async def _stop(self):
        await self.sql.close()
        await self.client.close()
        await self.cluster.stop()

    def close(self):
        self.do(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def ask(self, statement):
        async def rows():
            async with self.sql.run(statement) as result:
                return [list(row) async for page in result for row in page.rows()]

        return self.do(rows())


@pytest.fixture(scope="module")
def room():
    room = Room()
    yield room
    room.close()


@pytest.fixture(scope="module")
def loaded(room):
    told = []
    outcome = room.do(load(room.client, progress=lambda *words: told.append(words)))
    return outcome, told


def test_loading_creates_every_topic_with_its_configuration_and_all_records(room, loaded):
    outcome, told = loaded
    assert [each.topic for each in outcome] == [topic.name for sample in SAMPLES for topic in sample.topics]
    assert all(each.created and not each.present_records for each in outcome)
    for sample in SAMPLES:
        count = sum(len(sample.records(topic.name)) for topic in sample.topics)
        assert [words for words in told if words[0] == sample.name][-1] == (sample.name, count, count)
        for topic in sample.topics:
            resource = Resource(ResourceType.TOPIC, topic.name)
            config = room.do(describe_configs(room.client, [resource]))[resource]
            assert {name: config.value(name) for name in topic.configs} == topic.configs


def test_loading_again_adds_nothing(room, loaded):
    outcome = room.do(load(room.client, ["messaging", "commit_log"]))

    assert not any(each.created or each.loaded_records for each in outcome)
    assert [each.present_records for each in outcome] == [
        each.loaded_records for each in loaded[0] if each.sample in ("messaging", "commit_log")
    ]


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_the_questions_have_their_answers(room, loaded, sample):
    answers = json.loads((folder(sample) / "answers.json").read_text("utf-8"))
    for (question, statement), answer in zip(questions(sample), answers, strict=True):
        rows = json.loads(json.dumps(room.ask(statement), default=float))
        assert rows == answer, question


def test_a_load_that_was_cut_short_is_completed_and_may_be_moved_in_time():
    async def story():
        async with Cluster(nodes=1) as cluster, client_of(cluster) as client:
            (sample,) = samples(["stream_processing"])
            topic = sample.topics[0]
            await create_topic(client, NewTopic(topic.name, topic.partition_count))
            await produce(client, SystemClock(), topic.name, sample.records(topic.name)[:100])
            first = await load(client, [sample.name], ending_at_ms=1_750_000_000_000)
            async with SqlService(client) as sql:
                statement = "select count(*), count(distinct key), epoch_ms(max(timestamp)) from articles"
                async with sql.run(statement) as result:
                    rows = [row async for page in result for row in page.rows()]
            return first, rows

    first, rows = asyncio.run(asyncio.wait_for(story(), 60))
    assert (first[0].created, first[0].present_records, first[0].loaded_records) == (False, 100, 200)
    assert rows == [(300, 300, 1_750_000_000_000)]


def test_a_topic_of_that_name_with_other_partitions_is_left_alone():
    async def story():
        async with Cluster(nodes=1) as cluster, client_of(cluster) as client:
            await create_topic(client, NewTopic("orders", 7))
            await load(client, ["messaging"])

    with pytest.raises(OperatorError, match="orders is there with 7 partitions, the sample's has 3"):
        asyncio.run(asyncio.wait_for(story(), 60))
