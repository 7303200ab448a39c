"""What each action of `actions.py` does to the world, a module for each thing it is done to; `Acting` has them all.

A method is named after its action (`Kill` -> `_kill`) and says what was done, with a word on why that matters or without.
Nothing here decides when something is done, or shows it. `Refused` says why an action cannot be done now; nothing has changed
then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine.sim.classroom import actions as do
from engine.sim.classroom.acting.base import Refused
from engine.sim.classroom.acting.clients import CLIENTS_MAX, OnClients
from engine.sim.classroom.acting.cluster import OnTheCluster, topic_request
from engine.sim.classroom.acting.disks import OnDisks
from engine.sim.classroom.acting.network import OnTheNetwork
from engine.sim.classroom.acting.nodes import OnNodes

__all__ = ["CLIENTS_MAX", "Acting", "Refused", "topic_request"]


class Acting(OnNodes, OnDisks, OnTheNetwork, OnTheCluster, OnClients):
    """Does actions to the world of one classroom. Runs inside the world's loop."""

    def act(self, action: do.Action) -> tuple[str, str]:
        """Do it; returns what was done and why that matters, for the timeline. Raises Refused."""
        name = type(action).__name__
        method: Callable[[Any], tuple[str, str] | str] = getattr(self, f"_{_snake(name)}")
        answer = method(action)
        return (answer, "") if isinstance(answer, str) else answer


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
