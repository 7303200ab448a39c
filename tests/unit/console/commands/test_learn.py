"""`stoker sim lessons` and `stoker sim learn`: a lesson in a plain terminal."""

import json

import pytest

from console.cli import run


@pytest.fixture
def stoker(capsys, monkeypatch, tmp_path):
    """Runs a command; what this learner has done is nobody else's."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def call(*words):
        code = run([*words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_lessons_lists_them_and_what_is_done(stoker):
    code, out, _ = stoker("sim", "lessons", "-o", "json")
    rows = {row["id"]: row for row in json.loads(out)}
    assert code == 0
    assert len(rows) >= 20
    assert rows["replication"]["solved"] is False
    assert stoker("sim", "learn", "replication", "--auto")[0] == 0
    rows = {row["id"]: row for row in json.loads(stoker("sim", "lessons", "-o", "json")[1])}
    assert rows["replication"]["solved"] is True
    assert "replication" in stoker("sim", "lessons")[1]


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
