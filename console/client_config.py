"""Where and how to connect: bootstrap addresses, and the properties file that Kafka's own tools take.

Of Kafka's client properties those that concern an operator's client count; those of producers' and consumers' own are
accepted without effect, everything unknown is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from console.errors import Blame, OperatorError
from engine.net.connection_security import PLAINTEXT, ConnectionSecurity

if TYPE_CHECKING:
    from engine.net.cluster_client import ClusterClient

DEFAULT_PORT = 9092


class ClientConfig(msgspec.Struct, frozen=True):
    """What a `ClusterClient` is made from."""

    bootstrap: tuple[tuple[str, int], ...]
    client_id: str = "stoker"
    request_timeout_ms: int = 30_000
    connect_timeout_ms: int = 10_000
    security: ConnectionSecurity = PLAINTEXT


def connect(config: ClientConfig, **options: Any) -> ClusterClient:
    """The client that `config` describes. It opens connections when something is asked; `async with` closes them.

    `options` are those of `ClusterClient` that an operator does not choose (`randomness`, `backoff`, …); a `client_id`
    among them goes before that of `config`.
    """
    from engine.net.cluster_client import ClusterClient

    described: dict[str, Any] = {
        "client_id": config.client_id,
        "request_timeout_ms": config.request_timeout_ms,
        "connect_timeout_ms": config.connect_timeout_ms,
        "security": config.security,
    }
    return ClusterClient(config.bootstrap, **{**described, **options})


def parse_bootstrap(text: str) -> tuple[tuple[str, int], ...]:
    """ "host:port,[::1]:9092,host" as addresses; without port 9092. Raises OperatorError."""
    addresses = []
    for part in text.split(","):
        word = part.strip()
        if not word:
            continue
        # "PLAINTEXT://host:port", as people copy it from advertised.listeners.
        word = word.rpartition("://")[2]
        if word.startswith("["):
            host, _, port = word[1:].partition("]")
            port = port.removeprefix(":")
        elif word.count(":") > 1:
            host, port = word, ""
        else:
            host, _, port = word.partition(":")
        if not host or (port and not (port.isdecimal() and 0 < int(port) < 65536)):
            raise OperatorError.words(
                f"{part.strip()!r} is not an address", "Write HOST:PORT, several with commas between."
            )
        addresses.append((host, int(port) if port else DEFAULT_PORT))
    if not addresses:
        raise OperatorError.words("no bootstrap server was named", "Write HOST:PORT, several with commas between.")
    return tuple(addresses)


_INTS = ("request.timeout.ms", "socket.connection.setup.timeout.ms")
_OURS = frozenset({"bootstrap.servers", "client.id", "security.protocol", *_INTS})
SCHEMA_REGISTRY_PREFIX = "schema.registry."
"""As Confluent's tools have them: `schema.registry.url` and more, see `console.schema_registry.config`."""
_NO_MEANING_HERE = frozenset(
    [
        "acks",
        "auto.offset.reset",
        "batch.size",
        "buffer.memory",
        "check.crcs",
        "client.dns.lookup",
        "client.rack",
        "compression.type",
        "connections.max.idle.ms",
        "default.api.timeout.ms",
        "delivery.timeout.ms",
        "enable.auto.commit",
        "enable.idempotence",
        "enable.metrics.push",
        "fetch.max.bytes",
        "fetch.max.wait.ms",
        "fetch.min.bytes",
        "group.id",
        "group.instance.id",
        "group.protocol",
        "interceptor.classes",
        "isolation.level",
        "key.deserializer",
        "key.serializer",
        "linger.ms",
        "max.block.ms",
        "max.in.flight.requests.per.connection",
        "max.partition.fetch.bytes",
        "max.poll.interval.ms",
        "max.poll.records",
        "max.request.size",
        "metadata.max.age.ms",
        "metadata.recovery.strategy",
        "metric.reporters",
        "partitioner.class",
        "receive.buffer.bytes",
        "reconnect.backoff.max.ms",
        "reconnect.backoff.ms",
        "retries",
        "retry.backoff.max.ms",
        "retry.backoff.ms",
        "send.buffer.bytes",
        "session.timeout.ms",
        "socket.connection.setup.timeout.max.ms",
        "transaction.timeout.ms",
        "transactional.id",
        "value.deserializer",
        "value.serializer",
    ]
)


def load_client_properties(path: str) -> tuple[dict[str, str], list[str]]:
    """The properties in `path` that count here, and notes about those that do not. Raises OperatorError.

    There may be passwords among them: what `client_config` makes of them shows none.
    """
    from engine.config.properties import Properties, parse_properties
    from engine.errors import ConfigError

    try:
        with open(path, encoding="utf-8") as file:
            properties = parse_properties(file.read(), path)
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else "it is not text in UTF-8"
        raise OperatorError(f"cannot read {path}", reason, blame=Blame.WORDS) from error
    except ConfigError as error:
        raise OperatorError(str(error), blame=Blame.WORDS) from error
    from console.client_security import counts, is_security_name, security_notes, security_protocol

    protocol = security_protocol(properties)
    notes = security_notes(properties)
    found = Properties(source=properties.source, lines=properties.lines)
    for name, value in properties.items():
        if name in _OURS:
            if name in _INTS and not value.strip().isdecimal():
                raise OperatorError.words(f"{properties.place(name)}: {name}={value} is not a number of milliseconds")
            found[name] = value.strip()
        elif name.startswith(SCHEMA_REGISTRY_PREFIX):
            found[name] = value.strip()
        elif is_security_name(name):
            if counts(name, protocol):
                found[name] = value
        elif name not in _NO_MEANING_HERE:
            notes.append(f"{properties.place(name)}: {name} is not a property of Kafka's clients")
    return found, notes


def client_config(bootstrap_servers: str | None, properties: Mapping[str, str]) -> ClientConfig:
    """The configuration; `bootstrap_servers` goes before the property of that name. Reads the certificates that the
    properties name. Raises OperatorError."""
    servers = bootstrap_servers or properties.get("bootstrap.servers", "")
    defaults = ClientConfig(())
    security = PLAINTEXT
    if properties.get("security.protocol", "PLAINTEXT") != "PLAINTEXT":
        from console.client_security import connection_security

        security = connection_security(properties)
    return ClientConfig(
        parse_bootstrap(servers),
        properties.get("client.id", defaults.client_id),
        int(properties.get("request.timeout.ms", defaults.request_timeout_ms)),
        int(properties.get("socket.connection.setup.timeout.ms", defaults.connect_timeout_ms)),
        security,
    )
