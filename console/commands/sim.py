"""`stoker sim`: clusters in virtual time, each a function of its seed; run them, and look at one again.

A group whose commands are imported when they are asked for: rooms beside this one add theirs to COMMANDS.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from console.commands.options import debug_option, invocation, output_option

if TYPE_CHECKING:
    from engine.sim.case import Case
    from engine.sim.world import RunResult

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("console.commands.sim:run", "Run seeds, and say what was violated."),
    "replay": ("console.commands.sim:replay", "Run one seed, or play one situation, again and show what happened."),
    "faults": ("console.commands.sim:faults", "List the faults and scenarios there are."),
    "safeguards": ("console.commands.safeguards:safeguards", "List the safeguards that can be taken away."),
    "hunt": ("console.commands.safeguards:hunt", "Take safeguards away, and say how soon that is noticed."),
    "past": ("console.commands.safeguards:past", "List bugs of the past, and what stands against each."),
    "lessons": ("console.commands.learn:lessons", "List the lessons, and which of them are done."),
    "learn": ("console.commands.learn:learn", "Lessons: learn Kafka by breaking it."),
}
"""Name: where it is, and its line in the help."""

LEVELS = ("calm", "stormy", "radioactive")


class _Commands(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_Commands)
def sim() -> None:
    """The laboratory: clusters in virtual time.

    Each seed is a cluster of real nodes with clients, faults and judges. The same seed does the same in every process.
    """


def _scenarios(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    from engine.sim.scenarios import names

    if value is not None and value not in names():
        raise click.BadParameter(f"there is no scenario {value!r}; `stoker sim faults` lists them")
    return value


def _safeguard(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    from engine.runtime.safeguards import NAMES

    if value is not None and value not in NAMES:
        raise click.BadParameter(f"there is no safeguard {value!r}; `stoker sim safeguards` lists them")
    return value


_level = click.option(
    "--level", type=click.Choice(LEVELS), default="stormy", show_default=True, help="How much goes wrong."
)
scenario_option = click.option(
    "--scenario", metavar="NAME", callback=_scenarios, help="Only these faults; see `stoker sim faults`."
)
_without = click.option(
    "--without", metavar="SAFEGUARD", callback=_safeguard, help="Take a safeguard away, to see that it is noticed."
)
_aiokafka = click.option("--aiokafka", is_flag=True, help="Add an aiokafka producer and reader to the load.")


@click.command()
@click.option("--seeds", metavar="A..B", default="1..10", show_default=True, help="7, 1..300 or 3,5,8..10.")
@_level
@scenario_option
@click.option("--jobs", metavar="N", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes.")
@_without
@_aiokafka
@click.option(
    "--shrink", "test_file", metavar="FILE", help="Shrink the first failing seed and write it as a pytest file."
)
@output_option
@debug_option
def run(
    seeds: str,
    level: str,
    scenario: str | None,
    jobs: int,
    without: str | None,
    aiokafka: bool,
    test_file: str | None,
) -> int:
    """Run seeds, and say what was violated.

    The exit code is 1 when a seed violated something; one line per such seed replays it.
    """
    import time

    from console.output.render import say
    from engine.sim.case import Case
    from engine.sim.run import parse_seeds, run_cases
    from engine.sim.scenarios import SWARM

    try:
        numbers = parse_seeds(seeds)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--seeds") from error
    cases = [Case(number, level, scenario or SWARM, without, aiokafka) for number in numbers]
    quiet = invocation().output != "table"
    began = time.monotonic()
    results: list[RunResult] = []
    failed: list[Case] = []
    for case, result in zip(cases, run_cases(cases, jobs), strict=True):
        results.append(result)
        if result.violations:
            failed.append(case)
            _tell_violations(case, result)
        elif not quiet:
            say(_line(result, len(results), len(cases)))
    _print_results(results, time.monotonic() - began)
    if failed and test_file is not None:
        _write_test(failed[0], test_file)
    return 1 if failed else 0


def _line(result: RunResult, number: int, total: int) -> str:
    faults = ", ".join(f"{count} {name}" for name, count in sorted(result.faults.items()))
    return (
        f"[{number}/{total}] seed {result.seed}: {result.virtual_seconds:.1f} s, {result.acknowledged} records, "
        f"{result.elections} elections; {faults or 'no fault'}"
    )


def _tell_violations(case: Case, result: RunResult) -> None:
    from console.output.render import say

    say(f"seed {result.seed} VIOLATES")
    for violation in result.violations[:5]:
        say(f"    {violation[:1000]}")
    if len(result.violations) > 5:
        say(f"    and {len(result.violations) - 5} more")
    say(f"    again: stoker sim replay {result.seed} {case.words}")


def _print_results(results: list[RunResult], seconds: float) -> None:
    from console.output.render import print_facts, print_rows
    from console.output.table import Column

    output = invocation().output
    virtual_s = sum(result.virtual_seconds for result in results)
    faults: dict[str, int] = {}
    reached: dict[str, int] = {}
    for result in results:
        for name, count in result.faults.items():
            faults[name] = faults.get(name, 0) + count
        for point in result.sometimes:
            reached[point] = reached.get(point, 0) + 1
    bad = sum(bool(result.violations) for result in results)
    seeds = [_as_row(result) for result in results]
    if output in ("jsonl", "csv"):
        print_rows(output, [Column(key, key) for key in ("seed", "trace_hash", "violations", "virtual_seconds")], seeds)
        return
    summary: dict[str, Any] = {
        "runs": len(results),
        "failed": bad,
        "virtual_seconds": round(virtual_s, 3),
        "wall_seconds": round(seconds, 3),
        "acknowledged": sum(result.acknowledged for result in results),
        "faults": dict(sorted(faults.items())),
        "reached": dict(sorted(reached.items())),
    }
    facts = [
        ("Seeds", f"{len(results)}, {bad} with violations"),
        ("Virtual time", f"{virtual_s / 3600:.2f} hours in {seconds:.0f} s"),
        ("Records", f"{summary['acknowledged']} acknowledged"),
        ("Faults", f"{sum(faults.values())} of {len(faults)} kinds"),
        ("States reached", f"{len(reached)}"),
    ]
    print_facts(output, facts, {"seeds": seeds, **summary})


def _as_row(result: RunResult) -> dict[str, Any]:
    return {
        "seed": result.seed,
        "trace_hash": result.trace_hash,
        "violations": result.violations,
        "virtual_seconds": result.virtual_seconds,
        "level": result.level,
        "scenario": result.scenario,
        "acknowledged": result.acknowledged,
        "elections": result.elections,
        "faults": result.faults,
    }


def _write_test(case: Case, path: str) -> None:
    from pathlib import Path

    from console.output.render import say
    from engine.sim.shrink import as_test, shrink

    say(f"shrinking seed {case.seed} ...")
    shrunk = shrink(case)
    if shrunk is None:
        say("it passes when it is run again: not a function of its seed")
        return
    Path(path).write_text(as_test(shrunk), encoding="utf-8")
    say(
        f"{len(shrunk.case.plan or ())} faults and {shrunk.result.sends} records are left after {shrunk.tries} runs; "
        f"`pytest {path}` shows it"
    )


@click.command()
@click.argument("seed", metavar="SEED|SITUATION")
@_level
@scenario_option
@_without
@_aiokafka
@click.option("--lines", metavar="N", type=click.IntRange(1), default=200, show_default=True, help="The last N events.")
@click.option("--all", "everything", is_flag=True, help="Every event, those of single connections too.")
@click.option("--twice", is_flag=True, help="Run it twice, and name the first event in which the runs differ.")
@output_option
@debug_option
def replay(
    seed: str,
    level: str,
    scenario: str | None,
    without: str | None,
    aiokafka: bool,
    lines: int,
    everything: bool,
    twice: bool,
) -> int:
    """Run one seed again and show what happened: faults, starts, stops, and what was violated.

    A SITUATION is what the laboratory's pages share and save: an address, its text, or a file with its JSON. It is played
    to its moment, bit by bit as it was, and its timeline is shown; the options of seeds mean nothing to it.
    """
    if not seed.isdecimal():
        from console.commands.situation import replay as replay_situation

        return replay_situation(seed, lines, everything, twice)
    number = int(seed)
    from console.output.render import print_rows, say, to_json, write
    from console.output.table import Column
    from engine.sim.case import Case
    from engine.sim.scenarios import SWARM
    from engine.sim.trace import first_divergence

    case = Case(number, level, scenario or SWARM, without, aiokafka)
    result, events = case.timeline()
    shown = [_event(line) for line in events if everything or _is_of_interest(line)]
    output = invocation().output
    parting = first_divergence(events, case.timeline()[1]) if twice else None
    if output == "json":
        write(to_json({**result.as_dict(), "events": shown, "divergence": parting}, indent=2))
    else:
        columns = [Column("seconds", "SECONDS", lambda value: f"{value:.6f}", right=True), Column("event", "EVENT")]
        print_rows(output, columns, shown[-lines:], empty="Nothing happened.")
    if len(shown) > lines and output == "table":
        say(f"the last {lines} of {len(shown)} events; --lines shows more")
    for violation in result.violations:
        say(violation)
    if parting is not None:
        number, one, other = parting
        say(f"the two runs agree for {number} events; then one has {one!r} and the other {other!r}")
    elif twice:
        say(f"both runs have the same {len(events)} events")
    say(f"seed {seed}: {result.trace_hash}")
    return 1 if result.violations or parting is not None else 0


_OF_INTEREST = (
    "fault",
    "start",
    "up",
    "stop",
    "kill",
    "pause",
    "resume",
    "power",
    "wipe",
    "crash",
    "cut",
    "heal",
    "ended",
)


def _is_of_interest(line: str) -> bool:
    return line.split(" ", 2)[1] in _OF_INTEREST


def _event(line: str) -> dict[str, Any]:
    from engine.sim.loop import START_NS

    at, _, event = line.partition(" ")
    return {"seconds": (int(at) - START_NS) / 1e9, "event": event}


@click.command()
@output_option
@debug_option
def faults() -> None:
    """List the faults and scenarios there are; each name can be given to --scenario."""
    from console.output.render import print_rows
    from console.output.table import Column
    from engine.sim.faults import KINDS
    from engine.sim.scenarios import SCENARIOS

    rows = [{"name": kind.name, "group": kind.group, "summary": kind.summary} for kind in KINDS.values()]
    rows += [
        {"name": name, "group": "several", "summary": ", ".join(kinds)}
        for name, kinds in SCENARIOS.items()
        if name not in KINDS
    ]
    columns = [Column("name", "NAME"), Column("group", "GROUP"), Column("summary", "WHAT HAPPENS", flexible=True)]
    print_rows(invocation().output, columns, rows)
