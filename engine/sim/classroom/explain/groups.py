"""Groups: members, rebalances, coordinators."""

from __future__ import annotations

from collections.abc import Iterator

from engine.sim.classroom.explain.event import Event
from engine.sim.classroom.view import GroupView


def of_group(old: GroupView | None, new: GroupView) -> Iterator[Event]:
    name = new.group
    old_members = {member.member_id: member for member in old.members} if old is not None else {}
    members = {member.member_id: member for member in new.members}
    for member_id, member in members.items():
        if member_id not in old_members:
            yield Event(
                "group",
                f"{name}: {member.client} joined"
                + (f" as static member {member.instance_id}." if member.instance_id else "."),
                subject=name,
            )
    for member_id, member in old_members.items():
        if member_id not in members and not any(
            each.instance_id and each.instance_id == member.instance_id for each in new.members
        ):
            yield Event(
                "group",
                f"{name}: {member.client} is no member any more.",
                "It left, or its heartbeats stopped for session.timeout.ms.",
                "KIP-62",
                subject=name,
            )
    state_before = old.state if old is not None else "Empty"
    if new.state != state_before and new.state == "PreparingRebalance":
        yield Event(
            "group",
            f"{name}: a rebalance begins (after generation {new.generation}).",
            "A member came, went, or changed what it wants. "
            + (
                "Everybody keeps reading what it owns meanwhile (cooperative)."
                if "cooperative" in new.protocol
                else "Everybody stops and gives up its partitions first (eager)."
            ),
            "KIP-429" if "cooperative" in new.protocol else "",
            subject=name,
        )
    if new.state == "Stable" and (old is None or old.state != "Stable" or old.generation != new.generation):
        shares = "; ".join(f"{member.client}: {', '.join(member.assignment) or 'nothing'}" for member in new.members)
        yield Event(
            "group",
            f"{name}: generation {new.generation} is stable. {shares}.",
            f"The group's leader computed the assignment with {new.protocol or 'its assignor'}.",
            subject=name,
        )
    if old is not None and old.coordinator != new.coordinator:
        yield Event(
            "group",
            f"{name}: node {new.coordinator} is the coordinator now.",
            "It leads the group's partition of __consumer_offsets, and has read it to know the group.",
            subject=name,
        )
