"""`stoker sim learn`: the list of lessons, and a lesson in a plain terminal; `stoker sim replay` of a situation."""

import json

import pytest

from console.cli import run
from engine.sim.classroom import Situation
from engine.sim.classroom.actions import Kill
from engine.sim.classroom.situation import Step


@pytest.fixture
def stoker(capsys, monkeypatch, tmp_path):
    """Runs a command; what this learner has done is nobody else's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def call(*words):
        code = run([*words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_learn_lists_them_with_what_was_done(stoker):
    code, out, _ = stoker("sim", "learn", "-o", "json")
    rows = {row["id"]: row for row in json.loads(out)}
    assert code == 0
    assert len(rows) >= 20
    assert rows["replication"]["solved"] is False
    assert stoker("sim", "learn", "replication", "--auto")[0] == 0
    rows = {row["id"]: row for row in json.loads(stoker("sim", "learn", "-o", "json")[1])}
    assert rows["replication"]["solved"] is True
    _, table, said = stoker("sim", "learn")
    assert next(line for line in table.splitlines() if "replication" in line).split()[2] == "yes"
    assert f"1 of {len(rows)} done. The next one: stoker sim learn lost-record" in said


def test_learn_tells_the_story_plays_it_and_explains(stoker):
    code, out, _ = stoker("sim", "learn", "lost-record", "--auto")
    assert code == 0
    assert 'The record is called "precious"' in out
    assert "LOST: orders-0 has precious" in out
    assert "[x] a record that was acknowledged is lost" in out
    assert "KIP-101" in out
    code, out, _ = stoker("sim", "learn", "lost-record", "--auto", "--variant")
    assert code == 0
    assert "[x] nothing that was acknowledged is lost" in out


def test_learn_without_a_terminal_says_what_to_do(stoker):
    code, _, err = stoker("sim", "learn", "failover")
    assert code == 2
    assert "--auto" in err


def test_an_unknown_lesson_and_a_missing_variant_are_refused(stoker):
    assert stoker("sim", "learn", "nothing", "--auto")[0] == 2
    code, _, err = stoker("sim", "learn", "failover", "--auto", "--variant")
    assert code == 2
    assert "no variant" in err


def test_a_situation_is_played_again_from_a_file_a_text_and_an_address(stoker, tmp_path):
    situation = Situation(seed=3, steps=(Step(1_000_000_000, Kill(node=2)),), until_ms=2_500)
    path = tmp_path / "situation.json"
    path.write_text(situation.to_json(), encoding="utf-8")
    hashes = set()
    for text in (str(path), situation.to_text(), f"http://localhost/lab?s={situation.to_text()}"):
        code, out, _ = stoker("sim", "replay", text, "--twice", "-o", "json")
        assert code == 0
        found = json.loads(out)
        assert found["same"]
        assert found["now_ms"] == 2_500
        assert "Node 2 was killed." in [event["event"] for event in found["events"]]
        hashes.add(found["trace_hash"])
    assert len(hashes) == 1


def test_what_is_no_situation_is_refused(stoker, tmp_path):
    code, _, err = stoker("sim", "replay", "nothing.json")
    assert code == 2
    assert "no file 'nothing.json'" in err
