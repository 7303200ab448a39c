"""What broker configs must agree on with each other, and the network configs in the form the node uses.

Source: KafkaConfig.validateValues, for KRaft (Apache Kafka 4.x).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from engine.config.broker_configs import BROKER_CONFIGS
from engine.config.definition import Required, Value
from engine.config.listeners import (
    HostPort,
    Voter,
    parse_counts,
    parse_endpoints,
    parse_protocol_map,
    parse_servers,
    parse_voters,
)
from engine.errors import ConfigError
from engine.types import Endpoint

_SECURE: Final = ("SSL", "SASL_PLAINTEXT", "SASL_SSL")


@dataclass(frozen=True, slots=True)
class Network:
    """Listeners and quorum of one node, parsed and found consistent."""

    listeners: tuple[Endpoint, ...]
    advertised_broker_listeners: tuple[Endpoint, ...]
    advertised_controller_listeners: tuple[Endpoint, ...]
    inter_broker_listener: str
    controller_listener_names: tuple[str, ...]
    voters: tuple[Voter, ...]
    bootstrap_servers: tuple[HostPort, ...]
    warnings: tuple[str, ...] = ()


def check_whole(static: Mapping[str, Value], source: str) -> Network:
    """The network configs, once everything agrees; ConfigError with a line for each rule that is broken."""
    rules = _Rules(static)
    try:
        network = rules.network()
        rules.quantities()
    except ConfigError as error:
        rules.problems.append(str(error))
    if rules.problems:
        raise ConfigError("\n".join(f"{source}: {line}" if source else line for line in rules.problems))
    return network


class _Rules:
    """One check of one set of properties."""

    def __init__(self, static: Mapping[str, Value]) -> None:
        self.static = static
        self.problems: list[str] = []

    def number(self, name: str) -> int:
        value = self.value(name)
        assert isinstance(value, int)
        return value

    def items(self, name: str) -> tuple[str, ...]:
        value = self.value(name)
        return value if isinstance(value, tuple) else ()

    def text(self, name: str) -> str | None:
        value = self.value(name)
        return value if isinstance(value, str) else None

    def value(self, name: str) -> Value:
        if name in self.static:
            return self.static[name]
        default = BROKER_CONFIGS[name].default
        assert not isinstance(default, Required), name
        return default

    def require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.problems.append(otherwise)

    def network(self) -> Network:
        controller_names = tuple(name.upper() for name in self.items("controller.listener.names"))
        protocols = self._protocols(controller_names)
        listeners = parse_endpoints("listeners", self.items("listeners"), distinct_ports=True)
        advertised = listeners
        if self.items("advertised.listeners"):
            advertised = parse_endpoints(
                "advertised.listeners", self.items("advertised.listeners"), distinct_ports=False
            )
        for name in dict.fromkeys([*(e.listener for e in listeners + advertised), *controller_names]):
            protocol = protocols.get(name)
            if protocol is None:
                self.problems.append(
                    f"No security protocol defined for listener {name}; add {name}:PLAINTEXT to "
                    "listener.security.protocol.map"
                )
            elif protocol in _SECURE:
                self.problems.append(f"listener {name} asks for {protocol}, which is not built yet; use PLAINTEXT")
        advertised_brokers = tuple(e for e in advertised if e.listener not in controller_names)
        own = {e.listener: e for e in reversed([*advertised, *listeners])} | {e.listener: e for e in advertised}
        advertised_controllers = tuple(own[name] for name in controller_names if name in own)
        voters = parse_voters("controller.quorum.voters", self.items("controller.quorum.voters"))
        servers = parse_servers(
            "controller.quorum.bootstrap.servers", self.items("controller.quorum.bootstrap.servers")
        )
        inter_broker = self._inter_broker_listener()
        self._roles(listeners, advertised_brokers, advertised_controllers, controller_names, voters, servers)
        if "broker" in self.items("process.roles"):
            self._broker(listeners, advertised_brokers, inter_broker)
        for endpoint in (*advertised_brokers, *advertised_controllers):
            self.require(
                endpoint.host != "0.0.0.0" or (endpoint.port == 0 and endpoint in listeners),
                "advertised.listeners cannot use the nonroutable meta-address 0.0.0.0. Use a routable IP address.",
            )
        return Network(
            listeners,
            advertised_brokers,
            advertised_controllers,
            inter_broker,
            controller_names,
            voters,
            servers,
            self._warnings(controller_names),
        )

    def _protocols(self, controller_names: tuple[str, ...]) -> dict[str, str]:
        name = "listener.security.protocol.map"
        protocols = parse_protocol_map(name, self.text(name) or "")
        if name not in self.static:
            # Kafka: effectiveListenerSecurityProtocolMap. Without an explicit map, controllers speak PLAINTEXT unless
            # anything here is named after a secure protocol.
            used = [*controller_names, *(entry.partition(":")[0].upper() for entry in self.items("listeners"))]
            if not any(listener in _SECURE for listener in used):
                protocols |= dict.fromkeys(controller_names, "PLAINTEXT")
        return protocols

    def _inter_broker_listener(self) -> str:
        name = self.text("inter.broker.listener.name")
        if name is None:
            return self.text("security.inter.broker.protocol") or "PLAINTEXT"
        self.require(
            "security.inter.broker.protocol" not in self.static,
            "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set.",
        )
        return name.upper()

    def _roles(
        self,
        listeners: tuple[Endpoint, ...],
        advertised_brokers: tuple[Endpoint, ...],
        advertised_controllers: tuple[Endpoint, ...],
        controller_names: tuple[str, ...],
        voters: tuple[Voter, ...],
        servers: tuple[HostPort, ...],
    ) -> None:
        node_id = self.number("node.id")
        if "broker.id" in self.static:
            self.require(
                self.number("broker.id") == node_id, "You must set `node.id` to the same value as `broker.id`."
            )
        self.require(
            bool(voters or servers),
            "If using process.roles, either controller.quorum.bootstrap.servers must contain the set of bootstrap "
            "controllers or controller.quorum.voters must contain a parseable set of controllers.",
        )
        ids = [voter.node_id for voter in voters]
        names = [endpoint.listener for endpoint in listeners]
        if "controller" not in self.items("process.roles"):
            self.require(
                node_id not in ids,
                f"If process.roles contains just the 'broker' role, the node id {node_id} must not be included in the "
                f"set of voters controller.quorum.voters={ids}",
            )
            self.require(
                not any(name in names for name in controller_names),
                "controller.listener.names must not contain a value appearing in the 'listeners' configuration when "
                "running KRaft with just the broker role",
            )
            return
        self.require(
            not ids or node_id in ids,
            f"If process.roles contains the 'controller' role, the node id {node_id} must be included in the set of "
            f"voters controller.quorum.voters={ids}",
        )
        self.require(
            bool(advertised_controllers),
            "controller.listener.names must contain at least one value appearing in the 'listeners' configuration when "
            "running the KRaft controller role",
        )
        self.require(
            all(name in names for name in controller_names),
            "controller.listener.names must only contain values appearing in the 'listeners' configuration when "
            "running the KRaft controller role",
        )
        if "broker" not in self.items("process.roles"):
            self.require(
                all(name in controller_names for name in names),
                "The listeners config must only contain KRaft controller listeners from controller.listener.names when "
                "process.roles=controller",
            )

    def _broker(self, listeners: tuple[Endpoint, ...], advertised: tuple[Endpoint, ...], inter_broker: str) -> None:
        names = [endpoint.listener for endpoint in advertised]
        self.require(
            bool(names),
            "There must be at least one broker advertised listener. Perhaps all listeners appear in "
            "controller.listener.names?",
        )
        if names:
            self.require(
                inter_broker in names,
                "inter.broker.listener.name must be a listener name defined in advertised.listeners. The valid options "
                f"based on currently configured listeners are {','.join(names)}",
            )
        listening = [endpoint.listener for endpoint in listeners]
        self.require(
            all(name in listening for name in names),
            "advertised.listeners listener names must be equal to or a subset of the ones defined in listeners. "
            f"Found {','.join(names)}. The valid options based on the current configuration are {','.join(listening)}",
        )

    def _warnings(self, controller_names: tuple[str, ...]) -> tuple[str, ...]:
        if self.items("process.roles") == ("broker",) and len(controller_names) > 1:
            return ("controller.listener.names has multiple entries; a broker uses only the first",)
        return ()

    def quantities(self) -> None:
        """Numbers that must fit each other."""
        lag = self.number("replica.lag.time.max.ms")
        wait = self.number("replica.fetch.wait.max.ms")
        self.require(
            wait <= self.number("replica.socket.timeout.ms"),
            "replica.socket.timeout.ms should always be at least replica.fetch.wait.max.ms to prevent unnecessary "
            "socket timeouts",
        )
        self.require(
            wait <= lag,
            "replica.fetch.wait.max.ms should always be less than or equal to replica.lag.time.max.ms to prevent "
            "frequent changes in ISR",
        )
        for name in ("log.retention.ms", "log.retention.minutes", "log.retention.hours"):
            value = self.value(name)
            if isinstance(value, int):
                self.require(value != 0, f"{name} must be unlimited (-1) or, greater than or equal to 1")
        roll = self.value("log.roll.ms")
        self.require(roll is None or self.number("log.roll.ms") >= 1, "log.roll.ms must be at least 1")
        jitter = self.value("log.roll.jitter.ms")
        self.require(jitter is None or self.number("log.roll.jitter.ms") >= 0, "log.roll.jitter.ms must be at least 0")
        least, most = self.number("group.min.session.timeout.ms"), self.number("group.max.session.timeout.ms")
        self.require(least <= most, "group.min.session.timeout.ms must not exceed group.max.session.timeout.ms")
        least, most = (
            self.number("log.cleaner.min.compaction.lag.ms"),
            self.number("log.cleaner.max.compaction.lag.ms"),
        )
        self.require(
            least <= most,
            f"conflict topic config setting min.compaction.lag.ms ({least}) > max.compaction.lag.ms ({most})",
        )
        heartbeat, session = self.number("broker.heartbeat.interval.ms"), self.number("broker.session.timeout.ms")
        self.require(
            0 < heartbeat < session, "broker.heartbeat.interval.ms must be above 0 and below broker.session.timeout.ms"
        )
        overrides = "max.connections.per.ip.overrides"
        self.require(
            bool(parse_counts(overrides, self.text(overrides) or "")) or self.number("max.connections.per.ip") > 0,
            "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides property is set.",
        )
