"""What a classroom keeps: lines with numbers that stay, and views of moments; both bounded."""

from engine.sim.classroom import Classroom, ClassShape, Situation, recording, timeline
from engine.sim.classroom.explain import Event
from engine.sim.classroom.recording import Recording
from engine.sim.classroom.timeline import Timeline


def texts(of):
    return [line.text for line in of.lines()]


def test_lines_are_numbered_in_the_order_in_which_they_stand():
    lines = Timeline()
    lines.add(Event("node", "one"), 1.0)
    place = lines.place
    lines.add(Event("isr", "what it led to"), 2.0)
    view = lines.add(Event("action", "what was done"), 2.0, place)

    assert texts(lines) == ["one", "what was done", "what it led to"]
    assert [line.number for line in lines.lines()] == [0, 1, 2]
    assert view.number == 1
    assert [line.text for line in lines.lines(1, 2)] == ["what was done"]


def test_of_too_many_lines_the_oldest_go_and_the_others_keep_their_numbers(monkeypatch):
    monkeypatch.setattr(timeline, "EVENTS_MAX", 8)
    lines = Timeline()
    for number in range(9):
        lines.add(Event("election", f"line {number}"), float(number))

    assert texts(lines) == [f"line {number}" for number in range(2, 9)]
    assert lines.lines()[0].number == 2
    assert lines.count == lines.elections == 9
    assert [line.text for line in lines.lines(7)] == ["line 7", "line 8"]


def test_the_newest_view_before_a_moment_is_found_and_old_ones_thin_out(monkeypatch):
    room = Classroom(Situation(shape=ClassShape(nodes=1)))
    room.advance(1_000)
    kept = [room.view_at(moment) for moment in room.kept_moments()]
    room.close()
    monkeypatch.setattr(recording, "VIEWS_MAX", 6)
    views = Recording()
    assert views.at(100.0) is None
    for view in kept[:7]:
        views.keep(view)

    moments = [view.now_ms for view in kept[:7]]
    # Of the older half every other one went.
    assert views.moments == (moments[1], moments[3], moments[4], moments[5], moments[6])
    assert views.at(0.0).now_ms == views.moments[0]
    assert views.at(moments[6] + 50).now_ms == moments[6]
    assert views.at(moments[6] - 0.001).now_ms < moments[6]
