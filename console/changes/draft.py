"""What a planner finds out: what would change, checked against the cluster, and how to do it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from shlex import quote

from console.changes.kinds import Change
from console.errors import OperatorError

Fact = str | int | bool | None
Facts = Mapping[str, Fact]
"""What is true of the subject, by name: "retention.ms", "orders-3" (its committed offset), "exists"."""

HIDDEN = "(hidden)"
"""Stands for a sensitive value wherever it would be shown or written down."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that changes: `sign` is + (comes), - (goes) or ~ (becomes another)."""

    sign: str
    name: str
    before: str | None = None
    after: str | None = None
    note: str = ""

    def __str__(self) -> str:
        if self.before is None and self.after is None:
            return f"{self.sign} {self.name}" + (f": {self.note}" if self.note else "")
        note = f" ({self.note})" if self.note else ""
        return f"{self.sign} {self.name}: {self.before} -> {self.after}{note}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One change, planned. An empty `difference` means that it is like that already."""

    change: Change
    subject: str
    """What is changed: "topic orders", "group billing"."""
    difference: tuple[Difference, ...]
    commands: tuple[tuple[str, ...], ...]
    """The words of the `stoker` commands that do the same."""
    carry_out: Callable[[], Awaitable[Change | None]]
    """Does it, and gives the undo where that is known only then. Raises OperatorError."""
    observe: Callable[[], Awaitable[Facts]]
    """How it is now."""
    before: Facts
    after: Facts
    risks: tuple[str, ...] = ()
    """What the operator should think of, a sentence each."""
    destroys: str | None = None
    """The name to be typed before it is done, where something is lost for good."""
    loss: str = ""
    """What is lost, as a sentence without its full stop."""
    outcome: str = ""
    """What is to be said when it is done; "" where the difference says it."""
    undo: Change | None = None
    undo_note: str = ""
    """What an undo does not bring back, or why there is none."""
    blocked: OperatorError | None = None
    """Why the cluster would refuse it now."""
    recorded: Change | None = None
    """The change as it may be written down, where it has secrets."""

    @property
    def command(self) -> str:
        """The `stoker` commands that do the same, a line each."""
        return "\n".join(" ".join(quote(word) for word in words) for words in self.commands)
