"""The laboratory's world as lines of text: nodes, messages, logs as rows of cells, quorum, clients, what was lost. Pure.

In logs a cell is a record: `[ab]` committed, `(ab)` not yet; ~ behind it: in memory only. Columns are offsets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from console.laboratory.session import Session
from tui.widgets.cells import cells, cut, fitted, harmless
from tui.widgets.document import DocumentLine, heading

CELLS = (14, 9, 6)
"""Columns of a record: as many as all records find room in."""
LABEL = 20
MARKS = 24
"""Room for high watermark and log end behind the records."""
LOW = 16
"""A pane of fewer lines has all nodes side by side."""
NODE = 14
"""Columns of a node there, at least."""
MESSAGES, MESSAGES_LOW = 6, 2
"""Of those under way, at most, and in a low pane."""
LOST = 10

_STATES = {"up": ("●", "up", "good"), "down": ("✕", "down", "bad"), "failed": ("✕", "failed", "bad"), "starting": ("◐", "starting", "warning"), "stopping": ("◑", "stopping", "warning")}  # fmt: skip


def world_lines(session: Session, width: int, height: int) -> list[DocumentLine]:
    """The world for a pane of that size. What the lesson is about comes first."""
    lines = _nodes_in_rows(session, width) if height < LOW else _nodes(session)
    is_low = height < LOW
    lines += _network(session, MESSAGES_LOW if is_low else MESSAGES)
    if not is_low:
        lines += _violated(session, width)
    lesson = session.value("lesson")
    wanted = lesson["look_at"] if lesson else ()
    parts: list[tuple[str, Callable[[Session, int], list[DocumentLine]]]] = [
        ("logs", _logs), ("quorum", _quorum), ("clients", _clients), ("groups", _groups)
    ]  # fmt: skip
    parts.sort(key=lambda part: list(wanted).index(part[0]) if part[0] in wanted else len(wanted))
    for number, (_, part) in enumerate(parts):
        lines += part(session, width)
        if is_low and not number:
            lines += _violated(session, width)
    return lines


# ---- nodes and what is under way


def _notes(node: dict[str, Any]) -> str:
    notes = (
        "⊘ fenced" if node["is_fenced"] else "",
        "disk FULL" if node["disk_full"] else "",
        "disk BROKEN" if node["disk_broken"] else "",
        f"+{node['slow_ms']} ms" if node["slow_ms"] else "",
        f"clock {node['clock_offset_ms']:+} ms" if node["clock_offset_ms"] else "",
        f"rack {node['rack']}" if node["rack"] else "",
        "" if node["is_voter"] else "broker only",
    )
    return " ".join(note for note in notes if note)


def _state(node: dict[str, Any]) -> tuple[str, str, str]:
    if node["is_paused"]:
        return "❚❚", "paused", "warning"
    return _STATES.get(node["state"], ("·", node["state"], ""))


def _nodes(session: Session) -> list[DocumentLine]:
    lines: list[DocumentLine] = []
    for node in session.values("node"):
        sign, words, role = _state(node)
        memory = f"{node['unsynced_bytes']:,} B in memory only" if node["unsynced_bytes"] else "all on disk"
        epoch = f"quorum epoch {_dash(node['quorum_epoch'])}"
        lines.append(
            (
                (f" {'★' if node['is_controller'] else ' '} Node {node['id']} ", "heading"),
                (fitted(f"{sign} {words}", 11), role),
                (fitted(f"leads {node['leads']}", 9), ""),
                (f"{epoch}  {memory}", "faint"),
                (f"  {_notes(node)}", "warning"),
            )
        )
    return lines


def _nodes_in_rows(session: Session, width: int) -> list[DocumentLine]:
    """As many side by side as there is room for: id, how it is, and what it leads."""
    lines: list[DocumentLine] = []
    line: list[tuple[str, str]] = []
    taken = 0
    for node in session.values("node"):
        sign, words, role = _state(node)
        notes = _notes(node)
        leads = f" leads {node['leads']}" if node["leads"] and node["state"] == "up" else ""
        name = f" {'★' if node['is_controller'] else ' '}{node['id']} "
        state = f"{sign} {words}"
        more = f" {notes.replace('⊘ fenced', '⊘')}" if notes else ""
        room = max(NODE, cells(name + state + leads + more) + 2)
        if line and taken + room > width:
            lines.append(tuple(line))
            line, taken = [], 0
        line += [(name, "heading"), (state, role), (leads, ""), (more, "warning")]
        line.append((" " * (room - cells(name + state + leads + more)), ""))
        taken += room
    return [*lines, tuple(line)] if line else lines


def _network(session: Session, most: int) -> list[DocumentLine]:
    lines: list[DocumentLine] = []
    cut = [f"{host(each['source'])}→{host(each['to'])}" for each in session.value("links", ()) if each["is_cut"]]
    if cut:
        lines.append(((f"   ✕ cut: {', '.join(cut)}", "bad"),))
    outside = session.value("outside")
    if outside:
        said = f"   ⇆ your clients: {outside['bootstrap_servers']}  {outside['connections']} connections"
        lines.append(((said, "warning"),))
    messages = session.value("messages", ())
    for each in messages[:most]:
        sign = "▸" if each["kind"] == "request" else "◂" if each["kind"] == "response" else "✕"
        due = "held" if each["is_held"] else "stuck" if each["is_stalled"] else f"in {each['due_in_ms']:.1f} ms"
        role = "warning" if each["is_held"] or each["is_stalled"] else "label"
        what = each["kind"] if each["api"] == "bytes" else f"{each['api']} {each['kind']}"
        lines.append(((f"   {sign} {what} {host(each['source'])}→{host(each['to'])} {due}  ", role), (each["id"], "faint")))  # fmt: skip
    if len(messages) > most:
        lines.append(((f"   and {len(messages) - most} more under way (m)", "faint"),))
    return lines


def host(name: str) -> str:
    """A host's name, short."""
    return name.removeprefix("node-")


def _violated(session: Session, width: int) -> list[DocumentLine]:
    lines: list[DocumentLine] = []
    for each in session.value("invariants", ()):
        if not each["holds"]:
            said = f"✖ {each['name']}, event {each['callback']} at {each['at_ms'] / 1000:.3f} s: {each['detail']}"
            lines += [((f"  {part}", "bad"),) for part in wrapped(said, width - 4)]
            if each["cause"]:
                lines += [((f"    {part}", "faint"),) for part in wrapped(f"at that event: {each['cause']}", width - 6)]
    return lines


# ---- logs


def _logs(session: Session, width: int) -> list[DocumentLine]:
    lines: list[DocumentLine] = []
    for partition in session.values("partition"):
        lines += _partition(session, partition, width)
    return lines


def _partition(session: Session, partition: dict[str, Any], width: int) -> list[DocumentLine]:
    name = f"{partition['topic']}-{partition['partition']}"
    leader = "nobody!" if partition["leader"] < 0 else f"node {partition['leader']}"
    role = "bad" if partition["leader"] < 0 else "warning" if len(partition["isr"]) < len(partition["replicas"]) else "heading"  # fmt: skip
    elr = f"  ELR {_list(partition['elr'])}" if partition["elr"] else ""
    missing = f" of {_list(partition['replicas'])}" if len(partition["isr"]) < len(partition["replicas"]) else ""
    lines: list[DocumentLine] = [
        ((f" {name}", role), (f"  leader {leader}  epoch {partition['leader_epoch']}  ISR {_list(partition['isr'])}{missing}{elr}  min.insync {partition['min_isr']}", ""))
    ]  # fmt: skip
    logs = [log for node in partition["replicas"] if (log := session.value(f"log/{name}/{node}")) is not None]
    logs.sort(key=lambda log: log["node"] != partition["leader"])
    lost = [each for each in session.value("lost", ()) if _is_of(each, partition)][-LOST:]
    end = max((*(log["log_end_offset"] for log in logs), *(each["offset"] + 1 for each in lost)), default=0)
    begin = min((log["log_start_offset"] for log in logs), default=0)
    room = max(2 * CELLS[-1], width - LABEL - MARKS)
    cell = next((each for each in CELLS if (end - begin) * each <= room), CELLS[-1])
    first = max(0, end - room // cell)
    if end:
        lines.append(((" " * LABEL, ""), ("".join(f"{offset:<{cell}}" for offset in range(first, end)), "faint")))
    lines += [_replica(log, partition["leader"], first, end, cell) for log in logs]
    readers = _readers(session, partition)
    if readers:
        lines.append(((fitted("  readers", LABEL), "label"), *_at_offsets(readers, first, end, cell, "label")))
    if lost:
        ghosts = [(each["offset"], f"✖{_value(each['value'], cell - 3)}✖") for each in lost]
        lines.append(((fitted("  ✖ lost", LABEL), "bad"), *_at_offsets(ghosts, first, end, cell, "bad")))
    return lines


def _is_of(each: dict[str, Any], partition: dict[str, Any]) -> bool:
    return bool(each["topic"] == partition["topic"] and each["partition"] == partition["partition"])


def _replica(log: dict[str, Any], leader: int, first: int, end: int, cell: int) -> DocumentLine:
    leads = log["node"] == leader
    sign = "♛" if leads else "✕" if not log["is_online"] else "♕" if log["is_leader"] else "○"
    sync = "✓ in sync" if log["in_isr"] else "✗ out of sync"
    parts: list[tuple[str, str]] = [
        (fitted(f"  {sign} {log['node']} {sync}", LABEL), "label" if log["in_isr"] else "warning")
    ]
    records = {record[0]: record for record in log["records"]}
    for offset in range(first, end):
        record = records.get(offset)
        if record is None:
            parts.append((" " * cell, ""))
            continue
        committed, durable = offset < log["high_watermark"], offset < log["durable_end_offset"]
        words = "∅" if record[5] & 2 else "·" if record[5] & 1 else _value(str(record[3]), cell - 3)
        text = f"{'[' if committed else '('}{words}{']' if committed else ')'}{' ' if durable else '~'}"
        role = "faint" if not log["is_online"] else "good" if committed else "warning"
        parts.append((text + " " * max(0, cell - cells(text)), role))
    stable = log["last_stable_offset"]
    marks = f" HW {_dash(log['high_watermark'])} LEO {log['log_end_offset']}"
    marks += f" LSO {stable}" if stable >= 0 and stable != log["high_watermark"] else ""
    marks += f" start {log['log_start_offset']}" if log["log_start_offset"] else ""
    marks += f" e{log['epoch']}" if log["epoch"] >= 0 else ""
    return (*parts, (marks, "faint"))


def _value(text: str, room: int) -> str:
    """As much of a value as there is room for: the end of numbered ones, for there they differ; else the beginning."""
    clean = harmless(text)
    if cells(clean) <= room:
        return clean
    return clean[-room:] if clean[-1:].isdigit() else cut(clean, room)


def _readers(session: Session, partition: dict[str, Any]) -> list[tuple[int, str]]:
    """Where groups have committed to (▲), and where consumers without a group are (△)."""
    found = [
        (each["committed"], f"▲{group['group']}")
        for group in session.values("group")
        for each in group["offsets"]
        if each["committed"] >= 0 and _is_of(each, partition)
    ]
    for client in session.values("client"):
        if client["kind"] == "consumer" and client["topic"] == partition["topic"]:
            found += [
                (at, f"△{client['name']}") for index, at in client["positions"] if index == partition["partition"]
            ]
    return found


def _at_offsets(
    words: Iterable[tuple[int, str]], first: int, end: int, cell: int, role: str
) -> tuple[tuple[str, str], ...]:
    """Words below the columns of their offsets; those of earlier ones at the left edge, with ← before them."""
    places: dict[int, str] = {}
    for offset, text in sorted(words):
        at = min(max(offset, first), end)
        said = f"←{text}" if offset < first else text
        places[at] = f"{places[at]} {said}" if at in places else said
    parts, taken = [], 0
    for at, text in places.items():
        gap = max(1 if taken else 0, (at - first) * cell - taken)
        clean = harmless(text)
        parts += [(" " * gap, ""), (clean, role)]
        taken += gap + cells(clean)
    return tuple(parts)


# ---- the quorum, clients and groups


def _quorum(session: Session, width: int) -> list[DocumentLine]:
    quorum = session.value("quorum")
    if quorum is None:
        return []
    leader = "no leader" if quorum["leader"] < 0 else f"node {quorum['leader']} leads"
    lines: list[DocumentLine] = [((" Quorum", "heading"), (f"  {leader}  epoch {quorum['epoch']}  committed to {_dash(quorum['high_watermark'])}", "bad" if quorum["leader"] < 0 else ""))]  # fmt: skip
    for each in quorum["voters"]:
        voted = f" voted {each['voted_for']}" if each["voted_for"] >= 0 else ""
        lines.append(((f"   {each['node']} {each['state']:<12}", "label"), (f"epoch {_dash(each['epoch'])} log end {_dash(each['log_end_offset'])}{voted}", "faint")))  # fmt: skip
    return [*lines, *(((f"   {line}"[:width], "faint"),) for line in quorum["log"][-3:])]


def _clients(session: Session, _: int) -> list[DocumentLine]:
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
    return lines


def _groups(session: Session, _: int) -> list[DocumentLine]:
    lines: list[DocumentLine] = []
    for group in session.values("group"):
        lines.append(((f" Group {group['group']}", "heading"), (f"  {group['state']}  generation {group['generation']}  {group['protocol']}  coordinator node {group['coordinator']}", "")))  # fmt: skip
        lines += [((f"   {'♛' if each['is_leader'] else ' '} {each['client']} ", "label"), (_list(each["assignment"]) or "nothing", "")) for each in group["members"]]  # fmt: skip
        lines += [((f"     {each['topic']}-{each['partition']} committed {each['committed']} of {each['end']}, lag {each['lag']}", "warning" if each["lag"] else "faint"),) for each in group["offsets"]]  # fmt: skip
    return lines


# ---- words


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
