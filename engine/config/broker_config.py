"""The configuration of one node: what its properties file says, what was changed dynamically, and the defaults.

Precedence (KIP-226): dynamic for this broker, dynamic for all brokers, properties file, default.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from engine.config.broker_configs import (
    BROKER_CONFIGS,
    base_name,
    belongs_to_plugin,
    broker_config,
    unknown_name_hint,
)
from engine.config.broker_rules import Network, check_whole
from engine.config.definition import ConfigDefinition, Effect, Required, Scope, Value, value_text
from engine.config.listeners import HostPort, Voter, parse_counts
from engine.config.properties import Properties
from engine.config.topic_configs import TOPIC_CONFIGS
from engine.errors import ConfigError
from engine.types import Endpoint

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


class BrokerConfig:
    """One node's configuration. Immutable; `with_dynamic` makes another.

    `warnings` are sentences for whoever started the node: what was set and has no effect here.
    """

    def __init__(
        self,
        static: Mapping[str, Value],
        network: Network,
        warnings: tuple[str, ...],
        *,
        dynamic: Mapping[str, str] = _NOTHING,
        dynamic_default: Mapping[str, str] = _NOTHING,
        effective: Mapping[str, Value] | None = None,
    ) -> None:
        self._static = static
        self._effective = static if effective is None else effective
        self._network = network
        self._topic_defaults: dict[str, Value] | None = None
        self.warnings = warnings
        self.dynamic = dynamic
        """Text of what was set dynamically for this broker."""
        self.dynamic_default = dynamic_default
        """Text of what was set dynamically for all brokers."""

    @classmethod
    def from_properties(cls, properties: Mapping[str, str], source: str = "") -> BrokerConfig:
        """Read and check `properties`.

        ConfigError with one line for each thing that is wrong: an unknown property (with its place in the file and the
        name most like it), an ill-formed value (with what is accepted), properties that contradict each other.
        """
        if not isinstance(properties, Properties):
            properties = Properties(properties, source)
        static: dict[str, Value] = {}
        warnings: list[str] = []
        problems: list[str] = []
        for name, raw in properties.items():
            where = f"{place}: " if (place := properties.place(name)) else ""
            try:
                static[name] = _read(name, raw)
            except ConfigError as error:
                problems.append(where + str(error))
                continue
            warning = _warning(name, static[name])
            if warning:
                warnings.append(where + warning)
        if problems:
            raise ConfigError("\n".join(problems))
        for name, row in BROKER_CONFIGS.items():
            if isinstance(row.default, Required) and name not in static:
                problems.append(f'Missing required configuration "{name}" which has no default value.')
        if problems:
            raise ConfigError("\n".join(f"{properties.source}: {line}".removeprefix(": ") for line in problems))
        network = check_whole(static, properties.source)
        return cls(static, network, tuple(warnings) + network.warnings)

    @classmethod
    def combined(cls, node_id: int = 1, overrides: Mapping[str, str] = _NOTHING) -> BrokerConfig:
        """A broker and controller in one that needs nobody else, on free ports of 127.0.0.1."""
        return cls.from_properties(
            {
                "node.id": str(node_id),
                "process.roles": "broker,controller",
                "listeners": "PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
                "controller.listener.names": "CONTROLLER",
                "controller.quorum.voters": f"{node_id}@127.0.0.1:0",
                **overrides,
            }
        )

    def with_dynamic(
        self, per_broker: Mapping[str, str] = _NOTHING, cluster_wide: Mapping[str, str] = _NOTHING
    ) -> BrokerConfig:
        """This configuration under the dynamic configs given (not added to earlier ones).

        What is unknown, read-only or ill-formed is left out and said in `warnings` (Kafka: DynamicBrokerConfig
        .processReconfiguration logs and goes on: a bad record in the metadata must not stop a broker).
        """
        effective = dict(self._static)
        warnings: list[str] = []
        for texts, whole in ((cluster_wide, True), (per_broker, False)):
            for name, raw in texts.items():
                row = broker_config(name)
                try:
                    if row is None or row.scope is Scope.READ_ONLY or (whole and row.scope is Scope.PER_BROKER):
                        raise ConfigError(f"{name} cannot be set dynamically {'for all brokers' if whole else 'here'}")
                    effective[name] = _read(name, raw)
                except ConfigError as error:
                    warnings.append(f"dynamic config ignored: {error}")
        return BrokerConfig(
            self._static,
            self._network,
            self.warnings + tuple(warnings),
            dynamic=MappingProxyType(dict(per_broker)),
            dynamic_default=MappingProxyType(dict(cluster_wide)),
            effective=effective,
        )

    # Reading

    def value(self, name: str) -> Value:
        """The value in effect; None where Kafka has none. KeyError for a name that is not in the table."""
        effective = self._effective
        if name in effective:
            return effective[name]
        row = BROKER_CONFIGS.get(name)
        if row is None:
            base = base_name(name)
            if base == name:
                raise KeyError(name)
            return self.value(base)
        assert not isinstance(row.default, Required)
        return row.default

    def get_int(self, name: str) -> int:
        """The value of an INT, SHORT or LONG that has one."""
        value = self.value(name)
        assert isinstance(value, int), name
        return value

    get_long = get_int

    def get_double(self, name: str) -> float:
        """The value of a DOUBLE."""
        value = self.value(name)
        assert isinstance(value, float), name
        return value

    def get_bool(self, name: str) -> bool:
        """The value of a BOOLEAN."""
        value = self.value(name)
        assert isinstance(value, bool), name
        return value

    def get_str(self, name: str) -> str | None:
        """The value of a STRING, CLASS or PASSWORD; None where there is none."""
        value = self.value(name)
        assert value is None or isinstance(value, str), name
        return value

    def get_list(self, name: str) -> tuple[str, ...]:
        """The value of a LIST; empty where there is none."""
        value = self.value(name)
        assert value is None or isinstance(value, tuple), name
        return value or ()

    def explicit(self, name: str) -> bool:
        """Whether the properties file or a dynamic config says so itself."""
        return name in self._effective

    def static_value(self, name: str) -> Value:
        """What the properties file says; None when it says nothing."""
        return self._static.get(name)

    def names(self) -> list[str]:
        """All names of the table (without internal ones nobody set) and those set beyond it, sorted."""
        visible = {name for name, row in BROKER_CONFIGS.items() if not row.internal}
        return sorted(visible | set(self._effective))

    # What the network configs come to

    @property
    def node_id(self) -> int:
        return self.get_int("node.id")

    @property
    def is_broker(self) -> bool:
        return "broker" in self.get_list("process.roles")

    @property
    def is_controller(self) -> bool:
        return "controller" in self.get_list("process.roles")

    @property
    def rack(self) -> str | None:
        return self.get_str("broker.rack")

    @property
    def listeners(self) -> tuple[Endpoint, ...]:
        """Where to listen, in the order given. Host "" means all interfaces, port 0 any free one."""
        return self._network.listeners

    @property
    def broker_listeners(self) -> tuple[Endpoint, ...]:
        """Those of `listeners` that serve clients and brokers."""
        return tuple(e for e in self.listeners if e.listener not in self.controller_listener_names)

    @property
    def controller_listeners(self) -> tuple[Endpoint, ...]:
        """Those of `listeners` that serve the quorum and the brokers' requests to the controller."""
        return tuple(e for e in self.listeners if e.listener in self.controller_listener_names)

    @property
    def advertised_listeners(self) -> tuple[Endpoint, ...]:
        """What clients and brokers are told. Host "" or port 0: to be filled in with what was bound."""
        return self._network.advertised_broker_listeners

    @property
    def advertised_controller_listeners(self) -> tuple[Endpoint, ...]:
        """What controllers tell about themselves, in the order of controller.listener.names."""
        return self._network.advertised_controller_listeners

    @property
    def inter_broker_listener(self) -> str:
        """Name of the listener brokers use among themselves."""
        return self._network.inter_broker_listener

    @property
    def controller_listener_names(self) -> tuple[str, ...]:
        return self._network.controller_listener_names

    @property
    def quorum_voters(self) -> tuple[Voter, ...]:
        """controller.quorum.voters; empty when only bootstrap servers are given."""
        return self._network.voters

    @property
    def quorum_bootstrap_servers(self) -> tuple[HostPort, ...]:
        return self._network.bootstrap_servers

    @property
    def connections_per_address(self) -> Mapping[str, int]:
        """max.connections.per.ip.overrides: host name or address to most connections."""
        name = "max.connections.per.ip.overrides"
        return parse_counts(name, self.get_str(name) or "")

    @property
    def log_dirs(self) -> tuple[str, ...]:
        """log.dirs, or log.dir."""
        return self.get_list("log.dirs") or self.get_list("log.dir")

    @property
    def metadata_log_dir(self) -> str:
        """Directory that has `__cluster_metadata-0`."""
        return self.get_str("metadata.log.dir") or self.log_dirs[0]

    # Topics

    def topic_defaults(self) -> Mapping[str, Value]:
        """Every topic config with the value it has on this broker when the topic does not set it.

        The first broker synonym that has a value counts: log.retention.ms before .minutes before .hours (Kafka:
        ServerTopicConfigSynonyms, KafkaConfig.extractLogConfigMap).
        """
        if self._topic_defaults is None:
            self._topic_defaults = {name: self._topic_default(row) for name, row in TOPIC_CONFIGS.items()}
        return self._topic_defaults

    def _topic_default(self, row: ConfigDefinition) -> Value:
        for synonym in row.synonyms:
            value = self.value(synonym.name)
            if value is None:
                continue
            if row.name == "retention.ms" and isinstance(value, int) and value < 0:
                return -1  # whatever the unit, negative means for ever
            return value * synonym.factor if isinstance(value, int) and synonym.factor != 1 else value
        assert not isinstance(row.default, Required)
        return row.default

    def topic_config(self, overrides: Mapping[str, str]) -> dict[str, Value]:
        """Every topic config of a topic that sets `overrides`, which were validated when they were set.

        A name unknown to us, out of a newer cluster's metadata, is left out. ConfigError for an ill-formed value.
        """
        values = dict(self.topic_defaults())
        for name, raw in overrides.items():
            row = TOPIC_CONFIGS.get(name)
            if row is not None:
                values[name] = row.parse(raw)
        return values

    def topic_config_texts(self, overrides: Mapping[str, str]) -> dict[str, str]:
        """Like `topic_config`, as text; what has no value is left out."""
        texts = ((name, value_text(value)) for name, value in self.topic_config(overrides).items())
        return {name: text for name, text in texts if text is not None}


def _read(name: str, raw: str) -> Value:
    """The typed value, or ConfigError: unknown, ill-formed, or more than this engine can do."""
    row = broker_config(name)
    if row is None:
        if belongs_to_plugin(name):
            return raw
        raise ConfigError(f"unknown property {name!r}{unknown_name_hint(name)}")
    try:
        value = row.parse(raw)
    except ConfigError as error:
        raise ConfigError(f"{error} (accepted: {row.accepted})") from None
    if row.effect is Effect.REFUSED and value != row.default:
        raise ConfigError(f"{name}={raw} asks for what this engine does not have; leave it at {row.default_text!r}")
    if row.available is not None and not set(_items(value)) <= set(row.available):
        raise ConfigError(f"{name}={raw} is not available here yet; it can be {', '.join(row.available)}")
    return value


def _items(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (str(value),)


def _warning(name: str, value: Value) -> str | None:
    """What to tell whoever set it; nothing for a value that changes nothing in Kafka either."""
    row = broker_config(name)
    if row is None:
        return f"{name} has no effect here: there are no plug-ins"
    if row.effect is Effect.ACTS and base_name(name) != name:
        return f"{name} has no effect here: only {base_name(name)}, for all listeners, has"
    if row.effect in (Effect.ACTS, Effect.REFUSED) or value == row.default:
        return None
    reason = "not built yet" if row.effect is Effect.NOT_YET else "nothing here for it to steer"
    shown = "" if row.is_sensitive else f"={row.text(value)}"
    return f"{name}{shown} has no effect here: {reason}"
