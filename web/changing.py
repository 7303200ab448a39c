"""What pages need on the way to a change: its JSON for a button, and where the error of a form stands."""

from __future__ import annotations

import msgspec

from console.changes.kinds import Change
from console.changes.stored import to_stored
from console.errors import OperatorError


def change_json(change: Change) -> str:
    """The change for the field `change` of `POST /changes`."""
    return msgspec.json.encode(to_stored(change)).decode()


def problem_text(error: OperatorError) -> str:
    """The error in a sentence or two, to stand beside a field."""
    return ". ".join(each.rstrip(".") for each in (error.title, error.detail, error.hint) if each) + "."
