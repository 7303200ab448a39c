"""The configuration of one log: a topic's configs that matter to its files (Kafka: LogConfig, TopicConfig)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.errors import ConfigError
from engine.protocol.records.batch import TimestampType
from engine.protocol.records.compression import Compression

INT_MAX = 2**31 - 1
LONG_MAX = 2**63 - 1


_TIMESTAMP_TYPES = {"CreateTime": TimestampType.CREATE_TIME, "LogAppendTime": TimestampType.LOG_APPEND_TIME}
COMPRESSION_CODECS = {
    "uncompressed": Compression.NONE,
    "gzip": Compression.GZIP,
    "snappy": Compression.SNAPPY,
    "lz4": Compression.LZ4,
    "zstd": Compression.ZSTD,
}
"""compression.type -> codec; "producer" means: as it comes."""


@dataclass(frozen=True, slots=True)
class LogConfig:
    """Topic configs under Kafka's names with "_" for "."; the defaults are Apache Kafka 4.3's.

    Values are taken as valid: `engine.config` has the table that checks what users set.
    """

    segment_bytes: int = 1024 * 1024 * 1024
    segment_ms: int = 7 * 24 * 60 * 60 * 1000
    segment_jitter_ms: int = 0
    segment_index_bytes: int = 10 * 1024 * 1024
    index_interval_bytes: int = 4096
    flush_messages: int = LONG_MAX
    flush_ms: int = LONG_MAX
    retention_bytes: int = -1
    retention_ms: int = 7 * 24 * 60 * 60 * 1000
    max_message_bytes: int = 1024 * 1024 + 12
    file_delete_delay_ms: int = 60_000
    delete_retention_ms: int = 24 * 60 * 60 * 1000
    min_compaction_lag_ms: int = 0
    max_compaction_lag_ms: int = LONG_MAX
    min_cleanable_dirty_ratio: float = 0.5
    cleanup_policy: tuple[str, ...] = ("delete",)
    unclean_leader_election_enable: bool = False
    min_insync_replicas: int = 1
    compression_type: str = "producer"
    compression_gzip_level: int = -1
    compression_lz4_level: int = 9
    compression_zstd_level: int = 3
    preallocate: bool = False
    message_timestamp_type: TimestampType = TimestampType.CREATE_TIME
    message_timestamp_before_max_ms: int = LONG_MAX
    message_timestamp_after_max_ms: int = 60 * 60 * 1000  # KIP-1030
    roll_ms: int = field(init=False, compare=False)
    """When a segment rolls by time: segment.ms, or earlier when max.compaction.lag.ms is waiting (KIP-354)."""

    def __post_init__(self) -> None:
        is_bounded = self.compact and self.max_compaction_lag_ms > 0
        roll_ms = min(self.max_compaction_lag_ms, self.segment_ms) if is_bounded else self.segment_ms
        object.__setattr__(self, "roll_ms", roll_ms)

    @property
    def compact(self) -> bool:
        return "compact" in self.cleanup_policy

    @property
    def delete(self) -> bool:
        return "delete" in self.cleanup_policy

    @property
    def compression_level(self) -> int | None:
        """The level for `compression_type`, None where the codec has none."""
        levels = {
            "gzip": self.compression_gzip_level,
            "lz4": self.compression_lz4_level,
            "zstd": self.compression_zstd_level,
        }
        return levels.get(self.compression_type)

    @classmethod
    def from_mapping(cls, configs: Mapping[str, str], defaults: "LogConfig | None" = None) -> "LogConfig":
        """The configuration of a topic with these configs ("segment.bytes" -> "1048576"), `defaults` for the rest.

        Names that mean nothing to a log (remote.storage.enable, ...) are skipped: the config table knows them all.
        Raises ConfigError when a value cannot be read.
        """
        values: dict[str, Any] = {name: getattr(defaults or cls(), name) for name in _PARSERS}
        for config_name, text in configs.items():
            name = config_name.replace(".", "_")
            parser = _PARSERS.get(name)
            if parser is None:
                continue
            try:
                values[name] = parser(text.strip())
            except (ValueError, KeyError) as error:
                raise ConfigError(f"{config_name}={text}: not a value of that property ({error})") from error
        segment_bytes = configs.get("internal.segment.bytes")
        if segment_bytes:
            # For tests: stronger than segment.bytes, and without its lower bound (Kafka 4.0: LogConfig.segmentSize).
            values["segment_bytes"] = int(segment_bytes)
        return cls(**values)


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _policies(text: str) -> tuple[str, ...]:
    return tuple(policy.strip() for policy in text.split(",") if policy.strip())


_PARSERS: dict[str, Callable[[str], object]] = {
    "segment_bytes": int,
    "segment_ms": int,
    "segment_jitter_ms": int,
    "segment_index_bytes": int,
    "index_interval_bytes": int,
    "flush_messages": int,
    "flush_ms": int,
    "retention_bytes": int,
    "retention_ms": int,
    "max_message_bytes": int,
    "file_delete_delay_ms": int,
    "delete_retention_ms": int,
    "min_compaction_lag_ms": int,
    "max_compaction_lag_ms": int,
    "min_cleanable_dirty_ratio": float,
    "cleanup_policy": _policies,
    "unclean_leader_election_enable": _boolean,
    "min_insync_replicas": int,
    "compression_type": str,
    "compression_gzip_level": int,
    "compression_lz4_level": int,
    "compression_zstd_level": int,
    "preallocate": _boolean,
    "message_timestamp_type": lambda text: _TIMESTAMP_TYPES[text],
    "message_timestamp_before_max_ms": int,
    "message_timestamp_after_max_ms": int,
}
