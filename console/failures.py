"""What a failed command says on stderr, and its exit code."""

from __future__ import annotations

import sys

from console.errors import OperatorError, operator_errors
from console.output.render import say
from console.output.style import Style, colours_on, paint
from console.output.text import safe


def tell(error: Exception) -> int:
    """Says what went wrong and what can be done, and returns the exit code."""
    try:
        with operator_errors("stoker"):
            raise error
    except OperatorError as operator_error:
        return _tell(operator_error)
    except Exception as unexpected:
        say(_label("error") + safe(f"{type(unexpected).__name__}: {unexpected}"))
        say("This should not have happened; run again with --debug to see where.")
        return 1


def _tell(error: OperatorError) -> int:
    say(_label("error") + safe(error.title))
    for line in error.detail.splitlines():
        say("  " + safe(line))
    for line in error.hint.splitlines():
        say(_label("hint") + safe(line))
    return error.blame.value


def _label(word: str) -> str:
    text = f"{word}: "
    return paint(text, Style.BAD if word == "error" else Style.NAME) if colours_on(sys.stderr) else text
