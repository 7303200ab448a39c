"""How scopes and targets are written, and changes written down."""

import json

import pytest

from console.changes.kinds import (
    KINDS,
    AlterConfig,
    AlterTopic,
    CreateTopic,
    DeleteGroup,
    DeleteOffsets,
    DeleteRecords,
    DeleteTopic,
    ElectLeaders,
    GroupOffset,
    OffsetTarget,
    PartitionScope,
    ResetOffsets,
    SetOffsets,
    TargetKind,
)
from console.changes.stored import from_stored, to_stored
from console.changes.words import parse_scope, parse_target
from console.errors import Blame, OperatorError
from console.services.configs import Resource, ResourceType
from console.services.partition_changes import ElectionType
from console.services.topic_changes import NewTopic

NOW = 1_800_000_000_000


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("earliest", TargetKind.EARLIEST, 0),
        ("latest", TargetKind.LATEST, 0),
        ("120", TargetKind.OFFSET, 120),
        ("-5", TargetKind.SHIFT, -5),
        ("+5", TargetKind.SHIFT, 5),
        ("@1767225600000", TargetKind.TIMESTAMP, 1767225600000),
        ("5m", TargetKind.TIMESTAMP, NOW - 300_000),
        ("2026-05-01T12:00:00+00:00", TargetKind.TIMESTAMP, 1777636800000),
    ],
)
def test_a_target_is_read_and_written_back_so_that_it_means_the_same(text, kind, value):
    target = parse_target(text, NOW)

    assert target == OffsetTarget(kind, value)
    assert parse_target(target.word, 0) == target


@pytest.mark.parametrize("text", ["", "soon", "5x", "--5", "1.5"])
def test_what_is_no_target_is_refused_with_what_would_be(text):
    with pytest.raises(OperatorError) as raised:
        parse_target(text, NOW)

    assert raised.value.blame is Blame.WORDS
    assert "earliest" in raised.value.hint


def test_where_nothing_can_be_shifted_a_shift_is_refused():
    with pytest.raises(OperatorError, match="cannot shift"):
        parse_target("-5", NOW, shift=False)


@pytest.mark.parametrize(("text", "partitions"), [("orders", ()), ("orders:0", (0,)), ("orders:3,1,1", (1, 3))])
def test_a_scope_is_a_topic_or_some_of_its_partitions(text, partitions):
    assert parse_scope(text) == PartitionScope("orders", partitions)
    assert parse_scope(str(parse_scope(text))) == parse_scope(text)


@pytest.mark.parametrize("text", ["", ":1", "orders:", "orders:a", "orders:1-3", "orders:-1"])
def test_what_is_no_scope_is_refused(text):
    with pytest.raises(OperatorError, match="cannot read"):
        parse_scope(text)


CHANGES = [
    CreateTopic(NewTopic("t", 3, 1, {"a": "b"}, [[1], [2], [3]])),
    AlterTopic("t", 4, {"a": None, "b": "c"}),
    DeleteTopic("t", "id"),
    AlterConfig(Resource(ResourceType.BROKER, "1"), {"a": "ü", "b": None}),
    ResetOffsets("g", OffsetTarget(TargetKind.SHIFT, -5), (PartitionScope("t", (0, 2)),)),
    SetOffsets("g", (GroupOffset("t", 0, 5, 3, "note"), GroupOffset("t", 1, None))),
    DeleteOffsets("g", (PartitionScope("t"),)),
    DeleteGroup("g"),
    DeleteRecords(PartitionScope("t"), OffsetTarget(TargetKind.LATEST)),
    ElectLeaders((PartitionScope("t"),), ElectionType.UNCLEAN),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_a_change_survives_being_written_down(change):
    assert from_stored(json.loads(json.dumps(to_stored(change)))) == change


def test_every_kind_of_change_is_tried():
    assert {type(change) for change in CHANGES} == set(KINDS.values())


def test_a_change_of_a_later_version_is_refused_and_not_guessed_at():
    with pytest.raises(OperatorError, match="does not know"):
        from_stored({"kind": "paint-broker"})
    with pytest.raises(OperatorError, match="cannot be read"):
        from_stored({"kind": "delete-group", "group_id": 5})
