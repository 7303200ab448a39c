"""Read-only mode by the environment, for whoever wants a whole shell or service to change nothing."""

from __future__ import annotations

import os

VARIABLE = "STOKER_READONLY"
_OFF = frozenset({"", "0", "false", "no", "off"})


def readonly_by_environment() -> bool:
    """Whether STOKER_READONLY is set to anything but 0, false, no, off or nothing."""
    return os.environ.get(VARIABLE, "").strip().lower() not in _OFF
