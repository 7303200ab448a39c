"""Faults of the network. Bytes of one connection keep their order and are never lost while it lives, as TCP has it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.sim.faults.catalogue import fault
from engine.sim.links import MILLISECOND, SECOND, Link, LinkProfile
from engine.sim.process import Host

if TYPE_CHECKING:
    from engine.sim.nemesis import Nemesis


# ---- links that behave badly


@fault("network")
async def delay(storm: Nemesis, draw: random.Random) -> None:
    """One link takes up to 300 ms, both ways."""
    latency_ns = draw.randint(5, 300) * MILLISECOND
    await _misbehave(storm, draw, "delay", replace(storm.base_profile, latency_ns=latency_ns))


@fault("network")
async def jitter(storm: Nemesis, draw: random.Random) -> None:
    """How long bytes take on one link varies wildly."""
    await _misbehave(storm, draw, "jitter", replace(storm.base_profile, jitter_ns=draw.randint(5, 200) * MILLISECOND))


@fault("network")
async def packet_loss(storm: Nemesis, draw: random.Random) -> None:
    """Packets are lost on one link: to a stream that is a late retransmission, now and then."""
    profile = replace(
        storm.base_profile, spike_probability=draw.choice((0.01, 0.1, 0.3)), spike_ns=draw.choice((1, 2)) * SECOND
    )
    await _misbehave(storm, draw, "packet_loss", profile)


@fault("network")
async def slow_link(storm: Nemesis, draw: random.Random) -> None:
    """One link is slow, late and narrow."""
    profile = LinkProfile(
        latency_ns=draw.randint(5, 300) * MILLISECOND,
        jitter_ns=draw.randint(1, 100) * MILLISECOND,
        spike_probability=0.01,
        spike_ns=2 * SECOND,
        split_probability=0.3,
        bytes_per_second=draw.choice((0, 20_000, 200_000)),
    )
    await _misbehave(storm, draw, "slow_link", profile)


@fault("network")
async def dribble(storm: Nemesis, draw: random.Random) -> None:
    """Everything on one link arrives in pieces of a few bytes."""
    profile = replace(storm.base_profile, latency_ns=MILLISECOND, jitter_ns=0, dribble_bytes=draw.choice((7, 40, 200)))
    await _misbehave(storm, draw, "dribble", profile)


@fault("network")
async def reorder(storm: Nemesis, draw: random.Random) -> None:
    """Connections overtake each other everywhere: latencies differ from chunk to chunk."""
    profile = replace(storm.base_profile, latency_ns=0, jitter_ns=draw.randint(5, 80) * MILLISECOND)
    seconds = draw.uniform(0.5, 6.0)
    storm.note("reorder", f"{profile.jitter_ns} {seconds:.3f}")
    hosts = storm.hosts()
    links = [storm.network.link(one, other) for one in hosts for other in hosts if one is not other]
    await _with_profile(storm, links, profile, seconds)


async def _misbehave(storm: Nemesis, draw: random.Random, name: str, profile: LinkProfile) -> None:
    one, other = draw.sample(storm.hosts(), 2)
    seconds = draw.uniform(0.5, 8.0)
    storm.note(name, f"{one.name} {other.name} {seconds:.3f}")
    await _with_profile(storm, [storm.network.link(one, other), storm.network.link(other, one)], profile, seconds)


async def _with_profile(storm: Nemesis, links: Sequence[Link], profile: LinkProfile, seconds: float) -> None:
    for link in links:
        link.profile = profile
    await asyncio.sleep(seconds)
    for link in links:
        link.profile = storm.world.link_profile(link)


# ---- links that are cut


@fault("network")
async def isolate(storm: Nemesis, draw: random.Random) -> None:
    """One node is cut from all others, perhaps not from the clients."""
    host = draw.choice(storm.node_hosts())
    others = [other for other in storm.hosts() if other is not host]
    if draw.random() < 0.5:
        others.pop()  # clients still reach it
    await _cut(storm, draw, "isolate", [host], others)


@fault("network")
async def split(storm: Nemesis, draw: random.Random) -> None:
    """All machines fall into two halves that do not hear each other."""
    left, right = _halves(storm, draw)
    await _cut(storm, draw, "split", left, right)


@fault("network")
async def split_one_way(storm: Nemesis, draw: random.Random) -> None:
    """All machines fall into two halves; only one hears the other."""
    left, right = _halves(storm, draw)
    await _cut(storm, draw, "split_one_way", left, right, both_ways=False)


@fault("network")
async def one_way(storm: Nemesis, draw: random.Random) -> None:
    """One link is cut in one direction (half open)."""
    source, destination = draw.sample(storm.hosts(), 2)
    await _cut(storm, draw, "one_way", [source], [destination], both_ways=False)


@fault("network")
async def bridge(storm: Nemesis, draw: random.Random) -> None:
    """Two nodes see everyone but each other."""
    one, other = draw.sample(storm.node_hosts(), 2)
    await _cut(storm, draw, "bridge", [one], [other])


@fault("network")
async def majority_ring(storm: Nemesis, draw: random.Random) -> None:
    """Every node sees a majority, no two the same one: each is cut from those opposite to it on a ring (Jepsen)."""
    ring = storm.node_hosts()
    draw.shuffle(ring)
    seconds = draw.uniform(0.1, 10.0)
    storm.note("majority_ring", f"{[host.name for host in ring]} {seconds:.3f}")
    count = len(ring)
    reach = max(1, (count // 2) // 2)  # neighbours on either side, so that with itself it is a majority
    pairs = [
        (ring[one], ring[other])
        for one in range(count)
        for other in range(one + 1, count)
        if min(other - one, count - (other - one)) > reach
    ] or [(ring[0], ring[count // 2])]
    for left, right in pairs:
        storm.network.cut([left], [right])
    await asyncio.sleep(seconds)
    for left, right in pairs:
        storm.network.heal([left], [right])


@fault("network")
async def clog(storm: Nemesis, draw: random.Random) -> None:
    """Nothing leaves or enters one machine."""
    host = draw.choice(storm.hosts())
    await _cut(storm, draw, "clog", [host], storm.hosts())


@fault("network")
async def swizzle(storm: Nemesis, draw: random.Random) -> None:
    """Machines are clogged one by one and unclogged in another order (FoundationDB)."""
    hosts = [host for host in storm.hosts() if draw.random() < 0.5]
    storm.note("swizzle", f"{[host.name for host in hosts]}")
    for host in hosts:
        storm.network.cut([host], storm.hosts())
        await asyncio.sleep(draw.uniform(0.0, 1.5))
    draw.shuffle(hosts)
    for host in hosts:
        storm.network.heal([host], storm.hosts())
        await asyncio.sleep(draw.uniform(0.0, 1.5))


def _halves(storm: Nemesis, draw: random.Random) -> tuple[list[Host], list[Host]]:
    hosts = storm.hosts()
    draw.shuffle(hosts)
    at = draw.randint(1, len(hosts) - 1)
    return hosts[:at], hosts[at:]


async def _cut(
    storm: Nemesis,
    draw: random.Random,
    name: str,
    left: Sequence[Host],
    right: Sequence[Host],
    *,
    both_ways: bool = True,
) -> None:
    seconds = draw.uniform(0.1, 10.0)
    storm.note(name, f"{[host.name for host in left]} {[host.name for host in right]} {seconds:.3f}")
    storm.network.cut(left, right, both_ways=both_ways)
    await asyncio.sleep(seconds)
    storm.network.heal(left, right, both_ways=both_ways)


# ---- connections


@fault("network")
async def reset(storm: Nemesis, draw: random.Random) -> None:
    """All connections between two machines are reset."""
    one, other = draw.sample(storm.hosts(), 2)
    storm.note("reset", f"{one.name} {other.name}")
    storm.network.reset_connections(one, other)


@fault("network")
async def cut_frame(storm: Nemesis, draw: random.Random) -> None:
    """A connection breaks in the middle of a message."""
    transports = storm.network.transports()
    if transports:
        transport = draw.choice(transports)
        storm.note("cut_frame", transport.name)
        storm.network.cut_in_frame(transport)


@fault("network")
async def refuse(storm: Nemesis, draw: random.Random) -> None:
    """A node refuses new connections; the old ones go on."""
    host = draw.choice(storm.node_hosts())
    seconds = draw.uniform(0.5, 8.0)
    storm.note("refuse", f"{host.name} {seconds:.3f}")
    host.refuses = True
    if draw.random() < 0.5:
        storm.network.reset_connections(host, draw.choice([other for other in storm.hosts() if other is not host]))
    await asyncio.sleep(seconds)
    host.refuses = False
