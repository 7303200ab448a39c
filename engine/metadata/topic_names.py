"""Which topic names are allowed (Kafka: org.apache.kafka.common.internals.Topic)."""

from __future__ import annotations

from engine.types import CLUSTER_METADATA, INTERNAL_TOPICS

NAME_LENGTH_MAX = 249
"""Leaves room for "-", the partition and Kafka's directory suffixes within the 255 bytes of a file name."""

_LEGAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def why_invalid(name: str) -> str | None:
    """Kafka's sentence about what is wrong with `name`, None when nothing is (Kafka: Topic.validate)."""
    if not name:
        reason = "the empty string is not allowed"
    elif name == ".":
        reason = "'.' is not allowed"
    elif name == "..":
        reason = "'..' is not allowed"
    elif len(name) > NAME_LENGTH_MAX:
        reason = f"the length of '{name}' is longer than the max allowed length {NAME_LENGTH_MAX}"
    elif not _LEGAL.issuperset(name):
        reason = f"'{name}' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'"
    else:
        return None
    return f"Topic name is invalid: {reason}"


def is_internal(name: str) -> bool:
    """A topic the cluster keeps for itself, shown to clients as such (Kafka: Topic.isInternal)."""
    return name in INTERNAL_TOPICS


def is_metadata_topic(name: str) -> bool:
    """The quorum's log, which is no topic of the image."""
    return name == CLUSTER_METADATA.topic


def has_collision_characters(name: str) -> bool:
    return "." in name or "_" in name


def unified(name: str) -> str:
    """The name as metrics show it: two topics whose names unify to the same cannot both exist (KAFKA-13743)."""
    return name.replace(".", "_")
