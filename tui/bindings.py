"""Every key of the terminal face, as data: what binds them, what the help shows and what `[tui.keys]` changes.

A scope is where a key works: "everywhere", "table" (every view that is a table), "prompt", "dialog", or a view's name. The
id of a key is what `[tui.keys]` of contexts.toml calls it:

    [tui.keys]
    "table.mark" = "m"
    "topics.new" = "ctrl+n"
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from textual.binding import Binding, BindingType

from console.laboratory.controls import CONTROLS


@dataclass(frozen=True, slots=True)
class Key:
    """One key, or several that do the same."""

    scope: str
    name: str
    keys: str
    """Textual's names, by commas."""
    action: str
    label: str
    """For the footer: a word or two."""
    help: str
    """For the help: what it does, as a sentence without its full stop."""
    footer: int = 0
    """How much it belongs into the footer: 0 not at all, 1 first, then 2, ..."""
    changes: bool = False
    """Whether it changes the cluster: not offered while that is read-only."""
    priority: bool = False
    """Looked at before what has the focus gets it: what is typed right behind it must not be taken for keys."""

    @property
    def id(self) -> str:
        return f"{self.scope}.{self.name}"

    @property
    def of_row(self) -> bool:
        """Whether it is done to the row under the cursor, or to those that are marked: not offered where there is none."""
        return self.id in OF_ROW


_LAB_KEYS = {".": "full_stop", "ArrowLeft": "left", "ArrowRight": "right", "<": "less_than_sign", ">": "greater_than_sign",
             "A": "A,f1", "B": "B,f2", "C": "C,f3", "D": "D,f4"}  # fmt: skip
"""Where Textual calls a key otherwise than `console.laboratory.controls`, or there are more."""

_LAB_ACTIONS = {
    "play": "play", "step": "run('step')", "act": "act", "task": "run('task')", "instant": "run('instant')",
    "backward": "run('back')", "forward": "run('on')", "lessons": "lessons", "now": "run('now')", "fork": "run('fork')",
    "beginning": "run('to 0')", "jump": "jump", "slower": "run('slower')", "faster": "run('faster')",
    "messages": "messages", "first_choice": "run('predict A')", "second_choice": "run('predict B')",
    "third_choice": "run('predict C')", "fourth_choice": "run('predict D')", "variant": "run('variant')",
    "again": "run('again')", "quiet": "quiet", "connect": "connect", "share": "share", "export": "export", "new": "new",
}  # fmt: skip

KEYS: tuple[Key, ...] = (
    # Everywhere
    Key(
        "everywhere",
        "command",
        "colon",
        "command_line",
        "command",
        "Command line: a view, a topic, anything",
        6,
        priority=True,
    ),
    Key(
        "everywhere",
        "filter",
        "slash",
        "filter",
        "filter",
        "Filter: a regex; /! what does not match; /-f fuzzy",
        2,
        priority=True,
    ),
    Key("everywhere", "help", "question_mark,f1", "help", "help", "Help for where you are (F1: while you type, too)"),
    Key("everywhere", "back", "escape", "back", "back", "Back: clear the filter, then leave the view"),
    Key("everywhere", "leave", "q", "leave", "leave", "Leave the view; twice at the first one: quit"),
    Key("everywhere", "last", "minus", "last_view", "last view", "The view that was shown before; again: back"),
    Key("everywhere", "earlier", "left_square_bracket", "earlier", "earlier", "Backwards through the history of views"),
    Key("everywhere", "later", "right_square_bracket", "later", "later", "Forwards through the history of views"),
    Key("everywhere", "refresh", "r,ctrl+r", "refresh_view", "refresh", "Ask the cluster again, now"),
    Key("everywhere", "copy", "c", "copy", "copy", "Copy what the cursor is on to the clipboard (OSC 52)"),
    Key("everywhere", "save", "ctrl+s", "save", "save", "Save what is shown as a file in the working directory"),
    Key("everywhere", "undo", "u", "undo", "undo", "Take back the last change made here", changes=True),
    Key("everywhere", "palette", "ctrl+p", "command_palette", "palette", "Palette: find anything by a few letters"),
    Key("everywhere", "quit", "ctrl+q,ctrl+c", "quit", "quit", "Quit", priority=True),
    # Jumps
    Key("everywhere", "pulses", "1", "go('pulses')", "pulses", "Pulses: the cluster at a glance"),
    Key("everywhere", "topics", "2", "go('topics')", "topics", "Topics"),
    Key("everywhere", "groups", "3", "go('groups')", "groups", "Groups"),
    Key("everywhere", "brokers", "4", "go('brokers')", "brokers", "Brokers"),
    Key("everywhere", "sql", "5", "go('sql')", "sql", "SQL"),
    # Tables
    Key("table", "open", "enter", "open", "open", "Go into what the cursor is on", 1),
    Key("table", "down", "down,j", "cursor_down", "down", "One row down"),
    Key("table", "up", "up,k", "cursor_up", "up", "One row up"),
    Key("table", "page_down", "pagedown,ctrl+f", "page_down", "page down", "One page down"),
    Key("table", "page_up", "pageup,ctrl+b", "page_up", "page up", "One page up"),
    Key("table", "first", "home,g", "first", "first", "The first row"),
    Key("table", "last", "end,G", "last", "last", "The last row"),
    Key("table", "left", "left,h", "scroll_columns(-1)", "left", "Columns to the left"),
    Key("table", "right", "right", "scroll_columns(1)", "right", "Columns to the right"),
    Key("table", "mark", "space", "mark", "mark", "Mark the row; what follows is done to all that are marked"),
    Key("table", "mark_to", "ctrl+@", "mark_to", "mark to", "Mark from the last marked row to the cursor (Ctrl-Space)"),
    Key("table", "unmark", "ctrl+backslash", "unmark", "unmark", "Unmark all"),
    Key("table", "faults", "ctrl+z", "faults", "faults", "Only what is not as it should be", 7),
    Key("table", "wide", "ctrl+w", "wide", "wide", "More columns, or fewer", 8),
    Key("table", "sort", "O", "sort_next", "sort", "Sort by the next column (a column's own letter: shift and it)"),
    # Pages of text
    Key("page", "down", "down,j", "line_down", "down", "One line down"),
    Key("page", "up", "up,k", "line_up", "up", "One line up"),
    Key("page", "page_down", "pagedown,ctrl+f,space", "screen_down", "page down", "One page down"),
    Key("page", "page_up", "pageup,ctrl+b", "screen_up", "page up", "One page up"),
    Key("page", "first", "home,g", "page_first", "first", "The beginning"),
    Key("page", "last", "end,G", "page_last", "last", "The end"),
    # The command line and the filter
    Key("prompt", "complete", "tab", "complete", "complete", "Complete; again: the next that fits", 1),
    Key("prompt", "older", "up", "older", "before", "What was typed before", 2),
    Key("prompt", "newer", "down", "newer", "after", "What was typed after that", 3),
    Key("prompt", "abandon", "escape", "abandon", "leave", "Leave the line; a filter is cleared", 4),
    # Dialogs
    Key("dialog", "cancel", "escape", "cancel", "cancel", "Close it; nothing is done", 2),
    Key("dialog", "confirm", "ctrl+y", "confirm", "do it", "Do it (as Enter in the last field)", 1),
    # Forms: the focus moves with the key itself, so that what is typed right behind it goes into the other field
    Key("form", "next", "tab", "field(1)", "next field", "The next field", priority=True),
    Key("form", "previous", "shift+tab", "field(-1)", "field before", "The field before", priority=True),
    Key(
        "form", "enter", "enter", "enter_field", "next field", "The next field; in a form's last: do it", priority=True
    ),
    # Views
    Key("topics", "describe", "d", "describe", "describe", "Describe: all about one topic", 3),
    Key("topics", "new", "n", "new", "new", "Create a topic", 4, changes=True),
    Key("topics", "edit", "e", "edit", "edit", "More partitions, other configuration", 5, changes=True),
    Key("topics", "delete", "ctrl+d,delete", "delete", "delete", "Delete the topics that are marked", 6, changes=True),
    Key("topics", "configs", "f", "configs", "configs", "Configuration of the topic, with documentation"),
    Key("topics", "internal", "a", "internal", "internal", "Kafka's own topics too, or not"),
    Key("topics", "empty", "x", "empty", "empty", "Delete all records of the topics that are marked", changes=True),
    Key("partitions", "elect", "p", "elect", "elect", "Elect the preferred leaders of what is marked", 4, changes=True),
    Key("partitions", "describe", "d", "describe", "describe", "Describe the topic", 3),
    Key("topic", "configs", "f", "configs", "configs", "Configuration of the topic, with documentation", 3),
    Key("topic", "partitions", "enter", "partitions", "partitions", "The topic's partitions", 1),
    Key("pulses", "describe", "d", "describe", "describe", "Describe: the broker's replicas"),
    Key("brokers", "describe", "d", "describe", "describe", "Describe: the broker's replicas", 2),
    Key("brokers", "configs", "f", "configs", "configs", "Configuration of the broker, with documentation", 3),
    Key("broker", "configs", "f", "configs", "configs", "Configuration of the broker, with documentation", 3),
    Key("quorum", "describe", "d", "whole_row", "describe", "Describe: all that is known of the node", 2),
    Key("groups", "describe", "d", "describe", "describe", "Describe: lag, partitions, members", 2),
    Key("groups", "reset", "e", "reset", "reset", "Set the group's offsets: first a preview", 3, changes=True),
    Key("groups", "delete", "ctrl+d,delete", "delete", "delete", "Delete the groups that are marked", 4, changes=True),
    Key(
        "group",
        "reset",
        "e",
        "reset",
        "reset",
        "Set offsets of what is marked, or of all: first a preview",
        3,
        changes=True,
    ),
    Key("group", "members", "d", "members", "members", "Members: who has what", 4),
    Key(
        "group", "forget", "ctrl+d,delete", "forget", "forget", "Forget the offsets of what is marked", 5, changes=True
    ),
    Key("group", "window", "t", "window", "window", "Another length of time for the chart"),
    Key("members", "describe", "d", "describe", "describe", "Describe: the member and its partitions in full", 2),
    Key("configs", "describe", "d", "whole_row", "describe", "Describe: value and documentation in full", 2),
    Key("configs", "edit", "e", "edit", "edit", "Set the property", 3, changes=True),
    Key("configs", "unset", "ctrl+d,delete", "unset", "unset", "Unset what was set on it", 4, changes=True),
    Key("audit", "describe", "d", "describe", "describe", "Describe: the change in full", 2),
    Key("audit", "undo", "u", "undo_entry", "undo", "Take the change back: first a preview", 3, changes=True),
    Key("contexts", "describe", "d", "whole_row", "describe", "Describe: the context in full", 2),
    Key("contexts", "new", "n", "new", "new", "Add a context", 3),
    Key("contexts", "edit", "e", "edit", "edit", "Change what the context says", 4),
    Key("contexts", "use", "s", "use", "default", "The one that commands take when nothing else is said, or none", 5),
    Key("contexts", "delete", "ctrl+d,delete", "remove", "remove", "Remove the context (not the cluster)", 6),
    Key("pulses", "window", "t", "window", "window", "Another length of time for the charts", 2),
    Key("xray", "expand", "right,l", "expand", "expand", "Show what is below", 2),
    Key("xray", "collapse", "left,h", "collapse", "collapse", "Hide it", 3),
    Key("xray", "expand_all", "x", "expand_all", "all", "Show everything, or only the topics", 4),
    Key("xray", "go", "d", "go_into", "go into", "Go to the topic, partition, broker or group", 5),
    # The laboratory: what the browser has too comes from the table of both
    *(
        Key(
            "lab",
            each.name,
            _LAB_KEYS.get(each.key, each.key),
            _LAB_ACTIONS[each.name],
            each.label,
            each.help,
            each.footer,
        )
        for each in CONTROLS
    ),
    Key("lab", "pane", "v", "pane", "timeline", "The lesson, or the timeline (on narrow screens)", 8),
    # Records: pages of them, live, found, one in full, produced
    Key("records", "describe", "d", "describe", "describe", "Describe: the record in full"),
    Key("records", "which", "f", "which", "which", "Which records: from where, partitions, filters, decoding", 3),
    Key("records", "tail", "l", "tail", "tail", "Follow the topic live", 4),
    Key("records", "search", "s", "search", "search", "Search the whole topic, with what is asked for here", 5),
    Key("records", "produce", "i,n", "produce", "produce", "Produce a record", 6, changes=True),
    Key("records", "like", "e", "like", "like it", "Produce a record like this one: edit it first", changes=True),
    Key("records", "below", "greater_than_sign", "below", "next page", "The next page (read at the end by itself)", 7),
    Key("records", "above", "less_than_sign", "above", "page before", "The page before, or what is new", 8),
    Key("records", "order", "o", "order", "order", "From the other end: the oldest first, or the newest", 9),
    Key("records", "again", "r,ctrl+r", "again", "again", "Read again from where it began"),
    Key("records", "export", "x", "export", "export", "Export to a file: JSON lines, CSV, Parquet", 10),
    Key("tail", "describe", "d", "describe", "describe", "Describe: the record in full"),
    Key("tail", "follow", "s", "follow", "follow", "Follow the end, or stay where one reads", 1),
    Key("tail", "wrap", "w", "wrap", "wrap", "Wrap long lines, or cut them", 2),
    Key("tail", "times", "t", "times", "times", "Times, with the day, or none", 3),
    Key(
        "tail", "full_screen", "f", "full_screen", "full screen", "The whole screen for records; again or Esc: back", 4
    ),
    Key("tail", "next", "n", "next(1)", "next match", "The next match of the filter"),
    Key("tail", "before", "N", "next(-1)", "match before", "The match before"),
    Key("tail", "marks", "m", "marks", "marks", "Hide what does not match the filter, or only mark what does", 7),
    Key("tail", "which", "e", "which", "which", "Which records: from where, partitions, filters, decoding", 5),
    Key("tail", "empty", "x", "empty", "empty", "Empty the screen; what follows is shown", 8),
    Key("tail", "records", "b", "records", "browse", "Browse the topic's records", 9),
    Key("tail", "produce", "i,p", "produce", "produce", "Produce a record", changes=True),
    Key("log", "up", "up,k", "log_up", "up", "One record up; it stops following"),
    Key("log", "down", "down,j", "log_down", "down", "One record down"),
    Key("log", "page_up", "pageup,ctrl+b", "log_page_up", "page up", "One page up"),
    Key("log", "page_down", "pagedown,ctrl+f,space", "log_page_down", "page down", "One page down"),
    Key("log", "first", "home,g", "log_first", "first", "The oldest that is kept"),
    Key("log", "last", "end,G", "log_last", "last", "The end; it follows again"),
    Key("log", "open", "enter", "log_open", "open", "The record in full"),
    Key("search", "describe", "d", "describe", "describe", "Describe: the record in full"),
    Key("search", "which", "f", "which", "look for", "What to look for, and where", 3),
    Key("search", "stop", "p", "stop", "stop/go on", "Stop, or go on where it stopped", 4),
    Key("search", "again", "r,ctrl+r", "again", "again", "Search again from the beginning"),
    Key("search", "like", "e", "produce", "like it", "Produce a record like this one: edit it first", changes=True),
    Key("search", "export", "x", "export", "export", "Export all that matches to a file", 5),
    Key("record", "hex", "x", "hex", "hex", "Byte by byte, or decoded", 2),
    Key("record", "wrap", "w", "wrap", "wrap", "Wrap long lines, or scroll sideways", 3),
    Key("record", "whole", "a", "whole", "all of it", "All of a large key or value, or its beginning", 4),
    Key("record", "decode", "d", "decode", "decode as", "Decode as another format", 5),
    Key("record", "next", "n", "step(1)", "next", "The next record of the partition", 6),
    Key("record", "before", "p", "step(-1)", "before", "The record before it", 7),
    Key("record", "like", "e", "like", "like it", "Produce a record like this one: edit it first", 8, changes=True),
    Key("record", "bytes", "b", "save_value", "save bytes", "Save the value's bytes as a file", 9),
    Key("produce", "send", "ctrl+y,f5", "send", "send", "Send the record", 1, changes=True, priority=True),
    Key("produce", "tombstone", "ctrl+t", "tombstone", "tombstone", "No value at all: a tombstone", 2, priority=True),
    Key("produce", "look", "f2", "look", "records", "The topic's records", 3),
    # SQL
    Key("sql", "run", "f5,ctrl+j", "run", "run", "Run the statement, or what is selected of it (Ctrl-Enter)", 1),
    Key(
        "sql", "explain", "f6", "explain", "plan", "What the statement would read, without reading it", 2, priority=True
    ),
    Key("sql", "complete", "tab", "complete", "complete", "Complete; again: the next that fits", 3),
    Key("sql", "switch", "f2", "switch", "editor", "Between the editor and the result", 4),
    Key("sql", "chart", "f7", "chart", "chart", "The result as a chart, or as a table", 5, priority=True),
    Key("sql", "history", "f8", "history", "history", "Statements that were run", 6),
    Key("sql", "saved", "f9", "saved", "saved", "Saved statements", 7),
    Key("sql", "keep", "f4", "keep", "keep", "Save the statement under a name", 8),
    Key("sql", "export", "ctrl+s", "export", "export", "Export the result: CSV, Parquet, JSON, JSON lines", 9),
    Key("chooser", "up", "up", "move(-1)", "up", "The choice above"),
    Key("chooser", "down", "down", "move(1)", "down", "The choice below"),
    Key("chooser", "page_up", "pageup", "move(-10)", "page up", "Ten up"),
    Key("chooser", "page_down", "pagedown", "move(10)", "page down", "Ten down"),
    Key("chooser", "forget", "ctrl+d", "forget", "forget", "Forget the saved statement", priority=True),
    Key("row", "copy", "c", "copy_row", "copy", "Copy the values"),
    # From a topic to its records
    Key("topics", "records", "b", "records", "browse", "Browse the topic's records", 6),
    Key("topics", "tail", "l", "tail", "tail", "Follow what is marked live", 6),
    Key("topics", "produce", "i", "produce", "produce", "Produce a record to the topic", 7, changes=True),
    Key("topic", "records", "b", "records", "browse", "Browse the topic's records", 4),
    Key("topic", "tail", "l", "tail", "tail", "Follow the topic live", 5),
    Key("topic", "produce", "i", "produce", "produce", "Produce a record to the topic", 6, changes=True),
    Key("topic", "edit", "e", "edit", "edit", "More partitions, other configuration", 5, changes=True),
    Key("topic", "elect", "p", "elect", "elect", "Elect the preferred leaders of the topic", changes=True),
    Key("topic", "delete", "ctrl+d,delete", "delete", "delete", "Delete the topic", 7, changes=True),
    Key("topic", "empty", "x", "empty", "empty", "Delete all records of the topic", changes=True),
    Key("partitions", "tail", "l", "tail", "tail", "Follow the partition live", 6),
)


def _unique(keys: Iterable[Key]) -> dict[str, Key]:
    found: dict[str, Key] = {}
    for key in keys:
        assert key.id not in found, key.id
        found[key.id] = key
    return found


BY_ID = _unique(KEYS)
OF_ROW = frozenset(
    f"{scope}.{name}"
    for scope, names in {
        "table": "open",
        "topics": "describe edit delete configs empty records tail produce",
        "partitions": "describe elect tail",
        "pulses": "describe",
        "brokers": "describe configs",
        "quorum": "describe",
        "groups": "describe reset delete",
        "group": "forget",
        "members": "describe",
        "configs": "describe edit unset",
        "audit": "describe undo",
        "contexts": "describe edit use delete",
        "xray": "expand collapse expand_all go",
        "records": "describe like",
        "search": "describe like",
    }.items()
    for name in names.split()
)
CHANGES = frozenset((key.scope, key.action) for key in KEYS if key.changes)
"""Scope and action of the keys that change a cluster."""


def keys_of(*scopes: str) -> list[Key]:
    """The keys of these scopes, in the order of the table."""
    return [key for scope in scopes for key in KEYS if key.scope == scope]


def bindings_of(*scopes: str) -> list[BindingType]:
    """Textual's bindings of these scopes: for `BINDINGS` of an app, a screen or a widget."""
    return [
        Binding(key.keys, key.action, key.help, show=bool(key.footer), id=key.id, priority=key.priority)
        for key in keys_of(*scopes)
    ]


_SIGNS = {
    "colon": ":",
    "slash": "/",
    "question_mark": "?",
    "minus": "-",
    "full_stop": ".",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "backslash": "\\",
    "greater_than_sign": ">",
    "less_than_sign": "<",
}
_NAMES = {
    **_SIGNS,
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
    "pagedown": "PgDn",
    "pageup": "PgUp",
    "home": "Home",
    "end": "End",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "tab": "Tab",
    "backspace": "Backspace",
    "delete": "Del",
    "@": "Space",
}


def is_typed(key: str) -> bool:
    """Whether that key is a letter or a sign where text is typed."""
    return len(key) == 1 or key == "space" or key in _SIGNS


def key_text(keys: str) -> str:
    """How keys are written for people: "ctrl+d,delete" as "Ctrl-D Del"."""
    return " ".join(_one(key) for key in keys.split(","))


def _one(key: str) -> str:
    *modifiers, last = key.split("+")
    name = _NAMES.get(last, last)
    if modifiers and len(name) == 1:
        name = name.upper()
    elif len(name) == 1 and name.isupper():
        name = f"Shift-{name}"
    elif name.startswith("f") and name[1:].isdecimal():
        name = name.upper()
    return "-".join([*(modifier.capitalize() for modifier in modifiers), name])
