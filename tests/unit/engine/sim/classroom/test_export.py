"""Exports: a test that runs by itself, a page that needs nothing else, and JSON."""

import json
import subprocess
import sys

from engine.sim.classroom import Classroom, ClassShape, Situation, export
from engine.sim.classroom.actions import CreateTopic, Heal, Kill, Partitioned, ProduceByHand, Restart

HOSTILE = "<script>alert('x')</script>&\"\u202e"


def lost() -> Classroom:
    room = Classroom(Situation(seed=7, shape=ClassShape(topics=(CreateTopic("orders", replicas=((1, 2, 3),)),))))
    room.do(Partitioned(sets=((1,), (2, 3))))
    room.do(ProduceByHand("orders", HOSTILE, acks=1))
    room.advance(500.25)
    room.do(Kill(node=1))
    room.advance(6_000)
    room.do(Heal())
    room.do(Restart(node=1))
    room.advance(4_000)
    assert room.view().counts.lost == 1
    return room


def test_an_exported_test_passes_by_itself_and_fails_when_the_outcome_differs(tmp_path):
    text = export.as_pytest(lost())
    path = tmp_path / "test_exported.py"
    path.write_text(text, encoding="utf-8")
    assert text.isascii()
    assert "'orders-0 0'" in text
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(path)]
    passed = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert passed.returncode == 0, passed.stdout
    path.write_text(text.replace("'orders-0 0'", "'orders-0 1'"), encoding="utf-8")
    failed = subprocess.run(run, capture_output=True, text=True, timeout=120, check=False)
    assert failed.returncode == 1


def test_the_page_escapes_everything_and_asks_nobody():
    page = export.as_html(lost())
    assert "LOST: orders-0 has" in page
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    for foreign in ("http://", "https://", "//cdn", "@import", "url(", "src=", "href="):
        assert foreign not in page
    assert "default-src 'none'" in page


def test_the_json_has_the_situation_the_timeline_and_the_view():
    room = lost()
    found = json.loads(export.as_json(room))
    assert found["situation"]["version"] == 1
    assert len(found["events"]) == room.event_count
    assert found["view"]["counts"]["lost"] == 1
    assert found["trace_hash"] == room.trace_hash
