"""Nodes, and the quorum of their controllers."""

from __future__ import annotations

from collections.abc import Iterator

from engine.sim.classroom.explain.event import Event, listed
from engine.sim.classroom.view import NodeView, QuorumView, WorldView


def of_node(old: NodeView, new: NodeView) -> Iterator[Event]:
    name = f"node-{new.id}"
    if old.state != new.state:
        if new.state == "up":
            yield Event("node", f"Node {new.id} is up and serves (life {new.life}).", subject=name)
        elif new.state == "failed":
            yield Event(
                "disk",
                f"Node {new.id} gave up: its log directory failed.",
                "An I/O error may mean lost writes; Kafka takes the directory offline and never tries again.",
                "KIP-112",
                subject=name,
            )
        elif new.state == "down" and old.state == "stopping":
            yield Event("node", f"Node {new.id} has stopped in good order.", subject=name)
    if old.is_fenced != new.is_fenced and old.life == new.life:
        if new.is_fenced:
            yield Event(
                "fenced",
                f"The controller fenced node {new.id}.",
                "It has had no heartbeat from it within broker.session.timeout.ms (or the node is shutting down); "
                "a fenced broker leads nothing and is in no ISR.",
                "KIP-631",
                subject=name,
            )
        else:
            yield Event(
                "fenced",
                f"The controller unfenced node {new.id}: it may lead again.",
                "Its heartbeats come, and it has caught up with the metadata log.",
                "KIP-631",
                subject=name,
            )


def of_quorum(old: QuorumView, new: QuorumView, after: WorldView) -> Iterator[Event]:
    if new.leader != old.leader or (new.leader >= 0 and new.epoch != old.epoch):
        if new.leader >= 0:
            votes = [voter.node for voter in new.voters if voter.voted_for == new.leader and voter.epoch == new.epoch]
            yield Event(
                "quorum",
                f"Node {new.leader} leads the quorum in epoch {new.epoch}: it is the active controller.",
                f"It won the votes of a majority of {len(new.voters)} voters"
                + (f" (seen: {listed(votes)})" if votes else "")
                + ". A voter grants one vote in an epoch, to nobody whose log is older than its own.",
                "KIP-595",
                subject=f"node-{new.leader}",
            )
        else:
            yield Event(
                "quorum",
                "The quorum has no leader: nothing about the cluster can be decided now.",
                "The leader is gone, or could not reach a majority of the voters for some time and resigned. "
                "Partitions go on with the leaders they have.",
                "KIP-595",
                subject="quorum",
            )
    old_states = {voter.node: voter for voter in old.voters}
    for voter in new.voters:
        before = old_states.get(voter.node)
        if before is not None and before.state != voter.state:
            if voter.state == "candidate":
                yield Event(
                    "quorum",
                    f"Node {voter.node} stands for election in quorum epoch {voter.epoch}.",
                    "It has not heard from a leader for its (random) timeout, and a majority said it could win.",
                    "KIP-996",
                    subject=f"node-{voter.node}",
                )
            elif voter.state == "prospective":
                yield Event(
                    "quorum",
                    f"Node {voter.node} asks around whether it would win an election.",
                    "It has not heard from a leader. The question starts no epoch, so a node that is cut off "
                    "does not disturb the others when it is back (pre-vote).",
                    "KIP-996",
                    subject=f"node-{voter.node}",
                )
