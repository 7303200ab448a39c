"""`stoker sim replay SITUATION`: what somebody did in the laboratory, played again to its moment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.commands.options import invocation

if TYPE_CHECKING:
    from engine.sim.classroom import Classroom

_PATH_CHARACTERS_MAX = 4_000
_FILE_BYTES_MAX = 1 << 20
_QUIET_KINDS = frozenset({"high-watermark"})


def replay(text: str, lines: int, everything: bool, twice: bool) -> int:
    """Play the situation (an address, its text, JSON, or a file with one of these) and show its timeline."""
    from console.output.render import print_rows, say, to_json, write
    from console.output.table import Column

    room = _open(text)
    try:
        hashes = [room.trace_hash]
        if twice:
            again = _open(text)
            hashes.append(again.trace_hash)
            again.close()
        events = [event for event in room.events() if everything or event.kind not in _QUIET_KINDS]
        rows = [
            {
                "seconds": event.at_ms / 1000,
                "kind": event.kind,
                "event": event.text,
                "why": f"{event.why} {event.kip}".strip(),
            }
            for event in events
        ]
        violated = [each for each in room.view().invariants if not each.holds]
        output = invocation().output
        if output == "json":
            write(to_json(_summary(room, rows, hashes), indent=2))
        else:
            columns = [
                Column("seconds", "SECONDS", lambda value: f"{value:.3f}", right=True),
                Column("event", "EVENT"),
                Column("why", "WHY", flexible=True),
            ]
            print_rows(output, columns, rows[-lines:], empty="Nothing happened.")
        if len(rows) > lines and output == "table":
            say(f"the last {lines} of {len(rows)} events; --lines shows more")
        for lost in room.view().lost:
            say(f"lost: {lost.value!r} of {lost.topic}-{lost.partition} at offset {lost.offset}")
        for each in violated:
            say(f"{each.name}: {each.detail}")
        if len(set(hashes)) > 1:
            say("the two runs differ")
        say(f"{room.now_ms / 1000:.3f} s: {room.trace_hash}")
        return 1 if violated or len(set(hashes)) > 1 else 0
    finally:
        room.close()


def _summary(room: Classroom, rows: list[dict[str, Any]], hashes: list[str]) -> dict[str, Any]:
    import msgspec

    view = room.view()
    return {
        "trace_hash": room.trace_hash,
        "same": len(set(hashes)) == 1,
        "now_ms": room.now_ms,
        "events": rows,
        "lost": msgspec.to_builtins(view.lost),
        "violated": [msgspec.to_builtins(each) for each in view.invariants if not each.holds],
    }


def _open(text: str) -> Classroom:
    from console.laboratory.situations import situation_of
    from engine.sim.classroom import Classroom, SituationError, from_json, from_text

    path = Path(text)
    try:
        if len(text) <= _PATH_CHARACTERS_MAX and path.is_file():
            if path.stat().st_size > _FILE_BYTES_MAX:
                raise click.BadParameter(f"{text} has more than {_FILE_BYTES_MAX:,} bytes: that is no situation")
            text = path.read_text(encoding="utf-8")
        found = situation_of(text)
        return Classroom(from_json(found["json"]) if "json" in found else from_text(found.get("text", "")))
    except SituationError as error:
        raise click.BadParameter(f"there is no file {str(path)[:60]!r}, and it is no situation: {error}") from error
    except (OSError, ValueError) as error:
        raise click.BadParameter(f"{str(path)[:60]!r} cannot be read: {error}") from error
