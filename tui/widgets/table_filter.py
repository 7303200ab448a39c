"""What `/` takes: a regular expression, `!` and one that must not match, `-f` and letters in their order. Pure."""

from __future__ import annotations

from collections.abc import Callable

from console.errors import OperatorError

Matcher = Callable[[str], bool]


def matcher(text: str) -> Matcher | None:
    """Whether a row's text is to be shown; None for an empty filter. Raises OperatorError for a bad expression.

    Letters match in either case unless there is a capital one. RE2: no expression takes more than linear time.
    """
    text = text.removeprefix("/")
    if not text.strip():
        return None
    if text.startswith("-f"):
        return _fuzzy(text[2:].strip())
    inverse = text.startswith("!")
    found = _expression(text[1:] if inverse else text)
    if inverse:
        return lambda row: not found(row)
    return found


def _expression(pattern: str) -> Matcher:
    if not pattern:
        return lambda _: True
    if not any(character in r"\.^$*+?{}[]|()" for character in pattern):
        if pattern == pattern.lower():
            return lambda row: pattern in row.lower()
        return lambda row: pattern in row
    import re2

    flags = "" if pattern != pattern.lower() else "(?i)"
    options = re2.Options()
    options.log_errors = False
    try:
        expression = re2.compile(flags + pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        text = text.removesuffix(f": {flags}{pattern}")
        raise OperatorError.words(f"/{pattern}: {text}", "\\ before a sign takes it as it is.") from error
    return lambda row: expression.search(row) is not None


def _fuzzy(letters: str) -> Matcher:
    wanted = letters.lower().replace(" ", "")

    def match(row: str) -> bool:
        row = row.lower()
        at = 0
        for letter in wanted:
            at = row.find(letter, at) + 1
            if not at:
                return False
        return True

    return match
