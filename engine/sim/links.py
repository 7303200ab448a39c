"""Links between hosts: how long bytes take, and whether they arrive at all.

A link has a direction. Latency is drawn for every chunk; bytes of one connection keep their order all the same, as TCP
does. While a link is cut, bytes are not lost but stall, as TCP's retransmission makes it look: they arrive some time
after the link is healed, or the sender gives up (`NetworkProfile.retransmission_timeout_ns`).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

MICROSECOND = 1_000
MILLISECOND = 1_000_000
SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """How a link behaves while it works. Times in nanoseconds."""

    latency_ns: int = 200 * MICROSECOND
    jitter_ns: int = 100 * MICROSECOND
    """Mean of the exponential part of the latency."""
    spike_probability: float = 0.0
    """How often a chunk is late by up to `spike_ns`."""
    spike_ns: int = 0
    bytes_per_second: int = 0
    """Bandwidth shared by all connections in this direction; 0 is unlimited."""
    split_probability: float = 0.05
    """How often a write arrives in two pieces, cut anywhere."""
    dribble_bytes: int = 0
    """When not 0: everything arrives in pieces of 1 to this many bytes."""


LOOPBACK = LinkProfile(latency_ns=20 * MICROSECOND, jitter_ns=5 * MICROSECOND)


@dataclass(frozen=True, slots=True)
class NetworkProfile:
    """What is the same for all connections. Times in nanoseconds."""

    window_bytes: int = 256 * 1024
    """Bytes that may be under way or unread on one connection in one direction: the kernels' buffers."""
    chunk_bytes: int = 64 * 1024
    """The most that arrives at once."""
    connect_timeout_ns: int = 10 * SECOND
    """How long a connection attempt to a silent host lasts (tcp_syn_retries)."""
    retransmission_timeout_ns: int = 30 * SECOND
    """How long a sender waits for bytes to get through before it gives the connection up (TCP_USER_TIMEOUT)."""
    resume_ns: int = 200 * MILLISECOND
    """After a link is healed stalled bytes arrive within this time: the next retransmission."""


class Link:
    """One direction between two hosts."""

    __slots__ = ("_free_at_ns", "_waiting", "cut", "cut_ports", "held", "name", "profile", "random")

    def __init__(self, name: str, profile: LinkProfile, random_source: random.Random) -> None:
        self.name = name
        self.profile = profile
        self.random = random_source
        self.cut = False
        """Bytes stall; connections may time out."""
        self.cut_ports: dict[int, None] = {}
        """Bytes of connections to servers on these ports stall, the others pass."""
        self.held = False
        """Bytes are kept in flight by the experimenter until released."""
        self._free_at_ns = 0
        self._waiting: list[Callable[[bool], None]] = []

    @property
    def blocked(self) -> bool:
        return self.cut or self.held

    def blocks(self, port: int) -> bool:
        """Whether bytes of a connection to a server on that port do not pass."""
        return self.cut or self.held or port in self.cut_ports

    def arrival_ns(self, now_ns: int, size: int) -> int:
        """When `size` bytes sent now are there."""
        profile = self.profile
        departure_ns = now_ns
        if profile.bytes_per_second:
            departure_ns = max(now_ns, self._free_at_ns) + size * SECOND // profile.bytes_per_second
            self._free_at_ns = departure_ns
        latency_ns = profile.latency_ns
        if profile.jitter_ns:
            latency_ns += int(self.random.expovariate(1.0) * profile.jitter_ns)
        if profile.spike_probability and self.random.random() < profile.spike_probability:
            latency_ns += self.random.randrange(profile.spike_ns)
        return departure_ns + latency_ns

    def piece(self, size: int) -> int:
        """How many of `size` bytes arrive together."""
        profile = self.profile
        if size > 1:
            if profile.dribble_bytes:
                return min(size, self.random.randint(1, profile.dribble_bytes))
            if profile.split_probability and self.random.random() < profile.split_probability:
                return self.random.randrange(1, size)
        return size

    def wait(self, resumed: Callable[[bool], None]) -> None:
        """Call `resumed(was_held)` once the link is no longer blocked."""
        self._waiting.append(resumed)

    def set_cut(self, cut: bool) -> None:
        """Cut or heal."""
        self.cut = cut
        if not self.blocked:
            self._resume(False)

    def set_port_cut(self, port: int, cut: bool) -> None:
        """Cut or heal the connections to servers on that port only."""
        if cut:
            self.cut_ports[port] = None
        else:
            self.cut_ports.pop(port, None)
            if not self.blocked:
                self._resume(False)

    def set_held(self, held: bool) -> None:
        """Hold or release what is in flight."""
        self.held = held
        if not self.blocked:
            self._resume(True)

    def _resume(self, was_held: bool) -> None:
        waiting, self._waiting = self._waiting, []
        for resumed in waiting:
            resumed(was_held)
