"""The laboratory as lines of text: time, what happened last, lesson, timeline; the world is `laboratory_world`'s. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.laboratory.session import Session
from tui.views.laboratory_world import wrapped
from tui.widgets.cells import cells, cut, harmless
from tui.widgets.document import DocumentLine, heading

WIDE = 110
"""From so many columns on the timeline stands beside the world."""
_BAR = 40
_SIGNS = {"election": "▲", "quorum": "★", "isr": "◆", "truncation": "✂", "lost": "✖", "violation": "✖", "fenced": "⊘", "node": "●",
          "action": "▶", "group": "⇄", "disk": "▣", "retention": "⌫", "config": "⚙", "produce": "↑", "broken": "✖", "high-watermark": "↗"}  # fmt: skip


_COUNTS = (("acked", "acknowledged"), ("elections", "elections"), ("rebalances", "rebalances"), ("truncations", "truncations"), ("processed_twice", "processed twice"), ("skipped", "never processed"))  # fmt: skip


def transport(session: Session) -> DocumentLine:
    """Where one is in time, and how it is played."""
    world, moment = session.value("world"), session.value("moment")
    if session.failure:
        return ((f" ✖ {session.failure}. N: a new world.", "bad"),)
    if session.busy or world is None or moment is None:
        return ((f" ◷ {session.busy or 'Opening a world…'}", "warning"),)
    now, present = world["now_ms"], max(1.0, moment["present_ms"])
    at = min(_BAR - 1, int(now / present * (_BAR - 1)))
    bar = "━" * at + "●" + "─" * (_BAR - 1 - at)
    state = "▶ playing" if session.is_playing else "❚❚ paused"
    parts = [(f" {state} {session.speed:g}x  ", "heading"), (f"{now / 1000:9.3f} s ", ""), (bar, "label")]
    if world["broken"]:
        parts.append(("  ✖ stands still for good", "bad"))
    elif moment["past"]:
        parts.append((f"  the past of {present / 1000:.3f} s", "warning"))
    return tuple(parts)


def totals(session: Session) -> DocumentLine:
    """What there was so far, in numbers."""
    world = session.value("world")
    if world is None:
        return ()
    counts = world["counts"]
    violated = [each["name"] for each in session.value("invariants", ()) if not each["holds"]]
    judged = (f" ✖ VIOLATED: {', '.join(violated)}", "bad") if violated else (f" ✓ {len(session.value('invariants', ()))} invariants hold", "good")  # fmt: skip
    lost = (f"  ✖ {counts['lost']} lost", "bad") if counts["lost"] else ("  0 lost", "faint")
    more = "".join(
        f"  {counts[name]} {words.removesuffix('s') if counts[name] == 1 else words}"
        for name, words in _COUNTS
        if counts[name] or name == "acked"
    )
    without = f"  without {', '.join(world['without'])}" if world["without"] else ""
    return judged, lost, (without, "warning"), (more, "faint")


def news(session: Session, events: Sequence[tuple[dict[str, Any], str]], width: int) -> DocumentLine:
    """The newest line of the timeline up to the moment that is shown, and why, as far as there is room."""
    for event, _ in reversed(events):
        if event["kind"] == "high-watermark":
            continue
        said = f" {_SIGNS.get(event['kind'], '·')} {harmless(event['text'])}"
        why = " ".join(part for part in (event["why"], event["kip"]) if part)
        room = max(0, width - cells(said) - 2)
        return ((cut(said, width - 1), "bad" if event["is_bad"] else "label"), (f" {cut(harmless(why), room)}" if room > 12 else "", "faint"))  # fmt: skip
    return ()


def roles(session: Session) -> str:
    """A column of two letters for each node, as they are now: what a line of the timeline carries (after VOPR)."""
    found = []
    for node in session.values("node"):
        sign = "✕" if node["state"] != "up" else "❚" if node["is_paused"] else "⊘" if node["is_fenced"] else "★" if node["is_controller"] else "·"  # fmt: skip
        found.append(f"{sign}{node['leads'] if node['state'] == 'up' else ' '}")
    return " ".join(found)


def event_lines(events: Sequence[tuple[dict[str, Any], str]], width: int) -> list[DocumentLine]:
    """The timeline, newest first: time, a column for each node, what happened, and why."""
    lines: list[DocumentLine] = []
    for event, columns in events:
        role = "bad" if event["is_bad"] else ""
        head = f"{event['at_ms'] / 1000:7.3f} {columns} {_SIGNS.get(event['kind'], '·')} "
        room = max(20, width - cells(head) - 2)
        for number, part in enumerate(wrapped(event["text"], room)):
            lines.append(
                ((head if not number else " " * cells(head), "bad" if event["is_bad"] else "label"), (part, role))
            )
        why = " ".join(part for part in (event["why"], event["kip"]) if part)
        if why:
            indent = min(cells(head), 10)
            lines += [((" " * indent + part, "faint"),) for part in wrapped(why, width - indent - 2)]
    return lines


_STEPS = {"todo": ("☐", ""), "playing": ("▸", "warning"), "done": ("✓", "faint"), "missed": ("✗", "bad")}
"""What a step of a lesson is marked with."""
_DO_IT = " 2. Do it (a: type it; t: the lesson does the next)"


def lesson_lines(lesson: dict[str, Any], width: int) -> list[DocumentLine]:
    """The lesson: story, prediction, tasks, goals, and what it was about once it is solved."""
    room = max(20, width - 4)
    lines: list[DocumentLine] = [((f" {lesson['title']}", "heading"), ("  ✓ solved" if lesson["is_solved"] else f"  {lesson['minutes']} min", "good" if lesson["is_solved"] else "faint"))]  # fmt: skip
    lines += [((f" {part}", ""),) for part in wrapped(lesson["story"], room)]
    lines += [((f" {part}", "label"),) for part in wrapped(f"1. {lesson['question']}", room)]
    for number, choice in enumerate(lesson["choices"]):
        chosen, right = number == lesson["chosen"], lesson["is_solved"] and number == lesson["answer"]
        sign = "✓" if right else "▸" if chosen else " "
        lines.append(((f"  {sign} {'ABCD'[number]} {choice}", "good" if right else "warning" if chosen else ""),))
    if lesson["why"]:
        said = "You were right. " if lesson["chosen"] == lesson["answer"] else "It is otherwise. "
        lines += [((f" {part}", "good"),) for part in wrapped(said + lesson["why"], room)]
    lines.append(((_DO_IT, "label"),))
    for task in lesson["tasks"]:
        sign, style = _STEPS[task["state"]]
        lines += [((f"  {part}", style),) for part in wrapped(f"{sign} {task['text'] or 'Then this.'}", room)]
        commands = " ; ".join(each for each in task["commands"] if each)
        if commands:
            lines += [((f"    {part}", "faint"),) for part in wrapped(f"a {commands}", room - 2)]
        lines += [((f"    {part}", "warning"),) for part in wrapped(task["said"], room - 2)]
    lines.append(((" 3. What shows that you did", "label"),))
    for goal in lesson["goals"]:
        lines.append(
            ((f"  {'☑' if goal['is_reached'] else '☐'} {goal['text']}", "good" if goal["is_reached"] else ""),)
        )
    lines += [((f" {part}", "warning"),) for part in wrapped(lesson["hint"], room)]
    if lesson["explanation"]:
        lines.append(heading(" What happened"))
        lines += [((f" {part}", ""),) for part in wrapped(lesson["explanation"], room)]
        if lesson["kips"]:
            lines.append(((f" {', '.join(lesson['kips'])}", "label"),))
    if lesson["variant"]:
        lines.append(((f" V: the other way, {lesson['variant']}", "faint"),))
    return lines


def current_line(lesson: dict[str, Any], lines: Sequence[DocumentLine]) -> int:
    """Which of `lesson_lines` to begin with: the step one is at, what happened once it is solved, else the story."""
    texts = [line[0][0] for line in lines]
    if lesson["is_solved"]:
        return texts.index(" What happened")
    if all(task["state"] == "todo" for task in lesson["tasks"]):
        return 0
    first = texts.index(_DO_IT)
    signs = tuple(f"  {_STEPS[state][0]} " for state in ("playing", "missed", "todo"))
    return next((at - 1 for at in range(first + 1, len(texts)) if texts[at].startswith(signs)), first)
