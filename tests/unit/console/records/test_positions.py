"""Words for a place in a topic."""

import datetime

import pytest

from console.errors import OperatorError
from console.records.positions import Position, PositionKind, parse_duration_ms, parse_position

NOW_MS = 1_780_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("beginning", Position(PositionKind.BEGINNING)),
        ("earliest", Position(PositionKind.BEGINNING)),
        ("end", Position(PositionKind.END)),
        ("latest", Position(PositionKind.END)),
        ("-10", Position(PositionKind.LAST, 10)),
        ("120", Position(PositionKind.OFFSET, 120)),
        ("0", Position(PositionKind.OFFSET, 0)),
        ("@1767225600000", Position(PositionKind.TIMESTAMP, 1767225600000)),
        ("5m", Position(PositionKind.TIMESTAMP, NOW_MS - 300_000)),
        ("1d12h", Position(PositionKind.TIMESTAMP, NOW_MS - 129_600_000)),
        ("2026-05-01T12:00:00.250Z", Position(PositionKind.TIMESTAMP, 1777636800250)),
        ("2026-05-01T14:00+02:00", Position(PositionKind.TIMESTAMP, 1777636800000)),
    ],
)
def test_positions_are_read_as_written(text, expected):
    assert parse_position(text, NOW_MS) == expected


def test_a_time_without_zone_is_local_and_without_date_today():
    local = datetime.datetime.fromtimestamp(NOW_MS / 1000).replace(hour=9, minute=5, second=0, microsecond=0)

    assert parse_position("9:05", NOW_MS).value == round(local.timestamp() * 1000)
    assert parse_position(local.isoformat(), NOW_MS).value == round(local.timestamp() * 1000)


@pytest.mark.parametrize("text", ["", "yesteryear", "-", "5x", "2026-13-01", "@", "1.5"])
def test_what_cannot_be_read_is_said_with_what_can(text):
    with pytest.raises(OperatorError, match="cannot read the position") as raised:
        parse_position(text, NOW_MS)
    assert "beginning, end, -N" in raised.value.hint


def test_durations_add_up():
    assert parse_duration_ms("1h30m") == 5_400_000
    assert parse_duration_ms("500ms") == 500
    assert parse_duration_ms("1.5h") == 5_400_000
    assert parse_duration_ms("10") is None
