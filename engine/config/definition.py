"""What a config is: name, type, default, what it accepts, unit, when it may change, and what it means.

Values are kept typed (`Value`): INT, SHORT and LONG as int, DOUBLE as float, BOOLEAN as bool, LIST as a tuple of str, STRING,
CLASS and PASSWORD as str; None where Kafka has "no value". Parsing, messages and the text form are Apache Kafka's
(Kafka: ConfigDef.parseType, ConfigDef.convertToString), because tools show and compare them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final, Protocol

from engine.errors import ConfigError

Value = int | float | bool | str | tuple[str, ...] | None


class ConfigType(IntEnum):
    """Type of a config; the number is what DescribeConfigs carries (Kafka: DescribeConfigsResponse.ConfigType)."""

    UNKNOWN = 0
    BOOLEAN = 1
    STRING = 2
    INT = 3
    SHORT = 4
    LONG = 5
    DOUBLE = 6
    LIST = 7
    CLASS = 8
    PASSWORD = 9


class Importance(Enum):
    """How much most people should care (Kafka: ConfigDef.Importance)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Scope(Enum):
    """When a broker config may change (KIP-226; Kafka: DynamicBrokerConfig.dynamicConfigUpdateModes)."""

    READ_ONLY = "read-only"
    """Only in the properties file, with a restart."""
    PER_BROKER = "per-broker"
    """Dynamically, for one named broker."""
    CLUSTER_WIDE = "cluster-wide"
    """Dynamically, for one broker or as the default of all."""


class Effect(Enum):
    """What setting it does in Stoker. Setting one that does nothing is answered with a warning, never with silence."""

    ACTS = "acts"
    NO_EFFECT = "no effect"
    """It steers something that this engine does not have by design: thread pools, buffers, JMX."""
    NOT_YET = "not yet"
    """It belongs to a part of Kafka that is not built yet; see DEVIATIONS.md."""
    REFUSED = "refused"
    """Anything but the default is refused: accepting it would promise what the engine cannot keep."""


class Required:
    """The default of a config that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = Required()


class Validator(Protocol):
    """A rule beyond the type."""

    def problem(self, name: str, value: Value) -> str | None:
        """The complete sentence Kafka would answer with, or None when the value is fine."""
        ...

    def __str__(self) -> str:
        """What is accepted, for people: "[1,...,9] or -1"."""
        ...


@dataclass(frozen=True, slots=True)
class Synonym:
    """A broker config that gives a topic config its value, times `factor` (hours to milliseconds: 3,600,000)."""

    name: str
    factor: int = 1


@dataclass(frozen=True, slots=True)
class ConfigDefinition:
    """One row of the table of configs."""

    name: str
    type: ConfigType
    default: Value | Required
    doc: str
    """In our own words; ends with a full stop."""
    accepts: Validator | None = None
    importance: Importance = Importance.MEDIUM
    unit: str | None = None
    """"ms", "bytes", "records" ...; None for a plain number or text."""
    scope: Scope = Scope.READ_ONLY
    """Broker configs only; topic and group configs are always dynamic."""
    effect: Effect = Effect.ACTS
    internal: bool = False
    """Kafka hides it from descriptions unless it was set."""
    synonyms: tuple[Synonym, ...] = ()
    """Topic and group configs: the broker configs it falls back to, strongest first."""
    available: tuple[str, ...] | None = None
    """Of the values Kafka accepts, those this engine can honour; None means all. Others are refused, with a reason."""

    @property
    def is_sensitive(self) -> bool:
        """Never shown (Kafka: KafkaConfig.maybeSensitive)."""
        return self.type is ConfigType.PASSWORD

    @property
    def default_text(self) -> str | None:
        """The default as Kafka prints it; None when there is none."""
        return None if isinstance(self.default, Required) else self.text(self.default)

    @property
    def accepted(self) -> str:
        """What may be written, for error messages and docs."""
        kind = _KINDS[self.type]
        return kind if self.accepts is None else f"{kind}, {self.accepts}"

    def parse(self, raw: str) -> Value:
        """The typed value of `raw`; ConfigError with Kafka's own sentence when it is ill-formed or not accepted."""
        value = parse_text(self.name, self.type, raw)
        return self.check(value)

    def check(self, value: Value) -> Value:
        """`value` itself, in the form the rule leaves it in, or ConfigError."""
        if self.accepts is not None:
            problem = self.accepts.problem(self.name, value)
            if problem is not None:
                raise ConfigError(problem)
            if isinstance(value, tuple) and getattr(self.accepts, "deduplicates", False):
                return tuple(dict.fromkeys(value))
        return value

    def text(self, value: Value) -> str | None:
        """`value` as Kafka prints it (Kafka: ConfigDef.convertToString)."""
        return value_text(value)


_KINDS: Final = {
    ConfigType.UNKNOWN: "any text",
    ConfigType.BOOLEAN: "true or false",
    ConfigType.STRING: "text",
    ConfigType.INT: "a 32-bit integer",
    ConfigType.SHORT: "a 16-bit integer",
    ConfigType.LONG: "a 64-bit integer",
    ConfigType.DOUBLE: "a number",
    ConfigType.LIST: "a comma-separated list",
    ConfigType.CLASS: "a class name",
    ConfigType.PASSWORD: "a secret",
}
_BITS: Final = {ConfigType.INT: 32, ConfigType.SHORT: 16, ConfigType.LONG: 64}
_INTEGER: Final = re.compile(r"[+-]?\d+")
_DOUBLE: Final = re.compile(r"[+-]?(NaN|Infinity|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?)")
_COMMA: Final = re.compile(r"\s*,\s*")


def invalid(name: str, value: object, reason: str) -> str:
    """Kafka's sentence for a value that will not do (Kafka: ConfigException)."""
    return f"Invalid value {value} for configuration {name}: {reason}"


def parse_text(name: str, kind: ConfigType, raw: str) -> Value:
    """`raw` as a value of `kind`; ConfigError when it is none (Kafka: ConfigDef.parseType)."""
    trimmed = raw.strip()
    if kind is ConfigType.BOOLEAN:
        lowered = trimmed.lower()
        if lowered not in ("true", "false"):
            raise ConfigError(invalid(name, raw, "Expected value to be either true or false"))
        return lowered == "true"
    if kind in _BITS:
        limit = 1 << (_BITS[kind] - 1)
        # The length is checked first: int() of a very long text is slow, and Python refuses it beyond 4,300 digits.
        if len(trimmed) > 64 or not _INTEGER.fullmatch(trimmed) or not -limit <= int(trimmed) < limit:
            raise ConfigError(invalid(name, raw, f"Not a number of type {kind.name}"))
        return int(trimmed)
    if kind is ConfigType.DOUBLE:
        if not _DOUBLE.fullmatch(trimmed):
            raise ConfigError(invalid(name, raw, "Not a number of type DOUBLE"))
        return float(trimmed if "Inf" in trimmed or "NaN" in trimmed else trimmed.rstrip("fFdD"))
    if kind is ConfigType.LIST:
        return tuple(_COMMA.split(trimmed)) if trimmed else ()
    return trimmed


def value_text(value: Value) -> str | None:
    """`value` as Java would print it; None for no value."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ",".join(value)
    if isinstance(value, float):
        return _double_text(value)
    return str(value)


def _double_text(value: float) -> str:
    """Like Java's Double.toString: 0.5, 1.0E7, 1.7976931348623157E308, NaN, Infinity."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    mantissa, _, exponent = f"{value:.17e}".partition("e")
    for digits in range(1, 18):  # the fewest digits that read back as the same number
        candidate = f"{value:.{digits}e}"
        if float(candidate) == value:
            mantissa, _, exponent = candidate.partition("e")
            break
    return f"{mantissa}E{int(exponent)}"
