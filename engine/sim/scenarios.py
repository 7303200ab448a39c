"""Named choices of faults: what `--scenario` may say. Every kind of fault is a scenario of its own too."""

from __future__ import annotations

from collections.abc import Mapping

from engine.sim.faults import GROUPS, KINDS

SWARM = "swarm"
"""The default: each seed draws which kinds it has."""

SCENARIOS: Mapping[str, tuple[str, ...]] = {
    **{group: tuple(kind.name for kind in KINDS.values() if kind.group == group) for group in GROUPS},
    "partition": ("split", "split_one_way", "one_way", "bridge", "isolate", "majority_ring", "clog", "swizzle"),
    "packet": ("delay", "jitter", "packet_loss", "slow_link", "dribble", "reorder"),
    "crash": ("kill", "kill_all", "crash_loop", "stop", "chase_leader"),
    "power": ("lose_power", "lost_writes", "torn_write", "reordered_writes", "missing_entry", "misdirected_write"),
    "io-errors": ("read_error", "write_error", "sync_error", "disk_full", "bit_flip", "slow_disk"),
    "jepsen": ("kill", "pause", "split", "isolate", "clock_jump", "clock_strobe", "packet_loss", "client_crash"),
    "leaders": ("move_leader", "move_controller", "chase_leader", "starve_leader", "stop"),
}


def faults_of(scenario: str) -> tuple[str, ...]:
    """The kinds a scenario may draw from; empty for the swarm. KeyError for an unknown name."""
    if scenario in ("", SWARM):
        return ()
    if scenario in KINDS:
        return (scenario,)
    return SCENARIOS[scenario]


def names() -> list[str]:
    """Every scenario, groups of faults first."""
    return [SWARM, *SCENARIOS, *(name for name in KINDS if name not in SCENARIOS)]
