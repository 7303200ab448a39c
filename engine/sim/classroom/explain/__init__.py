"""The timeline: what changed between two views, in plain words, with the cause and the KIP where one applies.

Pure functions of two views and what disappeared from disks in between, a module for each kind of thing that changes. Nothing
here looks at the world itself, or knows when a line is shown.
"""

from __future__ import annotations

from engine.sim.classroom.explain.clients import of_client
from engine.sim.classroom.explain.disks import Gone, of_gone
from engine.sim.classroom.explain.event import Event, listed
from engine.sim.classroom.explain.groups import of_group
from engine.sim.classroom.explain.nodes import of_node, of_quorum
from engine.sim.classroom.explain.partitions import of_partition
from engine.sim.classroom.view import WorldView

__all__ = ["Event", "differences"]


def differences(before: WorldView, after: WorldView, gone: Gone) -> list[Event]:
    """Everything worth a line, causes before effects."""
    events: list[Event] = []
    old_nodes = {node.id: node for node in before.nodes}
    for node in after.nodes:
        if node.id in old_nodes:
            events.extend(of_node(old_nodes[node.id], node))
    events.extend(of_quorum(before.quorum, after.quorum, after))
    old_partitions = {(each.topic, each.partition): each for each in before.partitions}
    for place in after.partitions:
        old = old_partitions.get((place.topic, place.partition))
        if old is None:
            events.append(
                Event(
                    "config",
                    f"Partition {place.name} was created on nodes {listed(place.replicas)}, led by node {place.leader}.",
                    subject=place.name,
                )
            )
        elif old is not place:
            events.extend(of_partition(old, place, after))
    events.extend(of_gone(gone, before, after))
    old_groups = {group.group: group for group in before.groups}
    for group in after.groups:
        if old_groups.get(group.group) is not group:
            events.extend(of_group(old_groups.get(group.group), group))
    old_clients = {client.name: client for client in before.clients}
    for client in after.clients:
        if client.name in old_clients:
            events.extend(of_client(old_clients[client.name], client))
    return events
