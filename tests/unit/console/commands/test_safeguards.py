"""`stoker sim safeguards`, `hunt` and `past`."""

import json
from contextlib import nullcontext

import pytest

from console.cli import run
from engine.runtime.safeguards import NAMES


@pytest.fixture
def stoker(capsys):
    def call(*words):
        code = run([*words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_safeguards_are_listed_with_what_happens_without_each(stoker):
    code, out, _ = stoker("sim", "safeguards", "-o", "json")
    listed = json.loads(out)
    assert code == 0
    assert sorted(each["name"] for each in listed) == list(NAMES)
    assert all(each["text"] and each["otherwise"] and each["source"] and each["noticed"] for each in listed)


def test_one_safeguard_is_shown_in_full(stoker):
    code, out, _ = stoker("sim", "safeguards", "truncate_by_epoch", "check_quorum")
    assert code == 0
    assert "Without it      A follower cuts off what was committed" in out
    assert "Stands against  KIP-101, KAFKA-1211" in out
    assert "Missed by       chase_leader" in out
    assert "Missed by       a story" in out


def test_bugs_of_the_past_are_listed_with_what_stands_against_each(stoker):
    _, out, _ = stoker("sim", "past", "-o", "json")
    listed = {each["name"]: each for each in json.loads(out)}
    assert listed["KAFKA-7415"]["safeguards"] == ["epoch_start_at_election"]
    assert listed["KAFKA-16147"]["reason"]
    _, out, _ = stoker("sim", "past")
    lines = out.splitlines()
    assert lines[lines.index("KAFKA-7415") + 2] == "    -> epoch_start_at_election"
    assert max(map(len, lines)) <= 96


def test_a_hunt_tells_how_many_seeds_each_took(stoker):
    code, out, err = stoker("sim", "hunt", "check_quorum", "fetch_epoch_fencing", "-o", "json")
    assert code == 0
    assert err == ""
    assert json.loads(out) == [
        {"safeguard": "check_quorum", "scenario": "script", "seeds": 1, "seed": 1, "noticed": "stale-controller"},
        {"safeguard": "fetch_epoch_fencing", "scenario": "swarm", "seeds": 1, "seed": 1, "noticed": "wrong-epoch-served"},
    ]  # fmt: skip


def test_a_hunt_shows_how_it_gets_on(stoker):
    _, out, err = stoker("sim", "hunt", "check_quorum")
    assert "[1/1] check_quorum: stale-controller, in its story" in err
    assert "stale-controller" in out


def test_a_hunt_fails_when_a_safeguard_was_not_missed(stoker, monkeypatch):
    monkeypatch.setattr("engine.runtime.safeguards.without", lambda name: nullcontext())
    words = ["--seeds", "4", "--scenario", "clock_jump"]
    code, out, err = stoker("sim", "hunt", "fetch_epoch_fencing", *words)
    assert code == 1
    assert "not noticed" in out
    assert "not noticed: fetch_epoch_fencing" in err


@pytest.mark.parametrize(
    "words", [["hunt", "luck"], ["safeguards", "luck"], ["hunt", "--seeds", "x"], ["hunt", "--scenario", "luck"]]
)
def test_words_that_mean_nothing_are_refused(stoker, words):
    code, _, err = stoker("sim", *words)
    assert code == 2
    assert words[-1] in err
