"""Actions as typed lines: `kill 2`, `produce orders hello key=a acks=1`, `partition 1|2,3`.

A line is the action's name, its values in the order of its fields, and `name=value` for the rest. Lists have commas, sets
of hosts `|` between them; `acks=all` is -1; a `name=value` that is no field is a configuration where the action has some.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.sim.classroom.actions import ACTIONS, Action, tag_of

LINE_CHARACTERS_MAX = 2_000
BY_TAG: dict[str, type[Any]] = {tag_of(action): action for action in ACTIONS}


class CommandError(ValueError):
    """The line is no action. The message is for people."""


def parse(line: str) -> Action:
    """The action that `line` means; CommandError says what is wrong with it."""
    if len(line) > LINE_CHARACTERS_MAX:
        raise CommandError(f"a command has at most {LINE_CHARACTERS_MAX:,} characters")
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise CommandError("a quotation mark is missing") from error
    if not words:
        raise CommandError("nothing was typed")
    return action_of(_tag(words[0]), _values(words))


def action_of(tag: str, values: dict[str, Any]) -> Action:
    """The action of that name with these values, as text or as they are; CommandError when they do not fit."""
    kind = BY_TAG.get(tag)
    if kind is None:
        raise CommandError(f"there is no action {tag!r:.60}")
    try:
        action: Action = msgspec.convert({"do": tag, **values}, kind, strict=False)
    except msgspec.ValidationError as error:
        raise CommandError(f"{usage(tag)}: {_plain(str(error))}") from error
    return action


def usage(tag: str) -> str:
    """How the action is typed."""
    parts = [tag]
    for field in msgspec.structs.fields(BY_TAG[tag]):
        name = field.encode_name
        parts.append(name.upper() if field.required else f"[{name}=…]")
    return " ".join(parts)


def text_of(action: Action) -> str:
    """The line that means this action: what `parse` reads."""
    parts = [tag_of(action)]
    for field in msgspec.structs.fields(type(action)):
        value = getattr(action, field.name)
        if field.required:
            parts.append(_text(value))
        elif value != _default(field):
            if isinstance(value, dict):
                parts += [f"{name}={each}" for name, each in value.items()]
            else:
                parts.append(f"{field.encode_name}={_text(value)}")
    return " ".join(shlex.quote(part) if _needs_quotes(part) else part for part in parts)


def completions(line: str, names: Mapping[str, Sequence[str]]) -> list[str]:
    """What the line could become, best first. `names`: what there is, by name of a field (node, topic, name, ...)."""
    words = line.split(" ")
    if len(words) == 1:
        return [tag for tag in BY_TAG if tag.startswith(words[0])]
    if not words[0].strip():
        return []
    kind = BY_TAG.get(words[0])
    if kind is None:
        return []
    fields = msgspec.structs.fields(kind)
    head, last = " ".join(words[:-1]), words[-1]
    before, sign, typed = last.partition("=")
    if sign:
        return [f"{head} {before}={each}" for each in names.get(before, []) if each.startswith(typed)]
    required = [field.encode_name for field in fields if field.required]
    at = len([word for word in words[1:-1] if "=" not in word])
    found = []
    if at < len(required):
        found = [f"{head} {each}" for each in names.get(required[at], []) if each.startswith(last)]
    else:
        given = {word.partition("=")[0] for word in words[1:-1]}
        found = [
            f"{head} {each.encode_name}=" for each in fields if not each.required and each.encode_name not in given
        ]
        found = [each for each in found if each.startswith(line)]
    return found


def _tag(word: str) -> str:
    if word in BY_TAG:
        return word
    meant = [tag for tag in BY_TAG if tag.startswith(word)]
    if len(meant) == 1:
        return meant[0]
    if meant:
        raise CommandError(f"{word} could be {', '.join(meant)}")
    raise CommandError(f"there is no action {word!r:.60}; a lists them")


def _values(words: list[str]) -> dict[str, Any]:
    tag = _tag(words[0])
    fields = msgspec.structs.fields(BY_TAG[tag])
    by_name = {field.encode_name: field for field in fields}
    values: dict[str, Any] = {}
    free = [field for field in fields if field.encode_name != "configs"]
    for word in words[1:]:
        name, sign, text = word.partition("=")
        if sign and name in by_name:
            values[name] = _value(name, text)
        elif sign and "configs" in by_name and "." in name:
            values.setdefault("configs", {})[name] = text
        else:
            place = next((each for each in free if each.encode_name not in values), None)
            if place is None:
                raise CommandError(f"{usage(tag)}: {word!r:.60} is too much")
            values[place.encode_name] = _value(place.encode_name, word)
    return values


def _value(name: str, text: str) -> Any:
    if name == "acks" and text == "all":
        return -1
    if name in ("nodes", "keys"):
        return [each for each in text.split(",") if each]
    if name == "sets":
        return [[each for each in part.split(",") if each] for part in text.split("|")]
    if name == "replicas":
        return [[each for each in part.split(",") if each] for part in text.split("|")]
    return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        nested = any(isinstance(each, tuple) for each in value)
        return ("|" if nested else ",").join(_text(each) for each in value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def _needs_quotes(part: str) -> bool:
    return not part or any(character in " \t\n\"'\\#" for character in part)


def _plain(error: str) -> str:
    what, _, place = error.replace("`", "").partition(" - at $.")
    what = what.replace("Object missing required field", "it lacks").replace("Expected", "expected")
    return f"{place}: {what}" if place else what
