"""`python -m engine.sim.run --seeds 1..300 --jobs 2`: worlds, one per seed, and a summary.

Each seed that violates something prints what, and one line that replays it. The exit code is 1 then. `--json FILE`
writes one object per seed. `--check K` runs every K-th seed a second time in a fresh process with another
PYTHONHASHSEED and compares the trace hashes. `--without NAME` takes a safeguard away, to see that it is noticed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TextIO

from engine.runtime import safeguards
from engine.sim.case import Case
from engine.sim.nemesis import Level
from engine.sim.scenarios import SWARM, names
from engine.sim.sometimes import missing
from engine.sim.world import RunResult


def parse_seeds(text: str) -> list[int]:
    """ "7", "1..300" (inclusive), "3,5,8..10". Raises ValueError."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        if dots and int(last) < int(first):
            raise ValueError(f"{part}: the last seed comes before the first")
        seeds.extend(range(int(first), int(last) + 1) if dots else [int(first)])
    return seeds


def run_seed(seed: int, level: str, without: str | None = None, aiokafka: bool = False) -> RunResult:
    """Play one world to its end; `aiokafka` adds its clients to the load."""
    return Case(seed, level, without=without, aiokafka=aiokafka).run()


def run_cases(cases: Sequence[Case], jobs: int = 1) -> Iterator[RunResult]:
    """Results in the order of the cases, as they come."""
    if jobs <= 1:
        yield from map(Case.run, cases)
        return
    # Fresh processes now and then, for their memory; ProcessPoolExecutor hangs when it renews them (CPython gh-115634).
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=25) as pool:
        yield from pool.imap(Case.run, cases)


def hash_in_fresh_process(result: RunResult, hash_seed: str) -> str:
    """The trace hash of the same run, by another interpreter with that PYTHONHASHSEED."""
    command = [sys.executable, *result.replay.split()[1:], "--json", "-", "--quiet"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
    return str(json.loads(output.splitlines()[0])["trace_hash"])


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """The command. Returns the exit code."""
    out = sys.stdout if out is None else out
    parser = argparse.ArgumentParser(prog="python -m engine.sim.run", description="Run clusters in virtual time.")
    parser.add_argument("--seeds", type=parse_seeds, default=[1], help="7, 1..300 or 3,5,8..10 (default: 1)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--level", choices=[level.value for level in Level], default=Level.STORMY.value)
    parser.add_argument("--json", metavar="FILE", help="one JSON object per seed; - is standard output")
    parser.add_argument("--check", type=int, metavar="K", default=0, help="run every K-th seed twice, compare hashes")
    parser.add_argument("--without", choices=safeguards.NAMES, help="take a safeguard away")
    parser.add_argument("--aiokafka", action="store_true", help="add an aiokafka producer and reader to the load")
    parser.add_argument("--scenario", choices=names(), default=SWARM, metavar="NAME", help="only these faults")
    parser.add_argument("--sometimes", action="store_true", help="fail when an interesting state was never reached")
    parser.add_argument("--first", action="store_true", help="stop at the first violation")
    parser.add_argument("--quiet", action="store_true", help="only violations and the summary")
    options = parser.parse_args(arguments)

    to_stdout = options.json == "-"
    report: TextIO = sys.stderr if to_stdout else out
    file = open(options.json, "w", encoding="utf-8") if options.json and not to_stdout else None  # noqa: SIM115
    began = time.monotonic()
    bad: list[RunResult] = []
    totals = {"virtual_seconds": 0.0, "acknowledged": 0, "faults": 0, "runs": 0}
    cases = [Case(seed, options.level, options.scenario, options.without, options.aiokafka) for seed in options.seeds]
    reached: list[dict[str, int]] = []
    for result in run_cases(cases, options.jobs):
        reached.append(result.sometimes)
        _check_determinism(result, options.check)
        line = json.dumps(result.as_dict(), sort_keys=True)
        if to_stdout:
            print(line, file=out, flush=True)
        elif file is not None:
            print(line, file=file, flush=True)
        totals["runs"] += 1
        totals["virtual_seconds"] += result.virtual_seconds
        totals["acknowledged"] += result.acknowledged
        totals["faults"] += sum(result.faults.values())
        if result.violations:
            bad.append(result)
            _print_violations(result, report, options.without)
        elif not options.quiet:
            print(_one_line(result), file=report, flush=True)
        if result.violations and options.first:
            break
    if file is not None:
        file.close()
    seconds = time.monotonic() - began
    print(
        f"{totals['runs']} seeds, {len(bad)} with violations; {totals['virtual_seconds'] / 3600:.2f} virtual hours in "
        f"{seconds:.0f} s; {totals['acknowledged']} records acknowledged, {totals['faults']} faults",
        file=report,
    )
    if options.sometimes and (unreached := missing(reached)):
        print(f"never reached: {', '.join(unreached)}", file=report)
        return 1
    return 1 if bad else 0


def _check_determinism(result: RunResult, every: int) -> None:
    if every and result.seed % every == 0:
        other = hash_in_fresh_process(result, str(result.seed % 1000 + 1))
        if other != result.trace_hash:
            result.violations.append(f"not-deterministic: trace {result.trace_hash} here, {other} in a fresh process")


def _one_line(result: RunResult) -> str:
    faults = ", ".join(f"{count} {name}" for name, count in sorted(result.faults.items()))
    return (
        f"seed {result.seed}: {result.trace_hash[:12]} {result.virtual_seconds:.1f} s, "
        f"{result.acknowledged} records, {result.elections} elections; {faults or 'no fault'}"
    )


def _print_violations(result: RunResult, out: TextIO, without: str | None) -> None:
    print(f"seed {result.seed} VIOLATES", file=out)
    for violation in result.violations[:5]:
        print(f"    {violation[:2000]}", file=out)
    if len(result.violations) > 5:
        print(f"    and {len(result.violations) - 5} more", file=out)
    suffix = f" --without {without}" if without else ""
    print(f"    replay: {result.replay}{suffix}", file=out, flush=True)


if __name__ == "__main__":
    sys.exit(main())
