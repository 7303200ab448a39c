"""Situations as text: they come back as they were, and what is none is refused with a sentence."""

import base64
import json
import zlib

import pytest

from engine.sim.classroom import ACTIONS, ClassShape, Situation, SituationError, from_json, from_text, tag_of
from engine.sim.classroom.actions import AddProducer, CreateTopic, Kill, Partitioned
from engine.sim.classroom.situation import Step

SITUATION = Situation(
    seed=42,
    shape=ClassShape(
        nodes=5, racks=("a", "b"), topics=(CreateTopic("t", replicas=((1, 2), (2, 3))),), properties={"x.y": "1"}
    ),
    steps=(
        Step(5_000_000, Kill(node=1)),
        Step(6_000_001, Partitioned(sets=((1, 2), (3, 0)))),
        Step(6_000_001, AddProducer("p", "t", keys=("a", "ä"), acks=1, idempotent=False)),
    ),
    until_ms=9_000,
)


def test_json_and_text_round_trip():
    assert from_json(SITUATION.to_json()) == SITUATION
    assert from_text(SITUATION.to_text()) == SITUATION
    assert all(character.isalnum() or character in "-_" for character in SITUATION.to_text())


def test_every_action_has_a_tag_of_its_own():
    assert len({tag_of(action) for action in ACTIONS}) == len(ACTIONS) > 30


def test_cutting_drops_what_came_later():
    assert [step.at_ns for step in SITUATION.cut_at(5).steps] == [5_000_000]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 2}, "only version 1"),
        ({"seed": -1}, "seed"),
        ({"unknown": 1}, "unknown"),
        ({"steps": [{"at_ns": 1, "action": {"do": "explode"}}]}, "explode"),
        ({"steps": [{"at_ns": 1, "action": {"do": "kill", "node": 99}}]}, "node"),
        ({"steps": [{"at_ns": 2, "action": {"do": "heal"}}, {"at_ns": 1, "action": {"do": "heal"}}]}, "order"),
        ({"steps": [{"at_ns": 1, "action": {"do": "take-away", "safeguard": "x"}}]}, "no safeguard"),
        ({"shape": {"nodes": 6}}, "nodes"),
        ({"shape": {"without": ["everything"]}}, "no safeguard"),
    ],
)
def test_what_is_no_situation_is_refused(change, words):
    with pytest.raises(SituationError, match=words):
        from_json(json.dumps({"version": 1, **change}))


@pytest.mark.parametrize("text", ["", "s1", "s1!!!", "x1abc", "s1AAAA", "[1]", "s1" + "A" * 300_000])
def test_damaged_text_is_refused(text):
    with pytest.raises(SituationError):
        from_text(text)


def test_a_bomb_is_refused():
    bomb = "s1" + base64.urlsafe_b64encode(zlib.compress(b" " * 50_000_000)).decode().rstrip("=")
    with pytest.raises(SituationError):
        from_text(bomb)


@pytest.mark.parametrize("text", ["", "[]", "nul", "[" * 100_000])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(SituationError):
        from_json(text)
