"""The form for setting a group's offsets, and the change that it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from console.changes.kinds import OffsetTarget, PartitionScope, ResetOffsets
from console.changes.words import parse_scope, parse_target
from console.errors import OperatorError
from tui.widgets.form import Field, FormDialog


def _target(now_ms: Callable[[], int]) -> Callable[[str], OffsetTarget]:
    def parse(text: str) -> OffsetTarget:
        try:
            return parse_target(text, now_ms())
        except OperatorError as error:
            raise ValueError(f"{error.title}. {error.hint}") from error

    return parse


def _scopes(text: str) -> tuple[PartitionScope, ...]:
    try:
        return tuple(parse_scope(word) for word in text.split())
    except OperatorError as error:
        raise ValueError(f"{error.title}. {error.hint}") from error


def reset_form(title: str, now_ms: Callable[[], int], scope: Sequence[PartitionScope] = ()) -> FormDialog:
    """Asks where to, and for which partitions."""
    return FormDialog(
        title,
        [
            Field("target", "To", "earliest", "earliest, latest, an offset, +N or -N, a time, or how long ago (5m)", _target(now_ms), replaced=True),
            Field("scope", "Of", " ".join(map(str, scope)), "TOPIC or TOPIC:0,3, several by spaces; empty: all it has read", _scopes),
        ],
    )  # fmt: skip


def reset_change(group_id: str, values: dict[str, Any]) -> ResetOffsets:
    return ResetOffsets(group_id, values["target"], values["scope"])
