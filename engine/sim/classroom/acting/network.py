"""Actions on links, and on single messages under way."""

from __future__ import annotations

from typing import Any

from engine.sim.classroom import actions as do
from engine.sim.classroom import flight
from engine.sim.classroom.acting.base import ActingBase, Refused


class OnTheNetwork(ActingBase):
    """See the package."""

    def _cut(self, action: do.Cut) -> str:
        self._world.network.cut([self._host(action.source)], [self._host(action.to)], both_ways=action.both_ways)
        ways = "in both directions" if action.both_ways else "in this direction only"
        return f"The link from {_host_name(action.source)} to {_host_name(action.to)} was cut, {ways}."

    def _partitioned(self, action: do.Partitioned) -> str:
        sets = [[self._host(host_id) for host_id in members] for members in action.sets]
        for index, one in enumerate(sets):
            for other in sets[index + 1 :]:
                self._world.network.cut(one, other)
        names = " | ".join(", ".join(_host_name(host_id) for host_id in members) for members in action.sets)
        return f"The network was split: {names}."

    def _heal(self, action: do.Heal) -> str:
        self._room.slow.clear()
        for link in self._world.network.links():
            link.profile = self._room.link_profile(link)
        self._world.network.heal_all()
        return "The network works again."

    def _slow_down(self, action: do.SlowDown) -> str:
        node = self._node(action.node)
        if action.by_ms:
            self._room.slow[action.node] = action.by_ms
        else:
            self._room.slow.pop(action.node, None)
        for other in self._world.network.hosts():
            if other is not node.host:
                for link in (self._world.network.link(node.host, other), self._world.network.link(other, node.host)):
                    link.profile = self._room.present_profile(link)
        return f"Everything to and from node {action.node} takes {action.by_ms} ms longer."

    def _message(self, found: Any, what: str) -> str:
        if found is None:
            raise Refused("that message is not under way any more")
        return f"{what}: {found.api} {found.kind} from {found.source} to {found.to} ({found.size_bytes} bytes)."

    def _hold(self, action: do.Hold) -> str:
        until_ns = self._world.loop.now_ns + flight.HELD_NS
        return self._message(flight.move(self._world.network, action.message, to_ns=until_ns), "Held")

    def _release(self, action: do.Release) -> str:
        return self._message(flight.move(self._world.network, action.message, to_ns=0), "Released")

    def _delay(self, action: do.Delay) -> str:
        found = flight.move(self._world.network, action.message, by_ns=action.by_ms * 1_000_000)
        return self._message(found, f"Delayed by {action.by_ms} ms")

    def _drop(self, action: do.Drop) -> tuple[str, str]:
        text = self._message(flight.drop(self._world.network, action.message), "Dropped")
        return text, "TCP would send a lost packet again, so the whole connection broke."


def _host_name(host_id: int) -> str:
    return "the clients" if host_id == do.CLIENTS else f"node {host_id}"
