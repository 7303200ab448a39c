"""Partitions on disk: Apache Kafka's log directory, byte for byte.

What lives here: segments and their indexes, producer state and its snapshots, leader epochs, checkpoints, the identity
files of a log directory, and what others use: `PartitionLog` (one partition: append, read, truncate, flush), `LogManager`
(a node's log directories: locks, loading and recovery, checkpoints, retention) and `LogCleaner` (compaction). Every module
of a file format opens with its layout.

What may not: replication, requests, coordinators. Disk and clock come in through the seams of `engine.runtime`; nothing
here starts a task, opens a file by itself or reads a clock of its own. Only flushing, checkpoints, opening and closing
are coroutines, because only they wait for the disk.
"""

from engine.log.cleaner import CleanerSettings, LogCleaner
from engine.log.log_config import LogConfig
from engine.log.log_manager import LogManager
from engine.log.meta_properties import MetaProperties, format_directory, read_meta_properties
from engine.log.opening import open_log
from engine.log.partition_log import PartitionLog
from engine.log.producer_state import ProducerStateEntry, ProducerStateManager
from engine.log.values import (
    AbortedTransaction,
    AppendInfo,
    AppendOrigin,
    EpochEndOffset,
    LogStartOffsetReason,
    ReadResult,
    RecoveryReport,
    TimestampAndOffset,
    UnexpectedAppendOffset,
)

__all__ = [
    "AbortedTransaction",
    "AppendInfo",
    "AppendOrigin",
    "CleanerSettings",
    "EpochEndOffset",
    "LogCleaner",
    "LogConfig",
    "LogManager",
    "LogStartOffsetReason",
    "MetaProperties",
    "PartitionLog",
    "ProducerStateEntry",
    "ProducerStateManager",
    "ReadResult",
    "RecoveryReport",
    "TimestampAndOffset",
    "UnexpectedAppendOffset",
    "format_directory",
    "open_log",
    "read_meta_properties",
]
