"""Listeners, security protocols and the addresses of the quorum, out of their text.

Source: SocketServerConfigs.listenerListToEndPoints, CoreUtils.listenerListToEndPoints, KafkaConfig
.effectiveListenerSecurityProtocolMap, QuorumConfig.parseVoterConnections.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from engine.errors import ConfigError
from engine.types import Endpoint

SECURITY_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")

_ENDPOINT: Final = re.compile(r"(?P<name>.*)://\[?(?P<host>[0-9a-zA-Z\-%._:]*)\]?:(?P<port>-?[0-9]+)")
_HOST_PORT: Final = re.compile(r"\[?(?P<host>[0-9a-zA-Z\-%._:]+?)\]?:(?P<port>[0-9]+)")


class Voter(NamedTuple):
    """One of controller.quorum.voters."""

    node_id: int
    host: str
    port: int


class HostPort(NamedTuple):
    """One of controller.quorum.bootstrap.servers."""

    host: str
    port: int


def parse_endpoints(name: str, entries: Sequence[str], *, distinct_ports: bool) -> tuple[Endpoint, ...]:
    """The endpoints in `entries` ("PLAINTEXT://host:9092"); an empty host, all interfaces, stays "".

    ConfigError when one cannot be read, when two have the same listener name, or (`distinct_ports`) when two share a
    port other than 0, except for one IPv4 and one IPv6 address.
    """
    endpoints: list[Endpoint] = []
    text = ",".join(entries)
    for entry in entries:
        match = _ENDPOINT.fullmatch(entry)
        if match is None:
            raise ConfigError(f"{name}: unable to parse {entry!r}; expected NAME://host:port")
        port = int(match["port"])
        if not 0 <= port <= 65535:
            raise ConfigError(f"{name}: port {port} of {entry!r} is not between 0 and 65535")
        endpoints.append(Endpoint(match["name"].upper(), match["host"], port))
    names = [endpoint.listener for endpoint in endpoints]
    if len(set(names)) != len(names):
        raise ConfigError(f"{name}: each listener must have a different name, listeners: {text}")
    if distinct_ports:
        _check_ports(name, endpoints, text)
    return tuple(endpoints)


def _check_ports(name: str, endpoints: Sequence[Endpoint], text: str) -> None:
    by_port: dict[int, list[Endpoint]] = {}
    for endpoint in endpoints:
        if endpoint.port:
            by_port.setdefault(endpoint.port, []).append(endpoint)
    for sharing in by_port.values():
        families = [_ip_version(endpoint.host) for endpoint in sharing]
        if len(sharing) > 1 and sorted(family or 0 for family in families) != [4, 6]:
            raise ConfigError(
                f"{name}: each listener must have a different port, or be one IPv4 and one IPv6 address, "
                f"listeners: {text}"
            )


def _ip_version(host: str) -> int | None:
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None


def parse_protocol_map(name: str, text: str) -> dict[str, str]:
    """ "NAME:PROTOCOL,NAME:PROTOCOL" as a mapping with names in capitals."""
    protocols: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        listener, _, protocol = entry.rpartition(":")
        protocol = protocol.strip().upper()
        if not listener or protocol not in SECURITY_PROTOCOLS:
            raise ConfigError(
                f"{name}: unable to parse {entry!r}; expected NAME:PROTOCOL with one of {', '.join(SECURITY_PROTOCOLS)}"
            )
        protocols[listener.strip().upper()] = protocol
    return protocols


def parse_voters(name: str, entries: Sequence[str]) -> tuple[Voter, ...]:
    """ "1@host:9093" entries. Port 0 stands for an address to be learnt later (Kafka: the test kit's 0.0.0.0:0)."""
    voters: list[Voter] = []
    for entry in entries:
        node_id, _, address = entry.partition("@")
        match = _HOST_PORT.fullmatch(address.strip())
        if not node_id.strip().isdecimal() or match is None or int(match["port"]) > 65535:
            raise ConfigError(
                f"Invalid configuration value for {name}. "
                f"Each entry should be in the form `{{id}}@{{host}}:{{port}}`, not {entry!r}."
            )
        voters.append(Voter(int(node_id), match["host"], int(match["port"])))
    ids = [voter.node_id for voter in voters]
    if len(set(ids)) != len(ids):
        raise ConfigError(f"{name}: a node id appears twice in {','.join(entries)}")
    return tuple(voters)


def parse_servers(name: str, entries: Sequence[str]) -> tuple[HostPort, ...]:
    """ "host:9093" entries."""
    servers: list[HostPort] = []
    for entry in entries:
        match = _HOST_PORT.fullmatch(entry)
        if match is None or not 0 < int(match["port"]) <= 65535:
            raise ConfigError(f'{name}: each entry should be in the form "{{host}}:{{port}}", not {entry!r}')
        servers.append(HostPort(match["host"], int(match["port"])))
    return tuple(servers)


def parse_counts(name: str, text: str) -> Mapping[str, int]:
    """ "address:count" pairs, as in max.connections.per.ip.overrides."""
    counts: dict[str, int] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        address, _, count = entry.rpartition(":")
        if not address or not count.strip().isdecimal():
            raise ConfigError(f"{name}: unable to parse {entry!r}; expected address:count")
        counts[address.strip()] = int(count)
    return counts
