"""A whole situation as a value: seed, shape and actions at virtual times. Equal situations play equally, anywhere.

`to_json`/`from_json` are for files, `to_text`/`from_text` for addresses (letters, digits, "-" and "_"). What is read is
validated and bounded: SituationError says in a sentence what is wrong with it.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Annotated

import msgspec
from msgspec import Meta

from engine.runtime.safeguards import NAMES
from engine.sim.classroom.actions import Action, CreateTopic, Name, TakeAway, Text

VERSION = 1
ACTIONS_MAX = 1_000
JSON_BYTES_MAX = 256 * 1024
MOMENT_MS_MAX = 6 * 3_600_000
"""The latest virtual moment of an action."""
_TEXT_PREFIX = "s1"


class SituationError(ValueError):
    """This is no situation. The message is for people."""


class ClassShape(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The cluster before anything has happened."""

    nodes: Annotated[int, Meta(ge=1, le=5)] = 3
    racks: Annotated[tuple[Name, ...], Meta(max_length=5)] = ()
    """The rack of each node, in order of their ids; () for none."""
    topics: Annotated[tuple[CreateTopic, ...], Meta(max_length=10)] = ()
    """Made while the cluster starts."""
    properties: Annotated[dict[Name, Text], Meta(max_length=40)] = {}
    """Of every node, as in its properties file."""
    latency_ms: Annotated[int, Meta(ge=1, le=1_000)] = 3
    """Of every link."""
    without: Annotated[tuple[str, ...], Meta(max_length=8)] = ()
    """Safeguards that are missing from the start."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An action and its moment: virtual nanoseconds since the world began."""

    at_ns: Annotated[int, Meta(ge=0, le=MOMENT_MS_MAX * 1_000_000)]
    action: Action

    @property
    def at_ms(self) -> float:
        return self.at_ns / 1e6


class Situation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """See the module's docstring. `until_ms` is the moment it shows."""

    seed: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 1
    shape: ClassShape = ClassShape()
    steps: Annotated[tuple[Step, ...], Meta(max_length=ACTIONS_MAX)] = ()
    until_ms: Annotated[int, Meta(ge=0, le=MOMENT_MS_MAX)] = 0

    def to_json(self) -> str:
        """One line of JSON, with the version in it."""
        return msgspec.json.encode({"version": VERSION, **msgspec.to_builtins(self)}).decode()

    def to_text(self) -> str:
        """Short, and fit for an address."""
        packed = zlib.compress(self.to_json().encode(), 9)
        return _TEXT_PREFIX + base64.urlsafe_b64encode(packed).decode().rstrip("=")

    def cut_at(self, until_ms: int) -> Situation:
        """The same up to that moment; what was done later is gone."""
        until_ns = until_ms * 1_000_000
        return msgspec.structs.replace(
            self, steps=tuple(step for step in self.steps if step.at_ns <= until_ns), until_ms=until_ms
        )


def from_json(text: str | bytes) -> Situation:
    """Read what `to_json` wrote; SituationError for anything else."""
    data = text.encode("utf-8", "replace") if isinstance(text, str) else text
    if len(data) > JSON_BYTES_MAX:
        raise SituationError(f"a situation has at most {JSON_BYTES_MAX} bytes; this has {len(data)}")
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise SituationError(f"this is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise SituationError("a situation is a JSON object")
    version = found.pop("version", None)
    if version != VERSION:
        raise SituationError(f"this situation has version {version!r:.40}; only version {VERSION} can be read")
    try:
        situation = msgspec.convert(found, Situation)
    except (msgspec.ValidationError, RecursionError) as error:
        raise SituationError(str(error)) from error
    if any(one.at_ns > other.at_ns for one, other in zip(situation.steps, situation.steps[1:], strict=False)):
        raise SituationError("the actions are not in the order of their times")
    wanted = [
        *situation.shape.without,
        *(s.action.safeguard for s in situation.steps if isinstance(s.action, TakeAway)),
    ]
    for name in wanted:
        if name not in NAMES:
            raise SituationError(f"there is no safeguard {name!r}; `stoker sim safeguards` lists them")
    return situation


def from_text(text: str) -> Situation:
    """Read what `to_text` wrote; SituationError for anything else."""
    if not text.startswith(_TEXT_PREFIX):
        raise SituationError(f"the text of a situation begins with {_TEXT_PREFIX}")
    body = text[len(_TEXT_PREFIX) :]
    if len(body) > JSON_BYTES_MAX:
        raise SituationError("the text is too long")
    try:
        packed = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        unpacking = zlib.decompressobj()
        data = unpacking.decompress(packed, JSON_BYTES_MAX + 1)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise SituationError("the text is damaged: a part of it is missing or changed") from error
    if not unpacking.eof:
        raise SituationError("the text is damaged, or too long")
    return from_json(data)
