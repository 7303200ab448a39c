"""`stoker sim safeguards`, `hunt` and `past`: what stands against the bugs of the past, and whether it would be missed."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import click

from console.commands.options import debug_option, invocation, output_option
from console.commands.sim import scenario_option

if TYPE_CHECKING:
    from engine.sim.hunt import Catch

WIDTH = 96
_STORY = "a story"


def _known(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    from engine.runtime.safeguards import NAMES

    for value in values:
        if value not in NAMES:
            raise click.BadParameter(f"there is no safeguard {value!r}; `stoker sim safeguards` lists them")
    return values


_names = click.argument("names", metavar="[SAFEGUARD]...", nargs=-1, callback=_known)


@click.command()
@_names
@output_option
@debug_option
def safeguards(names: tuple[str, ...]) -> None:
    """List the safeguards that can be taken away, or show some of them in full.

    Each stands against a bug of Kafka's past, or of an engine like it; its name can be given to --without. MISSED BY is
    the scenario in which storms notice soonest that it is gone, or a story that walks into the bug on purpose.
    """
    from console.output.render import print_facts, print_rows, write
    from console.output.table import Column
    from engine.runtime.safeguards import BY_NAME, SAFEGUARDS
    from engine.sim.hunt import SCRIPT, way_of
    from engine.sim.past import BUGS

    output = invocation().output
    rows: list[dict[str, Any]] = []
    for each in [BY_NAME[name] for name in names] or SAFEGUARDS:
        way = way_of(each.name)
        rows.append(
            {
                "name": each.name,
                "source": each.source,
                "text": each.text,
                "otherwise": each.otherwise,
                "noticed": _STORY if way == SCRIPT and output == "table" else way,
                "bugs": [bug.name for bug in BUGS if each.name in bug.safeguards],
            }
        )
    if not names or output != "table":
        columns = [
            Column("name", "SAFEGUARD"),
            Column("source", "FROM"),
            Column("noticed", "MISSED BY"),
            Column("text", "WHAT IT DOES", flexible=True),
        ]
        print_rows(output, columns, rows)
        return
    for number, row in enumerate(rows):
        if number:
            write("")
        pairs = [
            ("Safeguard", row["name"]),
            ("From", row["source"]),
            ("What it does", row["text"]),
            ("Without it", row["otherwise"]),
            ("Stands against", "; ".join(row["bugs"])),
            ("Missed by", row["noticed"]),
        ]
        print_facts(output, pairs, row)


@click.command()
@output_option
@debug_option
def past() -> None:
    """List bugs of the past that lost or showed wrong data, and what stands against each here.

    That is safeguards, each of which can be taken away, or the reason why there is none.
    """
    from console.output.render import print_rows, write
    from console.output.table import Column
    from engine.sim.past import BUGS

    output = invocation().output
    if output != "table":
        rows = [
            {"name": bug.name, "text": bug.text, "safeguards": list(bug.safeguards), "reason": bug.reason}
            for bug in BUGS
        ]
        print_rows(output, [Column(key, key) for key in ("name", "text", "safeguards", "reason")], rows)
        return
    for bug in BUGS:
        write(bug.name)
        answer = f"-> {', '.join(bug.safeguards)}" if bug.safeguards else f"-- {bug.reason}"
        for paragraph in (bug.text, answer):
            hanging = "    " if paragraph is bug.text else "       "
            write(textwrap.fill(paragraph, WIDTH, initial_indent="    ", subsequent_indent=hanging))


@click.command()
@_names
@click.option("--seeds", metavar="A..B", default="1..100", show_default=True, help="Storms: at most these.")
@scenario_option
@output_option
@debug_option
def hunt(names: tuple[str, ...], seeds: str, scenario: str | None) -> int:
    """Take each safeguard away in turn, and say how many seeds it took until a judge noticed.

    Most have a story that walks into the bug on purpose: one seed. The others are missed by storms. Without SAFEGUARD
    it is all of them; with --scenario, storms of these faults for every one. The exit code is 1 when one was not noticed.
    """
    from console.output.render import print_rows, say
    from console.output.table import Column
    from engine.runtime.safeguards import NAMES
    from engine.sim.hunt import hunt as hunt_one
    from engine.sim.run import parse_seeds

    try:
        numbers = parse_seeds(seeds)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--seeds") from error
    wanted = names or NAMES
    catches: list[Catch] = []
    for number, name in enumerate(wanted, 1):
        catches.append(hunt_one(name, numbers, scenario))
        if invocation().output == "table":
            say(f"[{number}/{len(wanted)}] {name}: {_told(catches[-1])}")
    columns = [
        Column("safeguard", "SAFEGUARD"),
        Column("scenario", "SCENARIO"),
        Column("seeds", "SEEDS", right=True),
        Column("noticed", "NOTICED AS", lambda value: value or "not noticed", flexible=True),
    ]
    print_rows(invocation().output, columns, [_row(catch) for catch in catches])
    missed = [catch.safeguard for catch in catches if catch.seed is None]
    if missed:
        say(f"not noticed: {', '.join(missed)}")
    return 1 if missed else 0


def _told(catch: Catch) -> str:
    if catch.seed is None:
        return "not noticed"
    return f"{catch.kind}, " + ("in its story" if catch.scenario == "script" else f"by storm {catch.seeds}")


def _row(catch: Catch) -> dict[str, Any]:
    return {
        "safeguard": catch.safeguard,
        "scenario": catch.scenario,
        "seeds": catch.seeds,
        "seed": catch.seed,
        "noticed": catch.kind,
    }
