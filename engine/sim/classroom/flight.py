"""Messages under way on the laboratory's network: seen, held, delayed, dropped."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from engine.net.client import ClientConnection
from engine.protocol.api import ApiKey
from engine.sim.classroom.view import MessageView
from engine.sim.loop import START_NS
from engine.sim.network import SimNetwork
from engine.sim.transport import FIN, Item, Pipe, SimTransport

HELD_NS = 86_400 * 1_000_000_000
"""How long a held message is put off: more than any world lasts."""
_HELD_MIN_NS = HELD_NS // 2
_FRAME = struct.Struct(">ihhi")
_API_NAMES = {int(key): "".join(part.title() for part in key.name.split("_")) for key in ApiKey}


def name_of_api(key: int) -> str:
    """Kafka's name of an api: 1 -> Fetch."""
    return _API_NAMES.get(key, "bytes")


def messages(network: SimNetwork) -> list[MessageView]:
    """Everything under way, oldest connection first."""
    return [
        _view(network, transport, pipe, due_ns, item)
        for transport in network.transports()
        for pipe in (transport.outgoing,)
        for due_ns, item in pipe.in_flight()
    ]


def message_id(pipe: Pipe, due_ns: int) -> str:
    """Names something under way until it arrives or is moved."""
    return f"{pipe.label}{due_ns - START_NS}"


def _view(network: SimNetwork, transport: SimTransport, pipe: Pipe, due_ns: int, item: Item) -> MessageView:
    now_ns = network.loop.now_ns
    is_request = pipe.label.endswith(">")
    if isinstance(item, bytes):
        api, kind, size = _api(item, is_request, pipe), "request" if is_request else "response", len(item)
    else:
        api, kind, size = "connection", "fin" if item is FIN else "reset", 40
    is_held = due_ns - now_ns > _HELD_MIN_NS
    return MessageView(
        id=message_id(pipe, due_ns),
        api=api,
        kind=kind,
        source=transport.host.name,
        to=pipe.receiver.host.name,
        size_bytes=size,
        due_in_ms=-1.0 if is_held else max(0, due_ns - now_ns) / 1e6,
        is_held=is_held,
        is_stalled=pipe.is_stalled or pipe.link.blocks(pipe.port),
    )


def _api(data: bytes, is_request: bool, pipe: Pipe) -> str:
    if len(data) < _FRAME.size:
        return "bytes"
    size, key, version, _ = _FRAME.unpack_from(data)
    if size + 4 > 100 << 20 or size < 0:
        return "bytes"
    if is_request:
        return name_of_api(key) if 0 <= version < 100 else "bytes"
    correlation_id = int.from_bytes(data[4:8], "big", signed=True)
    protocol = pipe.receiver._protocol
    if isinstance(protocol, ClientConnection):
        for pending in protocol._pending:
            if pending.correlation_id == correlation_id:
                return name_of_api(pending.api_key)
    asked = getattr(protocol, "api_asked", None)  # a client from outside, see `outside`
    key = asked(correlation_id) if asked is not None else None
    return "bytes" if key is None else name_of_api(key)


def _found(network: SimNetwork, wanted: str) -> Iterator[tuple[SimTransport, Pipe, int]]:
    for transport in network.transports():
        pipe = transport.outgoing
        if wanted.startswith(pipe.label):
            for due_ns, _ in pipe.in_flight():
                if message_id(pipe, due_ns) == wanted:
                    yield transport, pipe, due_ns
                    return


def move(network: SimNetwork, wanted: str, *, to_ns: int = -1, by_ns: int = 0) -> MessageView | None:
    """Let a message arrive at `to_ns`, or later by `by_ns`. None when it is not under way any more."""
    for transport, pipe, due_ns in _found(network, wanted):
        item = next(item for due, item in pipe.in_flight() if due == due_ns)
        view = _view(network, transport, pipe, due_ns, item)
        pipe.postpone(due_ns, to_ns if to_ns >= 0 else due_ns + by_ns)
        return view
    return None


def drop(network: SimNetwork, wanted: str) -> MessageView | None:
    """The message never arrives: its connection is reset at both ends. None when it is not under way any more."""
    for transport, pipe, due_ns in _found(network, wanted):
        item = next(item for due, item in pipe.in_flight() if due == due_ns)
        view = _view(network, transport, pipe, due_ns, item)
        receiver = pipe.receiver
        pipe.drop()
        receiver.outgoing.drop()
        transport.lost(ConnectionResetError(104, "Connection reset by peer"))
        receiver.lost(ConnectionResetError(104, "Connection reset by peer"))
        return view
    return None
