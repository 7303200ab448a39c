"""`python -m engine.sim.hunt`: takes each safeguard away in turn, and says how many seeds it took to be noticed.

Most have a script that walks into the bug on purpose (`engine.sim.scripts`): one seed, and "script" for a scenario. The
others are noticed by storms, each in the scenario of STORMS; `--scenario NAME` hunts in that one, `--scenario swarm` in
what every seed of the suite has. The exit code is 1 when one was not noticed within the seeds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

from engine.runtime import safeguards
from engine.sim.case import Case, kind_of
from engine.sim.run import parse_seeds
from engine.sim.scenarios import SWARM, names
from engine.sim.scripts import SCRIPTS

SCRIPT = "script"
SEEDS_MAX = 100

STORMS: Mapping[str, str] = {
    "checkpoints_are_synced": "power",
    "consumers_stop_at_high_watermark": "starve_leader",
    "fetch_epoch_fencing": SWARM,
    "high_watermark_respects_min_isr": "starve_leader",
    "min_insync_replicas": "starve_leader",
    "recovery_after_unclean_shutdown": "power",
    "sequence_deduplication": "duplicate_requests",
    "truncate_by_epoch": "chase_leader",
    "voters_sync_before_acknowledging": "power",
}
"""Safeguard -> the scenario in which storms notice soonest that it is gone; for those without a script."""


@dataclass(frozen=True, slots=True)
class Catch:
    """What became of one safeguard."""

    safeguard: str
    scenario: str
    seeds: int
    """How many were run."""
    seed: int | None
    """The one that noticed; None when none did."""
    kind: str
    """The violation."""


def way_of(safeguard: str) -> str:
    """How its absence is noticed: SCRIPT, or the scenario of storms. KeyError for an unknown one."""
    return SCRIPT if safeguard in SCRIPTS else STORMS[safeguard]


def hunt(
    safeguard: str, seeds: Sequence[int] = range(1, SEEDS_MAX + 1), scenario: str | None = None, level: str = "stormy"
) -> Catch:
    """Play the script of `safeguard` without it; or, with a scenario or without a script, run seeds until one violates
    something."""
    chosen = scenario or way_of(safeguard)
    if chosen == SCRIPT:
        with safeguards.without(safeguard):
            violations = SCRIPTS[safeguard]()
        return Catch(safeguard, SCRIPT, 1, 1 if violations else None, kind_of(violations[0]) if violations else "")
    for count, seed in enumerate(seeds, 1):
        result = Case(seed, level, chosen, without=safeguard).run()
        if result.violations:
            return Catch(safeguard, chosen, count, seed, kind_of(result.violations[0]))
    return Catch(safeguard, chosen, len(seeds), None, "")


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """The command. Returns the exit code."""
    out = sys.stdout if out is None else out
    parser = argparse.ArgumentParser(prog="python -m engine.sim.hunt", description="Take safeguards away.")
    parser.add_argument(
        "--seeds", type=parse_seeds, default=range(1, SEEDS_MAX + 1), help=f"at most these (1..{SEEDS_MAX})"
    )
    parser.add_argument("--scenario", choices=names(), metavar="NAME", help="instead of the one that fits each")
    parser.add_argument("--level", default="stormy", help="calm, stormy or radioactive")
    parser.add_argument("safeguards", nargs="*", metavar="SAFEGUARD", help="only these")
    options = parser.parse_args(arguments)
    missed = 0
    print(f"{'SAFEGUARD':38} {'SCENARIO':20} {'SEEDS':>5}  NOTICED AS", file=out)
    for name in options.safeguards or safeguards.NAMES:
        catch = hunt(name, options.seeds, options.scenario, options.level)
        missed += catch.seed is None
        noticed = catch.kind if catch.seed is not None else "not noticed"
        print(f"{name:38} {catch.scenario:20} {catch.seeds:5}  {noticed}", file=out, flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
