"""`stoker sim safeguards`, `hunt` and `past`: what stands against the bugs of the past, and whether it would be missed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from console.commands.options import debug_option, invocation, output_option

if TYPE_CHECKING:
    from engine.sim.hunt import Catch


@click.command()
@output_option
@debug_option
def safeguards() -> None:
    """List the safeguards that can be taken away; each name can be given to --without.

    Each stands against a bug of Kafka's past, or of an engine like it. HOW NOTICED is the scenario in which storms miss
    it, or "script" for a story that walks into the bug on purpose.
    """
    from console.output.render import print_rows
    from console.output.table import Column
    from engine.runtime.safeguards import SAFEGUARDS
    from engine.sim.hunt import way_of

    rows = [
        {
            "name": each.name,
            "source": each.source,
            "text": each.text,
            "otherwise": each.otherwise,
            "noticed": way_of(each.name),
        }
        for each in SAFEGUARDS
    ]
    columns = [
        Column("name", "SAFEGUARD"),
        Column("source", "FROM"),
        Column("noticed", "HOW NOTICED"),
        Column("text", "WHAT IT DOES", flexible=True),
    ]
    print_rows(invocation().output, columns, rows)


@click.command()
@output_option
@debug_option
def past() -> None:
    """List bugs of the past that lost or showed wrong data, and what stands against each here.

    That is safeguards, each of which can be taken away, or the reason why it cannot happen.
    """
    from console.output.render import print_rows
    from console.output.table import Column
    from engine.sim.past import BUGS

    rows = [
        {"name": bug.name, "text": bug.text, "safeguards": list(bug.safeguards), "reason": bug.reason} for bug in BUGS
    ]
    columns = [
        Column("name", "BUG"),
        Column("text", "WHAT HAPPENED", flexible=True),
        Column("answer", "WHAT STANDS AGAINST IT", flexible=True),
    ]
    output = invocation().output
    if output == "table":
        print_rows(output, columns, [{**row, "answer": ", ".join(row["safeguards"]) or row["reason"]} for row in rows])
    else:
        print_rows(output, columns, rows)


def _known(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    from engine.runtime.safeguards import NAMES

    for value in values:
        if value not in NAMES:
            raise click.BadParameter(f"there is no safeguard {value!r}; `stoker sim safeguards` lists them")
    return values


@click.command()
@click.argument("names", metavar="[SAFEGUARD]...", nargs=-1, callback=_known)
@click.option("--seeds", metavar="A..B", default="1..100", show_default=True, help="Storms: at most these.")
@output_option
@debug_option
def hunt(names: tuple[str, ...], seeds: str) -> int:
    """Take each safeguard away in turn, and say how many seeds it took until a judge noticed.

    Most have a story that walks into the bug on purpose: one seed. The others are missed by storms. Without SAFEGUARD
    it is all of them. The exit code is 1 when one was not noticed.
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
        catches.append(hunt_one(name, numbers))
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
