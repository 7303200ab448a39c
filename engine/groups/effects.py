"""What a `GroupShard` asks its shell to do. The shell performs effects in the order they come in."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from engine.groups.records import GroupRecord
from engine.protocol.errors import ErrorCode


class TimerKind(Enum):
    """What a timer is for; see `engine.groups.rebalancing`."""

    HEARTBEAT = "heartbeat"
    """The session of a member, a pending member, or a member that waits for its first JoinGroup answer."""
    JOIN = "join"
    """The join phase of a group: initial delay or rebalance timeout."""
    SYNC = "sync"
    """Members that joined a generation must have sent SyncGroup by then."""


class TimerKey(NamedTuple):
    """Names a timer; setting a key that is set moves it."""

    kind: TimerKind
    group_id: str
    member_id: str = ""


Token: TypeAlias = Any
"""A parked request, as the shell knows it; the core only hands it back, once."""


@dataclass(frozen=True, slots=True)
class Respond:
    """Answer the request that came with `token`."""

    token: Token
    response: Any
    """The response message, or for operations on parts of a request the part (see the operation)."""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Call `GroupShard.timer_fired(key)` once `delay_ms` have passed; replaces a timer with that key."""

    key: TimerKey
    delay_ms: int


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget the timer; one that is not set is fine."""

    key: TimerKey


class Outcome(NamedTuple):
    """How an append ended."""

    error: ErrorCode | None = None
    """None when the records are replicated, else what to tell the client."""
    is_written: bool = True
    """False when the records are certainly not in the log. An error with True means: nobody knows yet."""


@dataclass(frozen=True, slots=True, eq=False)
class Append:
    """Append `records` in one batch, after everything asked for before, then tell the shard how that went."""

    records: tuple[GroupRecord, ...]
    on_done: Callable[[Outcome, int], None]
    """For `GroupShard` only: continues the operation with the outcome and the time."""


def nothing_more(_outcome: Outcome, _now_ms: int) -> None:
    """For records nobody waits for."""


Effect: TypeAlias = Respond | SetTimer | CancelTimer | Append
