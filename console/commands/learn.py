"""`stoker sim lessons`, the list of them with what was done, and `stoker sim learn`, a lesson in a plain terminal."""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Any

import click

from console.commands.options import debug_option, invocation, output_option

if TYPE_CHECKING:
    from engine.sim.classroom import Classroom
    from engine.sim.lessons import Lesson
    from engine.sim.lessons.progress import Progress

WIDTH = 96
_QUIET_KINDS = ("high-watermark", "action")
_PLAYED_AT_ONCE_MS = 1_000.0


def progress() -> Progress:
    """What this user has done of the lessons."""
    from console.platform_dirs import data_dir
    from engine.sim.lessons.progress import FILE_NAME, Progress

    return Progress(data_dir() / FILE_NAME)


@click.command()
@output_option
@debug_option
def lessons() -> None:
    """List the lessons, and which of them are done."""
    _list()


def _list() -> None:
    from console.output.render import print_rows, say
    from console.output.table import Column
    from engine.sim.lessons import LESSONS

    done = progress().read()
    rows = []
    for number, lesson in enumerate(LESSONS, 1):
        known = done.get(lesson.id)
        rows.append(
            {
                "number": number,
                "id": lesson.id,
                "title": lesson.title,
                "minutes": lesson.minutes,
                "solved": known is not None and known.solved,
                "predicted": None if known is None else known.predicted,
                "variant": "" if lesson.variant is None else lesson.variant.title,
                "variant_solved": None if lesson.variant is None else known is not None and known.variant,
                "summary": lesson.summary,
                "kips": list(lesson.kips),
            }
        )
    columns = [
        Column("number", "NO", right=True),
        Column("id", "LESSON"),
        Column("solved", "DONE", lambda value: "yes" if value else ""),
        Column("variant_solved", "OTHER WAY", lambda value: "-" if value is None else "yes" if value else ""),
        Column("summary", "WHAT IT IS ABOUT", flexible=True),
    ]
    output = invocation().output
    print_rows(output, columns, rows)
    if output == "table":
        following = next((row["id"] for row in rows if not row["solved"]), None)
        solved = sum(bool(row["solved"]) for row in rows)
        say(f"{solved} of {len(rows)} done." + (f" The next one: stoker sim learn {following}" if following else ""))


def _known(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    from engine.sim.lessons import LESSONS, find

    if value is None:
        return None
    try:
        return find(value).id
    except KeyError:
        ids = ", ".join(lesson.id for lesson in LESSONS)
        raise click.BadParameter(f"there is no lesson {value!r}; there are {ids}") from None


@click.command()
@click.argument("lesson_id", metavar="[LESSON]", required=False, callback=_known)
@click.option("--variant", is_flag=True, help="The same with a safeguard or a setting taken away.")
@click.option("--auto", is_flag=True, help="Ask nothing; do every step.")
@output_option
@debug_option
def learn(lesson_id: str | None, variant: bool, auto: bool) -> int:
    """List the lessons with what was done of them; or take one.

    A lesson is a story, a prediction, steps in a simulated cluster, and what they show. LESSON is a number or a name out
    of the list. The exit code is 1 when the lesson's goals were not reached.
    """
    from engine.sim.lessons import find

    if lesson_id is None:
        if variant or auto:
            raise click.UsageError("which lesson? `stoker sim learn` lists them")
        _list()
        return 0
    lesson = find(lesson_id)
    if variant:
        if lesson.variant is None:
            raise click.BadParameter(f"lesson {lesson.id} has no variant", param_hint="--variant")
        lesson = lesson.as_variant()
    if not auto and not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask questions in; --auto does every step without asking")
    return _teach(lesson, variant, auto)


def _teach(lesson: Lesson, variant: bool, auto: bool) -> int:
    _write(f"== {lesson.title} ==")
    _write(lesson.story)
    predicted = None if variant else _predict(lesson, auto)
    room = lesson.open()
    try:
        shown = room.event_count
        _state(room)
        from engine.sim.lessons import Steps, StepState

        steps = Steps(lesson)
        for number, step in enumerate(steps):
            if step.task.text:
                _write(f"\n> {step.task.text}")
                if not auto:
                    click.prompt("  Enter does it", default="", show_default=False, prompt_suffix=" ")
            steps.begin(number, room)
            while not steps.play(room, _PLAYED_AT_ONCE_MS):
                pass
            shown = _tell(room, shown)
            _state(room)
            if step.state is StepState.MISSED:
                _write(f"  {step.said}")
                break
        return _end(lesson, room, predicted, variant)
    finally:
        room.close()


def _predict(lesson: Lesson, auto: bool) -> bool | None:
    prediction = lesson.prediction
    _write(f"\n{prediction.question}")
    for number, choice in enumerate(prediction.choices, 1):
        _write(f"  {number}. {choice}")
    if auto:
        return None
    answer: int = click.prompt("Your prediction", type=click.IntRange(1, len(prediction.choices)))
    _write("Let us see.")
    return answer - 1 == prediction.answer


def _tell(room: Classroom, shown: int) -> int:
    for event in room.events(shown):
        if event.kind not in _QUIET_KINDS:
            mark = "!" if event.is_bad else " "
            _write(f"{mark} {event.at_ms / 1000:8.3f} s  {event.text}", indent=14)
            if event.why:
                kip = f" ({event.kip})" if event.kip else ""
                _write(f"              {event.why}{kip}", indent=14)
    return room.event_count


def _state(room: Classroom) -> None:
    """The cluster in a few lines."""
    view = room.view()
    nodes = []
    for node in view.nodes:
        marks = ("*" if node.is_controller else "") + (" paused" if node.is_paused else "")
        nodes.append(f"{node.id} {node.state}{marks}")
    _write("  nodes: " + ", ".join(nodes) + "   (* is the active controller)")
    for partition in view.partitions[:6]:
        ends = ", ".join(f"{log.node}: {log.log_end_offset}" for log in partition.logs)
        leader = partition.leader if partition.leader > 0 else "nobody"
        isr = ", ".join(str(node) for node in partition.isr)
        high = partition.high_watermark if partition.high_watermark >= 0 else "?"
        _write(f"  {partition.name}: led by {leader}, ISR {isr or 'none'}, high watermark {high}, log ends {ends}")
    for group in view.groups:
        _write(f"  group {group.group}: {group.state}, generation {group.generation}, lag {group.lag}")
    if view.counts.lost:
        _write(f"  LOST: {view.counts.lost} acknowledged records")


def _end(lesson: Lesson, room: Classroom, predicted: bool | None, variant: bool) -> int:
    reached = lesson.reached(room)
    _write("\nGoals")
    for goal, is_reached in zip(lesson.goals, reached, strict=True):
        _write(f"  [{'x' if is_reached else ' '}] {goal.text}")
    if predicted is not None:
        right = lesson.prediction.choices[lesson.prediction.answer]
        _write(f"\nYour prediction was {'right' if predicted else 'wrong'}: {right}.")
    _write(f"\n{lesson.prediction.why}")
    _write(f"\n{lesson.explanation}")
    if lesson.kips:
        _write("More: " + ", ".join(lesson.kips))
    if lesson.variant is not None:
        _write(f"\nstoker sim learn {lesson.id} --variant   plays it {lesson.variant.title}")
    solved = all(reached)
    if variant:
        progress().note(lesson.id, variant=solved)
    else:
        progress().note(lesson.id, solved=solved, predicted=predicted)
    return 0 if solved else 1


def _write(text: str, indent: int = 0) -> None:
    from console.output.render import write

    for line in text.split("\n"):
        lead = len(line) - len(line.lstrip())
        wrapped: list[Any] = textwrap.wrap(
            line.lstrip(), WIDTH - lead, initial_indent=" " * lead, subsequent_indent=" " * max(indent, lead)
        )
        for each in wrapped or [""]:
            write(each)
