"""Actions as typed lines and as forms."""

import pytest

from console.laboratory.commands import BY_TAG, CommandError, completions, parse, text_of
from console.laboratory.forms import forms
from engine.runtime.safeguards import NAMES
from engine.sim.classroom import actions as do
from engine.sim.lessons import LESSONS

LINES = {
    "kill 2": do.Kill(2),
    "produce orders 'two words' key=a acks=all": do.ProduceByHand("orders", "two words", key="a", acks=-1),
    "partition 1|2,3": do.Partitioned(((1,), (2, 3))),
    "create-topic x partitions=2 min.insync.replicas=2": do.CreateTopic("x", 2, configs={"min.insync.replicas": "2"}),
    "create-topic x replicas=1,2,3|2,3,1": do.CreateTopic("x", replicas=((1, 2, 3), (2, 3, 1))),
    "cut 0 1 both_ways=false": do.Cut(0, 1, both_ways=False),
    "power-cut 1,3": do.PowerCut((1, 3)),
    "add-producer w orders keys=a,b rate=2.5 acks=1": do.AddProducer("w", "orders", acks=1, keys=("a", "b"), rate=2.5),
    "heal": do.Heal(),
    "rep 1": do.RepairDisk(1),
}


@pytest.mark.parametrize("line", LINES)
def test_a_line_is_its_action_and_the_action_is_written_as_a_line_that_means_it(line):
    assert parse(line) == LINES[line]
    assert parse(text_of(LINES[line])) == LINES[line]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "nothing was typed"),
        ("explode 1", "there is no action 'explode'"),
        ("p 1", "could be"),
        ("kill", "kill NODE: it lacks"),
        ("kill everybody", "node: expected int"),
        ("kill 2 3", "too much"),
        ("kill 99", "node: expected int <= 9"),
        ("produce 'orders", "quotation mark"),
        ("produce " + "x" * 3_000, "at most 2,000 characters"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line, words):
    with pytest.raises(CommandError, match=words.replace("(", r"\(")):
        parse(line)


def test_every_action_is_in_the_menu_once_with_all_its_fields():
    found = [form.tag for form in forms()]

    assert sorted(found) == sorted(BY_TAG)
    for form in forms():
        assert [field.name for field in form.fields] == list(BY_TAG[form.tag].__struct_fields__)
        assert form.help
        assert form.title


def test_a_form_says_what_each_safeguard_is_for():
    form = next(form for form in forms() if form.tag == "take-away")
    (field,) = form.fields
    notes = dict(zip(field.choices, field.notes, strict=True))
    assert sorted(notes) == sorted(NAMES)
    assert notes["check_quorum"].startswith("KAFKA-15489. ")
    assert "Without it: " in notes["check_quorum"]


def test_every_command_that_a_lesson_shows_can_be_typed():
    actions = [each for lesson in LESSONS for task in lesson.tasks for each in task.do if not callable(each)]

    assert actions
    for action in actions:
        assert parse(text_of(action)) == action


def test_a_line_is_completed_by_names_that_there_are():
    names = {"node": ["1", "2"], "topic": ["orders"], "acks": ["all", "1", "0"]}

    assert completions("ki", names) == ["kill"]
    assert completions("kill ", names) == ["kill 1", "kill 2"]
    assert completions("produce ", names) == ["produce orders"]
    assert completions("produce orders x ac", names) == ["produce orders x acks="]
    assert completions("produce orders x acks=a", names) == ["produce orders x acks=all"]
