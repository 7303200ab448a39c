"""A classroom's situation as a pytest file, and its timeline as JSON and as an HTML page that needs nothing else.

The page has no script and asks no other host. Everything that may come from a learner is escaped.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable
from typing import Any

import msgspec

from engine.sim.classroom.actions import tag_of
from engine.sim.classroom.view import EventView, PartitionView, WorldView
from engine.sim.classroom.world import Classroom

_KINDS_HIDDEN = frozenset({"high-watermark"})

_TEST = '''\
"""A situation of Stoker's classroom, exported. Run it with pytest where Stoker is installed.

{story}
"""

from engine.sim.classroom import Classroom, from_json

SITUATION = {situation}


def test_the_situation_plays_as_it_did():
    room = Classroom(from_json(SITUATION))
    try:
        view = room.view()
        assert room.broken == {broken!r}
        assert {{f"{{each.topic}}-{{each.partition}}": each.leader for each in view.partitions}} == {leaders!r}
        assert {{f"{{each.topic}}-{{each.partition}}": list(each.isr) for each in view.partitions}} == {isrs!r}
        assert [f"{{each.topic}}-{{each.partition}} {{each.offset}}" for each in view.lost] == {lost!r}
        assert [each.name for each in view.invariants if not each.holds] == {violated!r}
        # Of the version that exported it: what happens may differ in detail in another.
        # assert room.trace_hash == {trace!r}
    finally:
        room.close()
'''


def as_pytest(room: Classroom) -> str:
    """A pytest file that plays the situation and checks what stands at its end: the next whole millisecond, to which the
    world is played."""
    if room.now_ns % 1_000_000:
        room.jump_to(int(room.now_ms) + 1)
    view = room.view()
    actions = [f"{step.at_ms / 1000:9.3f} s  {tag_of(step.action)}" for step in room.situation().steps]
    story = "\n".join(actions) or "Nothing was done."
    json_text = room.situation().to_json()
    parts = [ascii(part) for part in textwrap.wrap(json_text, 90, break_long_words=True, drop_whitespace=False)]
    situation = "(\n" + "\n".join(f"    {part}" for part in parts) + "\n)"
    return _TEST.format(
        story=story,
        situation=situation,
        broken=room.broken,
        leaders={each.name: each.leader for each in view.partitions},
        isrs={each.name: list(each.isr) for each in view.partitions},
        lost=[f"{each.topic}-{each.partition} {each.offset}" for each in view.lost],
        violated=[each.name for each in view.invariants if not each.holds],
        trace=room.trace_hash,
    )


def as_json(room: Classroom) -> str:
    """Situation, timeline and the present view, as one JSON object."""
    value: dict[str, Any] = {
        "situation": msgspec.json.decode(room.situation().to_json()),
        "trace_hash": room.trace_hash,
        "now_ms": room.now_ms,
        "events": msgspec.to_builtins(room.events()),
        "view": msgspec.to_builtins(room.view()),
    }
    return msgspec.json.encode(value).decode()


# ---- HTML

_STYLE = """\
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid #8884; }
td.time { font-variant-numeric: tabular-nums; white-space: nowrap; text-align: right; }
.why { opacity: .8; } .bad td:first-child { border-left: .3rem solid #c33; } .action td:first-child { border-left: .3rem solid #36c; }
.kind { white-space: nowrap; } code { overflow-wrap: anywhere; }
.record { display: inline-block; border: 1px solid #8888; padding: 0 .3rem; margin: 1px; font-size: .85rem; }
.memory { border-style: dashed; } .beyond { opacity: .55; }
"""


def as_html(room: Classroom) -> str:
    """The timeline, the logs as they stand and the situation's text, as one page."""
    view = room.view()
    situation = room.situation()
    rows = "\n".join(_row(event) for event in room.events() if event.kind not in _KINDS_HIDDEN)
    logs = "\n".join(_partition(each) for each in view.partitions)
    violated = [each for each in view.invariants if not each.holds]
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Stoker: what happened</title>
<style>
{_STYLE}</style>
</head>
<body>
<h1>What happened in {view.now_ms / 1000:.3f} virtual seconds</h1>
<p>{len(view.nodes)} nodes, seed {situation.seed}. {_counts(view)}</p>
<h2>Timeline</h2>
<table>
<thead><tr><th scope="col">Seconds</th><th scope="col">Kind</th><th scope="col">What, and why</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
<h2>Logs at the end</h2>
<p>A dashed record is in memory only; a pale one is beyond the high watermark.</p>
{logs}
<h2>Invariants</h2>
<p>{_invariants(violated, len(view.invariants))}</p>
<h2>Play it again</h2>
<p>This text is the whole situation. Stoker's laboratory takes it (New…, or N), and so does
<code>stoker sim replay TEXT</code>.</p>
<p><code>{_escape(situation.to_text())}</code></p>
</body>
</html>
"""


def _escape(text: str) -> str:
    return html.escape(text, quote=True)


def _counts(view: WorldView) -> str:
    counts = view.counts
    return (
        f"{counts.acked} records acknowledged, {counts.lost} of them lost; {counts.elections} elections of leaders, "
        f"{counts.quorum_elections} of controllers, {counts.rebalances} rebalances, {counts.truncations} truncations."
    )


def _row(event: EventView) -> str:
    mark = ' class="bad"' if event.is_bad else ' class="action"' if event.kind == "action" else ""
    kip = f" ({_escape(event.kip)})" if event.kip else ""
    why = f'<br><span class="why">{_escape(event.why)}{kip}</span>' if event.why or event.kip else ""
    word = "bad: " if event.is_bad else ""
    return (
        f'<tr{mark}><td class="time">{event.at_ms / 1000:.3f}</td>'
        f'<td class="kind">{word}{_escape(event.kind)}</td><td>{_escape(event.text)}{why}</td></tr>'
    )


def _partition(partition: PartitionView) -> str:
    leader = f"led by node {partition.leader}" if partition.leader >= 0 else "without a leader"
    isr = ", ".join(str(node) for node in partition.isr) or "none"
    lines = [
        f"<h3>{_escape(partition.name)}: {leader} in epoch {partition.leader_epoch}, ISR {isr}, "
        f"high watermark {partition.high_watermark}</h3>",
        "<table><tbody>",
    ]
    for log in partition.logs:
        records = []
        for record in log.records:
            marks = "record"
            if record.offset >= log.durable_end_offset:
                marks += " memory"
            if 0 <= partition.high_watermark <= record.offset:
                marks += " beyond"
            key = f"{_escape(record.key)}=" if record.key is not None else ""
            records.append(
                f'<span class="{marks}" title="epoch {record.epoch}">{record.offset}: {key}{_escape(record.value)}</span>'
            )
        state = "leader" if log.is_leader else "online" if log.is_online else "offline"
        lines.append(
            f'<tr><th scope="row">node {log.node} ({state})<br>ends at {log.log_end_offset}</th>'
            f"<td>{' '.join(records) or 'empty'}</td></tr>"
        )
    lines.append("</tbody></table>")
    return "\n".join(lines)


def _invariants(violated: Iterable[Any], total: int) -> str:
    said = [f"{_escape(each.name)} at {each.at_ms / 1000:.3f} s: {_escape(each.detail)}" for each in violated]
    return f"{len(said)} of {total} violated" + (": " + "; ".join(said) if said else ".")
