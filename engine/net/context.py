"""What a handler knows about the request besides its body."""

from __future__ import annotations

import msgspec


class RequestContext(msgspec.Struct):
    """Where a request came from and how it is to be answered."""

    api_key: int
    api_version: int
    correlation_id: int
    client_id: str | None
    listener: str
    """Name of the listener it came in on (PLAINTEXT, CONTROLLER, ...)."""
    peer_host: str
    """Address of the client, without the port; Kafka's `clientHost` is "/" + this."""
    principal: str = "User:ANONYMOUS"
    connection_id: str = ""
