"""What bounds a listener's connections, from a node's configuration (Kafka: SocketServer, ConnectionQuotas).

The numbers of connections may change while the node runs (KIP-226, KIP-402); sizes, times and buffers are read once.
Connections that are there when a bound is lowered stay: it holds for those to come.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping

from engine.config import BrokerConfig
from engine.errors import ConfigError
from engine.net.server import ServerLimits

_CONNECTIONS_MAX = 1_000_000
"""Instead of Kafka's default of 2^31-1, which is no bound at all."""


async def listener_limits(config: BrokerConfig) -> ServerLimits:
    """The bounds of each of the node's listeners.

    Raises ConfigError when a host name in max.connections.per.ip.overrides cannot be resolved.
    """
    return ServerLimits(
        frame_bytes_max=config.get_int("socket.request.max.bytes"),
        pending_max=config.get_int("queued.max.requests"),
        connections_max=min(config.get_int("max.connections"), _CONNECTIONS_MAX),
        connections_per_ip_max=min(config.get_int("max.connections.per.ip"), _CONNECTIONS_MAX),
        idle_ms_max=config.get_int("connections.max.idle.ms"),
        connections_per_ip_overrides=await _by_address(config.connections_per_address),
        backlog=config.get_int("socket.listen.backlog.size"),
        receive_buffer_bytes=config.get_int("socket.receive.buffer.bytes"),
        send_buffer_bytes=config.get_int("socket.send.buffer.bytes"),
    )


async def _by_address(counts: Mapping[str, int]) -> dict[str, int]:
    """Host names and addresses to addresses: a connection only has the latter (Kafka: ConnectionQuotas)."""
    found: dict[str, int] = {}
    for host, count in counts.items():
        try:
            addresses = {host} if _is_address(host) else await _resolve(host)
        except OSError as error:
            raise ConfigError(
                f"max.connections.per.ip.overrides: {host} cannot be resolved: {error.strerror or error}"
            ) from error
        found |= dict.fromkeys(sorted(addresses), count)
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _resolve(host: str) -> set[str]:
    return {str(entry[4][0]) for entry in await asyncio.get_running_loop().getaddrinfo(host, None)}
