"""Clients, as they see the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from engine.sim.classroom.explain.event import Event
from engine.sim.classroom.view import ClientView

_PRODUCE_WHY = {
    "NOT_ENOUGH_REPLICAS": ("The ISR is smaller than min.insync.replicas, so acks=all is refused.", ""),
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": ("The ISR shrank below min.insync.replicas while the write was waiting.", ""),
    "NOT_LEADER_OR_FOLLOWER": ("The producer asked a node that leads no more; it looks for the leader anew.", ""),
    "KAFKA_STORAGE_ERROR": ("The leader's disk refused the write.", "KIP-112"),
    "REQUEST_TIMED_OUT": ("The followers did not copy it in time. It may still be committed later.", ""),
    "OUT_OF_ORDER_SEQUENCE_NUMBER": ("A record before it is missing in the log.", "KIP-98"),
    "OFFSET_OUT_OF_RANGE": (
        "The log does not reach to the offset it asked for, or begins behind it; auto.offset.reset decides where it goes "
        "on (here: earliest).",
        "",
    ),
    "no leader": (
        "Its connection broke, or nobody leads the partition; it asks for the metadata anew, and tries again.",
        "",
    ),
    "no answer in time": ("Nothing came within its request timeout: whether it was written, it cannot know.", ""),
    "UNKNOWN_TOPIC_OR_PARTITION": ("There is no such topic (yet): it waits for one.", ""),
    "FENCED_LEADER_EPOCH": (
        "It asked in an older leader epoch than the leader's; it looks for the leader anew.",
        "KIP-320",
    ),
    "UNKNOWN_LEADER_EPOCH": (
        "It knows a newer leader epoch than the node it asked; that one will learn it soon.",
        "KIP-320",
    ),
}


def of_client(old: ClientView, new: ClientView) -> Iterator[Event]:
    if old.acked == 0 and new.acked > 0:
        said = {-1: "every replica in the ISR has it", 1: "the leader alone has it", 0: ""}[new.acks]
        yield Event(
            "produce",
            f"{new.name}: the first record is acknowledged (acks={_acks(new.acks)}: {said}).",
            subject=new.name,
        )
    if new.last_error != old.last_error and new.last_error:
        why, kip = _PRODUCE_WHY.get(new.last_error, ("", ""))
        yield Event("produce", f"{new.name}: {new.last_error}.", why, kip, subject=new.name)
    if new.failed > old.failed:
        yield Event(
            "produce", f"{new.name} gave up on {new.failed - old.failed} record(s).", is_bad=True, subject=new.name
        )


def _acks(acks: int) -> str:
    return "all" if acks == -1 else str(acks)
