"""Every lesson is solved by its own steps, and by nothing less; so is every variant. Whoever waits between the steps
gets there too, or is told which step led nowhere."""

import random

import pytest

from engine.sim.lessons import LESSONS, Lesson, StepRefused, Steps, StepState, find, solve
from engine.sim.lessons.progress import Done, Progress

PAUSES_MS = (0, 20, 300, 1_500, 4_000, 12_000, 30_000)
VARIANTS = [lesson.as_variant() for lesson in LESSONS if lesson.variant is not None]


@pytest.mark.parametrize("lesson", [*LESSONS, *VARIANTS], ids=lambda lesson: lesson.title)
def test_its_steps_solve_it_and_its_setup_does_not(lesson: Lesson):
    room = lesson.open()
    try:
        assert not lesson.is_solved(room), "the setup alone reaches the goals"
        steps = solve(lesson, room)
        assert [step.state for step in steps] == [StepState.DONE] * len(lesson.tasks), [step.said for step in steps]
        assert lesson.is_solved(room), unreached(lesson, room)
        assert room.broken == ""
        assert room.now_ms < 240_000
    finally:
        room.close()


def unreached(lesson, room):
    return [goal.text for goal, reached in zip(lesson.goals, lesson.reached(room), strict=True) if not reached]


@pytest.mark.parametrize("lesson", [*LESSONS, *VARIANTS], ids=lambda lesson: lesson.title)
def test_who_waits_between_the_steps_gets_there_or_is_told_which_step_led_nowhere(lesson: Lesson):
    drawn = random.Random(f"{lesson.title} 1")
    pauses = [drawn.choice(PAUSES_MS) for _ in lesson.tasks]
    room = lesson.open()
    try:
        steps = solve(lesson, room, pauses)
        missed = [step for step in steps if step.state is StepState.MISSED]
        assert missed or lesson.is_solved(room), (pauses, unreached(lesson, room))
        assert all("Start again" in step.said for step in missed), (pauses, [step.said for step in missed])
    finally:
        room.close()


def test_a_record_that_comes_after_the_election_is_not_the_story_and_the_step_says_so():
    lesson = find("lost-record")
    room = lesson.open()
    try:
        steps = solve(lesson, room, [0, 30_000])
        assert [step.state for step in steps] == ["done", "missed", "todo", "todo"]
        assert "produce sooner" in steps[1].said
        assert "precious" not in {value for node in (1, 2, 3) for value in room.log_values("orders", 0, node).values()}
    finally:
        room.close()


def test_one_step_is_played_at_a_time_and_is_done_only_when_its_effect_is_there():
    lesson = find("failover")
    room = lesson.open()
    try:
        steps = Steps(lesson)
        steps.begin(0, room)
        assert not steps.play(room, 100)
        assert steps[0].state is StepState.PLAYING
        with pytest.raises(StepRefused, match="step 1 is still being played"):
            steps.begin(1, room)
        assert steps.begin(0, room) == []
        while not steps.play(room, 1_000):
            assert room.view().partition("orders").leader == 1
        assert room.view().partition("orders").leader == 2
        assert steps[0].state is StepState.DONE
    finally:
        room.close()


def test_a_step_whose_action_cannot_be_done_is_missed():
    lesson = find("static-members").as_variant()
    room = lesson.open()
    try:
        steps = Steps(lesson)
        steps.begin(1, room)
        assert steps[1].state is StepState.MISSED
        assert steps[1].said == "Nothing was done, for bert runs already."
    finally:
        room.close()


def test_a_violation_is_led_back_to_the_very_event_that_broke_the_invariant():
    lesson = find("leader-epochs").as_variant()
    room = lesson.open()
    try:
        solve(lesson, room)
        seen = next(each for each in room.view().invariants if each.name == "candidate-incomplete")
        assert room.pinpoint("candidate-incomplete")
        exact = next(each for each in room.view().invariants if each.name == "candidate-incomplete")
        assert seen.at_ms - 200 <= exact.at_ms < seen.at_ms
        assert exact.callback <= seen.callback
        assert "node-3 cut orders-0/00000000000000000000.log to" in exact.cause

        there = room.view_at(exact.at_ms)
        assert there.now_ms == exact.at_ms
        assert exact in there.invariants
        assert there.partition("orders").log(3).log_end_offset == 1
        before = room.view_at(exact.at_ms - 0.001)
        assert all(each.holds for each in before.invariants)

        assert not room.pinpoint("quorum-log-matching"), "it holds"
    finally:
        room.close()


def test_a_world_that_goes_on_from_the_past_has_not_taken_the_steps_that_came_later():
    lesson = find("failover")
    room = lesson.open()
    try:
        steps = solve(lesson, room)
        steps.rewind(steps[1].began_ms)
        assert [step.state for step in steps] == ["done", "done", "todo"]
    finally:
        room.close()


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_its_words_are_there(lesson: Lesson):
    prediction = lesson.prediction
    assert 2 <= len(prediction.choices) <= 4
    assert 0 <= prediction.answer < len(prediction.choices)
    assert prediction.question.endswith("?")
    for text in (lesson.story, prediction.why, lesson.explanation):
        assert len(text) > 60
        assert text.endswith((".", "?"))
    assert all(kip.startswith("KIP-") for kip in lesson.kips)
    assert lesson.minutes <= 5
    assert any(task.do for task in lesson.tasks)
    assert all(task.text for task in lesson.tasks)


def test_there_are_at_least_twenty_with_ids_of_their_own():
    assert len({lesson.id for lesson in LESSONS}) == len(LESSONS) >= 20
    assert find("1") is LESSONS[0]
    assert find("failover").id == "failover"
    with pytest.raises(KeyError):
        find("0")


def test_the_first_lesson_loses_a_record_on_purpose():
    assert LESSONS[0].id == "lost-record"
    assert LESSONS[0].minutes == 3


def test_progress_is_kept_and_never_taken_back(tmp_path):
    progress = Progress(tmp_path / "deep" / "lessons.json")
    assert progress.read() == {}
    progress.note("failover", solved=True, predicted=False)
    progress.note("failover", solved=False, predicted=True, variant=True)
    progress.note("quorum", predicted=True)
    assert Progress(tmp_path / "deep" / "lessons.json").read() == {
        "failover": Done(solved=True, predicted=False, variant=True),
        "quorum": Done(predicted=True),
    }
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["lessons.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"version": 9, "lessons": {}}', '{"version": 1, "lessons": 3}'])
def test_a_damaged_progress_file_counts_as_empty(tmp_path, text):
    path = tmp_path / "lessons.json"
    path.write_text(text, encoding="utf-8")
    assert Progress(path).read() == {}
