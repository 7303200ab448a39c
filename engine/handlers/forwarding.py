"""Brokers pass on what only controllers decide (KIP-590), over their own connection to the active controller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.errors import KafkaError
from engine.metadata.answers import error_response
from engine.protocol.message import Message

if TYPE_CHECKING:
    from engine.broker.broker import Broker

_MARGIN_MS = 1_000
"""Time for the way there and back, on top of what the client gives the controller."""


async def forward(broker: Broker, request: Message) -> Any:
    """The active controller's answer to `request`, or one that says why there is none.

    The request goes out in the newest version both sides know: callers first bring it into the newest form.
    """
    timeout_ms = getattr(request, "timeout_ms", None)
    try:
        return await broker.controller.send(
            request, timeout_ms=None if timeout_ms is None else max(timeout_ms, 0) + _MARGIN_MS
        )
    except KafkaError as error:
        return error_response(request, error)
