"""What must be written down is written down: contracts, configs, deviations, requirements."""

import re
import tomllib
from pathlib import Path

import pytest

from engine.config import BROKER_CONFIGS, GROUP_CONFIGS, TOPIC_CONFIGS, Effect
from engine.handlers.deviations import DEVIATIONS_PATH, contract_problem, with_tables
from engine.handlers.registry import ListenerKind, handlers
from engine.protocol.api import API_VERSIONS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", list(ListenerKind))
def test_every_handler_opens_with_its_contract(kind: ListenerKind) -> None:
    """Name, key and versions, and the versions are those it is registered for."""
    problems = [problem for handler in handlers(kind).values() if (problem := contract_problem(handler))]
    assert not problems, "\n".join(problems)


def test_every_handler_is_for_a_listener_that_kafka_serves_the_key_on() -> None:
    wrong = [
        f"{key.name} on {kind.value} listeners"
        for kind in ListenerKind
        for key in handlers(kind)
        if kind.value not in API_VERSIONS[key].listeners
    ]
    assert not wrong


def test_deviations_say_what_is_missing() -> None:
    """Run `./dev deviations` when this fails: a key is served now, or no longer, or a contract has changed."""
    text = DEVIATIONS_PATH.read_text(encoding="utf-8")
    assert with_tables(text) == text


def test_deviations_have_every_key() -> None:
    text = DEVIATIONS_PATH.read_text(encoding="utf-8")
    listed = {int(key) for key in re.findall(r"^\| (\d+) \| \w+ \|", text, re.MULTILINE)}
    assert listed == {int(key) for key in API_VERSIONS}


@pytest.mark.parametrize("table", [TOPIC_CONFIGS, BROKER_CONFIGS, GROUP_CONFIGS], ids=["topic", "broker", "group"])
def test_every_config_is_documented(table: dict[str, object]) -> None:
    poor = [name for name, row in table.items() if len(row.doc) < 15 or not row.doc.endswith(".")]  # type: ignore[attr-defined]
    assert not poor


def test_the_lock_names_every_dependency_with_hashes_and_no_place_to_get_it_from() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]

    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))

    assert {re.split(r"[<>=;\s]", name)[0].lower() for name in wanted} <= locked, "run ./dev lock"
    assert lock.count("==") <= lock.count("--hash=sha256:")
    assert "://" not in lock
    assert "--index" not in lock


def test_make_and_dev_offer_the_same() -> None:
    targets = set((ROOT / "Makefile").read_text(encoding="utf-8").partition(".PHONY: ")[2].splitlines()[0].split())
    steps = set(re.findall(r'^    "(\w+)": \w+_step,$', (ROOT / "dev").read_text(encoding="utf-8"), re.MULTILINE))

    assert targets == (steps - {"stoker"}) | {"check", "setup", "seeds-10000"}


# Said to act, and read by nobody yet. To be wired, or to be given another `effect` in the table; never to grow.
NOT_READ_YET = {
    "transaction.max.timeout.ms",
}


def test_every_config_that_is_said_to_act_is_read_somewhere() -> None:
    """Otherwise setting it would be ignored in silence."""
    sources = [path for path in (ROOT / "engine").rglob("*.py") if "tables" not in path.parts]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    of_topics = {synonym.name for row in TOPIC_CONFIGS.values() for synonym in row.synonyms}

    unread = {
        name
        for name, row in BROKER_CONFIGS.items()
        if row.effect is Effect.ACTS and name not in of_topics and f'"{name}"' not in code
    }

    assert unread <= NOT_READ_YET
