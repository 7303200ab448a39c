"""`stoker sim`: what it prints, what it answers to programs, and when it fails."""

import json

import pytest

from console.cli import run


@pytest.fixture
def stoker(capsys):
    def call(*words):
        code = run([*words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_run_answers_programs_with_one_object(stoker):
    code, out, _ = stoker("sim", "run", "--seeds", "4..5", "--level", "calm", "-o", "json")
    answer = json.loads(out)
    assert code == 0
    assert [seed["seed"] for seed in answer["seeds"]] == [4, 5]
    for seed in answer["seeds"]:
        assert len(seed["trace_hash"]) == 64
        assert seed["violations"] == []
        assert seed["virtual_seconds"] > 1
    assert answer["runs"] == 2
    assert answer["failed"] == 0


def test_run_shows_progress_and_a_summary_to_people(stoker):
    code, out, err = stoker("sim", "run", "--seeds", "4", "--scenario", "clock_jump")
    assert code == 0
    assert "[1/1] seed 4:" in err
    assert "clock_jump" in err
    assert "1, 0 with violations" in out


def test_a_failing_seed_fails_the_command_prints_its_replay_and_is_written_as_a_test(stoker, tmp_path):
    test_file = tmp_path / "test_found.py"
    words = ["--scenario", "duplicate_requests", "--without", "sequence_deduplication"]
    code, out, err = stoker("sim", "run", "--seeds", "1..2", *words, "-o", "json", "--shrink", str(test_file))
    assert code == 1
    failed = [seed for seed in json.loads(out)["seeds"] if seed["violations"]]
    assert failed
    line = next(line for line in err.splitlines() if "again: stoker sim replay" in line)
    again = line.partition("stoker ")[2].split()
    code, out, err = stoker(*again, "--lines", "5")
    assert code == 1
    assert failed[0]["trace_hash"] in err
    assert failed[0]["violations"][0].splitlines()[0][:80] in err
    assert "def test_seed_" in test_file.read_text(encoding="utf-8")


def test_replay_shows_the_timeline_and_compares_two_runs(stoker):
    code, out, err = stoker("sim", "replay", "4", "--level", "calm", "--twice")
    assert code == 0
    assert "start node-1" in out
    assert "both runs have the same" in err
    code, out, _ = stoker("sim", "replay", "4", "--level", "calm", "-o", "json")
    answer = json.loads(out)
    assert answer["seed"] == 4
    assert answer["events"][0]["seconds"] >= 0
    assert any(event["event"].startswith("up node") for event in answer["events"])


def test_faults_lists_what_scenarios_may_be_named(stoker):
    _, out, _ = stoker("sim", "faults", "-o", "json")
    listed = json.loads(out)
    assert len(listed) > 34
    assert all(each["summary"] for each in listed)


@pytest.mark.parametrize(
    "words",
    [
        ["--seeds", "3..1"],
        ["--seeds", "x"],
        ["--scenario", "nonsense"],
        ["--without", "nonsense"],
        ["--level", "nonsense"],
        ["--jobs", "0"],
    ],
)
def test_words_that_are_off_are_told(stoker, words):
    code, _, err = stoker("sim", "run", *words)
    assert code == 2
    assert words[0].lstrip("-") in err
