"""The audit log on disk: whole lines, bounded, readable after whatever happened to it."""

import json
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from console.audit import ENTRY_BYTES_MAX, AuditEntry, AuditLog
from console.errors import OperatorError

ROOT = Path(__file__).parents[3]


def entry(entry_id, **values):
    plain = AuditEntry(entry_id, 1, "ada", "host", "cli", "c", "h:1", "alter-topic", "topic t", "stoker", {}, {})
    return replace(plain, **values)


@pytest.fixture
def log(tmp_path):
    return AuditLog(tmp_path / "state")


def test_a_change_without_outcome_is_seen_as_started(log):
    log.begin(entry("a"))
    log.begin(entry("b"))
    log.end("b", "failed", "no")

    assert [(each.id, each.result, each.error) for each in log.read().entries] == [
        ("a", "started", None),
        ("b", "failed", "no"),
    ]


def test_only_its_owner_reads_it(log):
    log.begin(entry("a"))

    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.folder.stat().st_mode) == 0o700


def test_it_stays_within_its_bounds_and_keeps_the_newest(tmp_path):
    log = AuditLog(tmp_path, file_bytes_max=2000, files_max=3)

    for number in range(100):
        log.begin(entry(str(number)))

    files = sorted(path.name for path in tmp_path.glob("audit*.jsonl"))
    assert files == ["audit.1.jsonl", "audit.2.jsonl", "audit.jsonl"]
    assert all(path.stat().st_size <= 2000 for path in tmp_path.glob("audit*.jsonl"))
    kept = [int(each.id) for each in log.read().entries]
    assert kept == list(range(kept[0], 100))
    assert len(kept) > 10


def test_an_outcome_in_a_newer_file_belongs_to_its_change_in_an_older_one(tmp_path):
    log = AuditLog(tmp_path, file_bytes_max=600)
    log.begin(entry("a"))
    for number in range(3):
        log.begin(entry(f"other-{number}"))
    log.end("a", "done")

    assert log.read().get("a").result == "done"


def test_a_torn_line_costs_only_itself(log):
    log.begin(entry("a"))
    with open(log.path, "ab") as file:
        file.write(b'{"id":"torn","at_')
    log.begin(entry("b"))

    trail = log.read()

    assert [each.id for each in trail.entries] == ["a", "b"]
    assert trail.damaged == 1


@pytest.mark.parametrize("line", [b"5", b"[]", b"{}", b"null", b'{"id":"x","at_ms":1}', b"\xff\xfe"])
def test_lines_that_are_no_entries_are_counted(log, line):
    log.folder.mkdir(parents=True)
    log.path.write_bytes(line + b"\n")

    trail = log.read()

    assert (trail.entries, trail.damaged) == ((), 1)


def test_fields_of_a_later_version_are_left_alone(log):
    log.begin(entry("a"))
    data = json.loads(log.path.read_bytes())
    log.path.write_bytes(json.dumps({**data, "colour": "red"}).encode() + b"\n")

    assert log.read().get("a") == entry("a")


def test_an_entry_that_is_too_large_loses_its_values_and_says_so(log):
    log.begin(entry("a", before={"x": "y" * ENTRY_BYTES_MAX}, undo={"kind": "x"}))

    kept = log.read().get("a")

    assert (kept.before, kept.undo) == (None, None)
    assert "too large" in kept.undo_note


def test_several_processes_write_whole_lines_through_rotations(tmp_path):
    script = (
        "import sys; from pathlib import Path; from tests.unit.console.test_audit import entry;"
        "from console.audit import AuditLog; log = AuditLog(Path(sys.argv[1]), file_bytes_max=20_000, files_max=40);"
        "[log.begin(entry(f'{sys.argv[2]}-{n}')) for n in range(100)]"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(each)], cwd=ROOT) for each in range(3)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]

    trail = AuditLog(tmp_path, file_bytes_max=20_000, files_max=40).read()

    assert len(trail.entries) == 300
    assert trail.damaged == 0


def test_undoing_an_undo_makes_the_first_undoable_again(log):
    for each in (entry("a"), entry("b", undoes="a"), entry("c", undoes="b")):
        log.begin(each)
        log.end(each.id, "done")

    assert log.read().undone_by() == {"b": "c"}


def test_a_failed_undo_undoes_nothing(log):
    log.begin(entry("a"))
    log.begin(entry("b", undoes="a"))
    log.end("b", "failed", "no")

    assert log.read().undone_by() == {}


def test_last_is_the_newest_and_an_unknown_id_is_refused(log):
    log.begin(entry("a"))
    log.begin(entry("b"))

    assert log.read().get("last").id == "b"
    with pytest.raises(OperatorError, match="no change 'z'"):
        log.read().get("z")


def test_without_log_there_is_nothing(log):
    trail = log.read()

    assert (trail.entries, trail.damaged) == ((), 0)
    with pytest.raises(OperatorError):
        trail.get("last")
