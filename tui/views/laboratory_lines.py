"""The laboratory's world as lines of text: nodes, logs as rows of cells, quorum, groups, clients, lesson, timeline. Pure.

In logs a cell is a record: `[ab]` committed, `(ab)` not yet; ~ behind it: in memory only. Columns are offsets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.laboratory.session import Session
from tui.widgets.cells import cells, fitted, harmless
from tui.widgets.document import DocumentLine, heading

CELL, CELL_WIDE = 6, 9
"""Columns of a record, narrow and wide."""
LABEL = 22
WIDE = 110
"""From so many columns on the timeline stands beside the world."""
_BAR = 40
_ROOMY = 90
_SIGNS = {"election": "▲", "quorum": "★", "isr": "◆", "truncation": "✂", "lost": "✖", "violation": "✖", "fenced": "⊘", "node": "●",
          "action": "▶", "group": "⇄", "disk": "▣", "retention": "⌫", "config": "⚙", "produce": "↑", "broken": "✖", "high-watermark": "↗"}  # fmt: skip
_STATES = {"up": ("● up", "good"), "down": ("✕ down", "bad"), "failed": ("✕ failed", "bad"), "starting": ("◐ starting", "warning"), "stopping": ("◑ stopping", "warning")}  # fmt: skip


def transport(session: Session) -> DocumentLine:
    """Where one is in time, and how it is played."""
    world, moment = session.value("world"), session.value("moment")
    if session.failure:
        return ((f" ✖ {session.failure}. N: a new world.", "bad"),)
    if world is None or moment is None:
        return ((" Opening the world …", "faint"),)
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
    more = f"  {counts['acked']} acknowledged  {counts['elections']} elections  {counts['rebalances']} rebalances"
    without = f"  without {', '.join(world['without'])}" if world["without"] else ""
    return judged, lost, (more, "faint"), (without, "warning")


def world_lines(session: Session, width: int) -> list[DocumentLine]:
    """The world for a pane of that width."""
    lines = _nodes(session)
    lines += _network(session)
    for partition in session.values("partition"):
        lines += _partition(session, partition, width)
    lines += _quorum(session)
    lines += _clients(session)
    lost = session.value("lost", ())
    if lost:
        lines.append(heading(" Lost"))
        lines += [((f"  ✖ {each['value']!r} of {each['topic']}-{each['partition']} at offset {each['offset']}, acks={_acks(each['acks'])}", "bad"),) for each in lost[:10]]  # fmt: skip
    for each in session.value("invariants", ()):
        if not each["holds"]:
            lines.append(
                (
                    (
                        f"  ✖ {each['name']}, event {each['callback']} at {each['at_ms'] / 1000:.3f} s: {each['detail']}",
                        "bad",
                    ),
                )
            )
            if each["cause"]:
                lines.append(((f"    at that event: {each['cause']}", "faint"),))
    return lines


def _nodes(session: Session) -> list[DocumentLine]:
    lines: list[DocumentLine] = []
    for node in session.values("node"):
        words, role = ("❚❚ paused", "warning") if node["is_paused"] else _STATES.get(node["state"], (node["state"], ""))
        memory = f"{node['unsynced_bytes']:,} B in memory only" if node["unsynced_bytes"] else "all on disk"
        notes = [
            "⊘ fenced" if node["is_fenced"] else "",
            "disk full" if node["disk_full"] else "",
            "disk broken" if node["disk_broken"] else "",
            f"+{node['slow_ms']} ms" if node["slow_ms"] else "",
            f"clock {node['clock_offset_ms']:+} ms" if node["clock_offset_ms"] else "",
            node["rack"],
        ]
        lines.append(
            (
                (f" {'★' if node['is_controller'] else ' '} Node {node['id']} ", "heading"),
                (fitted(words, 11), role),
                (fitted(f"leads {node['leads']}", 9), ""),
                (f"epoch {node['quorum_epoch']}  {memory}", "faint"),
                ("  " + " ".join(note for note in notes if note), "warning"),
            )
        )
    return lines


def _network(session: Session) -> list[DocumentLine]:
    links = session.value("links", ())
    lines: list[DocumentLine] = []
    cut = [f"{_host(each['source'])}→{_host(each['to'])}" for each in links if each["is_cut"]]
    slow = [f"{_host(each['source'])}→{_host(each['to'])} {each['latency_ms']:.0f} ms" for each in links if not each["is_cut"]]  # fmt: skip
    if cut:
        lines.append(((f"   ✕ cut: {', '.join(cut)}", "bad"),))
    if slow:
        lines.append(((f"   slow: {', '.join(slow)}", "warning"),))
    messages = session.value("messages", ())
    for each in messages[:6]:
        sign = "▸" if each["kind"] == "request" else "◂" if each["kind"] == "response" else "✕"
        due = "held" if each["is_held"] else "stuck" if each["is_stalled"] else f"in {each['due_in_ms']:.1f} ms"
        role = "warning" if each["is_held"] or each["is_stalled"] else "label"
        lines.append(((f"   {sign} {each['api']} {each['kind']} {_host(each['source'])}→{_host(each['to'])} {due}  ", role), (each["id"], "faint")))  # fmt: skip
    if len(messages) > 6:
        lines.append(((f"   and {len(messages) - 6} more under way", "faint"),))
    return lines


def _host(name: str) -> str:
    return name.removeprefix("node-")


def _partition(session: Session, partition: dict[str, Any], width: int) -> list[DocumentLine]:
    name = f"{partition['topic']}-{partition['partition']}"
    leader = "nobody!" if partition["leader"] < 0 else f"node {partition['leader']}"
    role = "bad" if partition["leader"] < 0 else "warning" if len(partition["isr"]) < len(partition["replicas"]) else "heading"  # fmt: skip
    elr = f"  ELR {_list(partition['elr'])}" if partition["elr"] else ""
    lines: list[DocumentLine] = [
        ((f" {name}", role), (f"  leader {leader}  epoch {partition['leader_epoch']}  ISR {_list(partition['isr'])} of {_list(partition['replicas'])}{elr}  min.insync {partition['min_isr']}", ""))
    ]  # fmt: skip
    logs = [log for node in partition["replicas"] if (log := session.value(f"log/{name}/{node}")) is not None]
    logs.sort(key=lambda log: log["node"] != partition["leader"])
    cell = CELL_WIDE if width >= _ROOMY else CELL
    shown = max(2, (width - LABEL - 22) // cell)
    end = max((log["log_end_offset"] for log in logs), default=0)
    first = max(0, end - shown)
    if end:
        lines.append(((" " * LABEL, ""), ("".join(f"{offset:<{cell}}" for offset in range(first, end)), "faint")))
    return lines + [_replica(log, partition["leader"], first, end, cell) for log in logs]


def _replica(log: dict[str, Any], leader: int, first: int, end: int, cell: int) -> DocumentLine:
    leads = log["node"] == leader
    sign = "♛" if leads else "♕" if log["is_leader"] else "○"
    sync = "in sync" if log["in_isr"] else "out of sync"
    parts: list[tuple[str, str]] = [
        (fitted(f"  {sign} {log['node']} {sync}{'' if log['is_online'] else ', off'}", LABEL), "label" if log["in_isr"] else "warning")
    ]  # fmt: skip
    records = {record[0]: record for record in log["records"]}
    for offset in range(first, end):
        record = records.get(offset)
        if record is None:
            parts.append((" " * cell, ""))
            continue
        committed, durable = offset < log["high_watermark"], offset < log["durable_end_offset"]
        words = "∅" if record[5] & 2 else "·" if record[5] & 1 else harmless(str(record[3]))[-(cell - 3) :]
        text = f"{'[' if committed else '('}{words}{']' if committed else ')'}{' ' if durable else '~'}"
        role = "faint" if not log["is_online"] else "good" if committed else "warning"
        parts.append((text + " " * max(0, cell - cells(text)), role))
    stable = log["last_stable_offset"]
    marks = f" HW {_dash(log['high_watermark'])} LEO {log['log_end_offset']}"
    marks += f" LSO {stable}" if stable >= 0 and stable != log["high_watermark"] else ""
    marks += f" start {log['log_start_offset']}" if log["log_start_offset"] else ""
    return (*parts, (marks, "faint"))


def _quorum(session: Session) -> list[DocumentLine]:
    quorum = session.value("quorum")
    if quorum is None:
        return []
    leader = "no leader" if quorum["leader"] < 0 else f"node {quorum['leader']} leads"
    lines: list[DocumentLine] = [((" Quorum", "heading"), (f"  {leader}  epoch {quorum['epoch']}  committed to {quorum['high_watermark']}", "bad" if quorum["leader"] < 0 else ""))]  # fmt: skip
    for each in quorum["voters"]:
        voted = f" voted {each['voted_for']}" if each["voted_for"] >= 0 else ""
        lines.append(((f"   {each['node']} {each['state']:<12}", "label"), (f"epoch {_dash(each['epoch'])} log end {_dash(each['log_end_offset'])}{voted}", "faint")))  # fmt: skip
    lines += [((f"   {line}", "faint"),) for line in quorum["log"][-3:]]
    return lines


def _clients(session: Session) -> list[DocumentLine]:
    lines: list[DocumentLine] = []
    clients = session.values("client")
    if clients:
        lines.append(heading(" Clients"))
    for each in clients:
        if each["kind"] == "producer":
            text = (
                f"acks={_acks(each['acks'])} sent {each['sent']} acknowledged {each['acked']} failed {each['failed']}"
            )
        else:
            text = f"read {each['read']}" + (f" processed {each['processed']} in {each['group']}" if each["group"] else "")  # fmt: skip
        role = "" if each["state"] == "running" else "warning"
        lines.append(((f"   {each['name']} ", "label"), (f"{each['state']}  {text}  ", role), (each["last_error"], "warning")))  # fmt: skip
    for group in session.values("group"):
        lines.append(((f" Group {group['group']}", "heading"), (f"  {group['state']}  generation {group['generation']}  {group['protocol']}  coordinator node {group['coordinator']}", "")))  # fmt: skip
        lines += [((f"   {'♛' if each['is_leader'] else ' '} {each['client']} ", "label"), (_list(each["assignment"]) or "nothing", "")) for each in group["members"]]  # fmt: skip
        lines += [((f"     {each['topic']}-{each['partition']} committed {each['committed']} of {each['end']}, lag {each['lag']}", "warning" if each["lag"] else "faint"),) for each in group["offsets"]]  # fmt: skip
    return lines


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
        head = f" {event['at_ms'] / 1000:8.3f} {columns} {_SIGNS.get(event['kind'], '·')} "
        room = max(20, width - cells(head) - 3)
        for number, part in enumerate(wrapped(event["text"], room)):
            lines.append(
                ((head if not number else " " * cells(head), "bad" if event["is_bad"] else "label"), (part, role))
            )
        why = " ".join(part for part in (event["why"], event["kip"]) if part)
        if why:
            lines += [((" " * min(cells(head), 14) + part, "faint"),) for part in wrapped(why, width - 16)]
    return lines


_STEPS = {"todo": ("☐", ""), "playing": ("▸", "warning"), "done": ("✓", "faint"), "missed": ("✗", "bad")}
"""What a step of a lesson is marked with."""
_DO_IT = " 2. Do it (t does the next for you)"


def lesson_lines(lesson: dict[str, Any], width: int) -> list[DocumentLine]:
    """The lesson: story, prediction, tasks, goals, and what it was about once it is solved."""
    room = max(20, width - 4)
    lines: list[DocumentLine] = [((f" {lesson['title']}", "heading"), ("  ✓ solved" if lesson["is_solved"] else f"  {lesson['minutes']} min", "good" if lesson["is_solved"] else "faint"))]  # fmt: skip
    lines += [((f" {part}", ""),) for part in wrapped(lesson["story"], room)]
    lines += [((f" {part}", "label"),) for part in wrapped(f"1. {lesson['question']}", room)]
    for number, choice in enumerate(lesson["choices"]):
        chosen, right = number == lesson["chosen"], lesson["is_solved"] and number == lesson["answer"]
        sign = "✓" if right else "▸" if chosen else " "
        lines.append(((f"  {sign} F{number + 1} {choice}", "good" if right else "warning" if chosen else ""),))
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


def wrapped(text: str, width: int) -> list[str]:
    """Words on lines of at most `width` cells."""
    lines, line = [], ""
    for word in harmless(text).split():
        if line and cells(line) + 1 + cells(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line] if line else lines


def _list(values: Sequence[Any]) -> str:
    return ", ".join(map(str, values))


def _dash(number: int) -> str:
    return "-" if number < 0 else str(number)


def _acks(acks: int) -> str:
    return "all" if acks < 0 else str(acks)
