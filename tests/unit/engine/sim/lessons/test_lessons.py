"""Every lesson is solved by its own steps, and by nothing less; so is every variant."""

import pytest

from engine.sim.lessons import LESSONS, Lesson, find
from engine.sim.lessons.progress import Done, Progress

VARIANTS = [lesson.as_variant() for lesson in LESSONS if lesson.variant is not None]


@pytest.mark.parametrize("lesson", [*LESSONS, *VARIANTS], ids=lambda lesson: lesson.title)
def test_its_steps_solve_it_and_its_setup_does_not(lesson: Lesson):
    room = lesson.open()
    try:
        assert not lesson.is_solved(room), "the setup alone reaches the goals"
        assert lesson.solve(room), [
            (goal.text, reached) for goal, reached in zip(lesson.goals, lesson.reached(room), strict=True)
        ]
        assert room.broken == ""
        assert room.now_ms < 240_000
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
