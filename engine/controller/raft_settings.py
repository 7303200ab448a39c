"""The settings of a raft driver."""

from dataclasses import dataclass, field

from engine.config import BrokerConfig
from engine.controller.raft_log import RaftLogSettings


@dataclass(frozen=True, slots=True)
class RaftSettings:
    """Times in milliseconds, sizes in bytes; the defaults are Kafka's (QuorumConfig). See `RaftConfig`."""

    election_timeout_ms: int = 1_000
    fetch_timeout_ms: int = 2_000
    election_backoff_max_ms: int = 1_000
    request_timeout_ms: int = 2_000
    retry_backoff_ms: int = 20
    append_linger_ms: int = 0
    """How long records wait for company; 0: until the end of this turn of the loop. Kafka's default is 25."""
    fetch_bytes_max: int = 8 * 1024 * 1024
    fetch_snapshot_bytes_max: int = 1024 * 1024
    shutdown_timeout_ms: int = 5_000
    """How long a leader that stops waits for the voters to hear of it."""
    log: RaftLogSettings = field(default_factory=RaftLogSettings)

    @classmethod
    def from_config(cls, config: BrokerConfig) -> "RaftSettings":
        """What the node's properties say (controller.quorum.*, metadata.*)."""
        internal = "internal.metadata.log.segment.bytes"
        segment_bytes = "metadata.log.segment.bytes" if config.value(internal) is None else internal
        return cls(
            election_timeout_ms=config.get_int("controller.quorum.election.timeout.ms"),
            fetch_timeout_ms=config.get_int("controller.quorum.fetch.timeout.ms"),
            election_backoff_max_ms=config.get_int("controller.quorum.election.backoff.max.ms"),
            request_timeout_ms=config.get_int("controller.quorum.request.timeout.ms"),
            retry_backoff_ms=config.get_int("controller.quorum.retry.backoff.ms"),
            append_linger_ms=config.get_int("controller.quorum.append.linger.ms"),
            fetch_bytes_max=config.get_int("controller.quorum.fetch.max.bytes"),
            fetch_snapshot_bytes_max=config.get_int("controller.quorum.fetch.snapshot.max.bytes"),
            log=RaftLogSettings(
                segment_bytes=config.get_int(segment_bytes),
                segment_ms=config.get_int("metadata.log.segment.ms"),
                retention_bytes=config.get_int("metadata.max.retention.bytes"),
                retention_ms=config.get_int("metadata.max.retention.ms"),
                batch_bytes_max=config.get_int("internal.metadata.max.batch.size.in.bytes"),
                file_delete_delay_ms=config.get_int("internal.metadata.delete.delay.millis"),
            ),
        )
